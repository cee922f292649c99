"""The outbox in SQL."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Delete,
    Select,
    Update,
    bindparam,
    delete,
    exists,
    func,
    null,
    select,
    type_coerce,
    update,
)

from adapters.sql.columns import Moment
from adapters.sql.rows import Row, event_from_row, event_to_row
from adapters.sql.session import Session
from adapters.sql.sets import Given, Rows
from adapters.sql.tables import outbox
from application.ports import OutboxEntry
from domain.events import Event

SETTLES_AFTER = timedelta(seconds=30)
"""Longer than any transaction lasts: what is missing from the sequence by then never comes."""

_NEW = Rows(outbox, ["event_id", "type", "cash_out_id", "sequence", "at", "body", "trace"])
_POSITIONS = Given({"position": BigInteger})
_MOST = bindparam("most", type_=BigInteger)


@cache
def _waiting() -> Select[Any]:
    return select(outbox).where(outbox.c.sent_at.is_(None)).order_by(outbox.c.position).limit(_MOST)


@cache
def _oldest_waiting() -> Select[Any]:
    return (
        select(outbox.c.at)
        .where(outbox.c.sent_at.is_(None))
        .order_by(outbox.c.position)
        .limit(bindparam("most", 1, type_=BigInteger))
    )


@cache
def _mark_sent(dialect: str) -> Update:
    given = _POSITIONS.table(dialect)
    return (
        update(outbox)
        .where(outbox.c.position == given.c.position)
        .values(sent_at=bindparam("told_at", type_=Moment))
    )


@cache
def _prune() -> Delete:
    """Remove events told before a moment; what another process holds is left to it.

    Only the oldest are looked at, so that it costs the same whatever is stored. What is kept of a
    cash-out has no holes: an event stays as long as an earlier one waits, or was told again.
    """
    row, told_before = outbox.c, bindparam("told_before", type_=Moment)
    earlier = outbox.alias("earlier").c
    stays = exists().where(
        earlier.cash_out_id == row.cash_out_id,
        earlier.sequence < row.sequence,
        earlier.sent_at.is_(None) | (earlier.sent_at >= told_before),
    )
    oldest = select(row.position).order_by(row.position).limit(_MOST).subquery("oldest")
    gone = (
        select(row.position)
        .where(row.position.in_(select(oldest.c.position)), row.sent_at < told_before, ~stays)
        .order_by(row.position)
        .with_for_update(skip_locked=True)
    )
    return delete(outbox).where(row.position.in_(gone))


@cache
def _wait_again() -> Update:
    at = outbox.c.at
    return (
        update(outbox)
        .where(
            at >= bindparam("since", type_=Moment),
            at < bindparam("until", type_=Moment),
            outbox.c.sent_at.is_not(None),
        )
        .values(sent_at=None)
    )


@cache
def _behind(dialect: str) -> Select[Any]:
    moment = null() if dialect == "sqlite" else func.clock_timestamp()
    behind = outbox.c.position > bindparam("behind", type_=BigInteger)
    return (
        select(outbox, type_coerce(moment, Moment).label("moment"))
        .where(behind)
        .order_by(outbox.c.position)
        .limit(_MOST)
    )


@cache
def _newest() -> Select[Any]:
    return select(outbox).order_by(outbox.c.position.desc()).limit(_MOST)


class SqlOutbox:
    """Implements `Outbox`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def add(self, events: Sequence[Event]) -> None:
        """Append events, in order."""
        await self._session.owe(_NEW, [event_to_row(event) for event in events])

    async def waiting(self, limit: int) -> list[OutboxEntry]:
        """Return the oldest events that have not been acknowledged, in order."""
        return [_entry(row) for row in await self._session.look(_waiting(), {"most": limit})]

    async def mark_sent(self, positions: Sequence[int], at: datetime) -> None:
        """Mark events as acknowledged by the broker."""
        given = [(position,) for position in sorted(set(positions))]
        await self._session.owe_for(
            _mark_sent(self._session.dialect), _POSITIONS, given, {"told_at": at}
        )

    async def wait_again(self, since: datetime, until: datetime) -> int:
        """Have acknowledged events of a span of time wait again; return how many."""
        result = await self._session.run(_wait_again(), {"since": since, "until": until})
        return int(result.rowcount)

    async def prune(self, sent_before: datetime, largest: int) -> int:
        """Of the oldest events, remove those that were acknowledged before; return how many."""
        given = {"told_before": sent_before, "most": largest}
        return int((await self._session.run(_prune(), given)).rowcount)

    async def oldest_waiting(self) -> datetime | None:
        """Return when the oldest unacknowledged event happened."""
        return await oldest_waiting(self._session)

    async def after(self, position: int, limit: int) -> list[OutboxEntry]:
        """Return events behind a position, acknowledged or not; see `events_after`."""
        return await events_after(self._session, position, limit)


async def oldest_waiting(session: Session) -> datetime | None:
    """Return when the oldest unacknowledged event happened."""
    result = await session.run(_oldest_waiting())
    moment: datetime | None = result.scalar_one_or_none()
    return moment


async def events_after(session: Session, position: int, limit: int) -> list[OutboxEntry]:
    """Return events behind a position, in order; -n begins with the newest n."""
    if position < 0:
        newest = await session.rows(_newest(), {"most": min(limit, -position)})
        return [_entry(row) for row in reversed(newest)]
    rows = await session.rows(_behind(session.dialect), {"behind": position, "most": limit})
    entries = [_entry(row) for row in rows]
    if session.is_postgres and rows:
        return _up_to_a_gap(entries, position, rows[0]["moment"] - SETTLES_AFTER)
    return entries


def _up_to_a_gap(
    entries: Sequence[OutboxEntry], position: int, settled_before: datetime
) -> list[OutboxEntry]:
    """Return the entries before a missing position that may still be committed.

    PostgreSQL hands out positions before commits, so a later one can be seen first; whoever
    followed it would never see the earlier one.
    """
    shown: list[OutboxEntry] = []
    for entry in entries:
        if entry.position != position + 1 and entry.event.at > settled_before:
            break
        shown.append(entry)
        position = entry.position
    return shown


def _entry(row: Row) -> OutboxEntry:
    return OutboxEntry(row["position"], event_from_row(row))
