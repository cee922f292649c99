"""Housekeeping: nothing that is open for too long goes without a human."""

from datetime import timedelta

import pytest

from adapters.memory.gateway import Manner
from application.housekeeping import (
    ORPHANS_KEPT,
    SHORTEST_RETENTION,
    PruneBoxes,
    RaiseReviews,
    RematchOrphans,
    Retention,
)
from application.record_news import REPLAY_WINDOW, Arrival, Recorded
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


async def ended(world: World, user_id: str = "user-1") -> None:
    """Have a cash-out sent, completed by a webhook, and told of: three events."""
    cash_out = await world.sent(user_id=user_id)
    id_of_theirs = cash_out.provider_transaction_id
    await world.tell(News("COMPLETED", Status.COMPLETED, id_of_theirs, cash_out.reference))
    await world.rest()


async def test_what_is_told_and_judged_is_kept_for_its_retention_and_then_removed(
    world: World,
) -> None:
    await ended(world)
    retention = world.one.prune.retention
    events, webhooks = len(world.store.events), len(world.store.deliveries)
    assert (events, webhooks) == (3, 1)
    world.clock.advance(min(retention.events, retention.webhooks) - timedelta(minutes=1))
    assert await world.one.prune() == 0
    world.clock.advance(timedelta(days=1))
    assert await world.one.prune() == events + webhooks
    assert (world.store.events, world.store.deliveries) == ({}, {})
    assert await world.one.prune() == 0


async def test_what_is_untold_or_parked_is_kept_however_old_it_is(world: World) -> None:
    await world.tell(News("COMPLETED", Status.COMPLETED, "ID-1", "NOBODYS-0001"))
    await world.taken()
    world.clock.advance(timedelta(days=3_650))
    assert await world.one.prune() == 0
    assert len(world.store.events) == 1
    assert len(world.store.deliveries) == 1


async def test_pruning_goes_on_in_bounded_rounds(world: World) -> None:
    for number in range(3):
        await ended(world, f"user-{number}")
    world.clock.advance(timedelta(days=31))
    prune = PruneBoxes(world.units, world.clock, largest=2)
    assert [await prune() for _ in range(6)] == [4, 3, 2, 2, 1, 0]


async def test_a_worker_prunes_when_it_tidies(world: World) -> None:
    await ended(world)
    world.clock.advance(timedelta(days=31))
    assert await world.one.worker.step() == 4
    assert world.store.events == {}


@pytest.mark.parametrize("field", ["events", "webhooks"])
def test_a_retention_of_less_than_a_day_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match="for a day at least"):
        Retention(**{field: SHORTEST_RETENTION - timedelta(seconds=1)})
    kept = Retention(**{field: SHORTEST_RETENTION})
    assert SHORTEST_RETENTION in {kept.events, kept.webhooks}


def test_a_webhook_is_kept_while_it_can_still_be_replayed_or_matched() -> None:
    assert SHORTEST_RETENTION > REPLAY_WINDOW
    assert SHORTEST_RETENTION >= ORPHANS_KEPT
