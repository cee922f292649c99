"""Opening a database: its pool, its limits, and what is asked of it at the start."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import aiosqlite
import asyncpg
from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from adapters.sql.faults import translated
from adapters.sql.pool import PoolUse, WatchedPool
from adapters.sql.sqlite_file import SqliteFile
from application.ports import Overloaded

BEGIN = "sqlite_begin"
"""The execution option that says how SQLite begins a transaction."""


@dataclass(frozen=True, slots=True)
class DatabaseLimits:
    """Every wait and every number of connections, in seconds and connections of one process.

    pool_wait_s: for a free connection, on SQLite also for the turn to write. connect_s: for a new
    connection. lock_s, statement_s, idle_in_transaction_s, transaction_s: enforced by PostgreSQL,
    the last since version 17; it alone ends what a process holds that froze between two messages.
    unit_s: a whole transaction. read_s: a read outside of one. rollback_s: then the connection is
    dropped. busy_s: on SQLite, for other processes. recycle_s: the age at which a connection is
    replaced.
    """

    pool_size: int = 10
    pool_wait_s: float = 2.0
    connect_s: float = 5.0
    lock_s: float = 3.0
    statement_s: float = 5.0
    idle_in_transaction_s: float = 15.0
    transaction_s: float = 15.0
    unit_s: float = 10.0
    read_s: float = 5.0
    rollback_s: float = 1.0
    busy_s: float = 5.0
    recycle_s: int = 1_800


# As a parameter of the connection, a server that does not know it yet would refuse us.
_LIMIT_TRANSACTIONS = (
    "SELECT set_config(name, $1, false) FROM pg_settings WHERE name = 'transaction_timeout'"
)
_LOOK_AGAIN_S = 0.02
_UNHURRIED_S = 1.0
"""How long a cancelled connection may take to end before it is left to itself."""


@dataclass(slots=True)
class Database:
    """An open database. SQLite has one writer: `turn` is whose turn it is inside this process."""

    engine: AsyncEngine
    limits: DatabaseLimits
    file: SqliteFile | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _turns_waited_for: int = 0
    _waited_s: float = 0.0

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.engine.dialect.name

    @property
    def is_postgres(self) -> bool:
        """Tell whether many can write at once."""
        return self.dialect == "postgresql"

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold the right to write; raise Overloaded when it does not come in time."""
        if self.is_postgres:
            yield
            return
        began = time.monotonic() if self._turn.locked() else None
        try:
            async with asyncio.timeout(self.limits.pool_wait_s):
                await self._turn.acquire()
        except TimeoutError as late:
            raise Overloaded from late
        finally:
            if began is not None:
                self._turns_waited_for += 1
                self._waited_s += time.monotonic() - began
        try:
            yield
        finally:
            self._turn.release()

    @property
    def use(self) -> PoolUse:
        """How the connections of this process are used now."""
        pool, most = self.engine.pool, self.limits.pool_size
        if not isinstance(pool, WatchedPool):
            return PoolUse(0, 0, most, 0, 0.0)
        return PoolUse(
            in_use=most + pool.overflow() - pool.checkedin(),
            idle=pool.checkedin(),
            most=most,
            waits=pool.waits + self._turns_waited_for,
            waited_s=pool.waited_s + self._waited_s,
        )

    def check(self) -> None:
        """Raise FileGone when the file behind SQLite is no longer where it was opened."""
        if self.file is not None:
            self.file.check()

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def open_database(
    url: str, limits: DatabaseLimits | None = None, *, application: str = "cashout"
) -> Database:
    """Open `sqlite+aiosqlite:///path` or `postgresql+asyncpg://...`; nothing is connected yet.

    Raises ValueError for any other kind of URL. application: the name that PostgreSQL shows.
    """
    limits = limits or DatabaseLimits()
    parsed = make_url(url)
    if parsed.drivername == "sqlite+aiosqlite" and parsed.database not in {None, "", ":memory:"}:
        file = SqliteFile(str(parsed.database))
        return Database(_open_sqlite(url, limits, file), limits, file)
    if parsed.drivername == "postgresql+asyncpg":
        return Database(_open_postgres(url, limits, application), limits)
    message = "a database URL begins with sqlite+aiosqlite:///path or postgresql+asyncpg://"
    raise ValueError(message)


def _engine(url: str, limits: DatabaseLimits, connect_args: dict[str, Any]) -> AsyncEngine:
    return create_async_engine(
        url,
        poolclass=WatchedPool,
        pool_size=limits.pool_size,
        max_overflow=0,
        pool_timeout=limits.pool_wait_s,
        pool_recycle=limits.recycle_s,
        # An error's message must not repeat what was to be stored: names, numbers, secrets.
        hide_parameters=True,
        connect_args=connect_args,
    )


