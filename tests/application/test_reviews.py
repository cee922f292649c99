"""The review queue as operators read it, and stored webhooks that are judged again or put aside."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from application.callers import Caller, Role
from application.housekeeping import ORPHANS_KEPT
from application.ports import MOST_LISTED, AuditEntry, Delivery, QueueFilter
from application.reviews import ORPHANS_REST, ReviewAction
from application.rule_on_reviews import AskedResolution
from application.stored_webhooks import Replay
from domain.attempts import OutcomeKind
from domain.cash_out import CashOut
from domain.evidence import News, Proof, ProofKind, Resolution, ReviewReason, Source
from domain.money import Money
from domain.refusals import NotFound
from domain.ruling_refusals import AlreadyMatched, InvalidRuling, UnreadableWebhook
from domain.rulings import gist
from domain.states import Status, Verdict
from tests.application.wiring import World
from tests.statement_books import booked_cash_out, keep
from tests.strategies import ORANGE, XOF, an_attempt

pytestmark = pytest.mark.anyio

OLGA = Caller("olga", Role.OPERATOR)
AMADOU = Caller("amadou", Role.APPROVER)
VERA = Caller("vera", Role.VIEWER)
ASKED = AskedResolution(
    Resolution.PAID, "as the receipt says", Proof(ProofKind.PROVIDER_RECEIPT, "R-1")
)
PROPOSE, APPROVE, REJECT, WITHDRAW = ReviewAction


async def contradicted(world: World, user: str = "user-1") -> CashOut:
    cash_out = await world.sent(user_id=user)
    for word in (Status.COMPLETED, Status.FAILED):
        await world.ring_true(cash_out, word)
    world.clock.advance(timedelta(seconds=1))
    return world.now(cash_out)


# --- the queue ------------------------------------------------------------------------------------


async def test_the_queue_is_read_page_by_page_oldest_first(world: World) -> None:
    made = [await contradicted(world, f"user-{n}") for n in range(5)]
    await world.sent(user_id="user-9")
    read = world.one.desk.read
    first = await read(VERA, limit=2)
    assert [each.cash_out for each in first.reviews] == made[:2]
    second = await read(VERA, limit=2, behind=first.behind)
    third = await read(VERA, limit=2, behind=second.behind)
    assert [each.cash_out for each in (*second.reviews, *third.reviews)] == made[2:]
    assert third.behind is None
    whole = await read(VERA, limit=5)
    assert (len(whole.reviews), whole.behind) == (5, None)


async def test_a_page_is_no_longer_than_it_may_be(world: World) -> None:
    for n in range(3):
        await contradicted(world, f"user-{n}")
    page = await world.one.desk.read(VERA, limit=10_000)
    assert len(page.reviews) == 3
    assert MOST_LISTED == 100


async def test_what_is_at_risk_is_summed(world: World) -> None:
    first = await contradicted(world)
    await contradicted(world, "user-2")
    (total,) = await world.one.desk.read.sums(VERA)
    assert (total.reason, total.count, total.at_risk) == (
        ReviewReason.CONTRADICTION,
        2,
        Money(3_000, XOF),
    )
    assert total.oldest_at == first.review_at


async def test_the_file_has_all_there_is_to_a_case(world: World) -> None:
    cash_out = await contradicted(world)
    desk = world.one.desk
    mistaken = await desk.propose(OLGA, cash_out.id, ASKED)
    back = await desk.withdraw(OLGA, mistaken.id)
    world.clock.advance(timedelta(seconds=1))
    waiting = await desk.propose(OLGA, cash_out.id, replace(ASKED, seen=gist(cash_out)))
    found = await desk.read.one(AMADOU, cash_out.id)
    assert (found.cash_out, found.seen) == (cash_out, gist(cash_out))
    assert found.proposals == (waiting, back)
    assert found.waiting == waiting
    assert found.resolutions == (Resolution.PAID, Resolution.NOT_PAID)
    (listed,) = (await desk.read(AMADOU, QueueFilter(provider=ORANGE))).reviews
    assert listed.proposal == waiting


async def test_what_operators_wrote_is_not_shown_to_who_may_not_see_names(world: World) -> None:
    """They copy statements, with the payee's name and number in them."""
    cash_out, desk, words = await contradicted(world), world.one.desk, "Awa Koné, 0700000789"
    proof = Proof(ProofKind.STATEMENT_LINE, "R-1", words)
    asked = replace(ASKED, reason=f"paid to {words}", proof=proof)
    refused = await desk.propose(OLGA, cash_out.id, asked)
    await desk.reject(AMADOU, refused.id, f"not to {words}")
    world.clock.advance(timedelta(seconds=1))
    await desk.propose(OLGA, cash_out.id, asked)
    for caller, in_full in ((VERA, False), (OLGA, True)):
        file, queue = await desk.read.one(caller, cash_out.id), await desk.read(caller)
        for seen in (file.proposals, queue.reviews[0].proposal):
            assert (words in str(seen)) is in_full
        assert [each.state for each in file.proposals] == ["proposed", "rejected"]


