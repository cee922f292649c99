"""What the measurement of verifying stores is in order, or it would measure something else."""

import pytest

from tests.bench.verifying import fill, verify
from tests.servers import PostgresServer

pytestmark = pytest.mark.anyio


async def test_generated_books_agree_with_themselves(postgres_server: PostgresServer) -> None:
    url = postgres_server.dsn(postgres_server.create_database())
    await fill(url, 100)
    report, seconds = await verify(url, jobs=1)
    assert report.tally.flaws == []
    assert (report.tally.cash_outs, report.tally.unsealed) == (100, 0)
    assert seconds > 0
