"""A database that is away, slow, full, locked or cut off: one meaning each, and then recovery."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from adapters.sql.database import Database, DatabaseLimits, open_database
from adapters.sql.outbox import SETTLES_AFTER
from adapters.sql.read_model import SqlReader
from adapters.sql.session import reading
from adapters.sql.unit_of_work import SqlUnits
from application.ports import Conflict, Overloaded, StorageUnavailable
from domain.cash_out import Action
from domain.events import Event, EventType, event
from domain.limits import Counted, Slot
from tests.contracts.stores import PATIENT, a_new
from tests.contracts.wire import Wire, wire_to
from tests.servers import PostgresServer
from tests.strategies import NOW, ORANGE, OTHER_TOKEN, TOKEN

pytestmark = pytest.mark.anyio

SHORT = DatabaseLimits(
    pool_size=2,
    pool_wait_s=0.3,
    connect_s=2.0,
    lock_s=0.3,
    statement_s=1.0,
    unit_s=1.5,
    read_s=1.0,
    rollback_s=0.3,
    busy_s=0.3,
)
DAY, MONTH = (Slot("user-1", ORANGE, "XOF", window) for window in ("2026-11-23", "2026-11"))


@asynccontextmanager
async def opened(url: str, limits: DatabaseLimits = SHORT) -> AsyncIterator[Database]:
    database = open_database(url, limits)
    try:
        yield database
    finally:
        await database.close()


async def add(
    database: Database, number: int = 1, *, then: Awaitable[object] | None = None
) -> None:
    """Store a cash-out, with something happening before the commit."""
    async with SqlUnits(database).begin() as unit:
        await unit.cash_outs.add([a_new(number)], [])
        if then is not None:
            await then


async def is_stored(database: Database, number: int = 1) -> bool:
    return await SqlReader(database).cash_out(UUID(int=number)) is not None


async def in_thread(work: Callable[[], object]) -> None:
    await asyncio.to_thread(work)


async def test_a_server_that_dies_is_unavailable_and_comes_back(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    async with opened(postgres_url) as database:
        reader = SqlReader(database)
        await add(database, 1)
        with pytest.raises(StorageUnavailable):
            await add(database, 2, then=in_thread(postgres_server.kill))
        try:
            with pytest.raises(StorageUnavailable) as down:
                await add(database, 3)
            assert not down.value.outcome_unknown
            with pytest.raises(StorageUnavailable):
                await reader.cash_out(UUID(int=1))
            health = await reader.health()
            assert (health.reachable, health.schema, health.oldest_event) == (
                False,
                "missing",
                None,
            )
        finally:
            await asyncio.to_thread(postgres_server.restart)
        await add(database, 4)
        assert [await is_stored(database, n) for n in (1, 2, 3, 4)] == [True, False, False, True]
        assert (await reader.health()).reachable


async def test_connections_that_died_unused_are_replaced_before_anybody_meets_them(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    async with opened(postgres_url, DatabaseLimits(pool_size=4)) as database:
        reader = SqlReader(database)

        async def look() -> None:
            async with SqlUnits(database).begin() as unit:
                await unit.outbox.waiting(1)

        async def use_all() -> None:
            reads = [reader.cash_out(UUID(int=number)) for number in range(1, 5)]
            await asyncio.gather(*(look() for _ in reads), *reads)

        await use_all()
        postgres_server.kill()
        await asyncio.to_thread(postgres_server.restart)
        for _ in range(3):
            await use_all()


async def test_a_connection_that_dies_in_use_is_not_handed_out_again(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    async with opened(postgres_url, DatabaseLimits(pool_size=1)) as database:
        reader = SqlReader(database)

        async def read_and_die() -> None:
            async with reading(database) as session:
                await in_thread(lambda: cut_all(postgres_server))
                await session.run(text("SELECT 1"))

        with pytest.raises(StorageUnavailable):
            await read_and_die()
        assert await reader.cash_out(UUID(int=1)) is None
        await add(database)


async def test_a_connection_cut_inside_a_unit_rolls_it_back(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    async with opened(postgres_url) as database:

        async def cut_and_go_on() -> None:
            async with SqlUnits(database).begin() as unit:
                await unit.cash_outs.add([a_new(1)], [])
                await in_thread(lambda: cut_all(postgres_server))
                await unit.outbox.waiting(1)

        with pytest.raises(StorageUnavailable) as cut:
            await cut_and_go_on()
        assert not cut.value.outcome_unknown
        assert not await is_stored(database)


async def test_a_connection_cut_before_the_commit_leaves_its_fate_open(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    async with opened(postgres_url) as database:
        with pytest.raises(StorageUnavailable) as cut:
            await add(database, then=in_thread(lambda: cut_all(postgres_server)))
        assert cut.value.outcome_unknown
        assert not await is_stored(database)


def cut_all(server: PostgresServer) -> None:
    """End every other connection of the server."""
    server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )


@asynccontextmanager
async def wired(url: str, limits: DatabaseLimits = SHORT) -> AsyncIterator[tuple[Database, Wire]]:
    """Open a database behind a wire."""
    port = int(url.rsplit(":", 1)[1].split("/", 1)[0])
    async with (
        wire_to(port) as wire,
        opened(url.replace(f":{port}/", f":{wire.port}/"), limits) as database,
    ):
        yield database, wire


async def lock_and_add(database: Database) -> None:
    async with SqlUnits(database).begin() as unit:
        await unit.limits.lock([DAY])
        await unit.cash_outs.add([a_new()], [])


@pytest.mark.parametrize(
    ("unit", "last_word"), [(lock_and_add, b"COMMIT"), (add, a_new().after.reference.encode())]
)
async def test_a_commit_whose_answer_is_lost_may_have_happened(
    postgres_url: str, unit: Callable[[Database], Awaitable[None]], last_word: bytes
) -> None:
    """Also where the one statement of a unit is its commit: then its values are the last word."""
    async with wired(postgres_url) as (database, wire):
        wire.cut_after = last_word
        with pytest.raises(StorageUnavailable) as lost:
            await unit(database)
    assert lost.value.outcome_unknown
    async with opened(postgres_url) as database:
        assert await is_stored(database)


async def test_a_server_that_hangs_is_given_up_at_the_deadline(postgres_url: str) -> None:
    async with wired(postgres_url) as (database, wire):
        await add(database, 1)

        async def hang() -> None:
            wire.hold()

        began = time.monotonic()
        with pytest.raises(StorageUnavailable) as hung:
            await add(database, 2, then=hang())
        assert hung.value.outcome_unknown
        with pytest.raises(StorageUnavailable) as asked:
            await SqlReader(database).cash_out(UUID(int=1))
        assert not asked.value.outcome_unknown
        assert time.monotonic() - began < SHORT.unit_s + SHORT.read_s + SHORT.connect_s + 1
        wire.release()
        await add(database, 3)
        assert await is_stored(database, 3)


async def test_who_freezes_between_two_messages_of_a_statement_loses_its_locks(
    postgres_url: str,
) -> None:
    """The driver asks how to read a statement before it sends its values.

    To PostgreSQL a connection that stops right there is neither idle nor running a statement.
    """
    frozen = replace(PATIENT, idle_in_transaction_s=1.0, transaction_s=1.0)
    async with (
        wired(postgres_url, frozen) as (database, wire),
        opened(postgres_url, replace(PATIENT, lock_s=15.0)) as another,
    ):
        has_locked = asyncio.Event()

        async def lock_and_freeze() -> None:
            async with SqlUnits(database).begin() as unit:
                await unit.limits.lock([DAY])
                wire.hold_after = b"outbox"
                has_locked.set()
                await unit.outbox.waiting(1)

        freezing = asyncio.create_task(lock_and_freeze())
        await has_locked.wait()
        async with SqlUnits(another).begin() as unit:
            await unit.limits.lock([DAY])
        assert not freezing.done()
        wire.release()
        with pytest.raises(StorageUnavailable):
            await freezing


async def test_no_connection_free_in_time_is_overload(postgres_url: str) -> None:
    async with opened(postgres_url) as database:
        units = SqlUnits(database)
        async with units.begin(), units.begin():
            with pytest.raises(Overloaded):
                await add(database)
        await add(database)
        assert await is_stored(database)


async def test_a_lock_that_is_not_free_in_time_is_a_conflict(postgres_url: str) -> None:
    async with opened(postgres_url) as database:
        units = SqlUnits(database)

        async def lock() -> None:
            async with units.begin() as unit:
                await unit.limits.lock([DAY])

        async with units.begin() as unit:
            await unit.limits.lock([DAY])
            with pytest.raises(Conflict):
                await lock()
            await unit.limits.write({DAY: Counted(1, 2)})


async def test_two_units_that_wait_for_each_other_are_a_conflict_for_one(
    postgres_url: str,
) -> None:
    async with opened(postgres_url, DatabaseLimits()) as database:
        units = SqlUnits(database)
        meeting = asyncio.Barrier(2)

        async def lock(first: Slot, second: Slot) -> bool:
            try:
                async with units.begin() as unit:
                    await unit.limits.lock([first])
                    await meeting.wait()
                    await unit.limits.lock([second])
            except Conflict:
                return False
            return True

        assert sorted(await asyncio.gather(lock(DAY, MONTH), lock(MONTH, DAY))) == [False, True]


async def test_a_statement_that_takes_too_long_is_unavailability(postgres_url: str) -> None:
    async with opened(postgres_url, DatabaseLimits(statement_s=0.2)) as database:

        async def sleep() -> None:
            async with SqlUnits(database).begin() as unit:
                await unit.limits._session.run(text("SELECT pg_sleep(5)"))

        with pytest.raises(StorageUnavailable, match="57014"):
            await sleep()
        await add(database)


async def test_a_database_that_is_not_there_is_unavailable(postgres_server: PostgresServer) -> None:
    async with opened(postgres_server.dsn("nowhere")) as database:
        with pytest.raises(StorageUnavailable, match="3D000"):
            await add(database)


async def test_what_is_due_is_decided_by_the_databases_own_clock(postgres_url: str) -> None:
    """A process whose clock is years off claims the same and leases for as long."""
    async with opened(postgres_url) as database:
        units = SqlUnits(database)
        real = datetime.now(UTC)
        async with units.begin() as unit:
            await unit.cash_outs.add([a_new(1, created_at=real, updated_at=real)], [])
        async with units.begin() as unit:
            past = datetime(2000, 1, 1, tzinfo=UTC)
            claimed = await unit.cash_outs.claim(ORANGE, Action.SUBMIT, 5, past)
            nothing = await unit.cash_outs.claim("nobody", Action.SUBMIT, 5, past)
            assert await unit.leases.take("relay", TOKEN, past, past + timedelta(seconds=30))
            years_on = past + timedelta(days=20_000)
            later = years_on + timedelta(seconds=30)
            assert not await unit.leases.take("relay", OTHER_TOKEN, years_on, later)
        assert [each.id.int for each in claimed.cash_outs] == [1]
        assert nothing.cash_outs == ()
        for moment in (claimed.now, nothing.now):
            assert abs(moment - real) < timedelta(seconds=30)


async def test_a_follower_does_not_step_over_an_event_that_is_about_to_be_committed(
    postgres_url: str,
) -> None:
    def told(number: int, at: datetime) -> Event:
        return event(EventType.INITIATED, UUID(int=number), 1, at, {})

    async with opened(postgres_url) as database:
        units, reader = SqlUnits(database), SqlReader(database)
        real = datetime.now(UTC)
        async with units.begin() as slow:
            await slow.outbox.add([told(1, real)])
            await slow.outbox.waiting(1)  # what is owed is said before it
            async with units.begin() as quick:
                await quick.outbox.add([told(2, real)])
            assert await reader.events_after(0, 10) == []
        assert [each.event.cash_out_id.int for each in await reader.events_after(0, 10)] == [1, 2]
        with pytest.raises(RuntimeError, match="rolled back"):
            await _add_and_roll_back(units, told(3, real))
        async with units.begin() as unit:
            await unit.outbox.add([told(4, real - SETTLES_AFTER)])
        # What is missing for longer than any transaction lasts was rolled back.
        assert len(await reader.events_after(0, 10)) == 3


async def _add_and_roll_back(units: SqlUnits, lost: Event) -> None:
    async with units.begin() as unit:
        await unit.outbox.add([lost])
        await unit.outbox.waiting(1)
        raise RuntimeError("rolled back")


# --- SQLite ---------------------------------------------------------------------------------------


async def test_a_file_locked_by_another_process_is_unavailable(sqlite_url: str) -> None:
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite+aiosqlite:///"), isolation_level=None)
    async with opened(sqlite_url) as database:
        await add(database, 1)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailable, match="SQLITE_BUSY") as busy:
            await add(database, 2)
        assert not busy.value.outcome_unknown
        assert await is_stored(database, 1)
        other.execute("ROLLBACK")
        other.close()
        await add(database, 3)
        assert [await is_stored(database, number) for number in (2, 3)] == [False, True]


async def test_a_full_disk_is_unavailable_and_leaves_nothing_half_written(sqlite_url: str) -> None:
    async with opened(sqlite_url, DatabaseLimits(pool_size=1)) as database:
        await _let_grow(database, pages=None)

        async def add_many(first: int) -> None:
            async with SqlUnits(database).begin() as unit:
                await unit.cash_outs.add([a_new(n) for n in range(first, first + 500)], [])

        with pytest.raises(StorageUnavailable, match="SQLITE_FULL"):
            await add_many(1)
        assert not await is_stored(database, 1)
        await _let_grow(database, pages=100_000)
        await add_many(1)
        assert await is_stored(database, 500)


async def _let_grow(database: Database, pages: int | None) -> None:
    """Bound the file to so many pages, or to what it has."""
    async with database.engine.connect() as connection:
        if pages is None:
            pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
        await connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


async def test_a_read_only_file_is_unavailable_for_writing(sqlite_url: str) -> None:
    path = sqlite_url.removeprefix("sqlite+aiosqlite:///")
    async with opened(f"sqlite+aiosqlite:///file:{path}?mode=ro&uri=true") as database:
        with pytest.raises(StorageUnavailable, match="SQLITE_READONLY"):
            await add(database)
        assert not await is_stored(database)


async def test_a_turn_to_write_that_does_not_come_is_overload(sqlite_url: str) -> None:
    async with opened(sqlite_url) as database:
        units = SqlUnits(database)
        async with units.begin() as unit:
            with pytest.raises(Overloaded):
                await add(database)
            await unit.cash_outs.add([a_new(2)], [])
        await add(database)
        assert [await is_stored(database, number) for number in (1, 2)] == [True, True]


async def test_readers_are_not_kept_waiting_by_the_writer(sqlite_url: str) -> None:
    async with opened(sqlite_url) as database:
        await add(database, 1)
        async with SqlUnits(database).begin() as unit:
            await unit.cash_outs.add([a_new(2)], [])
            assert await is_stored(database, 1)
            assert not await is_stored(database, 2)


@pytest.mark.parametrize("patience_s", [0.0, 0.002, 0.01, 0.05])
async def test_a_unit_cancelled_at_any_moment_holds_nothing_up(url: str, patience_s: float) -> None:
    async with opened(url, DatabaseLimits(pool_size=2)) as database:
        for number in range(1, 6):
            unit = asyncio.create_task(add(database, number))
            await asyncio.wait({unit}, timeout=patience_s)
            unit.cancel()
            await asyncio.wait({unit})
        await add(database, 9)
        assert await is_stored(database, 9)


async def test_a_unit_that_outlives_its_deadline_is_rolled_back(url: str) -> None:
    async with opened(url, DatabaseLimits(unit_s=0.3)) as database:
        with pytest.raises(StorageUnavailable) as late:
            await add(database, then=asyncio.sleep(5))
        assert not late.value.outcome_unknown
        assert not await is_stored(database)
        await add(database)


async def test_a_time_out_of_the_bodys_own_is_its_own(url: str) -> None:
    async def expire() -> None:
        raise TimeoutError

    async with opened(url) as database:
        with pytest.raises(TimeoutError):
            await add(database, then=expire())
        assert not await is_stored(database)


async def test_a_finished_unit_cannot_be_used(url: str) -> None:
    async with opened(url, DatabaseLimits(unit_s=60)) as database:
        async with SqlUnits(database).begin() as unit:
            await unit.limits.used([DAY])
        with pytest.raises(StorageUnavailable, match="over"):
            await unit.limits.used([DAY])


async def test_now_is_the_stores_when_it_has_no_clock_of_its_own(sqlite_url: str) -> None:
    async with opened(sqlite_url) as database:
        await add(database)
        async with SqlUnits(database).begin() as unit:
            early = await unit.cash_outs.claim(
                ORANGE, Action.SUBMIT, 5, NOW - timedelta(microseconds=1)
            )
            due = await unit.cash_outs.claim(ORANGE, Action.SUBMIT, 5, NOW)
    assert (early.cash_outs, early.now) == ((), NOW - timedelta(microseconds=1))
    assert [each.id.int for each in due.cash_outs] == [1]