def _open_postgres(url: str, limits: DatabaseLimits, application: str) -> AsyncEngine:
    engine = _engine(
        url,
        limits,
        {
            "async_creator_fn": partial(_connect_postgres, limits.transaction_s),
            "timeout": limits.connect_s,
            "server_settings": {
                "application_name": application,
                "timezone": "UTC",
                "jit": "off",
                # Each statement has its index. In a table that it does not know yet, PostgreSQL
                # would rather read all, and a connection keeps to such a plan.
                "enable_seqscan": "off",
                "lock_timeout": _milliseconds(limits.lock_s),
                "statement_timeout": _milliseconds(limits.statement_s),
                "idle_in_transaction_session_timeout": _milliseconds(limits.idle_in_transaction_s),
            },
        },
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


def _refuse_closed(connection: DBAPIConnection, _record: object, _proxy: object) -> None:
    """Have the pool replace a connection that the server has closed meanwhile, and its kind."""
    driver: asyncpg.Connection = getattr(connection, "driver_connection")  # noqa: B009 -- untyped
    if driver.is_closed():
        raise InvalidatePoolError


async def _connect_postgres(transaction_s: float, **settings: Any) -> "asyncpg.Connection":  # noqa: ANN401 -- handed on
    """Connect; who is cancelled meanwhile leaves the driver to finish, and then to hang up.

    Interrupted half-way, asyncpg raises where nobody can catch it. Its own time-out ends it.
    """
    connecting = asyncio.ensure_future(_connected(transaction_s, **settings))
    try:
        return await asyncio.shield(connecting)
    except asyncio.CancelledError:
        connecting.add_done_callback(_hang_up)
        raise


async def _connected(transaction_s: float, **settings: Any) -> "asyncpg.Connection":  # noqa: ANN401 -- handed on
    connection = await asyncpg.connect(**settings)
    async with AsyncExitStack() as unless_it_is_ready:
        unless_it_is_ready.callback(connection.terminate)
        limit = _milliseconds(transaction_s)
        await connection.fetch(_LIMIT_TRANSACTIONS, limit, timeout=settings["timeout"])
        unless_it_is_ready.pop_all()
    return connection


def _hang_up(connecting: "asyncio.Future[asyncpg.Connection]") -> None:
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().terminate()


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1_000))


def _open_sqlite(url: str, limits: DatabaseLimits, file: SqliteFile) -> AsyncEngine:
    async def connect(path: str, **settings: Any) -> aiosqlite.Connection:  # noqa: ANN401 -- handed on
        file.check()
        connection = await _connect_sqlite(path, **settings)
        async with AsyncExitStack() as unless_it_is_ready:
            unless_it_is_ready.push_async_callback(connection.close)
            file.opened()
            await _log_ahead(connection, limits.busy_s)
            unless_it_is_ready.pop_all()
        return connection

    # The driver's own BEGIN comes after the first SELECT, which loses updates: we begin.
    engine = _engine(
        url,
        limits,
        {"async_creator_fn": connect, "timeout": limits.busy_s, "isolation_level": None},
    )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


async def _connect_sqlite(path: str, **settings: Any) -> aiosqlite.Connection:  # noqa: ANN401 -- handed on
    """Connect; when that fails, see the driver's thread end before the event loop may.

    The thread reports its end to the loop: left alone, it finds that of a short command closed. Who
    is cancelled meanwhile leaves the driver to finish, and then to close: interrupted half-way, it
    would forget what it opened.
    """
    connection = aiosqlite.connect(path, **settings)
    thread = connection._thread  # noqa: SLF001 -- there is no other way to it, SQLAlchemy's neither
    thread.daemon = True
    connecting = asyncio.ensure_future(connection)
    try:
        return await asyncio.shield(connecting)
    except sqlite3.Error:
        await asyncio.to_thread(thread.join)
        raise
    except asyncio.CancelledError:
        connecting.add_done_callback(_close)
        await asyncio.wait({connecting}, timeout=_UNHURRIED_S)
        await asyncio.to_thread(thread.join, _UNHURRIED_S)
        raise


async def _log_ahead(connection: aiosqlite.Connection, longest_s: float) -> None:
    """Have a new file keep a write-ahead log: readers and the writer do not wait for each other.

    SQLite refuses this at once while another process writes its first rows: its own time-out is
    not heeded there.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + longest_s
    while True:
        try:
            await connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode != sqlite3.SQLITE_BUSY or loop.time() >= deadline:
                raise
            await asyncio.sleep(_LOOK_AGAIN_S)
        else:
            return


def _close(connecting: "asyncio.Future[aiosqlite.Connection]") -> None:
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().stop()


def _prepare_sqlite(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in ("synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    how = connection.get_execution_options().get(BEGIN, "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {how}")


_DURABLE: dict[str, dict[str, tuple[str, ...]]] = {
    "postgresql": {
        "fsync": ("on",),
        "full_page_writes": ("on",),
        "synchronous_commit": ("on", "local", "remote_write", "remote_apply"),
    },
    "sqlite": {"journal_mode": ("wal",), "synchronous": ("2", "3")},
}
"""The settings under which a commit survives a crash, the best value first."""


async def durability_warnings(database: Database) -> list[str]:
    """Return a sentence for each setting under which a crash may lose what was acknowledged."""
    ask = "SHOW" if database.is_postgres else "PRAGMA"
    found: dict[str, str] = {}
    with translated():
        async with (
            asyncio.timeout(database.limits.read_s),
            database.engine.connect() as connection,
        ):
            for name in _DURABLE[database.dialect]:
                answer = await connection.execute(text(f"{ask} {name}"))
                found[name] = str(answer.scalar_one())
    return [
        f"{name} is {found[name]}: a crash may lose what was accepted. Set it to {good[0]}."
        for name, good in _DURABLE[database.dialect].items()
        if found[name] not in good
    ]
