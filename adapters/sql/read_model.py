"""Reads that need no transaction: one statement sees one moment."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Uuid,
    bindparam,
    func,
    literal,
    select,
    true,
    tuple_,
)
from sqlalchemy.exc import SQLAlchemyError

from adapters.sql.columns import Moment, Words
from adapters.sql.database import Database
from adapters.sql.limits import used
from adapters.sql.outbox import events_after, oldest_waiting
from adapters.sql.rows import Row, attempt_from_row, from_row
from adapters.sql.schema import schema_state
from adapters.sql.session import reading
from adapters.sql.sets import Given
from adapters.sql.tables import attempts, cash_outs, evidence
from application.ports import (
    Conflict,
    HistoryFilter,
    HistoryPage,
    OutboxEntry,
    Overloaded,
    Place,
    StorageUnavailable,
    StoredEvidence,
    StoreHealth,
)
from application.queries import COUNTED_MOST, total
from domain.attempts import Attempt
from domain.cash_out import CashOut
from domain.limits import Slot

_PREFIX = "attempt_"
_HIDDEN = {"cash_out_id", "raw", "seal", "told_digest"}


_TRIES = [column.label(_PREFIX + column.name) for column in attempts.columns]
_COUNTED = bindparam("counted_most", type_=BigInteger)
_SKIPPED = bindparam("skipped", type_=BigInteger)
_MOST = bindparam("most", type_=BigInteger)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a statement over a history depends on: which filters it has, and where it begins."""

    filters: tuple[str, ...]
    behind: bool


@cache
def _one() -> Select[Any]:
    """Select a cash-out with a row per attempt: both from the same moment."""
    return (
        select(cash_outs, *_TRIES)
        .outerjoin(attempts, attempts.c.cash_out_id == cash_outs.c.id)
        .where(cash_outs.c.id == bindparam("this", type_=Uuid))
        .order_by(attempts.c.number)
    )


_SEEN = Given({"id": Uuid, "version": BigInteger})


@cache
def _newer(dialect: str) -> Select[Any]:
    """Select the cash-outs that changed since they were seen, with a row per attempt."""
    given = _SEEN.table(dialect)
    changed = (cash_outs.c.id == given.c.id) & (cash_outs.c.version > given.c.version)
    return (
        select(cash_outs, *_TRIES)
        .select_from(given)
        .join(cash_outs, changed)
        .outerjoin(attempts, attempts.c.cash_out_id == cash_outs.c.id)
        .order_by(cash_outs.c.id, attempts.c.number)
    )


@cache
def _evidence() -> Select[Any]:
    shown = [column for column in evidence.columns if column.name not in _HIDDEN]
    return (
        select(*shown)
        .where(evidence.c.cash_out_id == bindparam("this", type_=Uuid))
        .order_by(evidence.c.sequence)
    )


class SqlReader:
    """Implements `Reader`. counted_most: see `application.queries.total`."""

    def __init__(self, database: Database, *, counted_most: int = COUNTED_MOST) -> None:
        self._database = database
        self._counted_most = counted_most

    async def cash_out(self, cash_out_id: UUID) -> CashOut | None:
        """Return one cash-out with its attempts."""
        async with reading(self._database) as session:
            found = collected(await session.rows(_one(), {"this": cash_out_id}))
        return found[0] if found else None

    async def newer(self, seen: Mapping[UUID, int]) -> list[CashOut]:
        """Return those of these cash-outs whose version is past the one that was seen."""
        async with reading(self._database) as session:
            rows = await session.rows_for(_newer(session.dialect), _SEEN, list(seen.items()))
        try:
            return collected(rows)
        except (KeyError, ValueError):
            return _readable(rows)

    async def history(
        self, which: HistoryFilter, limit: int, *, page: int = 1, behind: Place | None = None
    ) -> HistoryPage:
        """Return a page by number, or the page behind a place; newest first."""
        filters = {name: value for name, value in _values(which).items() if value is not None}
        begins: dict[str, object] = {"skipped": (page - 1) * limit}
        if behind is not None:
            begins = {"edge_at": behind.created_at, "edge_id": behind.id}
        # One more than is shown tells of another page.
        wanted = {**filters, **begins, "most": limit + 1, "counted_most": self._counted_most}
        statement = _page(Shape(tuple(filters), behind is not None))
        async with reading(self._database) as session:
            rows = await session.rows(statement, wanted)
        found = collected([row for row in rows if row["id"] is not None])
        before = (page - 1) * limit if found and behind is None else 0
        return HistoryPage(
            tuple(found[:limit]),
            total=total(rows[0]["total"], before + len(found), self._counted_most),
            more=len(found) > limit,
        )

    async def evidence(self, cash_out_id: UUID) -> list[StoredEvidence]:
        """Return everything that was learnt about a cash-out, in order."""
        async with reading(self._database) as session:
            rows = await session.rows(_evidence(), {"this": cash_out_id})
        return [_shown(row) for row in rows]

    async def used(self, slots: Sequence[Slot]) -> dict[Slot, int]:
        """Return what is used of limit counters."""
        async with reading(self._database) as session:
            return await used(session, slots)

    async def events_after(self, position: int, limit: int) -> list[OutboxEntry]:
        """Return events behind a position; -n begins with the newest n."""
        async with reading(self._database) as session:
            return await events_after(session, position, limit)

    async def health(self) -> StoreHealth:
        """Return the state of the store; never raises."""
        try:
            state = await schema_state(self._database)
            if state != "current":
                return StoreHealth(reachable=True, schema=state)
            async with reading(self._database) as session:
                oldest = await oldest_waiting(session)
        except (StorageUnavailable, Overloaded, Conflict, SQLAlchemyError):
            return StoreHealth(reachable=False, schema="missing")
        return StoreHealth(reachable=True, schema=state, oldest_event=oldest)


