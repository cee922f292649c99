"""Empty stores of every kind, each migrated once and copied for each test."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.sql.all_tables import metadata
from adapters.sql.schema import migrate
from tests.contracts.stores import Store, in_database, in_memory
from tests.servers import PostgresServer


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database file, closed, with nothing in it."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    asyncio.run(migrate(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """The name of a migrated PostgreSQL database with nothing in it."""
    name = postgres_server.create_database()
    asyncio.run(migrate(postgres_server.dsn(name)))
    return name


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of an empty SQLite database of the test's own."""
    path = tmp_path / "store.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, postgres_template: str) -> str:
    """The URL of a PostgreSQL database that was emptied: much quicker than a new one."""
    tables = ", ".join(metadata.tables)
    postgres_server.execute(f"TRUNCATE {tables} RESTART IDENTITY", postgres_template)
    return postgres_server.dsn(postgres_template)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database of each kind."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=["memory", "simulated", "simulated_rows", "sqlite", "postgres"])
def kind(request: pytest.FixtureRequest) -> tuple[str, str | None]:
    """The name of each kind of store, and the URL of an empty database where it needs one."""
    if request.param in {"memory", "simulated", "simulated_rows"}:
        return request.param, None
    return request.param, str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
async def store(kind: tuple[str, str | None]) -> AsyncIterator[Store]:
    """An empty store of each kind."""
    name, url = kind
    made = in_memory(name) if url is None else in_database(name, url)
    yield made
    if made.database is not None:
        await made.database.close()
