"""The books in SQL: one snapshot, that other processes can open too on PostgreSQL."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Executable, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.sql import book_statements as sql
from adapters.sql.database import BEGIN, Database, DatabaseLimits
from adapters.sql.direct import direct
from adapters.sql.faults import translated
from adapters.sql.rows import Row, attempt_from_row, from_row, piece_of
from application.ports.books import ForeignKey, KeptEntry, Shelf, Span, WrongCounter
from domain.limits import Slot
from domain.seals import digest_of_body
from domain.verification import Folder, KeptEvent, KeptPiece

_LONGEST_S: Final = 3_600.0
UNHURRIED: Final = DatabaseLimits(
    pool_size=1,
    lock_s=10.0,
    statement_s=300.0,
    idle_in_transaction_s=1_800.0,
    transaction_s=_LONGEST_S,
    read_s=300.0,
)
"""For reading everything: one statement may take five minutes, waiting for the others half an hour.

Nothing waits for this but the cleaning of rows that were changed meanwhile.
"""
_WORK_MEMORY: Final = "SET LOCAL work_mem = '128MB'"
_LOWEST: Final = UUID(int=0)
_IDS_AT_ONCE: Final = 100_000
_WHOSE: Final = itemgetter("cash_out_id")


class SqlSnapshot:
    """Implements `Snapshot` over one connection that reads in one transaction."""

    def __init__(self, connection: AsyncConnection, dialect: str, key: str, driver: Any) -> None:  # noqa: ANN401 -- asyncpg's, untyped
        self._connection = connection
        self._dialect = dialect
        self._driver = driver
        self.key = key

    async def spans(self, size: int) -> list[Span]:
        """Return all cash-outs in spans of so many, in the order of their ids."""
        if self._dialect == "sqlite":
            return await self._spans_by_pages(size)
        edges = await self._rows(sql.every_nth(), {"size": size})
        spans: list[Span] = []
        first: UUID | None = None
        before = 0
        for edge in edges:
            first = first or edge["id"]
            if edge["place"] % size == 0 or edge is edges[-1]:
                spans.append(Span(first, edge["id"], edge["place"] - before))
                first, before = None, edge["place"]
        return spans

    async def _spans_by_pages(self, size: int) -> list[Span]:
        spans: list[Span] = []
        behind = _LOWEST
        at_once = max(1, _IDS_AT_ONCE // size) * size
        while page := await self._rows(sql.ids(), {"behind": behind, "most": at_once}):
            ids = [row["id"] for row in page]
            groups = (ids[start : start + size] for start in range(0, len(ids), size))
            spans += [Span(group[0], group[-1], len(group)) for group in groups]
            behind = ids[-1]
        return spans

    async def chained_since(self) -> datetime | None:
        """Return when the first cash-out was taken whose first piece has a link."""
        (row,) = await self._rows(sql.chained_since(), {})
        found: datetime | None = row["at"]
        return found

    async def shelf(self, span: Span) -> Shelf:
        """Return all that is stored of the cash-outs of a span, in the order of their ids."""
        ends = {"first": span.first, "last": span.last}
        rows = await self._rows(sql.cash_outs_of(), ends)
        tries = await self._rows(sql.attempts_of(), ends)
        pieces = _by_cash_out(await self._rows(sql.pieces_of(self._dialect), ends))
        events = _by_cash_out(await self._rows(sql.events_of(self._dialect), ends))
        by_id = _by_cash_out(tries)
        folders: list[Folder] = []
        unreadable: list[UUID] = []
        for row in rows:
            each = row["id"]
            try:
                folders.append(_folder(row, by_id[each], pieces[each], events[each]))
            except (KeyError, ValueError):
                unreadable.append(each)
        return Shelf(folders, unreadable)

    async def wrong_counters(self, limit: int) -> list[WrongCounter]:
        """Return counters that are not the sum of what is in them, or not within their cap."""
        rows = await self._rows(sql.wrong_counters(self._dialect), {"most": limit})
        return [
            WrongCounter(
                Slot(row["user_id"], row["provider"], row["currency"], row["slot"]),
                row["used"],
                row["counted"],
                row["cap"],
            )
            for row in rows
        ]

    async def foreign_keys(self, limit: int) -> list[ForeignKey]:
        """Return idempotency keys that do not lead to a cash-out of their user."""
        return [ForeignKey(**row) for row in await self._rows(sql.foreign_keys(), {"most": limit})]

    async def stray_events(self, limit: int) -> list[UUID]:
        """Return the ids of cash-outs that events tell of and that do not exist."""
        rows = await self._rows(sql.stray_events(), {"most": limit})
        return [row["cash_out_id"] for row in rows]

    async def changed_deliveries(self, limit: int) -> list[UUID]:
        """Return the ids of kept webhooks whose body is not the one of their digest."""
        statement = sql.deliveries(self._dialect)
        if self._dialect != "sqlite":
            return [row["id"] for row in await self._rows(statement, {"most": limit})]
        changed: list[UUID] = []
        behind = _LOWEST
        while page := await self._rows(statement, {"behind": behind, "most": 1_000}):
            changed += [row["id"] for row in page if _hashed(row["made"]) != row["digest"]]
            behind = page[-1]["id"]
        return changed[:limit]

    async def entries(self, after: int, limit: int) -> list[KeptEntry]:
        """Return entries of the operators' log behind a sequence, in order."""
        rows = await self._rows(sql.entries(), {"behind": after, "most": limit})
        return [KeptEntry(**row) for row in rows]

    async def _rows(self, statement: Executable, parameters: Mapping[str, object]) -> Sequence[Row]:
        with translated():
            if self._driver is not None:
                said = direct(statement)
                # The driver's own rows: a dictionary each would be a tenth of all the work.
                found: list[Row] = await self._driver.fetch(said.text, *said.values(parameters))
                return found
            result = await self._connection.execute(statement, dict(parameters))
            return [dict(row) for row in result.mappings()]


