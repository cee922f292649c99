"""Cancelling: only what is provably not on the wire, under the same lock as a submit."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from adapters.memory.faults import Trouble
from adapters.memory.gateway import Manner
from application.callers import Caller
from application.cancel_cash_out import MOST_TRIES, CancelCashOut
from application.ports import Conflict, Work
from domain.evidence import Source
from domain.failures import CANCELLED_FOR_USER
from domain.refusals import Forbidden, NotFound, TooLateToCancel
from domain.states import Status
from tests.application.wiring import ADMIN, STRANGER, USER, Bell, Notebook, World

pytestmark = pytest.mark.anyio


async def test_what_was_not_sent_is_cancelled_told_and_its_limits_given_back(world: World) -> None:
    cash_out = await world.taken()
    world.clock.advance(timedelta(seconds=1))
    after = await world.one.cancel(USER, cash_out.id)
    assert after == world.now(cash_out)
    assert after.status is Status.CANCELLED
    assert after.completed_at == after.updated_at == world.clock.now()
    assert world.events(cash_out) == ["initiated", "cancelled"]
    assert world.used(cash_out) == (0, 0)
    assert await world.one.submit.begin(world.one.lane, 10) == []
    assert world.provider.calls == []


async def test_a_cancel_is_in_the_journal_and_who_waits_for_it_and_the_relay_hear_of_it(
    world: World,
) -> None:
    cash_out = await world.taken()
    bell, journal = Bell(), Notebook()
    after = await CancelCashOut(world.units, world.clock, bell, journal)(USER, cash_out.id)
    assert (bell.ids, bell.kinds) == ([cash_out.id], [Work.RELAY])
    assert [change.after for change in journal.changes] == [after]


async def test_what_the_provider_declined_may_still_be_cancelled(world: World) -> None:
    world.provider.manner = lambda _: Manner.DECLINES
    cash_out = await world.sent()
    assert (await world.one.cancel(ADMIN, cash_out.id)).status is Status.CANCELLED
    assert world.used(cash_out) == (0, 0)


@pytest.mark.parametrize("manner", [Manner.ACCEPTS, Manner.LOST, Manner.REFUSES])
async def test_what_may_be_on_the_wire_or_has_ended_is_too_late(
    world: World, manner: Manner
) -> None:
    world.provider.manner = lambda _: manner
    cash_out = await world.sent()
    with pytest.raises(TooLateToCancel):
        await world.one.cancel(USER, cash_out.id)
    assert world.now(cash_out) == cash_out


@pytest.mark.parametrize(("caller", "refusal"), [(STRANGER, Forbidden), (Caller(""), Forbidden)])
async def test_a_stranger_changes_nothing(
    world: World, caller: Caller, refusal: type[Exception]
) -> None:
    cash_out = await world.taken()
    with pytest.raises(refusal):
        await world.one.cancel(caller, cash_out.id)
    assert world.now(cash_out) == cash_out
    assert world.events(cash_out) == ["initiated"]


async def test_what_does_not_exist_cannot_be_cancelled(world: World) -> None:
    with pytest.raises(NotFound):
        await world.one.cancel(ADMIN, UUID(int=7))


async def test_a_second_cancel_is_too_late_and_frees_nothing_twice(world: World) -> None:
    cash_out = await world.taken()
    other = await world.taken(amount="2000")
    await world.one.cancel(USER, cash_out.id)
    with pytest.raises(TooLateToCancel, match="cancelled"):
        await world.one.cancel(USER, cash_out.id)
    assert world.used(other) == (2_000, 2_000)


async def test_of_a_cancel_and_a_submit_at_once_exactly_one_wins(world: World) -> None:
    for number in range(20):
        cash_out = await world.taken(user_id=f"user-{number}")
        caller = Caller(f"user-{number}")
        racers = [
            world.one.submit.begin(world.one.lane, 1),
            world.one.cancel(caller, cash_out.id),
        ]
        racers = racers if number % 2 else racers[::-1]
        results = await asyncio.gather(*racers, return_exceptions=True)
        begun = next(each for each in results if isinstance(each, list))
        refused = any(isinstance(each, TooLateToCancel) for each in results)
        assert bool(begun) == refused
        assert (world.now(cash_out).status is Status.CANCELLED) != refused


async def test_conflicts_are_tried_again_and_given_up_in_the_end(world: World) -> None:
    cash_out = await world.taken()
    world.trouble(*[Trouble.CONFLICT] * MOST_TRIES)
    with pytest.raises(Conflict):
        await world.one.cancel(USER, cash_out.id)
    assert world.now(cash_out) == cash_out
    world.trouble(*[Trouble.CONFLICT] * (MOST_TRIES - 1))
    assert (await world.one.cancel(USER, cash_out.id)).status is Status.CANCELLED


async def test_a_cancelled_cash_out_that_was_paid_after_all_is_a_contradiction(
    world: World,
) -> None:
    cash_out = await world.taken()
    await world.one.cancel(USER, cash_out.id)
    await world.ring(cash_out, Status.COMPLETED, "1")
    assert world.now(cash_out).status is Status.CANCELLED
    assert world.now(cash_out).needs_review
    await world.rest(longest=timedelta(hours=1))
    assert world.events(cash_out).count("contradicted") == 1


async def test_an_operator_who_cancels_is_named_in_evidence_and_log(world: World) -> None:
    cash_out = await world.taken()
    cancelled = await world.one.cancel(ADMIN, cash_out.id)
    assert cancelled.failure_reason == CANCELLED_FOR_USER
    piece = world.store.evidence[cash_out.id][-1]
    assert (piece.source, piece.kind, piece.detail) == (Source.OPERATOR, "Cancelled", ADMIN.name)
    (logged,) = world.store.operators_log.values()
    assert (logged.entry.operator, logged.entry.subject) == (ADMIN.name, str(cash_out.id))


async def test_who_types_a_users_id_is_named_in_evidence_and_log_in_place_of_the_user(
    world: World,
) -> None:
    cash_out = await world.taken()
    typed = Caller(USER.user_id, typed_by="cli:ada")
    cancelled = await world.one.cancel(typed, cash_out.id)
    assert cancelled.failure_reason == CANCELLED_FOR_USER
    piece = world.store.evidence[cash_out.id][-1]
    assert (piece.source, piece.detail) == (Source.OPERATOR, "cli:ada")
    (logged,) = world.store.operators_log.values()
    assert (logged.entry.operator, logged.entry.subject) == ("cli:ada", str(cash_out.id))


async def test_who_types_a_strangers_id_may_no_more_than_the_stranger(world: World) -> None:
    cash_out = await world.taken()
    with pytest.raises(Forbidden):
        await world.one.cancel(Caller(STRANGER.user_id, typed_by="cli:ada"), cash_out.id)
    assert world.now(cash_out) == cash_out


async def test_a_user_who_cancels_is_not_in_the_operators_log(world: World) -> None:
    cash_out = await world.taken()
    await world.one.cancel(USER, cash_out.id)
    assert world.store.evidence[cash_out.id][-1].source is Source.USER
    assert world.store.operators_log == {}
