"""Asking: what is silent is asked about, by whatever name the provider knows it."""

from datetime import timedelta

import pytest

from adapters.memory.gateway import Manner
from domain.attempts import Capabilities
from domain.evidence import ReviewReason
from domain.states import Status
from tests.application.wiring import USER, World, outside
from tests.strategies import BLIND, CAREFUL

pytestmark = pytest.mark.anyio


def looked_up(world: World) -> list[str | None]:
    calls = world.provider.calls
    return [order.provider_transaction_id for name, order in calls if name == "look_up"]


async def test_what_is_due_is_held_asked_about_and_recorded(world: World) -> None:
    cash_out = await world.sent()
    assert await world.one.check.begin(world.one.lane, 10) == []
    world.clock.advance(timedelta(seconds=6))
    (question,) = await world.one.check.begin(world.one.lane, 10)
    assert world.now(cash_out).holds(question.lease)
    assert world.one.lane.queries == 1
    assert await world.another().check.begin(world.one.lane, 10) == [], "it is in our hands"
    world.provider.settle_all()
    recorded = await world.one.check.ask(world.one.lane, question)
    assert recorded.cash_out is not None
    assert recorded.cash_out.status is Status.COMPLETED
    assert world.one.lane.queries == 0
    assert looked_up(world) == ["MP-1"]


async def test_without_an_id_it_is_asked_by_our_reference(world: World) -> None:
    world.provider.manner = lambda _: Manner.ACCEPTS_BLANK
    cash_out = await world.sent()
    world.provider.settle_all()
    await world.rest()
    assert looked_up(world) == [None]
    now = world.now(cash_out)
    assert (now.status, now.provider_transaction_id) == (Status.COMPLETED, "MP-1")


async def test_what_cannot_be_asked_about_calls_nobody_and_a_human_in_the_end() -> None:
    world = World(BLIND)
    world.provider.manner = lambda _: Manner.ACCEPTS_BLANK
    cash_out = await world.sent()
    await world.rest(longest=timedelta(days=3))
    assert looked_up(world) == []
    now = world.now(cash_out)
    assert (now.status, now.review) == (Status.PROCESSING, ReviewReason.UNKNOWN_TOO_LONG)
    assert now.attempts[-1].number == 1
    learnt = await world.one.get.evidence(USER, cash_out.id)
    assert learnt[3].detail == "this provider cannot be asked by our reference"


async def test_without_look_up_by_reference_a_known_id_is_enough() -> None:
    world = World(BLIND)
    cash_out = await world.sent()
    world.provider.settle_all()
    await world.rest()
    assert world.now(cash_out).status is Status.COMPLETED


async def test_a_question_that_breaks_leaves_room_in_the_lane(world: World) -> None:
    await world.sent()
    world.clock.advance(timedelta(seconds=6))
    (question,) = await world.one.check.begin(world.one.lane, 10)

    async def cut(_name: str, _order: object) -> None:
        raise ConnectionAbortedError

    world.provider.before = cut
    with pytest.raises(ConnectionAbortedError):
        await world.one.check.ask(world.one.lane, question)
    assert world.one.lane.queries == 0
    world.provider.before = outside


async def test_a_provider_that_does_not_answer_is_asked_again_at_its_own_pace(world: World) -> None:
    cash_out = await world.sent()
    world.provider.answering, world.provider.retry_after_s = False, 200
    world.clock.advance(timedelta(seconds=6))
    await world.one.worker.step()
    plan = world.now(cash_out).plan
    assert plan is not None
    assert plan.due_at == world.clock.now() + timedelta(seconds=200)
    world.provider.answering = True
    world.provider.settle_all()
    await world.rest()
    assert world.now(cash_out).status is Status.COMPLETED


async def test_the_number_of_questions_about_something_stuck_is_bounded(world: World) -> None:
    cash_out = await world.sent()
    await world.rest(longest=timedelta(hours=25))
    assert len(looked_up(world)) < 120
    assert world.now(cash_out).needs_review


async def test_a_final_not_found_proves_that_nothing_was_paid() -> None:
    final = Capabilities(
        idempotent_submit=False,
        lookup_by_reference=True,
        webhook_proves=True,
        not_found_final_after=timedelta(hours=2),
    )
    world = World(final)
    cash_out = await world.taken()
    world.provider.manners[cash_out.reference].append(Manner.LOST)
    await world.rest(longest=timedelta(hours=3))
    kinds = [each.outcome for each in world.now(cash_out).attempts]
    assert kinds == ["unknown", "accepted"], "proven unpaid, so it may be sent again"
    world.provider.settle_all()
    await world.rest()
    assert world.now(cash_out).status is Status.COMPLETED
    assert len(world.provider.ledger) == 1


async def test_a_frozen_workers_old_not_found_does_not_count_as_new() -> None:
    world = World(CAREFUL)
    world.provider.manner = lambda _: Manner.LOST
    cash_out = await world.sent()
    (question,) = await world.one.check.begin(world.one.lane, 10)

    async def freeze(_name: str, _order: object) -> None:
        world.clock.advance(timedelta(hours=5))

    world.provider.before = freeze
    await world.one.check.ask(world.one.lane, question)
    now = world.now(cash_out)
    assert now.not_found_at == now.attempts[0].started_at
