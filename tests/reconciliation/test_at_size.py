"""A statement of 5,000 lines with 50 planted breaks names exactly the 50, on both databases.

`python -m tests.reconciliation` does the same with 100,000 lines.
"""

from pathlib import Path

import pytest

from adapters.sql.schema import migrate
from domain.runs import RunState
from tests.contracts.stores import in_database
from tests.reconciliation.scale import FIFTY, reconciled
from tests.servers import PostgresServer

pytestmark = pytest.mark.anyio

LINES = 5_000


@pytest.fixture(params=["sqlite", "postgres"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a migrated database of each kind."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'books.db'}"
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.dsn(server.create_database())
    await migrate(url)
    return url


async def test_it_names_exactly_what_was_planted(url: str, tmp_path: Path) -> None:
    store = in_database("postgres" if "postgres" in url else "sqlite", url)
    try:
        outcome = await reconciled(store.units, tmp_path, LINES)
    finally:
        assert store.database is not None
        await store.database.close()
    tally = outcome.run.tally
    assert outcome.run.state is RunState.FINISHED
    assert outcome.found == outcome.planted
    assert len(outcome.breaks) == sum(FIFTY.values()) == 50
    # A removed line and a changed one are no longer there; strangers, doubles and reversals are.
    assert tally.lines == LINES - 9 + 9 + 8 + 8
    assert (tally.matched, tally.broken) == (tally.lines - 41, 41)
    assert (tally.missing_there, tally.malformed, tally.repeated) == (9, 0, 0)
