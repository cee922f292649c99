"""Measures: how submits and endings are counted, in buckets by corridor and span of time."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from domain.attempts import OutcomeKind
from domain.evidence import Outcome
from domain.failures import FAILURES, FailureCode, Fault
from domain.standings import Route

BOUNDS_MS: Final = (100, 250, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 30_000)
"""The upper bounds of the latency histogram's bins; one more bin is for what took longer."""
_PERCENT: Final = 100
_P95: Final = 95


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted. Submits by how they ended, endings by what was learnt later.

    refused: for the payee's or the request's sake, which says nothing against the provider. failed:
    taken and then not paid for a reason of the provider's, or refused for one. ours: not taken for
    a reason of ours, like an empty float. latency: submits by how long they took, see BOUNDS_MS.
    """

    accepted: int = 0
    refused: int = 0
    unsent: int = 0
    unknown: int = 0
    completed: int = 0
    failed: int = 0
    ours: int = 0
    latency: tuple[int, ...] = (0,) * (len(BOUNDS_MS) + 1)

    def __add__(self, other: "Tally") -> "Tally":
        """Return both together."""
        sums = {name: getattr(self, name) + getattr(other, name) for name in COUNTS}
        bins = tuple(a + b for a, b in zip(self.latency, other.latency, strict=True))
        return Tally(**sums, latency=bins)

    @property
    def submits(self) -> int:
        """How many submits say something about the provider."""
        return self.accepted + self.refused + self.unsent + self.unknown

    @property
    def endings(self) -> int:
        """How many endings say something about the provider."""
        return self.completed + self.failed

    @property
    def samples(self) -> int:
        """How much there is to judge by: submits, or endings where those are more."""
        return max(self.submits, self.endings)

    @property
    def bad(self) -> int:
        """How much speaks against the provider."""
        return self.unsent + self.unknown + self.failed

    def unknown_percent(self, least: int = 1) -> int:
        """Return the share of submits whose outcome nobody knows; 0 of fewer than `least`."""
        return _share(self.unknown, self.submits) if self.submits >= least else 0

    def success_percent(self, least: int = 1) -> int:
        """Return the lower of two shares: submits that were answered, endings that were paid.

        100 where there are fewer than `least` of them.
        """
        answered = _share(self.accepted + self.refused, self.submits)
        paid = _share(self.completed, self.endings)
        return min(
            answered if self.submits >= least else _PERCENT,
            paid if self.endings >= least else _PERCENT,
        )

    @property
    def p95_ms(self) -> int | None:
        """The bound under which 95 of 100 submits ended; None without any.

        What took longer than the last bound counts as twice that bound.
        """
        total, seen = sum(self.latency), 0
        for bound, count in zip((*BOUNDS_MS, 2 * BOUNDS_MS[-1]), self.latency, strict=True):
            seen += count
            if total and _PERCENT * seen >= _P95 * total:
                return bound
        return None


COUNTS: Final = tuple(each.name for each in fields(Tally) if each.name != "latency")
"""The names of what is counted, the histogram aside."""


def _share(part: int, whole: int) -> int:
    """Return a share in percent, rounded down; nothing of nothing is nothing."""
    return _PERCENT * part // whole if whole else 0


@dataclass(frozen=True, slots=True)
class Bucket:
    """What was counted for a corridor in the span of time that begins at `start`."""

    route: Route
    start: datetime
    tally: Tally


class Sample(StrEnum):
    """How one submit or ending is counted: the names of Tally's counts."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNSENT = "unsent"
    UNKNOWN = "unknown"
    COMPLETED = "completed"
    FAILED = "failed"
    OURS = "ours"


_BY_KIND: Final = {
    OutcomeKind.ACCEPTED: Sample.ACCEPTED,
    OutcomeKind.UNKNOWN: Sample.UNKNOWN,
}
_OUR_DOING: Final = frozenset(
    {
        FailureCode.FLOAT_INSUFFICIENT,
        FailureCode.PARTNER_LIMIT_REACHED,
        FailureCode.PROVIDER_AUTH,
        FailureCode.PROVIDER_MISCONFIGURED,
    }
)


def sample_of(outcome: Outcome) -> Sample:
    """Return how a submit is counted.

    A wrong number is the payee's fault and an answer like any other; what we have not paid for or
    configured is ours. Neither speaks against the provider.
    """
    if outcome.kind in _BY_KIND:
        return _BY_KIND[outcome.kind]
    if outcome.code in _OUR_DOING:
        return Sample.OURS
    if outcome.kind is OutcomeKind.UNSENT:
        return Sample.UNSENT
    return Sample.REFUSED if speaks_for_itself(outcome.code) else Sample.FAILED


def speaks_for_itself(code: FailureCode | None) -> bool:
    """Tell whether a failure has its cause in the payee or the request, not in the provider."""
    return code is not None and FAILURES[code].fault is not Fault.PROVIDER


def is_bad(sample: Sample) -> bool:
    """Tell whether a sample speaks against the provider."""
    return sample in {Sample.UNSENT, Sample.UNKNOWN, Sample.FAILED}


def bin_of(took: timedelta) -> int:
    """Return the place in the histogram of a submit that took so long."""
    ms = took / timedelta(milliseconds=1)
    return next((n for n, bound in enumerate(BOUNDS_MS) if ms <= bound), len(BOUNDS_MS))


def total(buckets: Iterable[Bucket]) -> Tally:
    """Return all of them together."""
    return sum((each.tally for each in buckets), start=Tally())
