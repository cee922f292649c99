"""Sums over figures and over what is open: the arithmetic of the overview."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from application.ports import TOOK_MOST_MS, Figure, Open
from domain.events import EventType
from domain.states import Status

_PERCENTILE: Final = 95
_HUNDRED: Final = 100
AGES: Final = (
    ("minute", "under a minute", "quiet"),
    ("hour", "under an hour", "busy"),
    ("day", "under a day", "warn"),
    ("older", "a day and older", "bad"),
)
"""The ages of what is open: name, words, and the class that colours it."""


@dataclass(frozen=True, slots=True)
class Spell:
    """What happened in a span of time. p95_ms: see TOOK_MOST_MS; None when nothing completed."""

    accepted: int
    completed: int
    failed: int
    cancelled: int
    p95_ms: int | None
    volumes: tuple[tuple[str, int, int], ...]
    """Per currency: how much was accepted and how much was completed, in minor units."""

    @property
    def decided(self) -> int:
        """How many were completed or failed: those that the success rate is about."""
        return self.completed + self.failed


@dataclass(frozen=True, slots=True)
class AtRisk:
    """What is open in one currency, in minor units and cash-outs.

    waiting: nothing proves that anything was sent. sent: it may have been paid. in_review: of both,
    what waits for a person.
    """

    currency: str
    waiting_minor: int = 0
    waiting: int = 0
    sent_minor: int = 0
    sent: int = 0
    in_review_minor: int = 0
    in_review: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """All that is open. oldest_unknown: the oldest that may have been paid."""

    count: int
    sent: int
    in_review: int
    by_currency: tuple[AtRisk, ...]
    by_age: tuple[tuple[str, str, int], ...]
    by_provider: dict[str, int]
    oldest: datetime | None
    oldest_unknown: datetime | None


def spells(figures: Sequence[Figure]) -> Spell:
    """Return the sums of some figures."""
    counts: Counter[EventType] = Counter()
    took: Counter[int] = Counter()
    accepted: Counter[str] = Counter()
    completed: Counter[str] = Counter()
    for each in figures:
        counts[each.type] += each.count
        if each.type is EventType.INITIATED:
            accepted[each.currency] += each.amount_minor
        if each.type is EventType.COMPLETED:
            completed[each.currency] += each.amount_minor
            took[each.took_ms] += each.count
    codes = sorted({*accepted, *completed})
    return Spell(
        accepted=counts[EventType.INITIATED],
        completed=counts[EventType.COMPLETED],
        failed=counts[EventType.FAILED],
        cancelled=counts[EventType.CANCELLED],
        p95_ms=_p95(took),
        volumes=tuple((code, accepted[code], completed[code]) for code in codes),
    )


def _p95(took: Counter[int]) -> int | None:
    """Return the bound within which 95 of 100 were; 0 when it is past the longest bound."""
    total = sum(took.values())
    if not total:
        return None
    reached = 0
    for bound in TOOK_MOST_MS:
        reached += took[bound]
        if reached * _HUNDRED >= total * _PERCENTILE:
            return bound
    return 0


def standing(some: Sequence[Open]) -> Standing:
    """Return the sums of what is open."""
    codes = sorted({each.currency for each in some})
    unknown = [each.oldest_at for each in some if each.status is Status.PROCESSING]
    providers: Counter[str] = Counter()
    for each in some:
        providers[each.provider] += each.count
    return Standing(
        count=sum(each.count for each in some),
        sent=sum(each.count for each in some if each.status is Status.PROCESSING),
        in_review=sum(each.count for each in some if each.in_review),
        by_currency=tuple(
            _at_risk(code, [each for each in some if each.currency == code]) for code in codes
        ),
        by_age=tuple(
            (words, css, sum(each.count for each in some if each.age == name))
            for name, words, css in AGES
        ),
        by_provider=dict(providers),
        oldest=min((each.oldest_at for each in some), default=None),
        oldest_unknown=min(unknown, default=None),
    )


def _at_risk(code: str, some: Sequence[Open]) -> AtRisk:
    waiting = [each for each in some if each.status is Status.PENDING]
    sent = [each for each in some if each.status is Status.PROCESSING]
    reviewed = [each for each in some if each.in_review]
    return AtRisk(
        currency=code,
        waiting_minor=sum(each.amount_minor for each in waiting),
        waiting=sum(each.count for each in waiting),
        sent_minor=sum(each.amount_minor for each in sent),
        sent=sum(each.count for each in sent),
        in_review_minor=sum(each.amount_minor for each in reviewed),
        in_review=sum(each.count for each in reviewed),
    )