async def test_what_each_operator_may_do_is_told(world: World) -> None:
    cash_out = await contradicted(world)
    desk = world.one.desk

    async def actions(who: Caller) -> tuple[ReviewAction, ...]:
        return (await desk.read.one(who, cash_out.id)).actions

    assert [await actions(who) for who in (VERA, OLGA, AMADOU)] == [(), (PROPOSE,), (PROPOSE,)]
    owner = Caller(cash_out.user_id, Role.ADMIN)
    assert await actions(owner) == ()
    proposal = await desk.propose(AMADOU, cash_out.id, ASKED)
    other = Caller("aisha", Role.APPROVER)
    assert await actions(AMADOU) == (REJECT, WITHDRAW)
    assert await actions(other) == (APPROVE, REJECT)
    assert await actions(OLGA) == ()
    alone = world.one.a_desk(four_eyes=False)
    mine = await alone.read.one(AMADOU, cash_out.id)
    assert mine.actions == (APPROVE, REJECT, WITHDRAW)
    await world.ring_true(cash_out, Status.CANCELLED)
    assert await actions(other) == (REJECT,), "something new is known: it has to be proposed anew"
    await desk.reject(other, proposal.id, "look again")
    again = await desk.propose(OLGA, cash_out.id, ASKED)
    await desk.approve(other, again.id)
    assert [await actions(who) for who in (OLGA, AMADOU, other)] == [(), (), ()]
    assert (await desk.read.one(VERA, cash_out.id)).resolutions == ()


async def test_every_action_that_is_told_can_be_done_and_no_other(world: World) -> None:
    """What is shown and what is allowed are the same rule, for each role and each stage."""
    cash_out = await contradicted(world)
    desk = world.one.desk
    callers = [OLGA, AMADOU, Caller("aisha", Role.APPROVER), Caller("root", Role.ADMIN), VERA]
    for who in callers:
        told = (await desk.read.one(who, cash_out.id)).actions
        assert (PROPOSE in told) == (who is not VERA)
    await desk.propose(OLGA, cash_out.id, ASKED)
    may = {who.name: (await desk.read.one(who, cash_out.id)).actions for who in callers}
    assert may == {
        "olga": (WITHDRAW,),
        "amadou": (APPROVE, REJECT),
        "aisha": (APPROVE, REJECT),
        "root": (APPROVE, REJECT),
        "vera": (),
    }


# --- stored webhooks ------------------------------------------------------------------------------


def only(world: World) -> Delivery:
    (kept,) = world.store.deliveries.values()
    return replace(kept.delivery, cash_out_id=kept.cash_out_id)


async def parked(world: World, reference: str = "CASH-NOT-YET-HERE") -> Delivery:
    """Deliver a webhook for a cash-out that is not there."""
    await world.tell(News("COMPLETED", Status.COMPLETED, "MP-1", reference))
    return only(world)


async def test_an_orphan_is_a_case_once_it_had_time_to_be_matched(world: World) -> None:
    delivery = await parked(world)
    read = world.one.desk.read
    assert (await read.orphans(VERA)).deliveries == ()
    world.clock.advance(ORPHANS_REST + timedelta(seconds=1))
    page = await read.orphans(VERA)
    assert page.deliveries == (delivery,)
    assert page.behind is None


async def test_orphans_are_read_page_by_page(world: World) -> None:
    for number in range(3):
        await world.tell(
            News("COMPLETED", Status.COMPLETED, f"MP-{number}", f"CASH-{number:04d}-GONE")
        )
        world.clock.advance(timedelta(seconds=1))
    world.clock.advance(ORPHANS_REST)
    read = world.one.desk.read
    first = await read.orphans(VERA, limit=2)
    rest = await read.orphans(VERA, limit=2, behind=first.behind)
    names = [each.lookup.reference for each in (*first.deliveries, *rest.deliveries) if each.lookup]
    assert names == [f"CASH-{number:04d}-GONE" for number in range(3)]
    assert rest.behind is None


async def test_an_orphan_whose_cash_out_came_too_late_is_judged_when_asked(world: World) -> None:
    delivery = await parked(world, "CASH-0001-LATE")
    world.clock.advance(ORPHANS_KEPT + timedelta(hours=1))
    cash_out = await world.taken(reference="CASH-0001-LATE")
    assert await world.one.rematch() == 0
    done = await world.one.desk.replay(OLGA, delivery.id)
    assert (done.outcome, done.verdict) == (Replay.JUDGED, Verdict.MOVE)
    assert done.cash_out == world.now(cash_out)
    assert world.now(cash_out).status is Status.COMPLETED
    assert only(world).cash_out_id == cash_out.id
    piece = world.store.evidence[cash_out.id][-1]
    assert (piece.source, piece.digest) == (Source.WEBHOOK, delivery.digest)
    entry = world.store.operators_log[1].entry
    assert (entry.operator, entry.action) == ("olga", "webhook.replayed")
    assert entry.facts == {
        "outcome": "judged",
        "provider": ORANGE,
        "cashOut": str(cash_out.id),
        "verdict": "move",
    }


