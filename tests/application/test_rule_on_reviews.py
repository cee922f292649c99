"""Operators settle reviews: four eyes, one transaction, the judge's word, and a line in the log."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from adapters.memory.faults import Trouble
from adapters.memory.gateway import Manner
from application.callers import Caller, Role
from application.ports import Conflict, StorageUnavailable
from application.review_desk import ReviewDesk
from application.rule_on_reviews import AskedResolution
from domain.attempts import OutcomeKind
from domain.cash_out import CashOut
from domain.evidence import News, Proof, ProofKind, Resolution, ReviewReason, Source
from domain.failures import FailureCode
from domain.refusals import Forbidden, NotFound, Refusal
from domain.ruling_refusals import (
    InvalidRuling,
    NoOpenReview,
    NothingToWaitFor,
    OwnCashOut,
    ProposalAlreadyDecided,
    ProposalAlreadyOpen,
    ProposerCannotApprove,
    ProviderIdConflict,
    ReviewChanged,
)
from domain.rulings import Proposal, ProposalState, gist
from domain.states import Status, Verdict
from tests.application.wiring import USER, World

pytestmark = pytest.mark.anyio

OLGA = Caller("olga", Role.OPERATOR)
AMADOU = Caller("amadou", Role.APPROVER)
AISHA = Caller("aisha", Role.APPROVER)
VERA = Caller("vera", Role.VIEWER)
PROOF = Proof(ProofKind.STATEMENT_LINE, "2026-11-24/17", "1500 XOF")
PAID, NOT_PAID, KEEP_WAITING = Resolution


def asked(resolution: Resolution = PAID, **fields: Any) -> AskedResolution:  # noqa: ANN401 -- of the question
    proof = None if resolution is KEEP_WAITING else PROOF
    return replace(AskedResolution(resolution, "as the statement says", proof), **fields)


async def contradicted(world: World, **fields: Any) -> CashOut:  # noqa: ANN401 -- of a request
    """Return a completed cash-out of which the provider said later that it failed."""
    cash_out = await world.sent(**fields)
    for word in (Status.COMPLETED, Status.FAILED):
        await world.ring_true(cash_out, word)
    assert world.now(cash_out).review is ReviewReason.CONTRADICTION
    return world.now(cash_out)


async def overdue(world: World, manner: Manner = Manner.ACCEPTS, **fields: Any) -> CashOut:  # noqa: ANN401 -- as above
    """Return an open cash-out that was open for too long."""
    world.provider.manner = lambda _: manner
    cash_out = await world.sent(**fields)
    world.clock.advance(world.policy.review_after + timedelta(seconds=1))
    await world.one.reviews()
    assert world.now(cash_out).review is ReviewReason.UNKNOWN_TOO_LONG
    return world.now(cash_out)


async def proposed(world: World, cash_out: CashOut, resolution: Resolution = PAID) -> Proposal:
    return await world.one.desk.propose(OLGA, cash_out.id, asked(resolution))


async def settled(world: World, cash_out: CashOut, resolution: Resolution) -> CashOut:
    proposal = await proposed(world, cash_out, resolution)
    return (await world.one.desk.approve(AMADOU, proposal.id)).cash_out


def log(world: World) -> list[tuple[str, str]]:
    entries = [logged.entry for _, logged in sorted(world.store.operators_log.items())]
    return [(each.operator, each.action) for each in entries]


# --- who may --------------------------------------------------------------------------------------

DESK: dict[str, Callable[[ReviewDesk, Caller, CashOut, Proposal], Awaitable[object]]] = {
    "propose": lambda desk, who, case, _: desk.propose(who, case.id, asked()),
    "approve": lambda desk, who, _, proposal: desk.approve(who, proposal.id),
    "reject": lambda desk, who, _, proposal: desk.reject(who, proposal.id, "no"),
    "withdraw": lambda desk, who, _, proposal: desk.withdraw(who, proposal.id),
    "replay": lambda desk, who, case, _: desk.replay(who, case.id),
    "dismiss": lambda desk, who, case, _: desk.dismiss(who, case.id, "no"),
    "list": lambda desk, who, _, __: desk.read(who),
    "sums": lambda desk, who, _, __: desk.read.sums(who),
    "orphans": lambda desk, who, _, __: desk.read.orphans(who),
    "look": lambda desk, who, case, _: desk.read.one(who, case.id),
}
NOBODY_ELSE = [
    *((USER, what) for what in DESK),
    *((VERA, what) for what in ("propose", "approve", "reject", "withdraw", "replay", "dismiss")),
    *((OLGA, what) for what in ("approve", "reject")),
]


@pytest.mark.parametrize(("who", "what"), NOBODY_ELSE)
async def test_without_the_permission_nothing_happens(world: World, who: Caller, what: str) -> None:
    cash_out = await contradicted(world, user_id="user-9")
    proposal = await proposed(world, cash_out)
    before = (dict(world.store.proposals), log(world), world.now(cash_out))
    with pytest.raises(Forbidden):
        await DESK[what](world.one.desk, who, cash_out, proposal)
    assert (dict(world.store.proposals), log(world), world.now(cash_out)) == before


async def test_nobody_rules_about_their_own_money(world: World) -> None:
    cash_out = await contradicted(world, user_id="olga")
    with pytest.raises(OwnCashOut):
        await world.one.desk.propose(OLGA, cash_out.id, asked())
    theirs = await contradicted(world, user_id="amadou")
    proposal = await proposed(world, theirs)
    with pytest.raises(OwnCashOut):
        await world.one.desk.approve(AMADOU, proposal.id)


async def test_what_is_not_there_is_not_found(world: World) -> None:
    desk, nothing = world.one.desk, UUID(int=404)
    for ask in (
        lambda: desk.propose(OLGA, nothing, asked()),
        lambda: desk.approve(AMADOU, nothing),
        lambda: desk.reject(AMADOU, nothing, "no"),
        lambda: desk.withdraw(OLGA, nothing),
        lambda: desk.read.one(VERA, nothing),
    ):
        with pytest.raises(NotFound):
            await ask()


# --- proposing ------------------------------------------------------------------------------------


async def test_a_proposal_is_stored_with_what_was_known_and_logged(world: World) -> None:
    cash_out = await contradicted(world)
    proposal = await world.one.desk.propose(
        OLGA, cash_out.id, asked(provider_transaction_id=cash_out.provider_transaction_id)
    )
    assert world.store.proposals[proposal.id] == proposal
    assert (proposal.state, proposal.proposed_by, proposal.proof) == (
        ProposalState.PROPOSED,
        "olga",
        PROOF,
    )
    assert (proposal.seen, proposal.version) == (gist(cash_out), cash_out.version)
    assert log(world) == [("olga", "review.proposed")]
    assert world.now(cash_out) == cash_out, "a proposal changes no cash-out"


@pytest.mark.parametrize(
    ("question", "refusal"),
    [
        (asked(reason=""), InvalidRuling),
        (asked(proof=None), InvalidRuling),
        (asked(KEEP_WAITING), NothingToWaitFor),
        (asked(provider_transaction_id="SOMEBODY-ELSES"), ProviderIdConflict),
        (asked(seen="of yesterday"), ReviewChanged),
    ],
)
async def test_a_bad_proposal_leaves_nothing_behind(
    world: World, question: AskedResolution, refusal: type[Refusal]
) -> None:
    cash_out = await contradicted(world)
    with pytest.raises(refusal):
        await world.one.desk.propose(OLGA, cash_out.id, question)
    assert world.store.proposals == {}
    assert log(world) == []


async def test_a_transaction_id_of_another_cash_out_is_refused(world: World) -> None:
    other = await world.sent(user_id="user-7")
    cash_out = await overdue(world, Manner.TAKEN_IN_SILENCE)
    assert other.provider_transaction_id is not None
    with pytest.raises(ProviderIdConflict):
        await world.one.desk.propose(
            OLGA, cash_out.id, asked(provider_transaction_id=other.provider_transaction_id)
        )


async def test_a_transaction_id_that_turned_out_to_be_anothers_is_not_approved(
    world: World,
) -> None:
    cash_out = await overdue(world, Manner.TAKEN_IN_SILENCE)
    proposal = await world.one.desk.propose(
        OLGA, cash_out.id, asked(provider_transaction_id="OM-7")
    )
    other = await world.sent(user_id="user-7")
    world.store.by_provider_id[other.provider, "OM-7"] = other.id
    with pytest.raises(ProviderIdConflict):
        await world.one.desk.approve(AMADOU, proposal.id)
    assert world.now(cash_out).review is ReviewReason.UNKNOWN_TOO_LONG


async def test_without_a_review_there_is_nothing_to_propose(world: World) -> None:
    cash_out = await world.sent()
    with pytest.raises(NoOpenReview):
        await proposed(world, cash_out)


async def test_of_many_who_propose_at_once_one_does(world: World) -> None:
    cash_out = await contradicted(world)
    callers = [Caller(f"operator-{n}", Role.OPERATOR) for n in range(5)]
    results = await asyncio.gather(
        *(world.another().desk.propose(each, cash_out.id, asked()) for each in callers),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Proposal) for each in results) == 1
    assert sum(isinstance(each, ProposalAlreadyOpen) for each in results) == 4
    assert len(log(world)) == 1


# --- approving ------------------------------------------------------------------------------------


@pytest.mark.parametrize("manner", [Manner.ACCEPTS, Manner.TAKEN_IN_SILENCE, Manner.UNREACHABLE])
async def test_not_paid_fails_it_frees_the_limits_and_is_told(world: World, manner: Manner) -> None:
    cash_out = await overdue(world, manner)
    assert world.used(cash_out) == (1_500, 1_500)
    proposal = await proposed(world, cash_out, NOT_PAID)
    done = await world.one.desk.approve(AMADOU, proposal.id, "seen it too")
    after = world.now(cash_out)
    assert done.cash_out == after
    assert (after.status, after.failure_code) == (Status.FAILED, FailureCode.CONFIRMED_NOT_PAID)
    assert after.review is None
    assert world.used(cash_out) == (0, 0)
    assert world.events(cash_out)[-3:] == ["needs_review", "failed", "review_resolved"]
    assert done.proposal == world.store.proposals[proposal.id]
    assert (done.proposal.state, done.proposal.decided_by) == (ProposalState.APPROVED, "amadou")
    assert log(world) == [("olga", "review.proposed"), ("amadou", "review.approved")]
    piece = world.store.evidence[cash_out.id][-1]
    assert (piece.source, piece.verdict) == (Source.OPERATOR, Verdict.MOVE)
    assert "olga" in piece.detail
    assert "amadou" in piece.detail


async def test_paid_completes_it_and_keeps_the_limits(world: World) -> None:
    cash_out = await overdue(world, Manner.TAKEN_IN_SILENCE)
    after = await settled(world, cash_out, PAID)
    assert (after.status, after.review) == (Status.COMPLETED, None)
    assert world.used(cash_out) == (1_500, 1_500)
    assert world.events(cash_out)[-2:] == ["completed", "review_resolved"]


async def test_what_was_never_sent_is_never_sent_after_a_ruling(world: World) -> None:
    """Somebody paid it by hand: were it sent now, the payee would have it twice."""
    cash_out = await world.taken()
    world.clock.advance(world.policy.review_after + timedelta(seconds=1))
    await world.one.reviews()
    await settled(world, cash_out, PAID)
    await world.rest()
    assert world.provider.calls == []
    assert world.now(cash_out).status is Status.COMPLETED


async def test_keep_waiting_asks_on_and_rings_again_when_it_is_late_again(world: World) -> None:
    cash_out = await overdue(world)
    after = await settled(world, cash_out, KEEP_WAITING)
    assert (after.status, after.review) == (Status.PROCESSING, None)
    assert await world.one.reviews() == 0
    asked_before = len(world.provider.calls)
    await world.one.worker.step()
    assert len(world.provider.calls) > asked_before, "it is asked about at once"
    await world.rest(longest=world.policy.review_after - timedelta(minutes=1))
    assert world.now(cash_out).review is None
    await world.rest(longest=timedelta(days=2))
    assert world.now(cash_out).review is ReviewReason.UNKNOWN_TOO_LONG
    world.provider.settle_all()
    await world.rest(longest=timedelta(days=3))
    assert world.now(cash_out).status is Status.COMPLETED


async def test_a_contradiction_is_settled_and_the_state_stays(world: World) -> None:
    cash_out = await contradicted(world)
    after = await settled(world, cash_out, NOT_PAID)
    assert (after.status, after.review) == (Status.COMPLETED, None)
    assert world.used(cash_out) == (1_500, 1_500)
    assert world.events(cash_out)[-3:] == ["contradicted", "needs_review", "review_resolved"]
    (told,) = [each for each in world.store.events.values() if "review_resolved" in each.type]
    assert '"agrees":false' in told.body
    # The same again does not ring; that it is paid after all does.
    await world.ring_true(cash_out, Status.FAILED, stamp="again")
    assert world.events(cash_out)[-1] == "review_resolved"
    await world.ring_true(cash_out, Status.COMPLETED, stamp="again")
    assert world.events(cash_out)[-1] == "needs_review"


async def test_the_same_person_cannot_do_both(world: World) -> None:
    cash_out = await contradicted(world)
    proposal = await world.one.desk.propose(AMADOU, cash_out.id, asked())
    with pytest.raises(ProposerCannotApprove):
        await world.one.desk.approve(AMADOU, proposal.id)
    assert world.now(cash_out).review is not None
    await world.one.desk.approve(AISHA, proposal.id)
    assert world.now(cash_out).review is None


async def test_where_one_person_is_enough_log_and_evidence_say_so(world: World) -> None:
    cash_out = await contradicted(world)
    desk = world.one.a_desk(four_eyes=False)
    proposal = await desk.propose(AMADOU, cash_out.id, asked())
    done = await desk.approve(AMADOU, proposal.id)
    assert done.proposal.four_eyes is False
    entry = world.store.operators_log[2].entry
    assert (entry.action, entry.facts["fourEyes"]) == ("review.approved", False)
    assert "one person is enough" in world.store.evidence[cash_out.id][-1].detail


async def test_news_since_the_proposal_has_to_be_looked_at_first(world: World) -> None:
    cash_out = await overdue(world)
    proposal = await proposed(world, cash_out, NOT_PAID)
    await world.tell(News("COMPLETED", Status.COMPLETED, "MP-OTHER", cash_out.reference))
    with pytest.raises(ReviewChanged):
        await world.one.desk.approve(AMADOU, proposal.id)
    assert world.store.proposals[proposal.id].is_open
    await world.one.desk.reject(AMADOU, proposal.id, "they speak of another id now")
    after = await settled(world, cash_out, PAID)
    assert (after.status, after.review) == (Status.COMPLETED, None)


async def test_what_has_ended_by_itself_needs_no_approval_any_more(world: World) -> None:
    cash_out = await overdue(world)
    proposal = await proposed(world, cash_out, NOT_PAID)
    world.provider.settle_all()
    await world.rest(longest=timedelta(days=2))
    after = world.now(cash_out)
    assert (after.status, after.review) == (Status.COMPLETED, None)
    with pytest.raises(NoOpenReview):
        await world.one.desk.approve(AMADOU, proposal.id)
    assert world.now(cash_out) == after
    assert (await world.one.desk.read(VERA)).reviews == ()
    await world.one.desk.withdraw(OLGA, proposal.id)


async def test_polls_that_bring_nothing_new_do_not_disturb_a_proposal(world: World) -> None:
    cash_out = await overdue(world)
    await world.rest(longest=timedelta(hours=5))
    proposal = await proposed(world, cash_out, NOT_PAID)
    await world.rest(longest=timedelta(days=3))
    assert world.now(cash_out).version > proposal.version
    await world.one.desk.approve(AMADOU, proposal.id)
    assert world.now(cash_out).status is Status.FAILED


async def test_of_many_who_approve_at_once_one_does(world: World) -> None:
    cash_out = await overdue(world)
    proposal = await proposed(world, cash_out, NOT_PAID)
    callers = [Caller(f"approver-{n}", Role.APPROVER) for n in range(5)]
    results = await asyncio.gather(
        *(world.another().desk.approve(each, proposal.id) for each in callers),
        return_exceptions=True,
    )
    assert sum(isinstance(each, ProposalAlreadyDecided) for each in results) == 4
    assert world.events(cash_out).count("failed") == 1
    assert world.events(cash_out).count("review_resolved") == 1
    assert world.used(cash_out) == (0, 0)
    assert len(log(world)) == 2


async def test_a_decided_proposal_is_decided(world: World) -> None:
    cash_out = await contradicted(world)
    desk = world.one.desk
    proposal = await proposed(world, cash_out)
    await desk.approve(AMADOU, proposal.id)
    for ask in (
        lambda: desk.approve(AISHA, proposal.id),
        lambda: desk.reject(AISHA, proposal.id, "no"),
        lambda: desk.withdraw(OLGA, proposal.id),
    ):
        with pytest.raises(ProposalAlreadyDecided):
            await ask()
    assert log(world)[-1] == ("amadou", "review.approved")


async def test_a_rejected_or_withdrawn_proposal_makes_room_for_another(world: World) -> None:
    cash_out = await contradicted(world)
    desk = world.one.desk
    first = await proposed(world, cash_out)
    with pytest.raises(ProposalAlreadyOpen):
        await proposed(world, cash_out)
    no = await desk.reject(AMADOU, first.id, "another line")
    assert (no.state, no.decided_why) == (ProposalState.REJECTED, "another line")
    second = await proposed(world, cash_out)
    with pytest.raises(Forbidden):
        await desk.withdraw(AMADOU, second.id)
    back = await desk.withdraw(OLGA, second.id, "my mistake")
    assert back.state is ProposalState.WITHDRAWN
    assert world.now(cash_out).review is not None
    await settled(world, cash_out, PAID)
    assert [action for _, action in log(world)] == [
        "review.proposed",
        "review.rejected",
        "review.proposed",
        "review.withdrawn",
        "review.proposed",
        "review.approved",
    ]


async def test_an_answer_that_comes_after_the_ruling_is_a_contradiction(world: World) -> None:
    """The submit was on the wire when operators ruled that it was not paid."""
    world.provider.manner = lambda _: Manner.PAYS_AT_ONCE
    cash_out = await world.taken()
    world.clock.advance(world.policy.review_after + timedelta(seconds=1))
    await world.one.reviews()
    (begun,) = await world.one.submit.begin(world.one.lane, 1)
    await settled(world, cash_out, NOT_PAID)
    await world.one.submit.send(world.one.lane, begun)
    after = world.now(cash_out)
    assert (after.status, after.review) == (Status.FAILED, ReviewReason.CONTRADICTION)
    assert after.attempts[0].outcome is OutcomeKind.ACCEPTED
    assert world.events(cash_out)[-2:] == ["contradicted", "needs_review"]
    assert world.used(cash_out) == (0, 0)


async def test_a_wrong_ruling_is_found_out_by_asking_once_more(world: World) -> None:
    """They ruled not paid; the provider had it, and pays: the next question tells."""
    cash_out = await overdue(world, Manner.HIDDEN)
    await settled(world, cash_out, NOT_PAID)
    world.provider.settle_all()
    await world.rest(longest=timedelta(days=1))
    after = world.now(cash_out)
    assert (after.status, after.review) == (Status.FAILED, ReviewReason.CONTRADICTION)
    assert after.plan is None


# --- faults ---------------------------------------------------------------------------------------


async def test_somebody_in_between_makes_it_try_again(world: World) -> None:
    cash_out = await contradicted(world)
    world.trouble(Trouble.CONFLICT, Trouble.NONE, Trouble.CONFLICT, Trouble.CONFLICT)
    proposal = await proposed(world, cash_out)
    await world.one.desk.approve(AMADOU, proposal.id)
    assert len(log(world)) == 2
    assert world.events(cash_out).count("review_resolved") == 1


async def test_who_never_gets_through_is_told_so(world: World) -> None:
    cash_out = await contradicted(world)
    world.trouble(*[Trouble.CONFLICT] * 5)
    with pytest.raises(Conflict):
        await proposed(world, cash_out)
    assert log(world) == []


@pytest.mark.parametrize("trouble", [Trouble.COMMIT_LOST, Trouble.AWAY, Trouble.ANSWER_LOST])
async def test_an_approval_is_whole_or_not_at_all(world: World, trouble: Trouble) -> None:
    cash_out = await overdue(world)
    proposal = await proposed(world, cash_out, NOT_PAID)
    world.trouble(trouble)
    with pytest.raises(StorageUnavailable):
        await world.one.desk.approve(AMADOU, proposal.id)
    done = trouble is Trouble.ANSWER_LOST
    assert world.store.proposals[proposal.id].is_open == (not done)
    assert (world.now(cash_out).status is Status.FAILED) == done
    assert len(log(world)) == 1 + done
    assert ("review_resolved" in world.events(cash_out)) == done
    assert world.used(cash_out) == ((0, 0) if done else (1_500, 1_500))


async def test_nothing_is_told_before_it_is_committed(world: World) -> None:
    cash_out = await overdue(world)
    proposal = await proposed(world, cash_out, NOT_PAID)
    noted = len(world.one.journal.changes)
    world.trouble(Trouble.COMMIT_LOST)
    with pytest.raises(StorageUnavailable):
        await world.one.desk.approve(AMADOU, proposal.id)
    assert len(world.one.journal.changes) == noted
    await world.one.desk.approve(AMADOU, proposal.id)
    assert len(world.one.journal.changes) == noted + 1
    await world.one.relay()
    assert world.told.events[-1].type == "cash_out.review_resolved"


async def test_what_people_wrote_stays_out_of_the_log(world: World) -> None:
    """It may name somebody: it is with the proposal and, once approved, with the evidence."""
    cash_out = await contradicted(world)
    proposal = await world.one.desk.propose(OLGA, cash_out.id, asked(reason="Awa Koné has it"))
    await world.one.desk.approve(AMADOU, proposal.id, "Awa says so")
    for logged in world.store.operators_log.values():
        assert "Awa" not in logged.entry.written_facts
        assert logged.entry.subject == str(cash_out.id)


async def test_news_of_a_stranger_about_it_is_still_judged(world: World) -> None:
    """A ruling settles a review; it does not close the ears."""
    cash_out = await contradicted(world)
    await settled(world, cash_out, PAID)
    await world.tell(News("FAILED", Status.FAILED, "MP-OTHER", cash_out.reference), stamp="9")
    assert world.now(cash_out).review is ReviewReason.PROVIDER_ID_CONFLICT
