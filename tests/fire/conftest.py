"""Empty, migrated databases for races."""

from pathlib import Path

import pytest

from adapters.sql.schema import migrate
from tests.servers import PostgresServer


@pytest.fixture
async def sqlite_url(tmp_path: Path) -> str:
    """The URL of a file of the test's own."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'store.db'}"
    await migrate(url)
    return url


@pytest.fixture
async def postgres_url(postgres_server: PostgresServer) -> str:
    """The URL of a PostgreSQL database of the test's own."""
    url = postgres_server.dsn(postgres_server.create_database())
    await migrate(url)
    return url
