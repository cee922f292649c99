"""History by page and by cursor show the same, newest first: for every store."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.memory.reader import MemoryReader
from adapters.sql.read_model import SqlReader
from application.ports import HistoryFilter, Place, Reader
from domain.attempts import Attempt
from domain.cash_out import Action, CashOut, Lease, Plan, begin_attempt
from domain.states import Status
from tests.contracts.stores import Store, a_new, changed, keep, moved, put, some_new
from tests.strategies import AFRI, NOW, ORANGE

pytestmark = pytest.mark.anyio

SECOND = timedelta(seconds=1)


async def fill(store: Store, chosen: list[tuple[str, str, str, int, Status]]) -> list[CashOut]:
    """Store cash-outs as chosen, some of one moment; return them newest first."""
    everything: list[CashOut] = []
    for number, (user, provider, wallet, second, status) in enumerate(chosen, start=1):
        at = NOW + second * SECOND
        new = a_new(
            number, user_id=user, provider=provider, wallet_id=wallet, created_at=at, updated_at=at
        )
        (kept,) = await put(store, [new])
        if status is not Status.PENDING:
            change = moved(kept, status)
            await keep(store, change)
            kept = change.after
        everything.append(kept)
    return sorted(everything, key=lambda each: (each.created_at, each.id), reverse=True)


def expected(everything: list[CashOut], which: HistoryFilter) -> list[CashOut]:
    return [
        each
        for each in everything
        if each.user_id == which.user_id
        and which.status in {None, each.status}
        and which.provider in {None, each.provider}
        and which.wallet_id in {None, each.wallet_id}
        and (which.start is None or each.created_at >= which.start)
        and (which.end is None or each.created_at < which.end)
    ]


async def by_page(store: Store, which: HistoryFilter, limit: int) -> list[CashOut]:
    found: list[CashOut] = []
    number, more = 1, True
    while more:
        page = await store.reader.history(which, limit, page=number)
        assert len(page.cash_outs) <= limit
        found += page.cash_outs
        more, number = page.more, number + 1
        assert page.total >= len(found)
    assert page.total == len(found)
    return found


async def by_cursor(store: Store, which: HistoryFilter, limit: int) -> list[CashOut]:
    page = await store.reader.history(which, limit)
    found = list(page.cash_outs)
    while page.more:
        place = Place(found[-1].created_at, found[-1].id)
        page = await store.reader.history(which, limit, behind=place)
        found += page.cash_outs
        assert page.cash_outs
    return found


FILTERS = st.builds(
    HistoryFilter,
    st.sampled_from(["user-1", "user-2", "nobody"]),
    status=st.one_of(st.none(), st.sampled_from(Status)),
    provider=st.sampled_from([None, ORANGE, AFRI]),
    wallet_id=st.sampled_from([None, "w-1"]),
    start=st.sampled_from([None, NOW + SECOND]),
    end=st.sampled_from([None, NOW + 3 * SECOND]),
)


async def test_pages_and_cursors_show_all_that_match_once_newest_first(store: Store) -> None:
    """Random cash-outs, some of one moment, under random filters and page sizes."""
    chosen = [
        ("user-1" if n % 3 else "user-2", (ORANGE, AFRI)[n % 2], f"w-{n % 2 + 1}", n % 5, status)
        for n, status in enumerate(list(Status) * 6)
    ]
    everything = await fill(store, chosen)
    loop = asyncio.get_running_loop()

    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(which=FILTERS, limit=st.integers(1, 12))
    def shows_the_same(which: HistoryFilter, limit: int) -> None:
        wanted = expected(everything, which)
        for read in (by_page, by_cursor):
            reading = asyncio.run_coroutine_threadsafe(read(store, which, limit), loop)
            assert reading.result(timeout=30) == wanted

    await asyncio.to_thread(shows_the_same)


async def test_a_page_shows_the_attempts_of_each_cash_out_in_order(store: Store) -> None:
    kept = await put(store, [a_new(1), a_new(2)])
    tries = tuple(Attempt(n, kept[0].reference, NOW) for n in (1, 2, 3))
    tried = changed(kept[0], attempts=tries, plan=Plan(Action.ASK, NOW))
    await keep(store, tried)
    page = await store.reader.history(HistoryFilter("user-1"), 10)
    assert page.cash_outs == (kept[1], tried.after)
    assert (page.total, page.more) == (2, False)


async def test_what_is_not_there_is_none(store: Store) -> None:
    assert await store.reader.cash_out(UUID(int=404)) is None
    page = await store.reader.history(HistoryFilter("user-1"), 10)
    assert (page.cash_outs, page.total, page.more) == ((), 0, False)


async def test_a_page_behind_the_last_is_empty(store: Store) -> None:
    await put(store, [a_new(1)])
    page = await store.reader.history(HistoryFilter("user-1"), 10, page=7)
    assert (page.cash_outs, page.total, page.more) == ((), 1, False)


def counting_to(store: Store, most: int) -> Reader:
    """Return a reader of the same store that counts no further."""
    if store.database is not None:
        return SqlReader(store.database, counted_most=most)
    assert isinstance(store.reader, MemoryReader)
    return MemoryReader(store.reader._store, counted_most=most)


async def test_a_long_history_is_counted_no_further_than_its_pages_need(store: Store) -> None:
    await put(store, some_new(7))
    reader, mine = counting_to(store, 4), HistoryFilter("user-1")
    pages = [await reader.history(mine, 2, page=number) for number in (1, 2, 3, 4, 5)]
    assert [(len(page.cash_outs), page.total, page.more) for page in pages] == [
        (2, 4, True),
        (2, 5, True),
        (2, 7, True),
        (1, 7, False),
        (0, 4, False),
    ]
    last = pages[1].cash_outs[-1]
    behind = await reader.history(mine, 2, behind=Place(last.created_at, last.id))
    assert (behind.cash_outs, behind.total, behind.more) == (pages[2].cash_outs, 4, True)


async def test_a_short_history_is_counted_exactly_on_every_page(store: Store) -> None:
    await put(store, some_new(3))
    reader, mine = counting_to(store, 4), HistoryFilter("user-1")
    assert [(await reader.history(mine, 2, page=n)).total for n in (1, 2, 3)] == [3, 3, 3]


async def test_one_of_twenty_readers_brings_a_question_forward(store: Store) -> None:
    (kept,) = await put(store, [a_new(1)])
    later = Plan(Action.ASK, NOW + 60 * SECOND)
    await keep(store, changed(kept, status=Status.PROCESSING, plan=later))

    async def hasten() -> bool:
        async with store.units.begin() as unit:
            return await unit.cash_outs.hasten(kept.id, NOW, NOW - SECOND)

    assert sum(await asyncio.gather(*(hasten() for _ in range(20)))) == 1


async def test_what_changed_since_it_was_seen_is_told_with_its_attempts(store: Store) -> None:
    one, other, third = await put(store, some_new(3))
    begun = begin_attempt(one, NOW, Lease(UUID(int=1), NOW + SECOND))
    await keep(store, begun)
    seen = {one.id: 1, other.id: 1, third.id: 1, UUID(int=99): 1}
    assert await store.reader.newer(seen) == [begun.after]
    assert await store.reader.newer({**seen, one.id: begun.after.version}) == []
    await keep(store, changed(other))
    found = await store.reader.newer({**seen, one.id: 0, third.id: 0})
    assert [(each.id, each.version) for each in sorted(found, key=lambda each: each.id)] == [
        (one.id, 2),
        (other.id, 2),
        (third.id, 1),
    ]
    assert await store.reader.newer({}) == []
