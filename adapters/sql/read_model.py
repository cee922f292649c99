"""Reads that need no transaction: one statement sees one moment."""

from collections.abc import Sequence
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
    select,
    tuple_,
)
from sqlalchemy.exc import SQLAlchemyError

from adapters.sql.database import Database
from adapters.sql.limits import used
from adapters.sql.outbox import events_after, oldest_waiting
from adapters.sql.rows import Row, attempt_from_row, from_row
from adapters.sql.schema import schema_state
from adapters.sql.session import Session, reading
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
from domain.attempts import Attempt
from domain.cash_out import CashOut
from domain.limits import Slot

_PREFIX = "attempt_"
_HIDDEN = {"cash_out_id", "raw", "digest"}


def _with_attempts(chosen: Any) -> Select[Any]:  # noqa: ANN401 -- a table or subquery
    """Select chosen cash-outs with a row per attempt: both from the same moment."""
    tries = [column.label(_PREFIX + column.name) for column in attempts.columns]
    joined = chosen.outerjoin(attempts, attempts.c.cash_out_id == chosen.c.id)
    return select(chosen, *tries).select_from(joined)


@cache
def _one() -> Select[Any]:
    return (
        _with_attempts(cash_outs)
        .where(cash_outs.c.id == bindparam("this", type_=Uuid))
        .order_by(attempts.c.number)
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
    """Implements `Reader`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def cash_out(self, cash_out_id: UUID) -> CashOut | None:
        """Return one cash-out with its attempts."""
        async with reading(self._database) as session:
            found = _collected(await session.rows(_one(), {"this": cash_out_id}))
        return found[0] if found else None

    async def history(
        self, which: HistoryFilter, limit: int, *, page: int = 1, behind: Place | None = None
    ) -> HistoryPage:
        """Return a page by number, or the page behind a place; newest first."""
        wanted = _conditions(which)
        async with reading(self._database) as session:
            counted = await session.run(select(func.count()).where(*wanted))
            total: int = counted.scalar_one()
            found = await _page(session, wanted, limit, page=page, behind=behind)
        return HistoryPage(tuple(found[:limit]), total=total, more=len(found) > limit)

    async def evidence(self, cash_out_id: UUID) -> list[StoredEvidence]:
        """Return everything that was learnt about a cash-out, in order."""
        async with reading(self._database) as session:
            rows = await session.rows(_evidence(), {"this": cash_out_id})
        return [StoredEvidence(**row) for row in rows]

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


async def _page(
    session: Session,
    wanted: Sequence[ColumnElement[bool]],
    limit: int,
    *,
    page: int,
    behind: Place | None,
) -> list[CashOut]:
    """Return up to `limit` cash-outs and one more, which tells of another page."""
    row = cash_outs.c
    chosen = (
        select(cash_outs)
        .where(*wanted)
        .order_by(row.created_at.desc(), row.id.desc())
        .limit(bindparam("most", limit + 1, type_=BigInteger))
    )
    if behind is None:
        chosen = chosen.offset(bindparam("skipped", (page - 1) * limit, type_=BigInteger))
    else:
        edge = tuple_(behind.created_at, behind.id, types=(row.created_at.type, row.id.type))
        chosen = chosen.where(tuple_(row.created_at, row.id) < edge)
    listed = chosen.subquery("listed")
    statement = _with_attempts(listed).order_by(
        listed.c.created_at.desc(), listed.c.id.desc(), attempts.c.number
    )
    return _collected(await session.search(statement))


def _conditions(which: HistoryFilter) -> list[ColumnElement[bool]]:
    row = cash_outs.c
    conditions = [
        row.user_id == which.user_id,
        None if which.status is None else row.status == which.status,
        None if which.provider is None else row.provider == which.provider,
        None if which.wallet_id is None else row.wallet_id == which.wallet_id,
        None if which.start is None else row.created_at >= which.start,
        None if which.end is None else row.created_at < which.end,
    ]
    return [condition for condition in conditions if condition is not None]


def _collected(rows: Sequence[Row]) -> list[CashOut]:
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
