"""A cash-out: what each step leaves behind, and what may still be withdrawn."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.attempts import OutcomeKind
from domain.cash_out import (
    Action,
    CashOut,
    Draft,
    Plan,
    accept,
    ask_instead,
    begin_attempt,
    cancel,
    hold,
)
from domain.events import EventType
from domain.evidence import ReviewReason, Source
from domain.failures import FAILURES, FailureCode
from domain.limits import Windows
from domain.money import Money
from domain.refusals import TooLateToCancel
from domain.states import ENDINGS, Status, Verdict
from tests.strategies import (
    NOW,
    OTHER_TOKEN,
    POLICY,
    TOKEN,
    XOF,
    a_cash_out,
    a_lease,
    an_attempt,
    being_sent,
    fresh,
)

LATER = NOW + timedelta(minutes=5)


def test_a_new_cash_out_moves_into_being_from_what_was_asked_for() -> None:
    asked_for = a_cash_out(plan=None, events=0)
    change = accept(asked_for)
    assert (change.before, change.verdict) == (asked_for, Verdict.MOVE)
    (piece,) = change.evidence
    assert (piece.source, piece.kind, piece.entered) == (Source.SERVICE, "Accepted", Status.PENDING)


def test_each_step_dates_the_change_and_what_it_tells() -> None:
    sent = begin_attempt(fresh(), LATER, a_lease(at=LATER))
    assert (sent.after.updated_at, sent.events[0].at) == (LATER, LATER)
    withdrawn = cancel(fresh(), LATER)
    assert (withdrawn.after.updated_at, withdrawn.events[0].at) == (LATER, LATER)
    assert withdrawn.after.completed_at == LATER
    assert ask_instead(fresh(), LATER).after.updated_at == LATER


def test_an_attempt_is_written_down_open_leased_and_due_to_be_asked_about() -> None:
    sent = being_sent(fresh())
    assert sent.status is Status.PROCESSING
    assert [(each.number, each.outcome) for each in sent.attempts] == [(1, None)]
    assert sent.attempts[0].reference == sent.reference
    assert sent.plan == Plan(Action.ASK, NOW), "a crash from here on is asked about, never sent"
    assert sent.holds(TOKEN)
    assert not sent.holds(OTHER_TOKEN)
    assert not sent.holds(None)
    assert not fresh().holds(TOKEN)


def test_a_second_attempt_has_the_same_reference_and_forgets_the_first_ones_silence() -> None:
    first = replace(being_sent(), lease=None, asked=7, not_found_at=NOW)
    second = being_sent(first, LATER)
    assert [each.number for each in second.attempts] == [1, 2]
    assert {each.reference for each in second.attempts} == {first.reference}
    assert (second.asked, second.not_found_at) == (0, None)


def test_the_second_attempt_does_not_announce_processing_again() -> None:
    first = being_sent(fresh())
    assert being_sent(replace(first, lease=None), LATER).events == first.events


def test_asking_instead_of_sending_gives_the_lease_up() -> None:
    after = ask_instead(a_cash_out(lease=a_lease()), LATER).after
    assert (after.plan, after.lease) == (Plan(Action.ASK, LATER), None)


def test_holding_changes_the_lease_and_the_version_only() -> None:
    before = fresh()
    change = hold(before, a_lease())
    assert change.after == replace(before, lease=a_lease(), version=before.version + 1)
    assert not change.events
    assert not change.evidence


@pytest.mark.parametrize("status", ENDINGS)
def test_an_ending_leaves_nothing_due_and_nothing_leased(status: Status) -> None:
    draft = Draft(being_sent(), LATER)
    assert draft.move(status, code=FailureCode.EXPIRED) is Verdict.MOVE
    after = draft.finish().after
    assert (after.plan, after.lease, after.completed_at) == (None, None, LATER)
    assert after.ended
    unpaid = status is not Status.COMPLETED
    assert after.failure_code == (FailureCode.EXPIRED if unpaid else None)
    assert after.failure_reason == (FAILURES[FailureCode.EXPIRED].english if unpaid else None)
    assert draft.finish().frees == unpaid


def test_a_failure_without_a_code_is_unspecified_and_a_cancellation_may_have_none() -> None:
    failed = Draft(being_sent(), LATER)
    failed.move(Status.FAILED)
    assert failed.after.failure_code is FailureCode.UNSPECIFIED
    assert failed.after.failure_reason == FAILURES[FailureCode.UNSPECIFIED].english
    cancelled = Draft(being_sent(), LATER)
    cancelled.move(Status.CANCELLED)
    assert (cancelled.after.failure_code, cancelled.after.failure_reason) == (None, None)


def test_the_reason_of_a_failure_is_in_the_event_and_in_the_record() -> None:
    draft = Draft(being_sent(), LATER)
    draft.move(Status.FAILED, code=FailureCode.NAME_MISMATCH)
    change = draft.finish()
    assert change.after.failure_reason
    assert change.after.failure_reason in change.events[-1].body
    assert '"failureCode":"NAME_MISMATCH"' in change.events[-1].body


def test_a_contradiction_changes_no_state_and_is_told_once() -> None:
    done = Draft(being_sent(), LATER)
    done.move(Status.COMPLETED)
    again = Draft(done.finish().after, LATER)
    verdicts = [again.move(each) for each in (Status.FAILED, Status.CANCELLED, Status.FAILED)]
    change = again.finish()
    assert verdicts == [Verdict.CONTRADICTION] * 3
    assert change.after.status is Status.COMPLETED
    assert change.after.review is ReviewReason.CONTRADICTION
    assert [each.type for each in change.events] == [
        EventType.CONTRADICTED,
        EventType.NEEDS_REVIEW,
    ]
    assert not change.frees


def test_a_review_that_is_open_is_not_raised_again() -> None:
    draft = Draft(a_cash_out(review=ReviewReason.ECHO_MISMATCH), LATER)
    draft.call_human(ReviewReason.UNKNOWN_TOO_LONG)
    assert draft.finish().after.review is ReviewReason.ECHO_MISMATCH
    assert draft.events == []


def test_a_draft_that_changed_nothing_moves_neither_version_nor_time() -> None:
    before = a_cash_out()
    assert Draft(before, LATER).finish().after == before
    moved = Draft(before, LATER)
    moved.move(Status.PROCESSING)
    after = moved.finish().after
    assert (after.version, after.updated_at) == (before.version + 1, LATER)


def test_the_total_is_amount_and_fee_and_the_windows_are_those_of_acceptance() -> None:
    cash_out = a_cash_out(updated_at=NOW + timedelta(days=60))
    assert cash_out.total == Money(2_100, XOF)
    assert cash_out.windows == Windows.of("user-1", "orange_money", "XOF", NOW)
    assert not cash_out.needs_review


UNSENT, ACCEPTED, REFUSED, UNKNOWN = OutcomeKind

WITHDRAWABLE: list[tuple[CashOut, bool]] = [
    (a_cash_out(), True),
    (a_cash_out(status=Status.PROCESSING, attempts=(an_attempt(UNSENT),)), True),
    (a_cash_out(attempts=(an_attempt(UNSENT),) * 3), True),
    (a_cash_out(attempts=(an_attempt(None),)), False),
    (a_cash_out(attempts=(an_attempt(ACCEPTED),)), False),
    (a_cash_out(attempts=(an_attempt(REFUSED),)), False),
    (a_cash_out(attempts=(an_attempt(UNKNOWN), an_attempt(UNSENT))), False),
    (a_cash_out(lease=a_lease()), False),
    (a_cash_out(attempts=(an_attempt(UNSENT),), provider_transaction_id="OM-1"), False),
    *((a_cash_out(status=ending), False) for ending in sorted(ENDINGS)),
]


@pytest.mark.parametrize(("cash_out", "may"), WITHDRAWABLE)
def test_only_what_is_provably_not_on_the_wire_may_be_cancelled(
    cash_out: CashOut, *, may: bool
) -> None:
    if may:
        change = cancel(cash_out, LATER)
        assert change.after.status is Status.CANCELLED
        assert change.after.failure_reason == "Cancelled by the user."
        assert change.verdict is Verdict.MOVE
        assert change.frees
        assert [each.type for each in change.events] == [EventType.CANCELLED]
    else:
        with pytest.raises(TooLateToCancel) as refused:
            cancel(cash_out, LATER)
        assert refused.value.status == cash_out.status


def test_a_lease_lasts_as_long_as_the_policy_says() -> None:
    assert a_lease().until - NOW == POLICY.lease


def test_a_change_copies_the_cash_out_once_and_leaves_the_old_one_alone() -> None:
    """However many steps it has: a copy for each would be most of what deciding costs."""
    before, untouched = fresh(), fresh()
    draft = Draft(before, LATER)
    copy = draft.after
    draft.set(asked=3, claim=Status.PROCESSING)
    draft.move(Status.FAILED, code=FailureCode.NAME_MISMATCH)
    draft.call_human(ReviewReason.ECHO_MISMATCH)
    change = draft.finish()
    assert change.after is copy
    assert (copy.asked, copy.status, copy.version) == (3, Status.FAILED, before.version + 1)
    assert (change.before is before, before) == (True, untouched)


def test_nothing_but_a_field_of_a_cash_out_can_be_changed() -> None:
    with pytest.raises(AttributeError):
        Draft(fresh(), LATER).set(planned=None)  # type: ignore[call-arg]


def test_a_new_cash_out_names_what_caused_it() -> None:
    assert accept(a_cash_out()).cause == ""
    assert accept(a_cash_out(), "key-1").cause == "key-1"


@pytest.mark.parametrize("operator", [None, "olga"])
def test_a_withdrawal_is_evidence_of_whoever_made_it(operator: str | None) -> None:
    (piece,) = cancel(fresh(), NOW, operator).evidence
    assert (piece.verdict, piece.detail) == (Verdict.MOVE, operator or "")


def test_events_carry_the_trace_of_the_request() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    (initiated,) = accept(a_cash_out(trace=trace)).events
    assert initiated.trace == trace