def _by_cash_out(rows: Iterable[Row]) -> Mapping[UUID, Sequence[Row]]:
    """Return the rows of each cash-out, which stand together; of any other there are none."""
    found: dict[UUID, Sequence[Row]] = defaultdict(tuple)
    found.update((each, tuple(mine)) for each, mine in groupby(rows, _WHOSE))
    return found


def _folder(
    row: Row, attempts: Iterable[Row], pieces: Iterable[Row], events: Iterable[Row]
) -> Folder:
    """Return the folder of these rows; raise KeyError or ValueError for a word nobody knows."""
    return Folder(
        from_row(row, [attempt_from_row(each) for each in attempts]),
        [_piece(each) for each in pieces],
        [_event(each) for each in events],
    )


def _piece(row: Row) -> KeptPiece:
    *values, raw = row.values()
    return KeptPiece(piece_of(values), _hashed(raw))


def _event(row: Row) -> KeptEvent:
    return KeptEvent(row["sequence"], row["type"], row["digest"] or digest_of_body(row["body"]))


def _hashed(raw: bytes | str | None) -> str | None:
    """Return the digest that the database made, or make it; that of no body is empty."""
    if isinstance(raw, bytes):
        return sha256(raw).hexdigest() if raw else ""
    return raw


class SqlBooks:
    """Implements `Books`. The database is one opened with UNHURRIED limits."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def open(self, key: str = "") -> AsyncIterator[SqlSnapshot]:
        """Open the present moment, or the one of a snapshot that is open elsewhere.

        Raises StorageUnavailable, also when all of it takes longer than an hour.
        """
        async with asyncio.timeout(_LONGEST_S), self._database.engine.connect() as connection:
            if not self._database.is_postgres:
                await connection.execution_options(**{BEGIN: "DEFERRED"})
                yield SqlSnapshot(connection, self._database.dialect, "", None)
                return
            with translated():
                key = await _begin(connection, key)
                driver = (await connection.get_raw_connection()).driver_connection
            yield SqlSnapshot(connection, self._database.dialect, key, driver)


async def _begin(connection: AsyncConnection, key: str) -> str:
    """Begin to read at one moment, ours or that of another; return the key to open it by."""
    await connection.execution_options(isolation_level="REPEATABLE READ")
    if key:
        # A parameter is not allowed here: what it may be written with is checked instead.
        if not all(each in "0123456789ABCDEFabcdef-" for each in key):
            message = "not a key of a snapshot"
            raise ValueError(message)
        await connection.execute(text(f"SET TRANSACTION SNAPSHOT '{key}'"))
    else:
        key = (await connection.execute(text("SELECT pg_export_snapshot()"))).scalar_one()
    await connection.execute(text(_WORK_MEMORY))
    return key
