"""Limit counters in SQL: always touched in slot order, so that nobody waits in a circle."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Insert,
    Integer,
    Select,
    String,
    Text,
    Update,
    and_,
    literal,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from adapters.sql.columns import Words
from adapters.sql.session import Session
from adapters.sql.sets import Given, Rows
from adapters.sql.tables import limit_counters
from domain.limits import Counted, Slot

_KEY = Slot._fields
_SLOT: dict[str, Any] = {"user_id": Words, "provider": Words, "currency": String(3), "window": Text}
_SLOTS = Given(_SLOT)
_FREED = Given({"place": Integer, **_SLOT, "freed": BigInteger})


@cache
def _lock() -> Any:  # noqa: ANN401 -- an INSERT that returns rows
    """Make the counters that are new, lock them all in the order given, return what is used.

    Writing a counter to itself is what locks it: the loser of a race reads what the winner left.
    """
    given = _SLOTS.table("postgresql")
    rows = select(*(given.c[name] for name in _KEY), literal(0), literal(0))
    new = postgresql.insert(limit_counters).from_select([*_KEY, "used_minor", "cap_minor"], rows)
    return new.on_conflict_do_update(
        index_elements=list(_KEY), set_={"used_minor": limit_counters.c.used_minor}
    ).returning(*_columns())


@cache
def select_used(dialect: str) -> Select[Any]:
    """Select what is used of given slots."""
    given = _SLOTS.table(dialect)
    same = and_(*(limit_counters.c[name] == given.c[name] for name in _KEY))
    return select(*_columns()).join_from(given, limit_counters, same)


def _take_over(insert: Any) -> Insert:  # noqa: ANN401 -- an INSERT of either dialect
    kept = {name: insert.excluded[name] for name in ("used_minor", "cap_minor")}
    changed: Insert = insert.on_conflict_do_update(index_elements=list(_KEY), set_=kept)
    return changed


_COUNTED = Rows(limit_counters, [*_KEY, "used_minor", "cap_minor"], _take_over)


@cache
def _give_back(dialect: str) -> Update:
    """Take off what is freed, with the counters locked in slot order first.

    The order is given as `place`: the language of a database may sort names otherwise than we do.
    """
    given, row = _FREED.table(dialect), limit_counters.c
    locked = (
        select(*(row[name] for name in _KEY), given.c.freed)
        .join_from(given, limit_counters, and_(*(row[name] == given.c[name] for name in _KEY)))
        .order_by(given.c.place)
        .with_for_update(of=limit_counters)
        .cte("locked")
    )
    return (
        update(limit_counters)
        .where(*(row[name] == locked.c[name] for name in _KEY))
        .values(used_minor=row.used_minor - locked.c.freed)
    )


def _columns() -> list[Any]:
    return [limit_counters.c[name] for name in (*_KEY, "used_minor")]


class SqlLimits:
    """Implements `Limits`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def lock(self, slots: Sequence[Slot]) -> dict[Slot, int]:
        """Return what is used of each slot, locked until the transaction ends."""
        statement = _lock() if self._session.is_postgres else select_used("sqlite")
        return await used(self._session, slots, statement)

    async def write(self, counted: Mapping[Slot, Counted]) -> None:
        """Store locked counters with the caps they were checked against."""
        rows = [
            {**slot._asdict(), "used_minor": counted[slot].used, "cap_minor": counted[slot].cap}
            for slot in sorted(counted)
        ]
        await self._session.owe(_COUNTED, rows)

    async def give_back(self, freed: Mapping[Slot, int]) -> None:
        """Take minor units off the counters, in slot order."""
        rows = [(place, *slot, freed[slot]) for place, slot in enumerate(sorted(freed))]
        await self._session.owe_for(_give_back(self._session.dialect), _FREED, rows)

    async def used(self, slots: Sequence[Slot]) -> dict[Slot, int]:
        """Return what is used, without locking."""
        return await used(self._session, slots)


async def used(
    session: Session,
    slots: Sequence[Slot],
    statement: Any = None,  # noqa: ANN401
) -> dict[Slot, int]:
    """Return what is used of each slot, 0 where there is no counter yet."""
    ordered = sorted(set(slots))
    if statement is None:
        statement = select_used(session.dialect)
    rows = await session.rows_for(statement, _SLOTS, ordered)
    found = {Slot(*(row[name] for name in _KEY)): int(row["used_minor"]) for row in rows}
    return {slot: found.get(slot, 0) for slot in ordered}
