"""A new database, of which PostgreSQL knows nothing yet: it is read by its indexes all the same."""

import pytest

from adapters.memory.signals import Signals
from adapters.sql.unit_of_work import SqlUnits
from application.record_news import RecordNews
from domain.corridors import Catalogue, Policy
from domain.limits import Slot
from tests.contracts.batches import answers, send, take, webhooks
from tests.contracts.stores import a_new, in_database
from tests.servers import PostgresServer
from tests.strategies import ORANGE, PROVES, a_provider

pytestmark = pytest.mark.anyio

BATCHES, SIZE = 25, 20
READ = "SELECT relname || ' ' || seq_tup_read FROM pg_stat_user_tables WHERE seq_tup_read > 0"


async def test_the_first_cash_outs_of_a_new_database_are_found_without_reading_all(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    """Until it has looked at a table, a minute later, it takes it for empty and all of it for next.

    So it did, with each batch, for as long as a connection kept its plan.
    """
    database = postgres_url.rpartition("/")[2]
    postgres_server.execute("SELECT pg_stat_reset()", database)
    store = in_database("postgres", postgres_url)
    assert store.database is not None
    units = SqlUnits(store.database, store.clock)
    catalogue = Catalogue({ORANGE: a_provider(ORANGE, PROVES)})
    record = RecordNews(units, catalogue, Policy(), store.clock, Signals(store.clock))
    for first in range(1, BATCHES * SIZE, SIZE):
        new = [a_new(number) for number in range(first, first + SIZE)]
        await take(units, new, [Slot(f"user-{first}", ORANGE, "XOF", "2026-11")])
        await send(units, SIZE)
        await record(answers(new))
        await record(webhooks(new))
    await store.database.close()
    assert postgres_server.execute(READ, database) == ""