async def test_a_failure_told_before_the_latest_try_does_not_end_it_when_judged_again(
    world: World,
) -> None:
    told_at = world.clock.now()
    await world.tell(News("FAILED", Status.FAILED, "MP-1", "CASH-0001-TWICE"))
    tries = tuple(
        an_attempt(outcome, None, number, told_at + timedelta(minutes=number))
        for number, outcome in enumerate((OutcomeKind.UNKNOWN, OutcomeKind.UNKNOWN), start=1)
    )
    twice = booked_cash_out(
        1,
        Status.PROCESSING,
        reference="CASH-0001-TWICE",
        attempts=tries,
        provider_transaction_id=None,
    )
    world.clock.advance(timedelta(minutes=5))
    await keep(world.units, [twice])
    done = await world.one.desk.replay(OLGA, only(world).id)
    assert (done.outcome, done.verdict) == (Replay.JUDGED, Verdict.NOTED)
    after = world.now(twice)
    assert (after.status, after.provider_transaction_id) == (Status.PROCESSING, None)
    assert after.plan is not None


async def test_replaying_any_number_of_times_judges_once(world: World) -> None:
    cash_out = await world.sent()
    await world.ring_true(cash_out, Status.COMPLETED)
    before = world.now(cash_out)
    for _ in range(3):
        done = await world.one.desk.replay(OLGA, only(world).id)
        assert (done.outcome, done.verdict) == (Replay.ALREADY_JUDGED, None)
    assert world.now(cash_out) == before
    assert len(world.store.evidence[cash_out.id]) == before.pieces
    assert len(world.store.operators_log) == 3, "that somebody tried is noted all the same"


async def test_replaying_what_is_nobodys_says_so(world: World) -> None:
    delivery = await parked(world)
    done = await world.one.desk.replay(OLGA, delivery.id)
    assert (done.outcome, done.cash_out, done.verdict) == (Replay.STILL_NOBODYS, None, None)


async def test_what_could_not_be_read_cannot_be_judged(world: World) -> None:
    delivery = Delivery(UUID(int=5), ORANGE, "d" * 64, world.clock.now(), b"not json")
    async with world.units.begin() as unit:
        await unit.inbox.store([delivery], world.clock.now())
    with pytest.raises(UnreadableWebhook):
        await world.one.desk.replay(OLGA, delivery.id)
    assert len(world.store.operators_log) == 0


async def test_an_orphan_is_put_aside_with_a_reason_once(world: World) -> None:
    delivery = await parked(world)
    world.clock.advance(ORPHANS_REST * 2)
    desk = world.one.desk
    first = await desk.dismiss(OLGA, delivery.id, "a test of theirs")
    again = await desk.dismiss(AMADOU, delivery.id, "once more")
    assert again == first
    assert (first.operator, first.reason) == ("olga", "a test of theirs")
    assert (await desk.read.orphans(VERA)).deliveries == ()
    (logged,) = world.store.operators_log.values()
    assert logged.entry == AuditEntry(
        world.clock.now(),
        "olga",
        "webhook.dismissed",
        str(delivery.id),
        {"provider": delivery.provider},
    )


async def test_a_webhook_of_a_cash_out_is_not_put_aside(world: World) -> None:
    cash_out = await world.sent()
    await world.ring_true(cash_out, Status.COMPLETED)
    with pytest.raises(AlreadyMatched):
        await world.one.desk.dismiss(OLGA, only(world).id, "no")


async def test_one_whose_cash_out_has_come_meanwhile_is_not_put_aside(world: World) -> None:
    """It is news: it is to be judged, not dropped."""
    delivery = await parked(world, "CASH-0001-LATE")
    await world.taken(reference="CASH-0001-LATE")
    with pytest.raises(AlreadyMatched):
        await world.one.desk.dismiss(OLGA, delivery.id, "no")


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501, "\x00"])
async def test_without_a_reason_nothing_is_put_aside(world: World, reason: str) -> None:
    delivery = await parked(world)
    with pytest.raises(InvalidRuling):
        await world.one.desk.dismiss(OLGA, delivery.id, reason)


async def test_what_is_not_in_the_inbox_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        await world.one.desk.replay(OLGA, UUID(int=404))
    with pytest.raises(NotFound):
        await world.one.desk.dismiss(OLGA, UUID(int=404), "gone")
