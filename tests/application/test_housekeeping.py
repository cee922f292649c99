"""Housekeeping: nothing that is open for too long goes without a human."""

from datetime import timedelta

import pytest

from adapters.memory.gateway import Manner
from application.housekeeping import RaiseReviews, RematchOrphans
from application.record_news import Arrival, Recorded
from domain.evidence import News, ReviewReason, Source
from domain.states import Status
from tests.application.wiring import World

pytestmark = pytest.mark.anyio


async def test_reviews_are_raised_once_for_what_is_open_for_too_long(world: World) -> None:
    old = await world.sent()
    world.clock.advance(world.policy.review_after - timedelta(seconds=1))
    young = await world.sent(user_id="user-2")
    assert await world.one.reviews() == 0
    world.clock.advance(timedelta(seconds=2))
    assert await world.one.reviews() == 1
    assert await world.one.reviews() == 0
    assert world.now(old).review is ReviewReason.UNKNOWN_TOO_LONG
    assert world.now(young).review is None
    assert world.events(old)[-1] == "needs_review"
    assert world.store.evidence[old.id][-1].source is Source.CLOCK


async def test_what_has_ended_needs_no_review(world: World) -> None:
    await world.sent()
    world.provider.settle_all()
    await world.rest()
    world.clock.advance(timedelta(days=9))
    assert await world.one.reviews() == 0


async def test_what_ends_while_its_review_is_raised_is_not_counted(world: World) -> None:
    cash_out = await world.sent()
    world.clock.advance(timedelta(days=2))

    async def too_late(arrival: Arrival) -> Recorded:
        await world.ring(cash_out, Status.COMPLETED, "1")
        return await world.one.record(arrival)

    reviews = RaiseReviews(world.units, too_late, world.policy, world.clock)
    assert await reviews() == 0
    assert world.now(cash_out).status is Status.COMPLETED


async def test_a_fault_with_one_is_raised_when_all_others_are_done(world: World) -> None:
    bad, good = await world.sent(), await world.sent(user_id="user-2")
    world.clock.advance(timedelta(days=2))

    async def record(arrival: Arrival) -> Recorded:
        if arrival.cash_out_id == bad.id:
            raise ZeroDivisionError
        return await world.one.record(arrival)

    reviews = RaiseReviews(world.units, record, world.policy, world.clock)
    with pytest.raises(ZeroDivisionError):
        await reviews()
    assert world.now(good).needs_review


async def test_orphans_are_matched_in_bounded_rounds(world: World) -> None:
    references = [f"MINE-000{number}" for number in range(5)]
    for each in references:
        await world.tell(News("COMPLETED", Status.COMPLETED, f"ID-{each}", each))
    for each in references:
        await world.taken(reference=each, user_id=each)
    rematch = RematchOrphans(world.units, world.one.record, world.clock, world.chance, largest=2)
    assert [await rematch() for _ in range(4)] == [2, 2, 1, 0]


async def test_a_provider_that_is_switched_off_leaves_nothing_unseen(world: World) -> None:
    cash_out = await world.taken()
    del world.one.lanes[cash_out.provider]
    world.clock.advance(timedelta(days=2))
    await world.one.worker.step()
    assert world.now(cash_out).needs_review


async def test_what_this_version_cannot_read_keeps_no_other_from_its_review(world: World) -> None:
    foreign = await world.sent()
    silent = await world.sent(user_id="user-2")
    world.store.unreadable.add(foreign.id)
    world.one.journal.faults.clear()
    world.clock.advance(timedelta(days=2))
    await world.one.worker.step()
    assert world.now(silent).needs_review
    assert not world.now(foreign).needs_review
    assert {where for where, _ in world.one.journal.faults} >= {"tidy"}


async def test_a_round_is_bounded_and_the_next_goes_on(world: World) -> None:
    world.provider.manner = lambda _: Manner.ACCEPTS
    for number in range(7):
        await world.sent(user_id=f"user-{number}")
    world.clock.advance(timedelta(days=2))
    object.__setattr__(world.one.reviews, "largest", 3)
    assert [await world.one.reviews() for _ in range(4)] == [3, 3, 1, 0]
