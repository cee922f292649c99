"""What is stored about the health of providers: for every store."""

from datetime import timedelta
from uuid import UUID

import pytest

from application.ports import Conflict
from domain.health import ProcessReport
from domain.measures import BOUNDS_MS, Bucket, Tally
from domain.standings import Reason, Route, Standing, State
from tests.contracts.stores import Store
from tests.strategies import AFRI, NOW, ORANGE

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)
GUINEA = Route(ORANGE, "GN", "GNF")
MALI = Route(ORANGE, "ML", "XOF")
ELSEWHERE = Route(AFRI, "GM", "GMD")
BINS = (*range(len(BOUNDS_MS)), 7)
ALL_KINDS = Tally(1, 2, 3, 4, 5, 6, 7, BINS)


async def add(store: Store, *buckets: Bucket) -> None:
    async with store.units.begin() as unit:
        await unit.health.add(buckets)


async def save(store: Store, *standings: Standing) -> None:
    async with store.units.begin() as unit:
        await unit.health.save(standings)


async def test_counts_of_the_same_bucket_are_added_up(store: Store) -> None:
    await add(store, Bucket(GUINEA, NOW, ALL_KINDS), Bucket(MALI, NOW, Tally(accepted=1)))
    await add(store, Bucket(GUINEA, NOW, ALL_KINDS), Bucket(GUINEA, NOW + MINUTE, ALL_KINDS))
    async with store.units.begin() as unit:
        found = await unit.health.buckets(ORANGE, NOW, 10)
    assert found == [
        Bucket(GUINEA, NOW, ALL_KINDS + ALL_KINDS),
        Bucket(MALI, NOW, Tally(accepted=1)),
        Bucket(GUINEA, NOW + MINUTE, ALL_KINDS),
    ]


async def test_only_what_is_asked_for_is_returned_the_newest_first_of_all(store: Store) -> None:
    await add(
        store,
        Bucket(ELSEWHERE, NOW, ALL_KINDS),
        *(Bucket(GUINEA, NOW + minute * MINUTE, Tally(accepted=1)) for minute in range(4)),
    )
    async with store.units.begin() as unit:
        found = await unit.health.buckets(ORANGE, NOW + MINUTE, 2)
        observed = await unit.health.observed(NOW + 2 * MINUTE, NOW)
    assert [each.start - NOW for each in found] == [2 * MINUTE, 3 * MINUTE]
    assert [each.start - NOW for each in observed.buckets] == [2 * MINUTE, 3 * MINUTE]
    assert observed.now == NOW


async def test_the_latest_report_of_each_process_is_kept(store: Store) -> None:
    first = ProcessReport(UUID(int=1), NOW, (ORANGE, AFRI), {Route(ORANGE): Reason.CIRCUIT_OPEN})
    second = ProcessReport(UUID(int=2), NOW, (ORANGE,), {GUINEA: Reason.FLOAT_EMPTY})
    store.clock.advance(MINUTE)
    again = ProcessReport(UUID(int=1), NOW + MINUTE, (ORANGE,), {})
    store.clock.advance(-MINUTE)
    for each in (first, second):
        async with store.units.begin() as unit:
            await unit.health.report(each)
    store.clock.advance(MINUTE)
    async with store.units.begin() as unit:
        await unit.health.report(again)
        assert (await unit.health.observed(NOW, NOW + MINUTE)).reports == (again, second)


async def test_a_standing_is_stored_with_all_that_is_known_of_it(store: Store) -> None:
    closed = Standing(GUINEA).moved(State.CLOSED, Reason.BY_HAND, NOW, note="planned", by="Awa")
    delayed = Standing(Route(ORANGE)).moved(State.DELAYED, Reason.LATENCY, NOW)
    await save(store, closed, delayed)
    opened = closed.moved(State.OPERATIONAL, None, NOW + MINUTE, by="Awa")
    await save(store, opened)
    async with store.units.begin() as unit:
        assert await unit.health.standings() == [delayed, opened]
        assert (await unit.health.observed(NOW, NOW)).standings == (delayed, opened)


async def test_a_standing_that_was_changed_meanwhile_is_a_conflict(store: Store) -> None:
    first = Standing(GUINEA).moved(State.CLOSED, Reason.CIRCUIT_OPEN, NOW)
    await save(store, first)
    with pytest.raises(Conflict):
        await save(store, Standing(GUINEA).moved(State.DELAYED, Reason.LATENCY, NOW))

    async def again() -> None:
        async with store.units.begin() as unit:
            await unit.health.add([Bucket(MALI, NOW, ALL_KINDS)])
            await unit.health.save([first])

    with pytest.raises(Conflict):
        await again()
    async with store.units.begin() as unit:
        assert await unit.health.standings() == [first]
        assert await unit.health.buckets(ORANGE, NOW, 10) == [], "nothing of it was written"


async def test_what_is_old_is_removed_a_part_at_a_time(store: Store) -> None:
    await add(store, *(Bucket(GUINEA, NOW + n * MINUTE, ALL_KINDS) for n in range(5)))
    async with store.units.begin() as unit:
        await unit.health.report(ProcessReport(UUID(int=1), NOW, (ORANGE,)))
        assert await unit.health.prune(NOW + 4 * MINUTE, 3) == 3
        assert await unit.health.prune(NOW + 4 * MINUTE, 3) == 1
        assert await unit.health.prune(NOW + 4 * MINUTE, 3) == 0
        observed = await unit.health.observed(NOW, NOW)
    assert [each.start for each in observed.buckets] == [NOW + 4 * MINUTE]
    assert observed.reports == ()
