"""One transaction's connection: statements go through here, and so do all faults."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import Connection, CursorResult, Executable, Insert, Update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.sql.database import BEGIN, Database
from adapters.sql.direct import direct
from adapters.sql.faults import DRIVER_FAULTS, translated
from adapters.sql.owed import Owed, write
from adapters.sql.sets import Given, Rows, chunks
from application.ports import Conflict, StorageUnavailable

Found = TypeVar("Found")


class Session:
    """A connection inside a transaction. After any fault it can only be rolled back.

    On PostgreSQL the transaction is the driver's: SQLAlchemy's connection only lends it, with what
    it runs itself inside the same transaction. It begins with the first statement; what is owed is
    said before the next one, or with the commit.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open: AsyncConnection | None = None
        self._driver: asyncpg.Connection | None = None
        self._transaction: asyncpg.transaction.Transaction | None = None
        self._begun = False
        self._owed = Owed()
        self._broken: Exception | None = None
        self.committing = False

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._database.dialect

    @property
    def is_postgres(self) -> bool:
        """Tell whether others may write meanwhile."""
        return self._database.is_postgres

    async def begin(self) -> None:
        """Take a connection; on SQLite begin as the one writer."""
        with translated():
            self._open = await self._database.engine.connect()
            self._database.check()
            if not self.is_postgres:
                await self._open.execution_options(**{BEGIN: "IMMEDIATE"})
                await self._open.begin()
                return
            self._transaction = (await self._lend(self._open)).transaction()

    async def begin_reading(self) -> None:
        """Take a connection for reads that hold nothing up."""
        with translated():
            self._open = await self._database.engine.connect()
            self._database.check()
            if self.is_postgres:
                await self._lend(self._open)
            else:
                await self._open.execution_options(**{BEGIN: "DEFERRED"})

    async def _lend(self, connection: AsyncConnection) -> "asyncpg.Connection":
        """Have SQLAlchemy begin nothing of its own, and return the driver's connection."""
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        self._driver = (await connection.get_raw_connection()).driver_connection
        return self._driver

    async def run(
        self,
        statement: Executable,
        parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> CursorResult[Any]:
        """Execute one statement, or one for many rows; raise what its fault means."""
        connection = self._connection()
        with self._breaking():
            await self._catch_up()
            return await connection.execute(statement, parameters)

    async def rows(
        self, statement: Executable, parameters: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Execute one of our fixed statements and return its rows by column name."""
        if self._driver is not None:
            with self._breaking():
                await self._catch_up()
                return await direct(statement).fetch(self._driver, parameters or {})
        result = await self.run(statement, parameters)
        names = list(result.keys())
        return [dict(zip(names, row, strict=True)) for row in result]

    async def look(
        self, statement: Executable, parameters: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Read as `rows` does, but hold nothing: on PostgreSQL no transaction begins with it.

        There each statement sees what is committed when it begins, in a transaction or outside.
        """
        if self._driver is None or self._begun or self._owed:
            return await self.rows(statement, parameters)
        with self._breaking():
            return await direct(statement).fetch(self._driver, parameters or {})

    async def rows_for(
        self,
        statement: Executable,
        given: Given,
        rows: Sequence[Sequence[object]],
        parameters: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Execute a statement over given rows, in chunks, and return all rows that come back."""
        dialect = self._connection().dialect
        found: list[dict[str, Any]] = []
        for chunk in chunks(rows):
            bound = {**given.parameters(dialect, chunk), **(parameters or {})}
            found += await self.rows(statement, bound)
        return found

    async def inspect(self, look: Callable[[Connection], Found]) -> Found:
        """Return what a function finds that needs a plain connection."""
        connection = self._connection()
        with self._breaking():
            await self._catch_up()
            return await connection.run_sync(look)

    async def run_for(
        self,
        statement: Executable,
        given: Given,
        rows: Sequence[Sequence[object]],
        parameters: Mapping[str, Any] | None = None,
    ) -> int:
        """Execute a statement over given rows, in chunks; return how many rows it touched."""
        dialect = self._connection().dialect
        touched = 0
        for chunk in chunks(rows):
            bound = {**given.parameters(dialect, chunk), **(parameters or {})}
            touched += await self._touch(statement, bound)
        return touched

    async def write(self, into: Rows, rows: Sequence[Mapping[str, Any]]) -> int:
        """Insert rows in their order, or change those that are there already, in chunks.

        Returns how many it touched.
        """
        connection = self._connection()
        statement = into.insert(self.dialect)
        touched = 0
        for chunk in chunks(rows):
            if self._driver is None:
                touched += (await self.run(statement, chunk)).rowcount
            else:
                values = [into.values(row) for row in chunk]
                given = into.given.parameters(connection.dialect, values)
                touched += await self._touch(statement, given)
        return touched

    async def _touch(self, statement: Executable, parameters: Mapping[str, Any]) -> int:
        if self._driver is None:
            return (await self.run(statement, parameters)).rowcount
        with self._breaking():
            await self._catch_up()
            return await direct(statement).run(self._driver, parameters)

    async def owe(self, into: Rows, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows as `write` does, at the latest with the commit."""
        if self._driver is None:
            await self.write(into, rows)
            return
        values = [into.values(row) for row in rows]
        await self._owe_for(into.insert(self.dialect), into.given, values)

    async def owe_for(
        self,
        statement: Update,
        given: Given,
        rows: Sequence[Sequence[object]],
        parameters: Mapping[str, Any] | None = None,
        *,
        otherwise: str | None = None,
    ) -> None:
        """Execute a statement over given rows as `run_for` does, at the latest with the commit.

        otherwise: why it is a Conflict when it touches fewer rows than it is given; None where that
        is as well. The Conflict comes when the statement is said.
        """
        if self._driver is not None:
            await self._owe_for(statement, given, rows, parameters, otherwise=otherwise)
        elif await self.run_for(statement, given, rows, parameters) != len(rows) and otherwise:
            raise self.conflict(otherwise)

    async def _owe_for(
        self,
        statement: Insert | Update,
        given: Given,
        rows: Sequence[Sequence[object]],
        parameters: Mapping[str, Any] | None = None,
        *,
        otherwise: str | None = None,
    ) -> None:
        dialect = self._connection().dialect
        for chunk in chunks(rows):
            bound = {**given.parameters(dialect, chunk), **(parameters or {})}
            exactly = None if otherwise is None else len(chunk)
            one = write(statement, bound, exactly, otherwise or "")
            if not self._owed.goes_beside(one):
                with self._breaking():
                    await self._catch_up()
            self._owed.writes.append(one)

    async def _catch_up(self) -> None:
        """On PostgreSQL: begin, where that is still to be done, and say all that is owed."""
        if self._transaction is not None and not self._begun:
            # Said first: whoever is cancelled before the answer does not know what the server did.
            self._begun = True
            await self._transaction.start()
        if self._owed:
            await self._owed.pay(self._driver)

    @contextlib.contextmanager
    def _breaking(self) -> Iterator[None]:
        """Raise what a fault of the store means; nothing can be committed after it."""
        try:
            with translated():
                yield
        except (Conflict, StorageUnavailable, SQLAlchemyError, *DRIVER_FAULTS) as fault:
            self._broken = fault
            raise
        except asyncio.CancelledError:
            # The server may have ended the transaction with the statement.
            self._broken = StorageUnavailable("a statement was interrupted")
            raise

    def conflict(self, why: str) -> Conflict:
        """Return the Conflict to raise; nothing of this transaction can be committed any more."""
        self._broken = Conflict(why)
        return self._broken

    async def commit(self) -> None:
        """Commit; raise again what broke the transaction earlier, even if somebody caught it.

        PostgreSQL answers COMMIT of a broken transaction with a silent ROLLBACK.
        """
        if self._broken is not None:
            raise self._broken
        if self._owed and (self._begun or not self._owed.checks_itself):
            with self._breaking():
                await self._catch_up()
        self.committing = True
        with translated(committing=True):
            await self._commit()
            # Into a file that was deleted meanwhile: kept until this process ends, and no longer.
            self._database.check()
        self.committing = False

    async def _commit(self) -> None:
        if self._transaction is None:
            await self._connection().commit()
        elif self._begun:
            await self._transaction.commit()
            self._begun = False
        elif self._owed:
            # One statement is a transaction by itself.
            await self._owed.pay(self._driver)

    async def end(self, *, hung: bool) -> None:
        """Give the connection back, rolled back if it was not committed.

        hung: the server did not answer in time. Then, and when it does not answer the rollback, the
        connection is dropped instead: the server rolls back on its own.
        """
        connection, self._open = self._open, None
        driver, self._driver = self._driver, None
        if connection is None:
            return
        if driver is not None and driver.is_closed():
            # The pool would hand it out again: it sees only what goes through it.
            hung = True
        limit_s = self._database.limits.rollback_s
        try:
            if not hung:
                with translated():
                    async with asyncio.timeout(limit_s):
                        await self._roll_back()
                        await connection.close()
        except StorageUnavailable:
            hung = True
        except asyncio.CancelledError:
            hung = True
            raise
        finally:
            if hung:
                await _drop(connection, limit_s)

    async def _roll_back(self) -> None:
        transaction, self._transaction = self._transaction, None
        if transaction is not None and self._begun:
            await transaction.rollback()

    def _connection(self) -> AsyncConnection:
        if self._open is None:
            raise StorageUnavailable("the transaction is over")
        return self._open


async def _drop(connection: AsyncConnection, limit_s: float) -> None:
    """Cut a connection without asking its server, and take it out of the pool."""
    with contextlib.suppress(StorageUnavailable), translated():
        async with asyncio.timeout(limit_s):
            if not connection.invalidated and not connection.closed:
                raw = await connection.get_raw_connection()
                if isinstance(raw.driver_connection, asyncpg.Connection):
                    raw.driver_connection.terminate()
                await connection.invalidate()
    with contextlib.suppress(StorageUnavailable), translated():
        await connection.close()


@contextlib.asynccontextmanager
async def reading(database: Database) -> AsyncIterator[Session]:
    """Open a session for reads: one moment per statement on PostgreSQL, one for all on SQLite.

    Raises Overloaded or StorageUnavailable, also when the body takes longer than `read_s`.
    """
    session = Session(database)
    try:
        async with asyncio.timeout(database.limits.read_s) as deadline:
            try:
                await session.begin_reading()
                yield session
            finally:
                await session.end(hung=deadline.expired())
    except TimeoutError as late:
        raise StorageUnavailable("the database did not answer in time") from late
