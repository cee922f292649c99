"""Defects of the record: each test describes one in its docstring and shows what happens now."""

import asyncio
import json
from datetime import timedelta

import pytest

from adapters.memory.gateway import Manner, MemoryProvider
from application.ports import Order
from domain.cash_out import CashOut
from domain.evidence import ReviewReason
from domain.failures import FailureCode
from domain.states import Status
from tests.application.wiring import USER, World

pytestmark = pytest.mark.anyio

LEFT = ["completed", "processing", "pending", "failed", "completed", "cancelled"]


async def completed(world: World) -> CashOut:
    """Return a cash-out that the provider has told to be paid."""
    cash_out = await world.sent()
    world.provider.settle_all()
    await world.ring(cash_out, Status.COMPLETED, "")
    return world.now(cash_out)


async def test_an_ending_stays_whatever_is_told_afterwards(world: World) -> None:
    """A cash-out went completed, processing, pending, failed, completed, cancelled."""
    cash_out = await world.sent()
    world.provider.settle_all()
    seen = []
    for number, word in enumerate(LEFT):
        await world.ring(cash_out, word, f"{number}")
        seen.append(world.now(cash_out).status)
    assert seen == [Status.COMPLETED] * len(LEFT)
    assert world.now(cash_out).review is ReviewReason.CONTRADICTION
    assert world.events(cash_out) == [
        "initiated",
        "processing",
        "completed",
        "contradicted",
        "needs_review",
    ]


@pytest.mark.parametrize("word", ["REVERSED", "SUCCESS!", "0", "pending?"])
async def test_an_unknown_word_is_no_state(world: World, word: str) -> None:
    """A status word that nobody knew turned completed into pending."""
    open_one = await world.sent()
    await world.ring(open_one, word, "1")
    assert world.now(open_one).status is Status.PROCESSING
    ended = await completed(world)
    await world.ring(ended, word, "2")
    assert world.now(ended).status is Status.COMPLETED
    assert world.now(ended).review is ReviewReason.UNRECOGNISED_AFTER_ENDING


async def test_the_answer_does_not_overwrite_a_webhook_that_overtook_it(world: World) -> None:
    """A webhook that came before the submit's answer was overwritten by that answer's PENDING."""

    async def overtake(name: str, order: Order) -> None:
        if name == "disburse":
            (transaction,) = world.provider.of(order.reference)
            news = transaction.news
            world.provider.settle(transaction, Status.COMPLETED)
            await world.tell(transaction.news)
            assert news.status is Status.PROCESSING

    world.provider.after = overtake
    cash_out = await world.sent()
    assert cash_out.status is Status.COMPLETED
    assert world.events(cash_out) == ["initiated", "processing", "completed"]
    assert not cash_out.needs_review


async def test_ten_equal_webhooks_at_once_tell_one_ending(world: World) -> None:
    """Ten equal webhooks at once made ten completed events."""
    cash_out = await world.sent()
    world.provider.settle_all()
    ringing = (world.ring(cash_out, Status.COMPLETED, "same") for _ in range(10))
    await asyncio.gather(*ringing)
    assert world.events(cash_out).count("completed") == 1
    pieces = await world.reader.evidence(cash_out.id)
    assert [each.source for each in pieces].count("webhook") == 1


async def test_twenty_readers_at_once_ask_once_and_tell_one_ending(world: World) -> None:
    """Twenty readers of one cash-out asked the provider twenty times and made twenty events."""
    cash_out = await world.sent()
    world.provider.settle_all()
    await world.one.worker.step()
    world.provider.calls.clear()
    world.clock.advance(timedelta(seconds=4))
    await asyncio.gather(*(world.one.get(USER, cash_out.id) for _ in range(20)))
    assert world.provider.calls == [], "a read calls nobody"
    await world.rest()
    assert [name for name, _ in world.provider.calls] == ["look_up"]
    assert world.events(cash_out).count("completed") == 1


@pytest.mark.parametrize("by", ["provider", "user"])
async def test_a_cancellation_is_told_and_frees_the_limits(world: World, by: str) -> None:
    """`cancelled` told nobody, and the funds stayed held for ever."""
    if by == "user":
        cash_out = await world.taken()
        await world.one.cancel(USER, cash_out.id)
    else:
        cash_out = await world.sent()
        world.provider.settle_all(Status.CANCELLED)
        await world.ring(cash_out, Status.CANCELLED, "")
    await world.one.relay()
    assert world.now(cash_out).status is Status.CANCELLED
    assert "cash_out.cancelled" in [each.type for each in world.told.events]
    assert world.used(cash_out) == (0, 0)


async def test_the_reason_of_a_failure_is_in_the_record_and_in_the_event(world: World) -> None:
    """A failed submit had its reason in the event and none in the record."""
    world.provider.manner = lambda _: Manner.REFUSES
    cash_out = await world.sent()
    (event,) = [each for each in world.store.events.values() if each.type == "cash_out.failed"]
    told = json.loads(event.body)
    assert cash_out.status is Status.FAILED
    assert cash_out.failure_code is FailureCode.RECIPIENT_NOT_FOUND
    assert told["failureCode"] == cash_out.failure_code
    assert told["failureReason"] == cash_out.failure_reason
    assert cash_out.failure_reason


async def test_evidence_is_added_and_never_overwritten(world: World) -> None:
    """Each answer of the provider overwrote the one before: what had been said was gone."""
    cash_out = await world.sent()
    before = await world.reader.evidence(cash_out.id)
    await world.rest(longest=timedelta(seconds=30))
    provider: MemoryProvider = world.provider
    provider.settle_all()
    await world.ring(cash_out, Status.COMPLETED, "1")
    await world.ring(cash_out, Status.FAILED, "2")
    pieces = await world.reader.evidence(cash_out.id)
    assert pieces[: len(before)] == before
    assert [each.sequence for each in pieces] == list(range(1, len(pieces) + 1))
    assert {each.source for each in pieces} == {"service", "submit", "status_query", "webhook"}
    assert [each.word for each in pieces[-2:]] == ["COMPLETED", "FAILED"]
    assert [each.verdict for each in pieces[-2:]] == ["move", "contradiction"]
