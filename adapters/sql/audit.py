"""The operators' log in SQL: one chain, written by one transaction at a time."""

import json
from functools import cache
from typing import Any, Final

from sqlalchemy import BigInteger, Select, bindparam, func, literal, select

from adapters.sql.audit_tables import operators_log
from adapters.sql.columns import Words
from adapters.sql.database import Database
from adapters.sql.rows import Row
from adapters.sql.session import Session, reading
from adapters.sql.sets import Rows
from application.ports import AuditEntry, LoggedEntry
from application.ports.audit import link
from domain.chain import GENESIS

_LOCK: Final = 0x4C4F47
"""PostgreSQL's advisory lock of whoever appends: "LOG"."""
_ENTRIES = Rows(operators_log, [column.name for column in operators_log.columns])
_MOST = bindparam("most", type_=BigInteger)
_ROW = operators_log.c


@cache
def _one_at_a_time() -> Select[Any]:
    return select(func.pg_advisory_xact_lock(literal(_LOCK, BigInteger)))


@cache
def _head() -> Select[Any]:
    return select(_ROW.sequence, _ROW.hash).order_by(_ROW.sequence.desc()).limit(1)


@cache
def _after() -> Select[Any]:
    behind = bindparam("behind", type_=BigInteger)
    return select(operators_log).where(_ROW.sequence > behind).order_by(_ROW.sequence).limit(_MOST)


@cache
def _before() -> Select[Any]:
    edge = bindparam("edge", type_=BigInteger)
    return (
        select(operators_log)
        .where(_ROW.sequence < edge)
        .order_by(_ROW.sequence.desc())
        .limit(_MOST)
    )


@cache
def _about() -> Select[Any]:
    return (
        select(operators_log)
        .where(_ROW.subject == bindparam("this", type_=Words))
        .order_by(_ROW.sequence.desc())
        .limit(_MOST)
    )


class SqlOperatorsLog:
    """Implements `OperatorsLog` over one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def append(self, entry: AuditEntry) -> LoggedEntry:
        """Write an entry behind the newest; return it with its link."""
        await self._hold()
        heads = await self._session.rows(_head())
        sequence, previous = (heads[0]["sequence"], heads[0]["hash"]) if heads else (0, GENESIS)
        logged = link(entry, sequence + 1, previous)
        await self._session.write(_ENTRIES, [_to_row(logged)])
        return logged

    async def last(self, subject: str) -> LoggedEntry | None:
        """Return the newest entry about a subject; nobody else appends until the end."""
        await self._hold()
        rows = await self._session.rows(_about(), {"this": subject, "most": 1})
        return entry_from_row(rows[0]) if rows else None

    async def _hold(self) -> None:
        if self._session.is_postgres:
            # A statement of its own: the next one sees what the last holder committed.
            await self._session.rows(_one_at_a_time())


class SqlAuditReader:
    """Implements `AuditReader`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entries(self, after: int, limit: int) -> list[LoggedEntry]:
        """Return entries behind a sequence, oldest first."""
        return await self._read(_after(), {"behind": after, "most": limit})

    async def newest(self, limit: int, *, before: int | None = None) -> list[LoggedEntry]:
        """Return entries newest first: the newest of all, or those before a sequence."""
        edge = 2**31 if before is None else before
        return await self._read(_before(), {"edge": edge, "most": limit})

    async def about(self, subject: str, limit: int) -> list[LoggedEntry]:
        """Return the newest entries about one subject, oldest first."""
        return (await self._read(_about(), {"this": subject, "most": limit}))[::-1]

    async def _read(self, statement: Select[Any], wanted: dict[str, object]) -> list[LoggedEntry]:
        async with reading(self._database) as session:
            return [entry_from_row(row) for row in await session.rows(statement, wanted)]


def _to_row(logged: LoggedEntry) -> dict[str, object]:
    entry = logged.entry
    return {
        "sequence": logged.sequence,
        "at": entry.at,
        "operator": entry.operator,
        "action": entry.action,
        "subject": entry.subject,
        "facts": entry.written_facts,
        "previous": logged.previous,
        "hash": logged.hash,
    }


def entry_from_row(row: Row) -> LoggedEntry:
    """Return the entry of a row; raise ValueError for facts that are no JSON."""
    entry = AuditEntry(
        at=row["at"],
        operator=row["operator"],
        action=row["action"],
        subject=row["subject"],
        facts=json.loads(row["facts"]),
    )
    return LoggedEntry(row["sequence"], entry, row["previous"], row["hash"])
