"""Transactions over SQL: one connection, one deadline, one commit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.sql.accounts import SqlAccounts
from adapters.sql.audit import SqlOperatorsLog
from adapters.sql.cash_outs import SqlCashOuts
from adapters.sql.database import Database
from adapters.sql.figures import SqlFigures
from adapters.sql.health import SqlHealth
from adapters.sql.inbox import SqlInbox
from adapters.sql.leases import SqlLeases
from adapters.sql.limits import SqlLimits
from adapters.sql.outbox import SqlOutbox
from adapters.sql.rulings import SqlRulings
from adapters.sql.session import Session
from adapters.sql.statements import SqlStatements
from application.ports import Clock, StorageUnavailable


class SqlUnit:
    """One transaction: implements `Unit`."""

    def __init__(self, session: Session, clock: Clock | None) -> None:
        self.cash_outs = SqlCashOuts(session, clock)
        self.limits = SqlLimits(session)
        self.outbox = SqlOutbox(session)
        self.inbox = SqlInbox(session)
        self.leases = SqlLeases(session, clock)
        self.health = SqlHealth(session, clock)
        self.accounts = SqlAccounts(session)
        self.figures = SqlFigures(session)
        self.audit = SqlOperatorsLog(session)
        self.statements = SqlStatements(session)
        self.rulings = SqlRulings(session)


class SqlUnits:
    """Implements `Units`.

    clock: whose time decides what is due and whose lease has run out. Without one it is the clock
    of PostgreSQL, the same for all processes; on SQLite the time that the caller passes.
    """

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock

    @property
    def batches(self) -> int:
        """One is prepared while another is made durable; SQLite has a single writer."""
        return 2 if self._database.is_postgres else 1

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[SqlUnit]:
        """Open a transaction that commits on a clean exit and rolls back on an exception.

        Raises Conflict, Overloaded or StorageUnavailable, the latter also when the whole
        transaction takes longer than `unit_s`.
        """
        session = Session(self._database)
        try:
            async with asyncio.timeout(self._database.limits.unit_s) as deadline:
                async with self._database.turn():
                    try:
                        await session.begin()
                        yield SqlUnit(session, self._clock)
                        await session.commit()
                    finally:
                        await session.end(hung=deadline.expired())
        except TimeoutError as late:
            if not deadline.expired():
                raise
            raise StorageUnavailable(
                "the database did not answer in time", outcome_unknown=session.committing
            ) from late
