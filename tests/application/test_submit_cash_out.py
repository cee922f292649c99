"""Submitting: the attempt is committed before the first byte leaves, and sent at most once."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.memory.faults import Trouble
from adapters.memory.gateway import Manner
from application.lanes import Circuit, Lane
from application.ports import Conflict, Order, StorageUnavailable
from domain.attempts import OutcomeKind
from domain.cash_out import Action, CashOut
from domain.corridors import Policy
from domain.failures import FailureCode
from domain.payee import NumberFormat
from domain.states import Status
from tests.application.wiring import World, outside
from tests.strategies import CAREFUL, a_provider, a_request

pytestmark = pytest.mark.anyio


def disbursed(world: World) -> list[int]:
    """Return the attempts of the submits that were made."""
    return [order.attempt for name, order in world.provider.calls if name == "disburse"]


async def test_the_attempt_is_committed_before_the_provider_is_called(world: World) -> None:
    cash_out = await world.taken()
    stored: list[CashOut] = []

    async def look(name: str, order: Order) -> None:
        await outside(name, order)
        stored.append(world.now(cash_out))

    world.provider.before = look
    await world.one.worker.step()
    (seen,) = stored
    assert [each.outcome for each in seen.attempts] == [None]
    assert seen.status is Status.PROCESSING
    assert seen.plan is not None
    assert seen.plan.action is Action.ASK
    assert seen.lease is not None


async def test_begin_sends_nothing_and_an_answer_is_recorded(world: World) -> None:
    cash_out = await world.taken()
    (begun,) = await world.one.submit.begin(world.one.lane, 10)
    assert world.provider.calls == []
    assert world.events(cash_out) == ["initiated", "processing"]
    assert world.one.journal.changes[-1].after == world.now(cash_out)
    recorded = await world.one.submit.send(world.one.lane, begun)
    assert recorded.cash_out == world.now(cash_out)
    assert [each.outcome for each in world.now(cash_out).attempts] == [OutcomeKind.ACCEPTED]
    assert world.now(cash_out).provider_transaction_id == "MP-1"
    assert world.one.lane.submits == 0


async def test_no_more_are_begun_than_asked_for_and_each_only_once(world: World) -> None:
    for number in range(5):
        await world.taken(user_id=f"user-{number}")
    first = await world.one.submit.begin(world.one.lane, 3)
    second = await world.another().submit.begin(world.one.lane, 3)
    assert (len(first), len(second)) == (3, 2)
    assert not {each.order.cash_out_id for each in first} & {
        each.order.cash_out_id for each in second
    }
    assert world.one.lane.submits == 5


async def test_a_commit_that_fails_sends_nothing(world: World) -> None:
    cash_out = await world.taken()
    for trouble, fault in ((Trouble.CONFLICT, Conflict), (Trouble.AWAY, StorageUnavailable)):
        world.trouble(trouble)
        with pytest.raises(fault):
            await world.one.submit.begin(world.one.lane, 10)
    assert world.now(cash_out) == cash_out
    assert world.one.lane.submits == 0


async def test_an_attempt_whose_commit_answer_was_lost_is_read_back_and_sent(world: World) -> None:
    cash_out = await world.taken()
    world.trouble(Trouble.ANSWER_LOST)
    begun = await world.one.submit.begin(world.one.lane, 10)
    assert [each.order.cash_out_id for each in begun] == [cash_out.id]
    await world.one.submit.send(world.one.lane, begun[0])
    assert [each.outcome for each in world.now(cash_out).attempts] == [OutcomeKind.ACCEPTED]


async def test_an_attempt_that_was_not_committed_after_all_is_not_sent(world: World) -> None:
    cash_out = await world.taken()
    world.trouble(Trouble.COMMIT_LOST)
    assert await world.one.submit.begin(world.one.lane, 10) == []
    assert world.now(cash_out) == cash_out
    world.trouble(Trouble.ANSWER_LOST, Trouble.AWAY)
    with pytest.raises(StorageUnavailable):
        await world.one.submit.begin(world.one.lane, 10)
    assert disbursed(world) == []
    await world.rest(longest=timedelta(minutes=5))
    assert world.now(cash_out).attempts[0].outcome is OutcomeKind.UNKNOWN


async def test_a_lease_that_is_too_short_for_a_call_sends_nothing(world: World) -> None:
    cash_out = await world.taken()
    (begun,) = await world.one.submit.begin(world.one.lane, 10)
    spare = world.policy.lease - world.policy.call_deadline
    world.clock.advance(spare)
    assert not world.one.submit.lease_is_too_short(begun)
    world.clock.advance(timedelta(microseconds=1))
    await world.one.submit.send(world.one.lane, begun)
    assert world.provider.calls == []
    (attempt,) = world.now(cash_out).attempts
    assert (attempt.outcome, attempt.code) == (OutcomeKind.UNSENT, None)
    assert attempt.detail == "the lease ran out before sending"
    assert attempt.is_our_fault
    assert world.one.lane.submits == 0


async def test_what_waits_for_its_turn_is_not_sent_once_the_provider_is_left_alone(
    world: World,
) -> None:
    cash_outs = [await world.taken(user_id=f"u-{number}") for number in range(3)]
    lane = Lane(world.one.lane.provider, world.provider, Circuit(threshold=1), most_submits=1)
    world.provider.manner = lambda _: Manner.UNREACHABLE
    begun = await world.one.submit.begin(lane, 10)
    await asyncio.gather(*(world.one.submit.send(lane, each) for each in begun))
    assert disbursed(world) == [1], "the first answer opened the circuit"
    (attempt,) = world.now(cash_outs[-1]).attempts
    assert (attempt.outcome, attempt.code) == (OutcomeKind.UNSENT, None)
    assert attempt.detail == "the provider was left alone before sending"
    assert attempt.is_our_fault
    assert lane.submits == 0


async def test_what_is_begun_beyond_the_places_waits_and_is_sent_in_its_order(
    world: World,
) -> None:
    for number in range(7):
        await world.taken(user_id=f"u-{number}")
    lane = Lane(world.one.lane.provider, world.provider, most_submits=2)
    on_the_wire = busiest = 0

    async def watch(name: str, order: Order) -> None:
        nonlocal on_the_wire, busiest
        await outside(name, order)
        on_the_wire += 1
        busiest = max(busiest, on_the_wire)
        await asyncio.sleep(0)
        on_the_wire -= 1

    world.provider.before = watch
    begun = await world.one.submit.begin(lane, 10)
    await asyncio.gather(*(world.one.submit.send(lane, each) for each in begun))
    assert busiest == 2
    sent = [order.cash_out_id for _, order in world.provider.calls]
    assert sent == [each.order.cash_out_id for each in begun]


async def test_who_is_cut_off_while_waiting_for_a_turn_gives_the_place_back(world: World) -> None:
    await world.taken()
    (begun,) = await world.one.submit.begin(world.one.lane, 10)
    for _ in range(world.one.lane.most_submits):
        await world.one.lane.turns.acquire()
    waiting = asyncio.create_task(world.one.submit.send(world.one.lane, begun))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert world.provider.calls == []
    assert world.one.lane.submits == 0


async def test_setting_the_wall_clock_does_not_lengthen_a_lease(world: World) -> None:
    await world.taken()
    (begun,) = await world.one.submit.begin(world.one.lane, 10)
    world.clock.advance(world.policy.lease)
    world.clock.set_wall(world.clock.now() - timedelta(days=1))
    assert world.one.submit.lease_is_too_short(begun)


async def test_a_stale_workers_answer_is_refused_and_its_attempt_is_asked_about(
    world: World,
) -> None:
    cash_out = await world.taken()
    (begun,) = await world.one.submit.begin(world.one.lane, 10)
    arrived, resume = asyncio.Event(), asyncio.Event()

    async def hang(name: str, order: Order) -> None:
        await outside(name, order)
        if name == "disburse":
            arrived.set()
            await resume.wait()

    world.provider.before = hang
    world.provider.manners[cash_out.reference].append(Manner.REFUSES)
    sending = asyncio.create_task(world.one.submit.send(world.one.lane, begun))
    await arrived.wait()
    world.clock.advance(world.policy.lease)
    await world.another().worker.step()
    taken_over = world.now(cash_out)
    assert [each.outcome for each in taken_over.attempts] == [OutcomeKind.UNKNOWN]
    resume.set()
    await sending
    assert world.now(cash_out).attempts == taken_over.attempts
    assert world.now(cash_out).status is Status.PROCESSING
    assert world.now(cash_out).plan == taken_over.plan


async def test_a_plan_to_send_is_judged_again_before_sending(world: World) -> None:
    cash_out = await world.sent()
    assert disbursed(world) == [1]
    # As if an operator had restored a plan from before the attempt.
    plan = world.store.cash_outs[cash_out.id].plan
    assert plan is not None
    object.__setattr__(plan, "action", Action.SUBMIT)
    object.__setattr__(plan, "due_at", world.clock.now())
    assert await world.one.submit.begin(world.one.lane, 10) == []
    assert disbursed(world) == [1]
    now = world.now(cash_out)
    assert now.plan is not None
    assert now.plan.action is Action.ASK


async def test_what_never_left_is_sent_again_with_the_same_reference_until_it_is_taken(
    world: World,
) -> None:
    cash_out = await world.taken()
    world.provider.manners[cash_out.reference].extend([Manner.UNREACHABLE, Manner.DECLINES])
    await world.rest(longest=timedelta(minutes=10))
    assert disbursed(world) == [1, 2, 3]
    references = {order.reference for _, order in world.provider.calls}
    assert references == {cash_out.reference}
    kinds = [each.outcome for each in world.now(cash_out).attempts]
    assert kinds == [OutcomeKind.UNSENT, OutcomeKind.UNSENT, OutcomeKind.ACCEPTED]


async def test_retries_spent_on_what_never_left_fail_it_with_nothing_paid(world: World) -> None:
    world.provider.manner = lambda _: Manner.UNREACHABLE
    cash_out = await world.taken()
    await world.rest()
    now = world.now(cash_out)
    assert (now.status, now.failure_code) == (Status.FAILED, FailureCode.PROVIDER_UNAVAILABLE)
    assert len(now.attempts) == 1 + world.policy.retry_max_attempts
    assert world.provider.ledger == []
    assert world.used(cash_out) == (0, 0)
    assert world.events(cash_out) == ["initiated", "processing", "failed"]


async def test_paid_in_silence_is_found_by_looking_and_never_sent_twice(world: World) -> None:
    world.provider.manner = lambda _: Manner.TAKEN_IN_SILENCE
    cash_out = await world.taken()
    await world.one.worker.step()
    world.provider.settle_all()
    await world.rest()
    assert world.now(cash_out).status is Status.COMPLETED
    assert disbursed(world) == [1]
    assert len(world.provider.paid(cash_out.reference)) == 1


async def test_hidden_for_longer_than_the_grace_period_is_still_paid_once(world: World) -> None:
    world.provider.manner = lambda _: Manner.HIDDEN
    cash_out = await world.taken()
    await world.rest(longest=timedelta(hours=1))
    assert len(disbursed(world)) > 1, "an idempotent provider may be sent the reference again"
    world.provider.settle_all()
    await world.rest()
    assert world.now(cash_out).status is Status.COMPLETED
    assert len(world.provider.paid(cash_out.reference)) == 1


async def test_a_provider_that_is_not_idempotent_is_never_sent_an_unknown_twice() -> None:
    world = World(CAREFUL)
    world.provider.manner = lambda _: Manner.HIDDEN
    cash_out = await world.taken()
    await world.rest(longest=timedelta(days=5))
    assert disbursed(world) == [1]
    assert world.now(cash_out).needs_review
    assert world.now(cash_out).status is Status.PROCESSING
    world.provider.settle_all()
    await world.rest()
    assert world.now(cash_out).status is Status.COMPLETED


async def test_a_call_that_is_cut_off_leaves_an_unknown_attempt_and_room_in_the_lane(
    world: World,
) -> None:
    cash_out = await world.taken()
    (begun,) = await world.one.submit.begin(world.one.lane, 10)

    async def cut(_name: str, _order: Order) -> None:
        raise ConnectionAbortedError

    world.provider.before = cut
    with pytest.raises(ConnectionAbortedError):
        await world.one.submit.send(world.one.lane, begun)
    assert world.one.lane.submits == 0
    assert [each.outcome for each in world.now(cash_out).attempts] == [None]


async def test_a_payee_where_we_pay_no_longer_is_still_written_for_the_provider(
    world: World,
) -> None:
    cash_out = await world.taken()
    lane = world.one.lane
    assert lane.order(cash_out).account == "2250700000789"
    local = replace(lane.provider.corridors["CI"], number_format=NumberFormat.NATIONAL)
    lane.provider = replace(lane.provider, corridors={"CI": local})
    assert lane.order(cash_out).account == "0700000789", "as the corridor wants it written"
    lane.provider = a_provider(countries=("SN",))
    assert lane.order(cash_out).account == "2250700000789"


async def test_a_customer_is_not_failed_because_our_worker_was_slow(world: World) -> None:
    cash_out = await world.taken()
    for _ in range(10):
        (begun,) = await world.one.submit.begin(world.one.lane, 10)
        world.clock.advance(world.policy.lease)
        await world.one.submit.send(world.one.lane, begun)
        world.clock.advance(timedelta(hours=2))
    assert world.now(cash_out).status is Status.PROCESSING
    await world.rest(longest=timedelta(hours=2))
    assert disbursed(world) == [11]


async def test_what_was_taken_together_is_sent_together(world: World) -> None:
    await world.one.take_requests([a_request(user_id=f"u-{number}") for number in range(40)])
    while await world.one.worker.step():
        continue
    assert len(disbursed(world)) == 40
    assert world.policy == Policy()


async def test_a_worker_that_overslept_sends_nothing_when_another_has_sent_again() -> None:
    final = replace(CAREFUL, not_found_final_after=timedelta(hours=1))
    world = World(final)
    cash_out = await world.taken()
    (overslept,) = await world.one.submit.begin(world.one.lane, 1)
    await world.rest(world.another().worker, longest=timedelta(hours=2))
    assert disbursed(world) == [2], "its attempt was proven unpaid, and another was made"
    await world.one.submit.send(world.one.lane, overslept)
    assert disbursed(world) == [2]
    world.provider.settle_all()
    await world.rest(world.another().worker)
    assert world.now(cash_out).status is Status.COMPLETED
    assert len(world.provider.ledger) == 1, "paid_at_most_once"
