"""Queries: what is stored is answered at once; a read never waits for a provider."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from adapters.memory.faults import Trouble
from adapters.memory.gateway import Manner
from adapters.phones import PhoneNumbers
from application.board import Board
from application.callers import Caller
from application.ports import HistoryFilter, Place
from application.queries import LONGEST_WAIT, AwaitAnswer, History, ListProviders, QuoteCashOut
from domain.cash_out import Action, CashOut, Plan
from domain.money import Money
from domain.refusals import AmountBelowMinimum, Forbidden, InvalidAccount, NotFound
from domain.standings import Route, Standing, State
from domain.states import Status
from tests.application.wiring import ADMIN, STRANGER, USER, World
from tests.strategies import NOW, ORANGE, XOF, a_request

pytestmark = pytest.mark.anyio


async def long_silent(world: World) -> CashOut:
    """Return an accepted cash-out that is next asked about in half an hour."""
    cash_out = await world.sent()
    later = replace(cash_out, plan=Plan(Action.ASK, world.clock.now() + timedelta(minutes=30)))
    world.store.cash_outs[cash_out.id] = later
    world.clock.advance(timedelta(minutes=1))
    return later


# --- one ------------------------------------------------------------------------------------------


async def test_its_user_and_an_admin_may_read_it_and_nobody_else(world: World) -> None:
    cash_out = await long_silent(world)
    assert (await world.one.get(USER, cash_out.id)).id == cash_out.id
    assert (await world.one.get(ADMIN, cash_out.id)).id == cash_out.id
    before, opened, calls = world.now(cash_out), world.units.opened, len(world.provider.calls)
    for read in (world.one.get, world.one.get.evidence):
        with pytest.raises(Forbidden):
            await read(STRANGER, cash_out.id)
        with pytest.raises(NotFound):
            await read(USER, UUID(int=3))
    assert (world.now(cash_out), world.units.opened) == (before, opened)
    assert len(world.provider.calls) == calls, "strangers_change_nothing"


async def test_a_read_brings_the_next_question_forward_once_however_many_readers(
    world: World,
) -> None:
    cash_out = await long_silent(world)
    answers = await asyncio.gather(*[world.one.get(USER, cash_out.id) for _ in range(20)])
    assert all(each.status is Status.PROCESSING for each in answers)
    assert len(world.provider.calls) == 1, "the submit; no reader asked a provider"
    plan = world.now(cash_out).plan
    assert plan == Plan(Action.ASK, world.clock.now())
    await world.one.worker.step()
    assert len(world.provider.calls) == 2
    await asyncio.gather(*[world.one.get(USER, cash_out.id) for _ in range(20)])
    await world.one.worker.step()
    assert len(world.provider.calls) == 2, "it was asked about a moment ago"


async def test_of_two_readers_at_once_one_brings_it_forward(world: World) -> None:
    cash_out = await long_silent(world)
    async with world.units.begin():
        readers = [asyncio.create_task(world.one.get(USER, cash_out.id)) for _ in range(2)]
        for _ in range(5):
            await asyncio.sleep(0)
    version = world.now(cash_out).version
    await asyncio.gather(*readers)
    assert world.now(cash_out).version == version + 1


async def test_a_read_of_what_is_not_silent_touches_nothing(world: World) -> None:
    pending = await world.taken()
    opened = world.units.opened
    await world.one.get(USER, pending.id)
    world.provider.manner = lambda _: Manner.DECLINES
    await world.one.worker.step()
    assert (await world.one.get(USER, pending.id)).status is Status.PROCESSING
    world.clock.advance(timedelta(seconds=30))
    opened = world.units.opened
    await world.one.get(USER, pending.id)
    assert world.units.opened == opened, "it waits to be sent, not to be asked about"
    await world.one.cancel(USER, pending.id)
    opened = world.units.opened
    await world.one.get(USER, pending.id)
    assert world.units.opened == opened


async def test_a_read_of_what_is_due_already_touches_nothing(world: World) -> None:
    cash_out = await world.sent()
    opened = world.units.opened
    for _ in range(2):
        world.clock.advance(timedelta(minutes=1))
        due_since = cash_out.created_at + timedelta(minutes=1)
        world.store.cash_outs[cash_out.id] = replace(cash_out, plan=Plan(Action.ASK, due_since))
        await world.one.get(USER, cash_out.id)
    assert world.units.opened == opened


async def test_a_read_soon_after_sending_touches_nothing_however_old_it_is(world: World) -> None:
    await world.taken()
    world.clock.advance(timedelta(hours=1))
    (begun,) = await world.one.submit.begin(world.one.lane, 1)
    await world.one.submit.send(world.one.lane, begun)
    opened = world.units.opened
    await world.one.get(USER, begun.order.cash_out_id)
    assert world.units.opened == opened


async def test_a_read_asks_again_as_soon_as_the_first_question_would_be_due(world: World) -> None:
    cash_out = await world.sent()
    later = Plan(Action.ASK, world.clock.now() + timedelta(minutes=30))
    world.store.cash_outs[cash_out.id] = replace(cash_out, plan=later)
    world.clock.advance(world.policy.first_poll - timedelta(microseconds=1))
    await world.one.get(USER, cash_out.id)
    assert world.now(cash_out).plan == later
    world.clock.advance(timedelta(microseconds=1))
    await world.one.get(USER, cash_out.id)
    assert world.now(cash_out).plan == Plan(Action.ASK, world.clock.now())


async def test_what_was_asked_about_between_reading_and_hastening_is_left_alone(
    world: World,
) -> None:
    cash_out = await long_silent(world)
    async with world.units.begin():
        reading = asyncio.create_task(world.one.get(USER, cash_out.id))
        for _ in range(5):
            await asyncio.sleep(0)
        world.store.cash_outs[cash_out.id] = replace(cash_out, asked_at=world.clock.now())
    await reading
    assert world.now(cash_out).plan == cash_out.plan


async def test_a_read_while_somebody_is_asking_touches_nothing(world: World) -> None:
    await world.sent()
    world.clock.advance(timedelta(seconds=9))
    (question,) = await world.one.check.begin(world.one.lane, 1)
    opened = world.units.opened
    await world.one.get(USER, question.order.cash_out_id)
    assert world.units.opened == opened


@pytest.mark.parametrize("trouble", [Trouble.AWAY, Trouble.FULL, Trouble.CONFLICT])
async def test_a_hint_that_cannot_be_stored_does_not_fail_the_read(
    world: World, trouble: Trouble
) -> None:
    cash_out = await long_silent(world)
    world.trouble(trouble)
    assert (await world.one.get(USER, cash_out.id)).id == cash_out.id


async def test_what_is_asked_about_before_it_was_sent_is_hastened_too(world: World) -> None:
    cash_out = await world.taken()
    planned = replace(cash_out, plan=Plan(Action.ASK, world.clock.now() + timedelta(hours=1)))
    world.store.cash_outs[cash_out.id] = planned
    world.clock.advance(timedelta(minutes=1))
    await world.one.get(USER, cash_out.id)
    assert world.now(cash_out).plan == Plan(Action.ASK, world.clock.now())


async def test_everything_that_was_learnt_can_be_read(world: World) -> None:
    cash_out = await world.sent()
    world.provider.settle_all()
    await world.rest()
    kept = await world.one.get.evidence(USER, cash_out.id)
    assert [(each.source, each.kind, each.verdict) for each in kept] == [
        ("service", "Accepted", "move"),
        ("service", "Begun", "move"),
        ("submit", "Outcome", "stale"),
        ("status_query", "News", "move"),
    ]


# --- waiting for an answer ------------------------------------------------------------------------


async def awaited(world: World, cash_out: CashOut, longest: timedelta) -> "asyncio.Task[CashOut]":
    door = AwaitAnswer(world.reader, world.clock, world.one.signals)
    task = asyncio.create_task(door(cash_out, longest))
    for _ in range(5):
        await asyncio.sleep(0)
    return task


async def test_waiting_ends_with_the_providers_first_answer(world: World) -> None:
    cash_out = await world.taken()
    task = await awaited(world, cash_out, timedelta(seconds=30))
    assert not task.done()
    await world.one.worker.step()
    answer = await asyncio.wait_for(task, 5)
    assert [each.outcome for each in answer.attempts] == ["accepted"]


async def test_waiting_ends_when_the_time_is_up(world: World) -> None:
    cash_out = await world.taken()
    task = await awaited(world, cash_out, timedelta(days=1))
    for _ in range(61):
        world.clock.advance(timedelta(milliseconds=500))
        for _ in range(5):
            await asyncio.sleep(0)
    assert task.done()
    assert task.result() == cash_out
    assert timedelta(seconds=30) == LONGEST_WAIT


async def test_nobody_is_kept_waiting_by_a_process_that_stops(world: World) -> None:
    cash_out = await world.taken()
    door = AwaitAnswer(world.reader, world.clock, world.one.signals)
    waiting = asyncio.create_task(door(cash_out, timedelta(seconds=30)))
    await asyncio.sleep(0)
    door.stop()
    for _ in range(5):
        await asyncio.sleep(0)
    world.clock.advance(timedelta(milliseconds=500))
    assert await asyncio.wait_for(waiting, 5) == cash_out
    assert await door(cash_out, timedelta(seconds=30)) == cash_out


async def test_what_is_answered_already_is_not_waited_for(world: World) -> None:
    cash_out = await world.sent()
    door = AwaitAnswer(world.reader, world.clock, world.one.signals)
    assert await door(cash_out, timedelta(seconds=30)) == cash_out
    unanswered = await world.taken(user_id="u")
    assert await door(unanswered, timedelta(0)) == unanswered


async def test_a_change_made_by_another_process_is_seen_without_being_told(world: World) -> None:
    cash_out = await world.taken()
    task = await awaited(world, cash_out, timedelta(seconds=30))
    await world.another().worker.step()
    assert not task.done()
    world.clock.advance(timedelta(milliseconds=500))
    answer = await asyncio.wait_for(task, 5)
    assert answer.status is Status.PROCESSING


# --- history, providers, quotes -------------------------------------------------------------------


async def test_history_is_the_callers_own_newest_first_by_page_and_by_place(world: World) -> None:
    for number in range(5):
        await world.taken(amount=str(600 + number))
        world.clock.advance(timedelta(seconds=1))
    await world.taken(user_id="user-2")
    history, mine = History(world.reader), HistoryFilter("user-1")
    first = await history.page(mine, 2, 1)
    assert [each.amount.minor for each in first.cash_outs] == [604, 603]
    assert (first.total, first.more) == (5, True)
    last = first.cash_outs[-1]
    behind = await history.behind(mine, 2, Place(last.created_at, last.id))
    second = await history.page(mine, 2, 2)
    assert behind.cash_outs == second.cash_outs
    assert [each.amount.minor for each in behind.cash_outs] == [602, 601]


async def test_all_providers_are_listed_also_those_that_are_off(world: World) -> None:
    assert [each.id for each in ListProviders(world.catalogue)()] == ["orange_money", "afrimoney"]


@pytest.fixture
def quoting(world: World) -> QuoteCashOut:
    return QuoteCashOut(world.reader, world.catalogue, PhoneNumbers(), world.clock)


async def test_a_quote_tells_price_and_what_is_left_and_reserves_nothing(
    world: World, quoting: QuoteCashOut
) -> None:
    await world.one.take_requests([a_request(amount="2500000")] * 2)
    before = dict(world.store.counters)
    priced = await quoting(USER, ORANGE, "XOF", "1500", "+2250700000789")
    assert (priced.quote.fee, priced.quote.total) == (Money(600, XOF), Money(2_100, XOF))
    assert (priced.day.limit, priced.day.left) == (Money(6_000_000, XOF), Money(1_000_000, XOF))
    assert priced.month.left == Money(25_000_000, XOF)
    assert priced.day.resets_at < priced.month.resets_at
    assert world.store.counters == before
    await world.one.take_requests([a_request(amount="1000000")])
    spent = await quoting(USER, ORANGE, "XOF", "1500")
    assert (spent.day.used, spent.day.left) == (Money(6_000_000, XOF), Money(0, XOF))
    (short,) = spent.quote.warnings
    assert short.startswith("This is more than is left in this UTC day: 0 XOF until ")
    other = await quoting(Caller("user-2"), ORANGE, "XOF", "1500")
    assert other.day.left == other.day.limit


@pytest.mark.parametrize(
    ("state", "warns"),
    [(State.OPERATIONAL, 0), (State.DELAYED, 1), (State.CLOSED, 1)],
)
async def test_a_quote_tells_how_the_provider_is_and_that_a_cash_out_would_wait(
    world: World, state: State, warns: int
) -> None:
    board = Board()
    board.show([Standing(Route(ORANGE, "CI", "XOF"), state, since=NOW)], NOW)
    quoting = QuoteCashOut(world.reader, world.catalogue, PhoneNumbers(), world.clock, board)
    priced = await quoting(USER, ORANGE, "XOF", "1500", "+2250700000789")
    waits = [each for each in priced.quote.warnings if "can be cancelled meanwhile" in each]
    assert (priced.standing.state, len(waits)) == (state, warns)
    elsewhere = await quoting(USER, ORANGE, "XOF", "1500", "+221770000789")
    assert elsewhere.standing.state is State.OPERATIONAL


async def test_a_quote_is_refused_as_the_request_would_be(
    world: World, quoting: QuoteCashOut
) -> None:
    with pytest.raises(InvalidAccount):
        await quoting(USER, ORANGE, "XOF", "1500", "not a phone")
    with pytest.raises(InvalidAccount):
        await quoting(USER, ORANGE, "XOF", "1500", "")
    with pytest.raises(AmountBelowMinimum):
        await quoting(USER, ORANGE, "XOF", "1")
    assert world.units.opened == 0
