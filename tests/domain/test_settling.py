"""What a ruling does to a cash-out, and what news after it is worth."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from domain.attempts import OutcomeKind
from domain.cases import MOST_CONCERNS, MOST_SETTLED, NO_CASE, RULED_AS, Case
from domain.cash_out import Action, Plan
from domain.event_facts import agrees
from domain.evidence import (
    RAW_LIMIT,
    Doorbell,
    News,
    NoAnswer,
    NotFound,
    Overdue,
    Proof,
    ProofKind,
    Resolution,
    ReviewReason,
    Source,
)
from domain.failures import FailureCode
from domain.record import Report
from domain.rulings import LONGEST_PROOF, LONGEST_REASON, LONGEST_REFERENCE
from domain.settling import digest_of, raw_of
from domain.states import ENDINGS, Status, Verdict
from tests.domain.ruled import (
    KEEP_WAITING,
    NOT_PAID,
    OPEN,
    PAID,
    asked,
    contradicted,
    events,
    in_review,
    ruled,
    ruling,
    says,
    told,
)
from tests.strategies import (
    BLIND,
    NOW,
    POLICY,
    REFERENCE,
    a_lease,
    answered,
    being_sent,
    fresh,
)

# --- open ones ------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", OPEN)
@pytest.mark.parametrize(
    ("resolution", "status", "code"),
    [
        (PAID, Status.COMPLETED, None),
        (NOT_PAID, Status.FAILED, FailureCode.CONFIRMED_NOT_PAID),
    ],
)
def test_a_ruling_ends_what_is_open_as_a_providers_proof_does(
    what: str, resolution: Resolution, status: Status, code: FailureCode | None
) -> None:
    before = in_review(OPEN[what])
    (change,) = told(before, ruled(resolution))
    after = change.after
    assert (after.status, after.failure_code) == (status, code)
    assert (after.review, after.lease) == (None, None)
    assert after.completed_at == after.updated_at == NOW + timedelta(seconds=1)
    assert events([change]) == [status, "review_resolved"]
    assert change.frees == (status is Status.FAILED)
    assert change.verdict is Verdict.MOVE
    assert after.case.ruled is resolution
    assert after.case.reviewed_at == NOW + timedelta(seconds=1)


def test_what_has_ended_by_a_ruling_is_never_sent() -> None:
    """A plan to send would pay what operators have said is not to be paid, or paid already."""
    for resolution in (PAID, NOT_PAID):
        plan = told(in_review(fresh()), ruled(resolution))[-1].after.plan
        assert plan is None


@pytest.mark.parametrize("resolution", [PAID, NOT_PAID])
def test_what_may_be_under_way_is_asked_about_once_more(resolution: Resolution) -> None:
    after = told(in_review(OPEN["nobody knows"]), ruled(resolution))[-1].after
    assert after.plan == Plan(Action.ASK, NOW + timedelta(seconds=1) + POLICY.not_found_grace)
    leased = replace(after, lease=a_lease(at=NOW + timedelta(hours=1)))
    found = News("ok", RULED_AS[resolution][0])
    report = Report(Source.STATUS_QUERY, found, lease=a_lease().token)
    (change,) = told(leased, report, since=NOW + timedelta(hours=1))
    assert (change.after.plan, change.after.review) == (None, None)
    blind = told(in_review(OPEN["nobody knows"]), ruled(resolution), capabilities=BLIND)
    assert blind[-1].after.plan is None, "nobody can be asked"


def test_keep_waiting_closes_the_review_and_asks_at_once() -> None:
    before = in_review(OPEN["taken"])
    (change,) = told(before, ruled(KEEP_WAITING))
    after = change.after
    assert (after.status, after.review) == (before.status, None)
    assert after.plan == Plan(Action.ASK, NOW + timedelta(seconds=1))
    assert events([change]) == ["review_resolved"]
    assert '"resolution":"keep_waiting"' in change.events[0].body
    assert "agrees" not in change.events[0].body
    assert not change.frees


def test_what_is_left_to_wait_counts_as_overdue_from_then_on() -> None:
    since = NOW + POLICY.review_after + timedelta(hours=1)
    (first,) = told(OPEN["taken"], Report(Source.CLOCK, Overdue()), since=since)
    assert first.after.review is ReviewReason.UNKNOWN_TOO_LONG
    (second,) = told(first.after, ruled(KEEP_WAITING), since=since)
    rung = Report(Source.CLOCK, Overdue())
    soon = told(second.after, rung, asked(NoAnswer("silent")), since=since)
    assert events(soon) == []
    late = told(second.after, rung, since=since + POLICY.review_after)
    assert events(late) == ["needs_review"]


def test_waiting_where_nobody_can_be_asked_does_not_spin() -> None:
    """The next look is due when it is overdue again, not in five seconds for ever."""
    since = NOW + POLICY.review_after + timedelta(hours=1)
    sent = told(being_sent(), answered(OutcomeKind.UNKNOWN), capabilities=BLIND)[-1].after
    overdue = told(sent, Report(Source.CLOCK, Overdue()), capabilities=BLIND, since=since)
    waits = told(overdue[-1].after, ruled(KEEP_WAITING), capabilities=BLIND, since=since)
    plan = waits[-1].after.plan
    assert plan is not None
    assert plan.due_at >= since + POLICY.review_after


def test_a_lease_keeps_its_plan_when_it_is_left_to_wait() -> None:
    """Somebody has it in his hands: he plans when he is back."""
    before = in_review(OPEN["being asked about"])
    after = told(before, ruled(KEEP_WAITING))[-1].after
    assert (after.plan, after.lease) == (before.plan, before.lease)


def test_the_transaction_id_of_the_proof_is_kept() -> None:
    after = told(in_review(OPEN["nobody knows"]), ruled(PAID, "OM-77"))[-1].after
    assert after.provider_transaction_id == "OM-77"


@pytest.mark.parametrize("taken", [True, False])
def test_a_transaction_id_that_cannot_be_its_own_settles_nothing(taken: bool) -> None:
    known = None if taken else "OM-1"
    before = in_review(replace(OPEN["taken"], provider_transaction_id=known))
    (change,) = told(before, ruled(PAID, "OM-2", id_taken=taken))
    assert change.verdict is Verdict.MISMATCH
    assert (change.after.status, change.after.review) == (before.status, before.review)
    assert (change.after.plan, change.events) == (before.plan, ())
    assert change.after.provider_transaction_id == known


@pytest.mark.parametrize("resolution", Resolution)
@pytest.mark.parametrize("what", OPEN)
def test_without_an_open_review_a_ruling_is_kept_and_changes_nothing(
    what: str, resolution: Resolution
) -> None:
    before = OPEN[what]
    (change,) = told(before, ruled(resolution))
    assert (change.events, change.verdict, change.frees) == ((), Verdict.NOTED, False)
    assert len(change.evidence) == 1
    same = replace(
        change.after,
        version=before.version,
        updated_at=before.updated_at,
        pieces=before.pieces,
        chain=before.chain,
    )
    assert same == before


def test_the_evidence_names_who_proposed_who_approved_and_the_proof() -> None:
    (change,) = told(in_review(OPEN["taken"]), ruled(NOT_PAID))
    (piece,) = change.evidence
    assert (piece.source, piece.kind, piece.word) == (Source.OPERATOR, "Ruling", "not_paid")
    assert piece.status is Status.FAILED
    for word in ("olga", "amadou", "as the statement says", "2026-11-24/17"):
        assert word in piece.detail
        assert word.encode() in piece.raw
    assert piece.digest == digest_of(piece.raw)


def test_where_one_person_was_enough_the_evidence_says_so() -> None:
    alone = replace(ruling(PAID), approved_by="olga", four_eyes=False)
    (change,) = told(in_review(OPEN["taken"]), Report(Source.OPERATOR, alone, raw=raw_of(alone)))
    (piece,) = change.evidence
    assert "one person is enough" in piece.detail
    assert b'"fourEyes":false' in piece.raw


def test_the_longest_ruling_fits_into_the_evidence() -> None:
    proof = Proof(ProofKind.PROVIDER_PORTAL, "\u20ac" * LONGEST_REFERENCE, "\u20ac" * LONGEST_PROOF)
    longest = replace(ruling(PAID), reason="\u20ac" * LONGEST_REASON, proof=proof)
    assert len(raw_of(longest)) <= RAW_LIMIT


# --- ended ones -----------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ENDINGS)
@pytest.mark.parametrize("resolution", [PAID, NOT_PAID])
def test_a_ruling_never_moves_what_has_ended_and_tells_whether_it_agrees(
    state: Status, resolution: Resolution
) -> None:
    other = Status.FAILED if state is Status.COMPLETED else Status.COMPLETED
    before = contradicted(state, other)
    (change,) = told(before, ruled(resolution))
    after = change.after
    kept = ("status", "completed_at", "failure_code", "failure_reason", "provider_transaction_id")
    assert all(getattr(after, name) == getattr(before, name) for name in kept)
    assert after.review is None
    assert not change.frees
    (event,) = change.events
    agreed = agrees(resolution, state)
    assert agreed == ((state is Status.COMPLETED) == (resolution is PAID))
    for fact in (
        f'"status":"{state}"',
        '"reviewReason":"contradiction"',
        f'"resolution":"{resolution}"',
        f'"agrees":{str(agreed).lower()}',
        f'"resolutionId":"{UUID(int=9)}"',
        f'"reference":"{REFERENCE}"}}',
    ):
        assert fact in event.body
    assert change.verdict is (Verdict.STALE if agreed else Verdict.CONTRADICTION)


@pytest.mark.parametrize("resolution", [PAID, NOT_PAID])
def test_the_same_contradiction_does_not_ring_again(resolution: Resolution) -> None:
    settled = told(contradicted(), ruled(resolution))[-1].after
    again = told(settled, says(Status.COMPLETED), says(Status.COMPLETED), asked(News("x", None)))
    assert events(again[:2]) == []
    assert [each.verdict for each in again[:2]] == [Verdict.CONTRADICTION] * 2
    assert again[1].after.review is None
    # A word that nobody knows is something new.
    assert events(again[2:]) == ["needs_review"]


def test_another_contradiction_rings_and_is_told_again() -> None:
    settled = told(contradicted(), ruled(NOT_PAID))[-1].after
    assert settled.status is Status.FAILED
    # It agrees with the ruling: a cancelled payout was not paid either.
    assert events(told(settled, says(Status.CANCELLED))) == []
    done = told(contradicted(Status.COMPLETED, Status.FAILED), ruled(PAID))[-1].after
    again = told(done, says(Status.FAILED), says(Status.CANCELLED), says(Status.CANCELLED))
    assert events(again) == ["contradicted", "needs_review"]
    assert again[-1].after.review is ReviewReason.CONTRADICTION
    once_more = told(again[-1].after, ruled(PAID), says(Status.CANCELLED), says(Status.FAILED))
    assert events(once_more) == ["review_resolved"]


def test_a_reversal_after_a_ruling_rings_although_it_agrees_with_our_state() -> None:
    """We are failed, operators ruled paid, and now the provider says failed: money came back."""
    settled = told(contradicted(), ruled(PAID))[-1].after
    changes = told(settled, says(Status.FAILED), says(Status.FAILED))
    assert events(changes) == ["needs_review"]
    assert changes[0].verdict is Verdict.CONTRADICTION
    assert changes[-1].after.review is ReviewReason.CONTRADICTION


def test_a_doorbell_that_was_before_the_operators_does_not_ring_again() -> None:
    bell = Report(Source.WEBHOOK, Doorbell(REFERENCE, "PAID", Status.COMPLETED))
    failed = told(being_sent(), says(Status.FAILED))[-1].after
    rung = told(failed, bell)[-1].after
    looked = replace(rung, lease=a_lease(), plan=Plan(Action.ASK, NOW))
    silent = Report(Source.STATUS_QUERY, NotFound(), lease=a_lease().token)
    doubted = told(looked, silent)[-1].after
    assert doubted.review is ReviewReason.DOORBELL_DISAGREES
    settled = told(doubted, ruled(NOT_PAID))[-1].after
    again = told(settled, bell)
    assert events(again) == []
    # It is asked about all the same: the provider may know better by now.
    assert again[-1].after.plan is not None
    back = replace(again[-1].after, lease=a_lease(), plan=Plan(Action.ASK, NOW))
    assert events(told(back, silent)) == []


def test_what_comes_back_late_from_the_wire_is_held_against_the_ruling() -> None:
    """Ruled while the submit was on its way: its answer is a contradiction, not old news."""
    sent = in_review(being_sent())
    not_paid = told(sent, ruled(NOT_PAID))[-1].after
    taken = told(not_paid, answered(OutcomeKind.ACCEPTED))
    assert events(taken) == ["needs_review"]
    assert taken[0].after.attempts[0].outcome is OutcomeKind.ACCEPTED
    with_news = News("PENDING", Status.PROCESSING, "OM-1")
    assert events(told(not_paid, answered(OutcomeKind.ACCEPTED, news=with_news))) == [
        "needs_review"
    ]
    paid = told(sent, ruled(PAID))[-1].after
    assert events(told(paid, answered(OutcomeKind.REFUSED))) == ["needs_review"]
    # An answer that says the same, or nothing, is no news.
    assert events(told(paid, answered(OutcomeKind.ACCEPTED))) == []
    assert events(told(not_paid, answered(OutcomeKind.REFUSED))) == []
    assert events(told(not_paid, answered(OutcomeKind.UNKNOWN))) == []


def test_that_the_provider_has_it_was_known_when_it_was_known() -> None:
    not_paid = told(in_review(OPEN["taken"]), ruled(NOT_PAID))[-1].after
    assert events(told(not_paid, says(Status.PROCESSING))) == []
    unknown = told(in_review(OPEN["nobody knows"]), ruled(NOT_PAID))[-1].after
    assert events(told(unknown, says(Status.PROCESSING))) == ["needs_review"]


def test_a_mismatch_that_was_before_the_operators_does_not_ring_again_while_it_is_polled() -> None:
    wrong = says(Status.COMPLETED, reference="SOMEBODY-ELSES")
    mismatch = told(OPEN["taken"], wrong)[-1].after
    assert mismatch.review is ReviewReason.ECHO_MISMATCH
    waits = told(mismatch, ruled(KEEP_WAITING))[-1].after
    assert events(told(waits, wrong, wrong)) == []
    other = says(Status.COMPLETED, reference="ANOTHER-ONE")
    assert events(told(waits, other)) == ["needs_review"]


WRONG_ID = {"provider_transaction_id": "OM-OF-ANOTHER"}
WRONG_ECHO = {"reference": "SOMEBODY-ELSES"}


def about_another(status: Status, wrong: dict[str, str]) -> Report:
    """News that cannot be believed, as it was said before or after a ruling."""
    return replace(says(status, **wrong), id_taken=wrong is WRONG_ID)


@pytest.mark.parametrize("wrong", [WRONG_ID, WRONG_ECHO], ids=["id", "echo"])
def test_a_mismatch_that_now_tells_of_another_ending_rings_again(wrong: dict[str, str]) -> None:
    """It is no proof of a payment, but whoever ruled has not seen it: it was pending then."""
    pending, paid, failed = (
        about_another(each, wrong) for each in (Status.PROCESSING, Status.COMPLETED, Status.FAILED)
    )
    mismatch = told(OPEN["taken"], pending)[-1].after
    not_paid = told(mismatch, ruled(NOT_PAID))[-1].after
    assert events(told(not_paid, pending, failed)) == []
    heard = told(not_paid, paid, paid)
    assert events(heard) == ["needs_review"]
    assert [each.verdict for each in heard] == [Verdict.MISMATCH] * 2
    assert heard[-1].after.status is Status.FAILED
    again = told(heard[-1].after, ruled(NOT_PAID), paid, pending, failed)
    assert events(again) == ["review_resolved"]
    done = told(mismatch, ruled(PAID))[-1].after
    assert events(told(done, pending, paid)) == []
    assert events(told(done, failed)) == ["needs_review"]
    waits = told(mismatch, ruled(KEEP_WAITING))[-1].after
    assert events(told(waits, pending)) == []
    assert events(told(waits, paid)) == ["needs_review"]


def test_a_review_lists_all_that_it_is_about() -> None:
    both = told(contradicted(), says(Status.COMPLETED, reference="SOMEBODY-ELSES"))[-1].after
    first, second = both.case.concerns
    assert first == "contradiction:completed"
    assert second.startswith("echo_mismatch:")
    assert both.review is ReviewReason.CONTRADICTION


def test_what_was_in_review_before_concerns_were_noted_is_settled_as_well() -> None:
    """As an earlier release left it: a review, and nothing about what."""
    old = replace(contradicted(), case=NO_CASE)
    assert events(told(old, says(Status.COMPLETED))) == [], "it was told once"
    settled = told(old, ruled(PAID))[-1].after
    assert events(told(settled, says(Status.COMPLETED))) == []


def test_lists_of_concerns_have_an_end() -> None:
    case = NO_CASE
    for number in range(MOST_CONCERNS + 5):
        case = case.raised(f"echo_mismatch:{number}", NOW)
    assert len(case.concerns) == MOST_CONCERNS
    # A contradiction is listed all the same: it must not be told twice.
    assert case.raised("contradiction:failed", NOW).tells_contradiction
    for number in range(MOST_SETTLED):
        case = replace(case, concerns=(f"echo_mismatch:x{number}",)).resolved(PAID, NOW, known=())
    assert len(case.settled) == MOST_SETTLED
    assert "contradiction:completed" in case.settled, "what was settled again is not forgotten"


def test_only_time_is_never_settled() -> None:
    overdue = Case(NOW, ("unknown_too_long", "echo_mismatch:1"))
    assert "unknown_too_long" not in overdue.resolved(KEEP_WAITING, NOW, known=()).settled
