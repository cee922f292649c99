"""Named leases in SQL, by the database's clock where it has one."""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Interval, Text, Uuid, bindparam, delete, func
from sqlalchemy.dialects import postgresql, sqlite

from adapters.sql.columns import Moment
from adapters.sql.session import Session
from adapters.sql.tables import leases
from application.ports import Clock

_NAME = bindparam("this", type_=Text)
_HOLDER = bindparam("by", type_=Uuid)


@cache
def _take(dialect: str, *, by_database_time: bool) -> Any:  # noqa: ANN401 -- an INSERT with rows
    """Insert the lease, or take it over where it has run out or is ours already."""
    now: Any = bindparam("now", type_=Moment)
    until: Any = bindparam("held_until", type_=Moment)
    if by_database_time:
        now = func.clock_timestamp(type_=Moment)
        until = now + bindparam("held_for", type_=Interval)
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    new = insert(leases).values(name=_NAME, holder=_HOLDER, until=until)
    return new.on_conflict_do_update(
        index_elements=["name"],
        set_={"holder": new.excluded.holder, "until": new.excluded.until},
        where=(leases.c.holder == new.excluded.holder) | (leases.c.until <= now),
    ).returning(leases.c.name)


@cache
def _release() -> Any:  # noqa: ANN401 -- a DELETE
    return delete(leases).where(leases.c.name == _NAME, leases.c.holder == _HOLDER)


class SqlLeases:
    """Implements `Leases`. clock: see SqlCashOuts."""

    def __init__(self, session: Session, clock: Clock | None = None) -> None:
        self._session = session
        self._clock = clock

    async def take(self, name: str, holder: UUID, now: datetime, until: datetime) -> bool:
        """Take or prolong a lease; tell whether `holder` has it now."""
        by_database_time = self._session.is_postgres and self._clock is None
        times: dict[str, object] = {"now": now, "held_until": until}
        if by_database_time:
            times = {"held_for": until - now}
        statement = _take(self._session.dialect, by_database_time=by_database_time)
        return bool(await self._session.rows(statement, {"this": name, "by": holder, **times}))

    async def release(self, name: str, holder: UUID) -> None:
        """Give it up, if held."""
        await self._session.run(_release(), {"this": name, "by": holder})