def _shown(row: Row) -> StoredEvidence:
    told, chained = tuple((row["told"] or "").split()), row["hash"] or ""
    return StoredEvidence(**{**row, "told": told, "hash": chained})


def _conditions(shape: Shape) -> list[ColumnElement[bool]]:
    row = cash_outs.c
    known: dict[str, ColumnElement[bool]] = {
        "user_id": row.user_id == bindparam("user_id", type_=Words),
        "status": row.status == bindparam("status", type_=row.status.type),
        "provider": row.provider == bindparam("provider", type_=Words),
        "wallet_id": row.wallet_id == bindparam("wallet_id", type_=Words),
        "start": row.created_at >= bindparam("start", type_=Moment),
        "end": row.created_at < bindparam("end", type_=Moment),
    }
    return [known[name] for name in shape.filters]


@cache
def _page(shape: Shape) -> Select[Any]:
    """Select a page of cash-outs with their attempts, and how many match: all of one moment.

    What is skipped, counted and cut off is read from an index; only the cash-outs that are shown
    are fetched. There is one row without a cash-out when the page is empty.
    """
    row, conditions = cash_outs.c, _conditions(shape)
    some = select(literal(1, type_=BigInteger).label("one")).where(*conditions).limit(_COUNTED)
    counted = select(func.count().label("total")).select_from(some.subquery()).subquery("counted")
    place = tuple_(row.created_at, row.id)
    edge = tuple_(bindparam("edge_at", type_=Moment), bindparam("edge_id", type_=Uuid))
    chosen = select(row.id, row.created_at).where(*conditions)
    chosen = chosen.where(place < edge) if shape.behind else chosen.offset(_SKIPPED)
    listed = chosen.order_by(row.created_at.desc(), row.id.desc()).limit(_MOST).subquery("listed")
    joined = (
        counted.outerjoin(listed, true())
        .outerjoin(cash_outs, row.id == listed.c.id)
        .outerjoin(attempts, attempts.c.cash_out_id == row.id)
    )
    return (
        select(counted.c.total, *cash_outs.columns, *_TRIES)
        .select_from(joined)
        .order_by(listed.c.created_at.desc(), listed.c.id.desc(), attempts.c.number)
    )


def _values(which: HistoryFilter) -> dict[str, object]:
    return {
        "user_id": which.user_id,
        "status": which.status,
        "provider": which.provider,
        "wallet_id": which.wallet_id,
        "start": which.start,
        "end": which.end,
    }


def collected(rows: Sequence[Row]) -> list[CashOut]:
    """Return the cash-outs of rows that repeat each of them for each attempt, in their order."""
    first: dict[UUID, Row] = {}
    tries: dict[UUID, list[Attempt]] = {}
    for row in rows:
        first.setdefault(row["id"], row)
        own = tries.setdefault(row["id"], [])
        if row["attempt_number"] is not None:
            plain = {n.removeprefix(_PREFIX): v for n, v in row.items() if n.startswith(_PREFIX)}
            own.append(attempt_from_row(plain))
    return [from_row(row, tries[each]) for each, row in first.items()]


def _readable(rows: Sequence[Row]) -> list[CashOut]:
    """Return those that this version can read: one that it cannot must not silence the others."""
    found: list[CashOut] = []
    for each in dict.fromkeys(row["id"] for row in rows):
        with contextlib.suppress(KeyError, ValueError):
            found += collected([row for row in rows if row["id"] == each])
    return found
