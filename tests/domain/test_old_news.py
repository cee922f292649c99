"""News of an earlier try, and questions about what has ended."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from domain.cash_out import Action, CashOut, Plan
from domain.evidence import NoAnswer
from domain.record import record
from domain.states import Status, Verdict
from tests.domain.test_record import LATER, UNKNOWN, by_query, by_webhook, heard, says
from tests.strategies import NOW, POLICY, PROVES, a_lease, an_attempt, being_sent


def tried_twice() -> CashOut:
    """A cash-out whose second attempt, five minutes after the first, is under way."""
    first, second = an_attempt(UNKNOWN), an_attempt(None, number=2, at=LATER)
    return replace(being_sent(), attempts=(first, second))


@pytest.mark.parametrize(
    ("status", "happened_at", "verdict"),
    [
        (Status.FAILED, LATER - timedelta(microseconds=1), Verdict.NOTED),
        (Status.FAILED, LATER, Verdict.MOVE),
        (Status.COMPLETED, LATER - timedelta(microseconds=1), Verdict.MOVE),
    ],
)
def test_only_a_failure_from_before_the_last_try_is_old_news(
    status: Status, happened_at: datetime, verdict: Verdict
) -> None:
    news = replace(by_webhook(says(status)), happened_at=happened_at)
    assert heard(tried_twice(), news, now=LATER).verdict is verdict


def test_what_has_ended_is_contradicted_by_old_news_too() -> None:
    paid = heard(tried_twice(), by_webhook(says(Status.COMPLETED)), now=LATER).after
    old = replace(by_webhook(says(Status.FAILED)), happened_at=NOW)
    assert heard(paid, old, now=LATER).verdict is Verdict.CONTRADICTION


def test_a_question_about_an_ending_waits_as_a_first_one_however_old_the_cash_out_is() -> None:
    policy = replace(POLICY, poll_daily_after=timedelta(hours=1))
    ended = heard(being_sent(), by_webhook(says(Status.FAILED))).after
    asking = replace(ended, lease=a_lease(), plan=Plan(Action.ASK, NOW), asked=1)
    after = record(asking, by_query(NoAnswer("silent")), PROVES, policy, NOW).after
    assert after.plan == Plan(Action.ASK, NOW + policy.poll_delay(after.asked, timedelta(0)))
