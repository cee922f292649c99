"""What no seal covers follows from the evidence, whatever a cash-out has lived through."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.cash_out import Action, CashOut, Change, Plan, begin_attempt
from domain.evidence import Doorbell, Evidence, Finding, NoAnswer, NotFound, Source
from domain.record import Report, record
from domain.states import Status
from domain.timers import Timer, Wrong, wrong_answers, wrong_plan
from tests.contracts.books import ACCEPTED, answered, begun
from tests.contracts.stores import a_new
from tests.strategies import NOW, POLICY, PROVES, a_lease

ASKED_AT = NOW + timedelta(minutes=1)


def _asked(cash_out: CashOut, finding: Finding, minutes: int = 1) -> Change:
    """Return the change by a question that was asked, with its answer three seconds later."""
    at = NOW + timedelta(minutes=minutes)
    lease = a_lease(token=UUID(int=minutes), at=at)
    report = Report(Source.STATUS_QUERY, finding, lease=lease.token)
    later = at + timedelta(seconds=3)
    return record(replace(cash_out, lease=lease), report, PROVES, POLICY, later)


def _late(cash_out: CashOut, finding: Finding) -> Change:
    """Return the change by an answer whose asker lost his hold, and whose clock is behind."""
    report = Report(Source.STATUS_QUERY, finding, lease=UUID(int=99))
    return record(cash_out, report, PROVES, POLICY, NOW - timedelta(hours=3))


def _rung(cash_out: CashOut, minutes: int) -> Change:
    bell = Doorbell(cash_out.reference, "COMPLETED", Status.COMPLETED)
    at = NOW + timedelta(minutes=minutes)
    return record(cash_out, Report(Source.WEBHOOK, bell), PROVES, POLICY, at)


def _again(cash_out: CashOut) -> Change:
    at = NOW + timedelta(minutes=30)
    return begin_attempt(replace(cash_out, lease=None), at, a_lease(at=at))


def _lived(*steps: Callable[[CashOut], Change]) -> tuple[CashOut, list[Evidence]]:
    first = a_new()
    cash_out, pieces = first.after, [*first.evidence]
    for step in steps:
        change = step(cash_out)
        cash_out, pieces = change.after, [*pieces, *change.evidence]
    return cash_out, pieces


def _sent(cash_out: CashOut) -> Change:
    return answered(cash_out, ACCEPTED)


STORIES: dict[str, tuple[Callable[[CashOut], Change], ...]] = {
    "taken": (),
    "sent": (begun, _sent),
    "denied": (begun, _sent, lambda one: _asked(one, NotFound())),
    "denied, then rung for": (
        *(begun, _sent, lambda one: _asked(one, NotFound())),
        lambda one: _rung(one, 3),
    ),
    "rung for before it was sent": (lambda one: _rung(one, 0), begun, _sent),
    "denied, and once more by a clock that is behind": (
        *(begun, _sent, lambda one: _asked(one, NotFound())),
        lambda one: _late(one, NotFound()),
    ),
    "asked in vain": (begun, _sent, lambda one: _asked(one, NoAnswer("timeout"))),
    "denied and sent again": (begun, lambda one: _asked(one, NotFound()), _again),
}


@pytest.mark.parametrize("steps", STORIES.values(), ids=STORIES)
def test_what_was_lived_through_agrees_with_its_evidence(
    steps: tuple[Callable[[CashOut], Change], ...],
) -> None:
    cash_out, pieces = _lived(*steps)
    assert list(wrong_answers(cash_out, pieces)) == []
    assert wrong_plan(cash_out, NOW + timedelta(days=400)) is None


DENIED_STORY = STORIES["denied"]
HEARD = "2026-11-23T10:01:03+00:00"
LATER = "2026-11-23T11:00:00+00:00"
CHANGED: dict[str, tuple[dict[str, Any], Wrong]] = {
    "asked more often": ({"asked": 2}, Wrong(Timer.ASKED, "at most 1 questions", "2")),
    "asked later": (
        {"asked_at": NOW + timedelta(hours=1)},
        Wrong(Timer.ASKED, HEARD, LATER),
    ),
    "never asked": ({"asked_at": None}, Wrong(Timer.ASKED, HEARD, "never")),
    "claimed": (
        {"claimed_at": NOW + timedelta(hours=1)},
        Wrong(Timer.CLAIM, "never", LATER),
    ),
    "denied later than it was asked": (
        {"not_found_at": NOW + timedelta(hours=1)},
        Wrong(Timer.DENIED, HEARD, LATER),
    ),
}


@pytest.mark.parametrize(("fields", "wrong"), CHANGED.values(), ids=CHANGED)
def test_what_is_not_in_the_evidence_is_named(fields: dict[str, Any], wrong: Wrong) -> None:
    cash_out, pieces = _lived(*DENIED_STORY)
    assert cash_out.not_found_at == ASKED_AT
    assert list(wrong_answers(replace(cash_out, **fields), pieces)) == [wrong]


def test_a_denial_may_be_as_young_as_its_answer() -> None:
    cash_out, pieces = _lived(*DENIED_STORY)
    answered_at = replace(cash_out, not_found_at=pieces[-1].at)
    assert list(wrong_answers(answered_at, pieces)) == []


def test_when_somebody_last_claimed_something_is_told() -> None:
    cash_out, pieces = _lived(*STORIES["denied, then rung for"])
    wrong = list(wrong_answers(replace(cash_out, claimed_at=None), pieces))
    assert wrong == [Wrong(Timer.CLAIM, "2026-11-23T10:03:00+00:00", "never")]


@pytest.mark.parametrize("story", ["denied, then rung for", "denied and sent again"])
def test_a_denial_does_not_outlive_what_was_said_or_sent_since(story: str) -> None:
    cash_out, pieces = _lived(*STORIES[story])
    assert cash_out.not_found_at is None
    (wrong,) = wrong_answers(replace(cash_out, not_found_at=ASKED_AT), pieces)
    assert (wrong.timer, wrong.expected) == (Timer.DENIED, "never")


def test_an_open_cash_out_has_a_plan_that_comes() -> None:
    cash_out, _ = _lived(begun, _sent)
    latest = NOW + timedelta(days=400)
    assert wrong_plan(replace(cash_out, plan=Plan(Action.ASK, latest)), latest) is None
    for plan in (None, Plan(Action.ASK, latest + timedelta(microseconds=1))):
        wrong = wrong_plan(replace(cash_out, plan=plan), latest)
        assert wrong is not None
        assert wrong.timer is Timer.PLAN
