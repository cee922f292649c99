"""Webhooks: verified, kept, judged once, and never trusted beyond what is signed."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest

from adapters.memory.faults import Trouble
from adapters.memory.gateway import Manner, MemoryProvider
from application.ports import Authentic, Lookup, StorageUnavailable, WebhookReading
from domain.cash_out import CashOut
from domain.evidence import News, ReviewReason
from domain.refusals import InvalidProvider, InvalidSignature, InvalidWebhook
from domain.states import Status
from tests.application.wiring import World
from tests.strategies import AFRI, FREETOWN, ORANGE

pytestmark = pytest.mark.anyio


def about(cash_out: CashOut, status: Status, its_id: str = "MP-1") -> News:
    return News(status.upper(), status, its_id, cash_out.reference)


async def at_afrimoney(world: World) -> CashOut:
    """Return a cash-out that AfriMoney has taken."""
    cash_out = await world.taken(provider=AFRI, currency="SLE", amount="100", msisdn=FREETOWN)
    await world.one.worker.step()
    return world.now(cash_out)


async def test_signed_news_is_kept_judged_and_answered_with_the_state(world: World) -> None:
    cash_out = await world.sent()
    recorded = await world.tell(about(cash_out, Status.COMPLETED))
    assert recorded.cash_out == world.now(cash_out)
    assert world.now(cash_out).status is Status.COMPLETED
    (kept,) = world.store.deliveries.values()
    assert kept.cash_out_id == cash_out.id
    assert (kept.delivery.provider, kept.delivery.received_at) == (ORANGE, world.clock.now())
    assert kept.delivery.lookup == Lookup(ORANGE, cash_out.reference, "MP-1")


async def test_ten_equal_webhooks_at_once_are_one_ending_event(world: World) -> None:
    cash_out = await world.sent()
    news = about(cash_out, Status.COMPLETED)
    answers = await asyncio.gather(*[world.tell(news) for _ in range(10)])
    assert [each.cash_out for each in answers] == [world.now(cash_out)] * 10
    assert sum(each.receipt is not None and each.receipt.fresh for each in answers) == 1
    assert world.events(cash_out) == ["initiated", "processing", "completed"]
    assert len(world.store.deliveries) == 1


async def test_a_webhook_that_overtakes_the_answer_is_not_overwritten_by_it(world: World) -> None:
    cash_out = await world.taken()
    (begun,) = await world.one.submit.begin(world.one.lane, 1)
    await world.tell(about(cash_out, Status.COMPLETED))
    await world.one.submit.send(world.one.lane, begun)
    assert world.now(cash_out).status is Status.COMPLETED
    assert world.events(cash_out) == ["initiated", "processing", "completed"]
    assert world.now(cash_out).attempts[0].outcome == "accepted"


async def test_contradictory_webhooks_change_no_ending_and_call_a_human_once(world: World) -> None:
    cash_out = await world.sent()
    for status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.PROCESSING):
        await world.tell(about(cash_out, status))
    assert world.now(cash_out).status is Status.COMPLETED
    told = world.events(cash_out)
    assert told == ["initiated", "processing", "completed", "contradicted", "needs_review"]


Headers = list[tuple[str, str]]
SPOILT: dict[str, Callable[[Headers, bytes], tuple[Headers, bytes]]] = {
    "unsigned": lambda _, raw: ([], raw),
    "wrongly signed": lambda _, raw: ([("X-Signature", "0" * 64)], raw),
    "signed twice": lambda headers, raw: (headers * 2, raw),
    "changed after signing": lambda headers, raw: (headers, raw + b" "),
    "signed in capitals": lambda headers, raw: ([(headers[0][0], headers[0][1].upper())], raw),
}


@pytest.mark.parametrize("how", SPOILT)
async def test_an_unsigned_or_tampered_webhook_changes_nothing(world: World, how: str) -> None:
    cash_out = await world.sent()
    opened = world.units.opened
    headers, raw = SPOILT[how](*world.provider.webhook(about(cash_out, Status.COMPLETED)))
    with pytest.raises(InvalidSignature):
        await world.one.receive(ORANGE, headers, raw)
    assert world.units.opened == opened
    assert world.store.deliveries == {}
    assert world.now(cash_out) == cash_out


async def test_an_unknown_provider_has_no_webhooks(world: World) -> None:
    with pytest.raises(InvalidProvider, match="afrimoney, orange_money") as refused:
        await world.one.receive("m_pesa", [], b"{}")
    assert refused.value.provider == "m_pesa"


async def test_a_signed_webhook_that_cannot_be_read_is_refused_and_its_bytes_kept(
    world: World,
) -> None:
    headers, raw = world.provider.webhook(News("", None, None, "REF-00001"))
    for _ in range(2):
        with pytest.raises(InvalidWebhook) as refused:
            await world.one.receive(ORANGE, headers, raw)
    assert [field for field, _ in refused.value.details] == ["id", "word"]
    (kept,) = world.store.deliveries.values()
    assert (kept.delivery.provider, kept.delivery.raw) == (ORANGE, raw)
    assert (kept.delivery.finding, kept.delivery.lookup) == (None, None)
    assert await world.one.rematch() == 0


async def test_a_webhook_that_cannot_be_stored_has_to_be_sent_again(world: World) -> None:
    cash_out = await world.sent()
    world.trouble(Trouble.AWAY)
    with pytest.raises(StorageUnavailable):
        await world.tell(about(cash_out, Status.COMPLETED))
    await world.tell(about(cash_out, Status.COMPLETED))
    assert world.now(cash_out).status is Status.COMPLETED


async def test_a_webhook_whose_commit_answer_was_lost_is_harmless_when_sent_again(
    world: World,
) -> None:
    cash_out = await world.sent()
    world.trouble(Trouble.ANSWER_LOST)
    with pytest.raises(StorageUnavailable):
        await world.tell(about(cash_out, Status.COMPLETED))
    again = await world.tell(about(cash_out, Status.COMPLETED))
    assert again.receipt is not None
    assert not again.receipt.fresh
    assert world.events(cash_out) == ["initiated", "processing", "completed"]


class Terse(MemoryProvider):
    """A provider whose webhooks name a transaction by its own id only."""

    read_at: datetime | None = None

    def read_webhook(
        self, _headers: Sequence[tuple[str, str]], _raw: bytes, now: datetime
    ) -> WebhookReading:
        """Note when it was read; say that its first transaction is paid."""
        self.read_at = now
        return Authentic(News("COMPLETED", Status.COMPLETED, "MP-1"))


async def test_a_webhook_without_our_reference_is_matched_by_the_providers_id(
    world: World,
) -> None:
    cash_out = await world.sent()
    world.clock.advance(timedelta(seconds=1))
    world.one.lane.gateway = terse = Terse()
    await world.one.receive(ORANGE, [], b"{}")
    assert world.now(cash_out).status is Status.COMPLETED
    assert terse.read_at == world.clock.now(), "a signature may be too old by then"
    (kept,) = world.store.deliveries.values()
    assert kept.delivery.lookup == Lookup(ORANGE, "", "MP-1")


# --- orphans --------------------------------------------------------------------------------------


async def test_news_of_nobody_is_parked_and_matched_when_its_cash_out_appears(
    world: World,
) -> None:
    early = News("COMPLETED", Status.COMPLETED, "MP-7", "MINE-0001")
    recorded = await world.tell(early)
    assert recorded.cash_out is None
    assert await world.one.rematch() == 0
    cash_out = await world.taken(reference="MINE-0001")
    assert await world.one.rematch() == 1
    assert world.now(cash_out).status is Status.COMPLETED
    assert await world.one.rematch() == 0, "it is judged once"
    (kept,) = world.store.deliveries.values()
    assert kept.cash_out_id == cash_out.id


async def test_an_orphan_is_given_up_after_a_day(world: World) -> None:
    await world.tell(News("COMPLETED", Status.COMPLETED, "MP-7", "MINE-0001"))
    world.clock.advance(timedelta(hours=24))
    cash_out = await world.taken(reference="MINE-0001")
    assert await world.one.rematch() == 0
    assert world.now(cash_out).status is Status.PENDING


async def test_an_equal_webhook_does_not_judge_an_orphan_twice(world: World) -> None:
    news = News("FAILED", Status.FAILED, "MP-7", "MINE-0001")
    await world.tell(news)
    cash_out = await world.taken(reference="MINE-0001")
    again = await world.tell(news)
    assert again.change is None
    assert await world.one.rematch() == 1
    assert world.now(cash_out).status is Status.FAILED


# --- doorbells ------------------------------------------------------------------------------------


async def test_a_doorbell_moves_nothing_and_has_the_provider_asked_at_once(world: World) -> None:
    cash_out = await at_afrimoney(world)
    recorded = await world.ring(cash_out, Status.COMPLETED, "t1")
    assert recorded.cash_out is not None
    assert recorded.cash_out.status is Status.PROCESSING
    assert recorded.cash_out.provider_transaction_id == cash_out.provider_transaction_id
    world.gateways[AFRI].settle_all()
    await world.one.worker.step()
    assert world.now(cash_out).status is Status.COMPLETED
    assert world.now(cash_out).review is None


async def test_a_doorbell_that_lies_is_found_out_and_a_human_called(world: World) -> None:
    cash_out = await at_afrimoney(world)
    await world.ring(cash_out, Status.COMPLETED, "t1")
    world.gateways[AFRI].settle_all(Status.FAILED)
    await world.one.worker.step()
    now = world.now(cash_out)
    assert (now.status, now.review) == (Status.FAILED, ReviewReason.DOORBELL_DISAGREES)


async def test_a_signature_seen_before_under_another_body_is_a_replay(world: World) -> None:
    cash_out = await at_afrimoney(world)
    await world.ring(cash_out, Status.PROCESSING, "t1")
    before = world.now(cash_out)
    with pytest.raises(InvalidSignature):
        await world.ring(cash_out, Status.COMPLETED, "t1")
    assert world.now(cash_out) == before
    assert len(world.store.deliveries) == 1
    world.clock.advance(timedelta(minutes=10, microseconds=-1))
    with pytest.raises(InvalidSignature):
        await world.ring(cash_out, Status.COMPLETED, "t1")
    world.clock.advance(timedelta(microseconds=1))
    await world.ring(cash_out, Status.COMPLETED, "t1")


async def test_a_doorbell_for_a_stranger_is_parked_and_asked_about_later(world: World) -> None:
    gateway = world.gateways[AFRI]
    await world.tell(News("COMPLETED", None, "MP-1", "MINE-0001"), AFRI, "t1")
    gateway.manner = lambda _: Manner.TAKEN_IN_SILENCE
    cash_out = await world.taken(
        provider=AFRI, currency="SLE", amount="100", msisdn=FREETOWN, reference="MINE-0001"
    )
    await world.rest(longest=timedelta(minutes=1))
    gateway.settle_all()
    await world.rest()
    assert world.now(cash_out).status is Status.COMPLETED
