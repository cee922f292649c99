"""Statements: their number does not grow with the batch, and they use the indexes made for them."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import event

from adapters.memory.signals import Signals
from adapters.sql import cash_out_statements as sql
from adapters.sql import inbox, outbox, read_model
from adapters.sql.database import Database, open_database
from adapters.sql.read_model import Shape
from adapters.sql.schema import migrate
from adapters.sql.sets import MOST_AT_ONCE, chunks
from adapters.sql.unit_of_work import SqlUnits
from application.ports import KeyUse
from application.record_news import RecordNews
from domain.attempts import Attempt
from domain.cash_out import Action, Plan
from domain.corridors import Catalogue, Policy
from domain.limits import Counted, Slot
from domain.states import Status
from tests.contracts.batches import answers, delivery, record, send, take, tell, webhooks
from tests.contracts.stores import a_new, changed, in_database, put
from tests.servers import PostgresServer
from tests.strategies import AFRI, NOW, ORANGE, PROVES, a_provider

pytestmark = pytest.mark.anyio

ROUND_TRIPS = {"take": 5, "send": 4, "record": 9, "tell": 2}
"""What each unit costs on PostgreSQL, BEGIN and COMMIT included, whatever the size of its batch."""


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """Collect the round trips to the database: on PostgreSQL as its driver tells of them."""
    sent: list[str] = []
    engine = database.engine.sync_engine

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:  # noqa: ANN401 -- an event
        sent.append(statement)

    def told(query: asyncpg.connection.LoggedQuery) -> None:
        sent.append(query.query)

    def lent(connection: Any, *_: Any) -> None:  # noqa: ANN401 -- an event
        connection.driver_connection.add_query_logger(told)

    def returned(connection: Any, *_: Any) -> None:  # noqa: ANN401 -- an event
        connection.driver_connection.remove_query_logger(told)

    heard: list[tuple[Any, str, Any]] = [(engine, "before_cursor_execute", note)]
    if database.is_postgres:
        heard = [(engine.pool, "checkout", lent), (engine.pool, "checkin", returned)]
    for each in heard:
        event.listen(*each)
    yield sent
    for each in heard:
        event.remove(*each)


async def test_a_batch_of_fifty_costs_as_many_statements_as_a_batch_of_one(url: str) -> None:
    store = in_database("any", url)
    assert store.database is not None
    units = SqlUnits(store.database, store.clock)
    costs: list[dict[str, int]] = []
    # The first one does not count: a new connection asks the server about types.
    for size, first in ((1, 1), (1, 2), (50, 3)):
        new = [a_new(number) for number in range(first, first + size)]
        slots = [Slot(f"user-{number}", ORANGE, "XOF", "2026-11") for number in range(size)]
        work = {
            "take": take(units, new, slots),
            "send": send(units, size),
            "record": record(units, new, slots),
            "tell": tell(units, size),
        }
        costs.append({})
        for name, unit in work.items():
            with counted(store.database) as sent:
                await unit
                await asyncio.sleep(0)  # the driver tells of a statement a moment later
            costs[-1][name] = len(sent)
    postgres = store.database.is_postgres
    await store.database.close()
    assert costs[1] == costs[2]
    if postgres:
        assert costs[1] == ROUND_TRIPS


async def test_recording_costs_as_few_round_trips_as_the_news_needs(postgres_url: str) -> None:
    """An answer to a submit, then its webhook, for many at once: through the use case itself."""
    store = in_database("postgres", postgres_url)
    assert store.database is not None
    units = SqlUnits(store.database, store.clock)
    catalogue = Catalogue({ORANGE: a_provider(ORANGE, PROVES)})
    record = RecordNews(units, catalogue, Policy(), store.clock, Signals(store.clock))
    costs: list[dict[str, int]] = []
    for size, first in ((1, 1), (30, 2)):
        new = [a_new(number) for number in range(first, first + size)]
        await take(units, new, [Slot(f"user-{first}", ORANGE, "XOF", "2026-11")])
        await send(units, size)
        costs.append({})
        for name, arrivals in (("answer", answers(new)), ("webhook", webhooks(new))):
            with counted(store.database) as sent:
                recorded = await record(arrivals)
                await asyncio.sleep(0)
            assert all(each.change and each.change.after != each.change.before for each in recorded)
            costs[-1][name] = len(sent)
    await store.database.close()
    assert costs[1] == {"answer": 4, "webhook": 6}


async def test_a_batch_beyond_one_statement_is_cut_into_chunks(url: str) -> None:
    """Larger than the variables that SQLite takes in one statement."""
    store = in_database("any", url)
    assert store.database is not None
    slots = [Slot(f"user-{n:05d}", ORANGE, "XOF", "2026-11") for n in range(2 * MOST_AT_ONCE + 1)]
    with counted(store.database) as sent:
        async with store.units.begin() as unit:
            assert await unit.limits.lock(slots) == dict.fromkeys(slots, 0)
    assert sum("limit_counters" in each for each in sent) == 3
    async with store.units.begin() as unit:
        await unit.limits.write(dict.fromkeys(slots, Counted(1, 2)))
        assert await unit.limits.used(slots) == dict.fromkeys(slots, 1)
    await store.database.close()


def test_chunks_are_all_items_in_order() -> None:
    items = list(range(2 * MOST_AT_ONCE + 1))
    cut = list(chunks(items))
    assert [len(chunk) for chunk in cut] == [MOST_AT_ONCE, MOST_AT_ONCE, 1]
    assert [item for chunk in cut for item in chunk] == items
    assert list(chunks([])) == []


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def archive(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: PostgresServer,
) -> str:
    """The URL of a database of each kind that has an archive in it; tests only read it."""
    if request.param == "sqlite":
        url = f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('archive') / 'archive.db'}"
    else:
        url = postgres_server.dsn(postgres_server.create_database())
    asyncio.run(_fill_an_archive(url))
    return url


USES: dict[str, tuple[Any, dict[str, Any]]] = {
    "ix_cash_outs_due": (
        sql.claim(),
        {"provider": ORANGE, "action": "ask", "most": 10, "now": NOW},
    ),
    "ix_cash_outs_overdue": (sql.overdue(), {"opened_before": NOW, "most": 10}),
    "ix_outbox_waiting": (outbox._waiting(), {"most": 10}),
    "ix_inbox_parked": (inbox._orphans(), {"after": NOW, "most": 10}),
    "ix_inbox_matched": (inbox._prune(), {"before": NOW, "most": 10}),
}


@pytest.mark.parametrize("archive", ["postgres"], indirect=True)
@pytest.mark.parametrize("by_database_time", [True, False])
async def test_a_claim_of_some_corridors_reads_their_ranges_of_an_index_and_no_more(
    archive: str, *, by_database_time: bool
) -> None:
    database = open_database(archive)
    async with database.engine.connect() as connection:
        given = sql.CORRIDORS.parameters(connection.dialect, [("CI", "XOF"), ("GN", "GNF")])
    asked = {"provider": ORANGE, "action": "submit", "most": 10, "now": NOW, **given}
    if by_database_time:
        del asked["now"]
    claim = sql.claim_of(database.dialect, by_database_time=by_database_time)
    plan = await explain(database, claim, asked)
    await database.close()
    condition = next(line for line in plan.splitlines() if "Index Cond" in line)
    assert "ix_cash_outs_waiting" in plan, plan
    assert "LockRows" in plan
    assert all(word in condition for word in ("provider", "country", "currency", "due_at <="))


PAGES: dict[Shape, dict[str, Any]] = {
    Shape(("user_id",), behind=False): {"skipped": 9_990},
    Shape(("user_id",), behind=True): {"edge_at": NOW, "edge_id": UUID(int=1)},
    Shape(("user_id", "wallet_id"), behind=False): {"wallet_id": "w-9", "skipped": 0},
    Shape(("user_id", "provider"), behind=False): {"provider": AFRI, "skipped": 0},
}


@pytest.mark.parametrize("index", USES)
async def test_what_is_open_is_found_by_its_partial_index(archive: str, index: str) -> None:
    statement, parameters = USES[index]
    database = open_database(archive)
    plan = await explain(database, statement, parameters)
    await database.close()
    assert index in plan, plan


@pytest.mark.parametrize("archive", ["postgres"], indirect=True)
async def test_the_database_times_claim_uses_the_partial_index_and_its_order(
    archive: str,
) -> None:
    database = open_database(archive)
    parameters = {"provider": ORANGE, "action": "ask", "most": 10}
    plan = await explain(database, sql.claim_by_database_time(), parameters)
    await database.close()
    condition = next(line for line in plan.splitlines() if "Index Cond" in line)
    assert "ix_cash_outs_due" in plan
    assert "due_at <=" in condition


@pytest.mark.parametrize("archive", ["postgres"], indirect=True)
@pytest.mark.parametrize("shape", PAGES)
async def test_a_history_is_counted_and_skipped_in_its_index_alone(
    archive: str, shape: Shape
) -> None:
    """Only the cash-outs that a page shows are fetched, whatever it skips or is filtered by."""
    database = open_database(archive)
    parameters = {"user_id": "nobody", "most": 11, "counted_most": 10_000, **PAGES[shape]}
    plan = await explain(database, read_model._page(shape), parameters)
    await database.close()
    assert plan.count("Index Only Scan") == 2, plan
    assert "ix_cash_outs_history" in plan
    assert "Seq Scan on cash_outs" not in plan


async def test_pruning_looks_at_the_oldest_events_only(archive: str) -> None:
    database = open_database(archive)
    plan = await explain(database, outbox._prune(), {"told_before": NOW, "most": 10})
    await database.close()
    wanted = "Index Only Scan" if database.is_postgres else "LIST SUBQUERY|SEARCH outbox"
    assert re.search(wanted, plan), plan


KEYED = {
    "uq_cash_outs_reference|autoindex_cash_outs_2": (
        sql.known,
        sql.IDENTITIES,
        ("user-1", None, "REF-000001"),
    ),
    "pk_idempotency_keys|autoindex_idempotency_keys_1": (
        sql.known,
        sql.IDENTITIES,
        ("user-1", "key-1", None),
    ),
    "pk_cash_outs|autoindex_cash_outs_1": (sql.lock, sql.IDS, (UUID(int=1),)),
    "pk_attempts|autoindex_attempts_1": (sql.attempts_of, sql.IDS, (UUID(int=1),)),
    "uq_cash_outs_provider_transaction_id": (sql.owners, sql.PROVIDER_IDS, (ORANGE, "T-1")),
}


@pytest.mark.parametrize("index", KEYED)
async def test_what_is_named_is_found_by_its_key(archive: str, index: str) -> None:
    build, given, row = KEYED[index]
    database = open_database(archive)
    async with database.engine.connect() as connection:
        parameters = given.parameters(connection.dialect, [row])
    plan = await explain(database, build(database.dialect), dict(parameters))
    await database.close()
    assert re.search(index, plan), plan
    tables = "(cash_outs|attempts|idempotency_keys)"
    assert not re.search(rf"Seq Scan on {tables}|SCAN {tables}\b", plan), plan


async def explain(database: Database, statement: Any, parameters: dict[str, Any]) -> str:  # noqa: ANN401 -- any statement
    """Return how the database would run a statement, with the parameters that it gets."""
    word = "EXPLAIN" if database.is_postgres else "EXPLAIN QUERY PLAN"
    engine = database.engine.sync_engine
    plain: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, text: str, bound: Any, *_: Any) -> None:  # noqa: ANN401
        plain.append((text, bound))

    event.listen(engine, "before_cursor_execute", note)
    async with database.engine.connect() as connection:
        await connection.execute(statement, parameters)
        event.remove(engine, "before_cursor_execute", note)
        (executed, bound) = plain[-1]
        rows = await connection.exec_driver_sql(f"{word} {executed}", bound)
        return "\n".join(str(row[-1]) for row in rows)


async def _fill_an_archive(url: str) -> None:
    """Store thousands of ended cash-outs, told events and matched webhooks, and a few open ones."""
    await migrate(url)
    store = in_database("any", url)
    database = store.database
    assert database is not None
    new = [a_new(number) for number in range(1, 3_001)]
    keys = [KeyUse("user-1", f"key-{n}", each.after.id) for n, each in enumerate(new)]
    kept = await put(store, new, *keys)
    ended = [changed(each, **_completed(number)) for number, each in enumerate(kept[:-5])]
    asking = [changed(each, plan=Plan(Action.ASK, NOW)) for each in kept[-5:]]
    async with store.units.begin() as unit:
        await unit.cash_outs.save([*ended, *asking])
        entries = await unit.outbox.waiting(2_990)
        await unit.outbox.mark_sent([entry.position for entry in entries], NOW)
        deliveries = [delivery(each) for each in kept]
        await unit.inbox.store(deliveries, NOW)
        await unit.inbox.match({each.id: each.id for each in deliveries[:-5]})
    async with database.engine.begin() as connection:
        await connection.exec_driver_sql("ANALYZE")
    await database.close()


def _completed(number: int) -> dict[str, Any]:
    return {
        "status": Status.COMPLETED,
        "completed_at": NOW,
        "plan": None,
        "provider_transaction_id": f"T-{number}",
        "attempts": (Attempt(1, "R", NOW), Attempt(2, "R", NOW)),
    }
