"""A doorbell proves nothing and is never ignored: somebody asks, and what he hears decides."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from domain.attempts import Decision, NextStep, OutcomeKind
from domain.cash_out import Action, CashOut, Change, Plan, cancel
from domain.evidence import Doorbell, Finding, News, NoAnswer, NotFound, ReviewReason, Source
from domain.failures import FailureCode
from domain.record import Report, next_step, record
from domain.refusals import TooLateToCancel
from domain.states import Status
from tests.strategies import (
    BLIND,
    DOORBELLS,
    NOW,
    POLICY,
    REFERENCE,
    TOKEN,
    a_cash_out,
    a_lease,
    answered,
    being_sent,
)

SOON = NOW + timedelta(seconds=2)
AGES = (POLICY.review_after - timedelta(seconds=1), POLICY.review_after)


def heard(cash_out: CashOut, finding: Finding, now: datetime = SOON) -> Change:
    source = Source.WEBHOOK if isinstance(finding, Doorbell) else Source.STATUS_QUERY
    lease = None if isinstance(finding, Doorbell) else TOKEN
    return record(cash_out, Report(source, finding, lease=lease), DOORBELLS, POLICY, now)


def rings(claim: Status | None) -> Doorbell:
    return Doorbell(REFERENCE, str(claim), claim)


def says(status: Status) -> News:
    return News(status, status)


def accepted() -> CashOut:
    return record(being_sent(), answered(), DOORBELLS, POLICY, NOW).after


def ended(status: Status = Status.FAILED) -> CashOut:
    return heard(replace(accepted(), lease=a_lease()), says(status)).after


def test_a_doorbell_brings_the_question_forward() -> None:
    later = replace(accepted(), plan=Plan(Action.ASK, NOW + timedelta(minutes=30)))
    assert heard(later, rings(Status.COMPLETED)).after.plan == Plan(Action.ASK, SOON)
    sooner = replace(accepted(), plan=Plan(Action.ASK, NOW))
    assert heard(sooner, rings(Status.COMPLETED)).after.plan == Plan(Action.ASK, NOW)


def test_a_doorbell_does_not_touch_a_send_that_waits_but_is_asked_about_before_it() -> None:
    unsent = answered(OutcomeKind.UNSENT, FailureCode.RATE_LIMITED)
    waits = record(being_sent(), unsent, DOORBELLS, POLICY, NOW).after
    rung = heard(waits, rings(Status.COMPLETED)).after
    assert rung.plan == waits.plan
    assert next_step(rung, DOORBELLS, POLICY, SOON).step is NextStep.ASK
    assert next_step(rung, BLIND, POLICY, SOON).step is NextStep.SEND, "nobody can be asked"
    asking = replace(rung, lease=a_lease(), plan=Plan(Action.ASK, NOW))
    after = heard(asking, NotFound()).after
    assert after.plan == waits.plan, "the retry keeps its time"
    assert next_step(after, DOORBELLS, POLICY, SOON).step is NextStep.SEND


def test_a_doorbell_before_the_first_send_is_asked_about_first_and_then_it_is_sent() -> None:
    rung = heard(a_cash_out(), rings(Status.COMPLETED)).after
    assert next_step(rung, DOORBELLS, POLICY, SOON).step is NextStep.ASK
    asking = replace(rung, lease=a_lease(), plan=Plan(Action.ASK, NOW))
    assert heard(asking, NotFound()).after.plan == Plan(Action.SUBMIT, SOON)


def test_nothing_fails_while_a_doorbell_is_unanswered() -> None:
    cash_out = being_sent()
    for number in range(1, 4):
        unsent = answered(OutcomeKind.UNSENT, FailureCode.PROVIDER_UNAVAILABLE, attempt=number)
        cash_out = being_sent(record(cash_out, unsent, DOORBELLS, POLICY, NOW).after)
    rung = heard(cash_out, rings(Status.COMPLETED), NOW).after
    last = answered(OutcomeKind.UNSENT, FailureCode.PROVIDER_UNAVAILABLE, attempt=4)
    after = record(rung, last, DOORBELLS, POLICY, SOON).after
    assert (after.status, after.plan) == (Status.PROCESSING, Plan(Action.ASK, SOON))
    behind = heard(replace(after, lease=a_lease(at=SOON)), NotFound()).after
    assert (behind.status, behind.review) == (Status.PROCESSING, None)
    assert behind.plan is not None
    assert behind.plan.action is Action.ASK
    grace_over = NOW + POLICY.not_found_grace
    answer = heard(replace(behind, lease=a_lease(at=grace_over)), NotFound(), grace_over)
    assert answer.after.status is Status.FAILED
    assert answer.after.review is ReviewReason.DOORBELL_DISAGREES


def test_the_grace_counts_from_the_claim_however_long_ago_the_last_attempt_was() -> None:
    spent = replace(POLICY, retry_max_attempts=0)
    unsent = answered(OutcomeKind.UNSENT, FailureCode.PROVIDER_UNAVAILABLE)
    waits = record(being_sent(), unsent, DOORBELLS, POLICY, NOW).after
    later = NOW + timedelta(hours=5)
    rung = heard(waits, rings(Status.COMPLETED), later).after
    for after_s, step in ((0, NextStep.ASK), (899, NextStep.ASK), (900, NextStep.FAIL)):
        now = later + timedelta(seconds=after_s)
        denied = replace(rung, not_found_at=now)
        assert next_step(denied, DOORBELLS, spent, now).step is step


def test_what_is_claimed_is_sent_to_a_provider_that_may_pay_twice_only_after_a_final_denial() -> (
    None
):
    unsent = answered(OutcomeKind.UNSENT, FailureCode.RATE_LIMITED)
    rung = heard(record(being_sent(), unsent, DOORBELLS, POLICY, NOW).after, rings(None)).after
    claimed = heard(rung, rings(Status.PROCESSING), NOW).after
    never = replace(DOORBELLS, idempotent_submit=False)
    some_day = replace(never, not_found_final_after=timedelta(hours=1))
    for denied_after, capabilities, step in (
        (timedelta(hours=9), never, NextStep.ASK),
        (timedelta(minutes=59), some_day, NextStep.ASK),
        (timedelta(minutes=60), some_day, NextStep.SEND),
        (timedelta(0), DOORBELLS, NextStep.SEND),
    ):
        now = NOW + denied_after
        denied = replace(claimed, not_found_at=now)
        assert next_step(denied, capabilities, POLICY, now).step is step


@pytest.mark.parametrize(
    "answer",
    [
        NoAnswer("away"),
        says(Status.PROCESSING),
        News("settling", None),
        News("completed", Status.COMPLETED, reference="SOMEBODY-ELSE"),
    ],
)
def test_nothing_fails_or_is_sent_until_the_provider_denies_what_a_doorbell_claimed(
    answer: Finding,
) -> None:
    for code, budget in ((FailureCode.PROVIDER_UNAVAILABLE, 0), (FailureCode.RATE_LIMITED, 3)):
        policy = replace(POLICY, retry_max_attempts=budget)
        unsent = answered(OutcomeKind.UNSENT, code)
        rung = heard(being_sent(), rings(Status.COMPLETED), NOW).after
        asking = record(rung, unsent, DOORBELLS, policy, SOON).after
        report = Report(Source.STATUS_QUERY, answer, lease=TOKEN)
        held = replace(asking, lease=a_lease(at=SOON))
        after = record(held, report, DOORBELLS, policy, SOON).after
        assert (after.status, after.ended) == (Status.PROCESSING, False)
        assert after.plan is not None
        assert after.plan.action is Action.ASK
        assert after.plan.due_at > SOON, "not at once: it was asked about just now"


def test_what_the_provider_says_it_has_is_neither_failed_nor_sent_although_all_is_unsent() -> None:
    spent = replace(POLICY, retry_max_attempts=0)
    unsent = answered(OutcomeKind.UNSENT, FailureCode.RATE_LIMITED)
    waits = record(being_sent(), unsent, DOORBELLS, POLICY, NOW).after
    asking = replace(waits, lease=a_lease(at=SOON), plan=Plan(Action.ASK, NOW))
    for answer in (says(Status.PROCESSING), News("settling", None)):
        report = Report(Source.STATUS_QUERY, answer, lease=TOKEN)
        after = record(asking, report, DOORBELLS, spent, SOON).after
        assert after.status is Status.PROCESSING
        assert next_step(after, DOORBELLS, POLICY, SOON).step is NextStep.ASK


def test_a_doorbell_after_a_not_found_is_asked_about_before_the_next_send() -> None:
    unsent = answered(OutcomeKind.UNSENT, FailureCode.RATE_LIMITED)
    waits = record(being_sent(), unsent, DOORBELLS, POLICY, NOW).after
    asking = replace(waits, lease=a_lease(at=NOW), plan=Plan(Action.ASK, NOW))
    denied = heard(asking, NotFound(), NOW).after
    rung = heard(denied, rings(Status.COMPLETED)).after
    assert next_step(rung, DOORBELLS, POLICY, SOON).step is NextStep.ASK


def test_what_a_doorbell_claims_cannot_be_cancelled_whatever_the_provider_denies() -> None:
    rung = heard(a_cash_out(), rings(Status.COMPLETED)).after
    with pytest.raises(TooLateToCancel):
        cancel(rung, SOON)
    asking = replace(rung, lease=a_lease(at=SOON), plan=Plan(Action.ASK, NOW))
    still = heard(asking, NoAnswer("away")).after
    with pytest.raises(TooLateToCancel):
        cancel(still, SOON)
    denied = heard(replace(still, lease=a_lease(at=SOON)), NotFound()).after
    with pytest.raises(TooLateToCancel):
        cancel(denied, SOON)


def test_a_doorbell_during_the_submit_makes_the_first_question_come_at_once() -> None:
    rung = heard(being_sent(), rings(None)).after
    after = record(rung, answered(), DOORBELLS, POLICY, SOON).after
    assert after.plan == Plan(Action.ASK, SOON)


def test_a_doorbell_during_a_question_is_asked_about_again_at_once() -> None:
    asking = replace(accepted(), asked=3, lease=a_lease(), plan=Plan(Action.ASK, NOW))
    rung = heard(asking, rings(Status.COMPLETED)).after
    later = SOON + timedelta(seconds=1)
    for answer in (says(Status.PROCESSING), NotFound(), NoAnswer("late")):
        assert heard(rung, answer, later).after.plan == Plan(Action.ASK, later)
    assert heard(rung, says(Status.COMPLETED), later).after.plan is None


def test_a_flood_of_doorbells_is_asked_about_once_in_five_seconds() -> None:
    many = replace(accepted(), asked=9, asked_at=NOW, plan=Plan(Action.ASK, NOW + POLICY.lease))
    due = Plan(Action.ASK, NOW + POLICY.first_poll)
    assert heard(many, rings(Status.COMPLETED)).after.plan == due
    held = replace(many, lease=a_lease())
    rung = heard(held, rings(Status.COMPLETED)).after
    assert heard(rung, says(Status.PROCESSING)).after.plan == due


def test_the_first_questions_follow_each_doorbell_at_once() -> None:
    often = len(POLICY.poll_steps)
    rung = [
        heard(replace(accepted(), asked=asked, asked_at=NOW), rings(None)).after.plan
        for asked in (often, often + 1)
    ]
    assert rung == [Plan(Action.ASK, SOON), Plan(Action.ASK, NOW + POLICY.first_poll)]


def test_an_overdue_claim_is_asked_about_and_a_human_is_called() -> None:
    unsent = answered(OutcomeKind.UNSENT, FailureCode.RATE_LIMITED)
    rung = heard(record(being_sent(), unsent, DOORBELLS, POLICY, NOW).after, rings(None)).after
    claimed = replace(rung, claim=Status.PROCESSING)
    young, old = (next_step(claimed, DOORBELLS, POLICY, NOW + age) for age in AGES)
    assert young == Decision(NextStep.ASK, needs_human=False)
    assert old == Decision(NextStep.ASK, needs_human=True)


def test_news_that_is_not_proven_is_kept_as_the_claim_that_it_is() -> None:
    news = News("DONE", Status.COMPLETED, provider_transaction_id="A")
    change = record(accepted(), Report(Source.WEBHOOK, news), DOORBELLS, POLICY, SOON)
    assert (change.after.status, change.after.claim) == (Status.PROCESSING, Status.COMPLETED)
    assert change.after.provider_transaction_id is None
    (piece,) = change.evidence
    assert (piece.kind, piece.word, piece.status) == ("Doorbell", "DONE", Status.COMPLETED)


@pytest.mark.parametrize(
    ("claims", "kept"),
    [
        ([Status.COMPLETED], Status.COMPLETED),
        ([Status.COMPLETED, Status.PROCESSING], Status.COMPLETED),
        ([Status.PROCESSING, Status.COMPLETED], Status.COMPLETED),
        ([Status.COMPLETED, Status.FAILED], Status.FAILED),
        ([Status.COMPLETED, None], Status.COMPLETED),
        ([None], None),
    ],
)
def test_the_furthest_claim_is_kept(claims: list[Status | None], kept: Status | None) -> None:
    cash_out = accepted()
    for claim in claims:
        cash_out = heard(cash_out, rings(claim)).after
    assert cash_out.claim is kept


def test_a_status_that_disagrees_with_the_doorbell_decides_and_calls_a_human() -> None:
    rung = replace(heard(accepted(), rings(Status.COMPLETED)).after, lease=a_lease())
    change = heard(rung, says(Status.FAILED))
    assert change.after.status is Status.FAILED
    assert change.after.review is ReviewReason.DOORBELL_DISAGREES
    agreeing = heard(rung, says(Status.COMPLETED)).after
    assert (agreeing.status, agreeing.review) == (Status.COMPLETED, None)


def test_a_doorbell_that_agrees_with_the_ending_asks_nothing() -> None:
    assert heard(ended(), rings(Status.FAILED)).after.plan is None
    assert heard(ended(), rings(Status.PROCESSING)).after.plan is None


@pytest.mark.parametrize("claim", [Status.COMPLETED, Status.CANCELLED, None])
def test_a_doorbell_that_claims_another_ending_is_asked_about_once_more(
    claim: Status | None,
) -> None:
    rung = heard(ended(), rings(claim)).after
    assert (rung.status, rung.plan) == (Status.FAILED, Plan(Action.ASK, SOON))
    asked = heard(replace(rung, lease=a_lease(at=SOON)), says(Status.FAILED)).after
    assert asked.plan is None
    assert asked.review is (ReviewReason.DOORBELL_DISAGREES if claim else None)


def test_a_doorbell_that_is_right_about_another_ending_is_a_contradiction() -> None:
    rung = replace(heard(ended(), rings(Status.COMPLETED)).after, lease=a_lease(at=SOON))
    change = heard(rung, says(Status.COMPLETED))
    assert change.after.status is Status.FAILED
    assert change.after.review is ReviewReason.CONTRADICTION


def test_a_question_about_another_ending_that_nobody_answers_is_put_again_later() -> None:
    rung = replace(heard(ended(), rings(Status.COMPLETED)).after, lease=a_lease(at=SOON))
    after = heard(rung, NoAnswer("away")).after
    assert after.asked == 2
    assert after.plan == Plan(Action.ASK, SOON + POLICY.first_poll * POLICY.poll_steps[2])


def test_when_nobody_answers_about_another_ending_a_human_is_called_in_the_end() -> None:
    cash_out = heard(ended(), rings(Status.COMPLETED)).after
    now, asked = SOON, 0
    while cash_out.plan is not None:
        now = max(now, cash_out.plan.due_at)
        held = replace(cash_out, lease=a_lease(at=now))
        cash_out = heard(held, NoAnswer("away"), now).after
        asked += 1
    assert asked == len(POLICY.poll_steps)
    assert cash_out.review is ReviewReason.DOORBELL_DISAGREES


def test_a_doorbell_during_that_last_question_is_asked_about_again() -> None:
    rung = replace(heard(ended(), rings(None)).after, lease=a_lease(at=SOON))
    again = heard(rung, rings(Status.COMPLETED), SOON + timedelta(seconds=1)).after
    after = heard(again, says(Status.FAILED), SOON + timedelta(seconds=2)).after
    assert after.plan == Plan(Action.ASK, SOON + timedelta(seconds=2))


def test_a_question_that_was_under_way_when_it_ended_asks_nothing_more() -> None:
    asking = replace(accepted(), lease=a_lease())
    done = record(
        asking, Report(Source.STATUS_QUERY, says(Status.COMPLETED)), DOORBELLS, POLICY, SOON
    ).after
    assert heard(done, NoAnswer("late")).after.plan is None


def test_a_doorbell_about_something_cancelled_is_asked_about() -> None:
    withdrawn = cancel(a_cash_out(), NOW).after
    rung = heard(withdrawn, rings(Status.COMPLETED)).after
    assert rung.plan == Plan(Action.ASK, SOON)
    after = heard(replace(rung, lease=a_lease(at=SOON)), NotFound()).after
    assert (after.status, after.review) == (Status.CANCELLED, ReviewReason.DOORBELL_DISAGREES)
