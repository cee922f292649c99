"""A machine whose clock is wrong plans by the moment of its claim, which is the store's."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.attempts import OutcomeKind
from domain.evidence import NotFound, Source
from domain.record import Report, record
from tests.strategies import NOW, POLICY, PROVES, TOKEN, answered, being_sent

BEHIND = [timedelta(0), timedelta(seconds=30), timedelta(hours=3)]


@pytest.mark.parametrize("behind", BEHIND, ids=str)
def test_a_clock_that_is_behind_never_plans_a_question_into_the_past(behind: timedelta) -> None:
    report = answered(OutcomeKind.ACCEPTED)
    after = record(being_sent(), report, PROVES, POLICY, NOW - behind).after
    assert after.plan is not None
    assert after.plan.due_at >= NOW + POLICY.first_poll * 8 / 10


@pytest.mark.parametrize("behind", BEHIND, ids=str)
@pytest.mark.parametrize("asked", range(8))
def test_questions_grow_rarer_by_the_claims_time(asked: int, behind: timedelta) -> None:
    asking = replace(being_sent(), asked=asked)
    report = Report(Source.STATUS_QUERY, NotFound(), lease=TOKEN)
    after = record(asking, report, PROVES, POLICY, NOW - behind).after
    assert after.plan is not None
    assert after.plan.due_at - NOW >= POLICY.poll_delay(asked, timedelta(0)) * 8 / 10
