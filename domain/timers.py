"""Timers: what no seal covers of a cash-out, held against what its evidence says of it.

Plans and questions change more often than a piece is left, so that no piece seals them. What they
may be follows from the pieces all the same: who sends again does so by what is written here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.cash_out import CashOut
from domain.evidence import Doorbell, Evidence, News, NoAnswer, NotFound, Source


class Timer(StrEnum):
    """What is written without a seal."""

    PLAN = "plan"
    """An open cash-out has no plan, or one that never comes."""
    CLAIM = "claim"
    """When a claim was last made is not when a piece made it."""
    ASKED = "asked"
    """Questions of which no piece tells, or another moment than that of the latest."""
    DENIED = "denied"
    """The provider is said to know nothing of it, and no piece says so since it was last sent."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A timer that does not follow from the evidence."""

    timer: Timer
    expected: str
    found: str


@dataclass(slots=True)
class _Heard:
    """What the pieces say, as far as they were read."""

    claimed_at: datetime | None = None
    asked_at: datetime | None = None
    denied_at: datetime | None = None
    asked: int = 0


_BEGUN = "Begun"
_DOORBELL, _NEWS, _NOT_FOUND = Doorbell.__name__, News.__name__, NotFound.__name__
_ANSWERS = frozenset({_NEWS, _NOT_FOUND, NoAnswer.__name__})
_SAYS_NOTHING = frozenset({"Accepted", "Outcome", "Overdue", "Ruling", "Cancelled"})


def wrong_plan(cash_out: CashOut, planned_by: datetime | None) -> Wrong | None:
    """Return what is wrong with the plan; planned_by: beyond it nothing is planned."""
    plan = cash_out.plan
    if plan is None:
        return None if cash_out.ended else Wrong(Timer.PLAN, "a plan", f"{cash_out.status}, none")
    if planned_by is not None and plan.due_at > planned_by:
        return Wrong(Timer.PLAN, f"due by {planned_by:%F}", f"{plan.action} at {plan.due_at:%F}")
    return None


def wrong_answers(cash_out: CashOut, pieces: Sequence[Evidence]) -> Iterator[Wrong]:
    """Yield what is kept of claims and questions and is not what these pieces, all of them, say."""
    heard = _heard(pieces)
    if cash_out.claimed_at != heard.claimed_at:
        yield Wrong(Timer.CLAIM, _at(heard.claimed_at), _at(cash_out.claimed_at))
    if cash_out.asked_at != heard.asked_at:
        yield Wrong(Timer.ASKED, _at(heard.asked_at), _at(cash_out.asked_at))
    if cash_out.asked > heard.asked:
        yield Wrong(Timer.ASKED, f"at most {heard.asked} questions", str(cash_out.asked))
    denied_at = cash_out.not_found_at
    # A question was on its way for a while: what it denies is told of the time when it was asked.
    if denied_at is not None and (heard.denied_at is None or denied_at > heard.denied_at):
        yield Wrong(Timer.DENIED, _at(heard.denied_at), _at(denied_at))


def _heard(pieces: Sequence[Evidence]) -> _Heard:
    heard = _Heard()
    for piece in pieces:
        kind = piece.kind
        if kind in _SAYS_NOTHING:
            continue
        asked = piece.source is Source.STATUS_QUERY and kind in _ANSWERS
        if asked:
            heard.asked_at, heard.asked = piece.at, heard.asked + 1
        if kind == _DOORBELL or (asked and kind == _NEWS):
            heard.claimed_at = piece.at
        if kind == _BEGUN:
            heard.asked = 0
        if kind == _NOT_FOUND:
            # By whichever clock is furthest: a later piece may be told by one that is behind.
            heard.denied_at = max(heard.denied_at or piece.at, piece.at)
        elif kind in {_BEGUN, _DOORBELL, _NEWS}:
            heard.denied_at = None
    return heard


def _at(at: datetime | None) -> str:
    return "never" if at is None else at.isoformat()
