"""The pool: how it is used, and how long somebody waited for a connection or a turn."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from adapters.sql.database import Database, DatabaseLimits, open_database
from adapters.sql.schema import migrate
from adapters.sql.unit_of_work import SqlUnits
from application.ports import Overloaded
from tests.servers import PostgresServer

pytestmark = pytest.mark.anyio

HELD_S = 0.2


async def hold(database: Database, held: asyncio.Event) -> None:
    """Keep a transaction open for a while."""
    async with SqlUnits(database).begin() as unit:
        held.set()
        await unit.outbox.waiting(1)
        await asyncio.sleep(HELD_S)


@pytest.fixture(name="postgres_url")
def a_database(postgres_server: PostgresServer) -> str:
    return postgres_server.dsn(postgres_server.create_database())


@pytest.fixture(name="sqlite_url")
async def a_file(tmp_path: Path) -> str:
    url = f"sqlite+aiosqlite:///{tmp_path / 'pool.db'}"
    await migrate(url)
    return url


async def test_connections_are_counted_by_use(postgres_url: str) -> None:
    database = open_database(postgres_url, DatabaseLimits(pool_size=3))
    assert (database.use.in_use, database.use.idle, database.use.most) == (0, 0, 3)
    async with database.engine.connect() as one, database.engine.connect():
        await one.execute(text("SELECT 1"))
        assert (database.use.in_use, database.use.idle) == (2, 0)
    assert (database.use.in_use, database.use.idle) == (0, 2)
    assert (database.use.waits, database.use.waited_s) == (0, 0.0)
    await database.close()


async def test_whoever_waits_for_a_connection_is_counted_with_the_time(postgres_url: str) -> None:
    database = open_database(postgres_url, DatabaseLimits(pool_size=1, pool_wait_s=30))

    async def use() -> None:
        async with database.engine.connect() as connection:
            await connection.execute(text(f"SELECT pg_sleep({HELD_S})"))

    await asyncio.gather(use(), use())
    assert database.use.waits == 1
    assert database.use.waited_s >= HELD_S / 2
    await database.close()


async def test_whoever_gets_none_in_time_has_waited_too(postgres_url: str) -> None:
    database = open_database(postgres_url, DatabaseLimits(pool_size=1, pool_wait_s=0.05))
    async with database.engine.connect():
        with pytest.raises(Overloaded):
            async with SqlUnits(database).begin():
                pytest.fail("there is no connection")
    assert database.use.waits == 1
    await database.close()


async def test_on_sqlite_the_turn_to_write_is_what_is_waited_for(sqlite_url: str) -> None:
    database = open_database(sqlite_url, DatabaseLimits(pool_wait_s=30))
    held = asyncio.Event()
    first = asyncio.create_task(hold(database, held))
    await held.wait()
    await hold(database, asyncio.Event())
    await first
    assert database.use.waits == 1
    assert database.use.waited_s >= HELD_S / 2
    await database.close()
