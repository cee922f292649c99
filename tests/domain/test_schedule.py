"""When something is looked at again: the documented schedule, lived through."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.attempts import Capabilities, OutcomeKind
from domain.cash_out import Action, CashOut, Plan
from domain.evidence import Finding, News, NoAnswer, NotFound, ReviewReason, Source
from domain.record import Report, record
from domain.states import Status
from tests.strategies import BLIND, NOW, POLICY, PROVES, TOKEN, a_lease, answered, being_sent

SCHEDULE_S = [5, 10, 20, 40, 60, 120, 300, 600]
UNCLEAR = OutcomeKind.UNKNOWN


def asked(cash_out: CashOut, finding: Finding, permille: int = 0) -> CashOut:
    """Return the cash-out after its next question, asked when it was due."""
    assert cash_out.plan is not None
    assert cash_out.plan.action is Action.ASK
    now = cash_out.plan.due_at
    held = replace(cash_out, lease=a_lease(at=now))
    report = Report(Source.STATUS_QUERY, finding, lease=TOKEN, permille=permille)
    return record(held, report, PROVES, POLICY, now).after


def due_at(cash_out: CashOut) -> datetime:
    assert cash_out.plan is not None
    return cash_out.plan.due_at


def gaps(cash_out: CashOut, finding: Finding, count: int) -> list[timedelta]:
    times = [due_at(cash_out)]
    for _ in range(count):
        cash_out = asked(cash_out, finding)
        times.append(due_at(cash_out))
    return [later - sooner for sooner, later in pairwise(times)]


def after_submit(kind: OutcomeKind = OutcomeKind.ACCEPTED) -> CashOut:
    return record(being_sent(), answered(kind), PROVES, POLICY, NOW).after


@pytest.mark.parametrize("finding", [News("P", Status.PROCESSING), NoAnswer("x"), News("?", None)])
def test_after_acceptance_it_is_asked_on_the_documented_schedule(finding: Finding) -> None:
    accepted = after_submit()
    assert due_at(accepted) == NOW + timedelta(seconds=5)
    seconds = [gap.total_seconds() for gap in gaps(accepted, finding, 10)]
    assert seconds == [*SCHEDULE_S[1:], 1_800, 1_800, 1_800]


def test_after_silence_it_is_asked_at_once_and_then_on_the_same_schedule() -> None:
    unclear = after_submit(UNCLEAR)
    assert due_at(unclear) == NOW
    seconds = [gap.total_seconds() for gap in gaps(unclear, NotFound(), 6)]
    assert seconds == SCHEDULE_S[:6]


def test_it_is_asked_every_half_hour_to_three_days_and_then_daily_with_a_review_open() -> None:
    cash_out, count = after_submit(), 0
    while due_at(cash_out) < NOW + timedelta(hours=72):
        cash_out = asked(cash_out, News("P", Status.PROCESSING))
        count += 1
    assert 140 < count < 160, "the number of questions is bounded"
    cash_out = asked(cash_out, News("P", Status.PROCESSING))
    assert cash_out.review is ReviewReason.UNKNOWN_TOO_LONG
    daily = gaps(cash_out, News("P", Status.PROCESSING), 5)
    assert set(daily) == {timedelta(days=1)}


@given(permille=st.integers(-1_000, 1_000), before=st.integers(0, 12))
def test_each_question_is_moved_by_a_fifth_at_most(permille: int, before: int) -> None:
    cash_out = replace(after_submit(), asked=before)
    plain = due_at(asked(cash_out, News("P", Status.PROCESSING))) - due_at(cash_out)
    moved = due_at(asked(cash_out, News("P", Status.PROCESSING), permille)) - due_at(cash_out)
    assert abs(moved - plain) <= plain / 5


def test_retry_after_of_a_status_query_is_honoured() -> None:
    accepted = after_submit()
    assert due_at(asked(accepted, NoAnswer("slow down", 250))) == due_at(accepted) + timedelta(
        seconds=250
    )


def unanswerable(now: datetime, can: Capabilities = BLIND) -> CashOut:
    return record(replace(being_sent(), lease=a_lease()), answered(UNCLEAR), can, POLICY, now).after


def test_what_cannot_be_asked_about_waits_for_a_webhook_until_a_human_is_due() -> None:
    assert unanswerable(NOW).plan == Plan(Action.ASK, NOW + POLICY.review_after)
    almost = NOW + POLICY.review_after - timedelta(seconds=1)
    assert unanswerable(almost).plan == Plan(Action.ASK, almost + POLICY.first_poll)
    late = NOW + POLICY.review_after
    overdue = unanswerable(late)
    assert overdue.plan == Plan(Action.ASK, late + POLICY.poll_daily)
    assert overdue.review is ReviewReason.UNKNOWN_TOO_LONG


def test_a_webhook_cancels_the_next_poll() -> None:
    accepted = after_submit()
    later = NOW + timedelta(seconds=4)
    report = Report(Source.WEBHOOK, News("P", Status.PROCESSING))
    assert due_at(record(accepted, report, PROVES, POLICY, later).after) == later + timedelta(
        seconds=5
    )


def test_a_webhook_does_not_touch_the_plan_of_somebody_at_work() -> None:
    held = being_sent()
    report = Report(Source.WEBHOOK, News("P", Status.PROCESSING))
    assert record(held, report, PROVES, POLICY, NOW).after.plan == held.plan
