"""Measuring: what this process saw of providers, counted in memory until it is written down."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from application.board import route_of
from application.ports import Clock, Journal
from domain.attempts import OutcomeKind
from domain.cash_out import Change
from domain.evidence import Outcome, Source
from domain.health import HealthPolicy
from domain.measures import (
    BOUNDS_MS,
    Bucket,
    Sample,
    Tally,
    bin_of,
    sample_of,
    speaks_for_itself,
)
from domain.standings import Route
from domain.states import Status

MOST_HELD = 1_000
"""The most buckets that are held while the store is away; the oldest are lost first."""

_UNPAID = frozenset({Status.FAILED, Status.CANCELLED})
_PROVIDERS_DOORS = frozenset({Source.SUBMIT, Source.WEBHOOK, Source.STATUS_QUERY})
_NOT_TAKEN = frozenset({OutcomeKind.REFUSED, OutcomeKind.UNSENT})
"""What a submit that ended so has to say was counted when it ended."""

_Place = tuple[Route, datetime]


@dataclass(slots=True)
class _Count:
    """One bucket being filled."""

    samples: Counter[Sample] = field(default_factory=Counter)
    latency: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_MS) + 1))

    def tally(self) -> Tally:
        return Tally(
            **{sample.value: count for sample, count in self.samples.items()},
            latency=tuple(self.latency),
        )


@dataclass(slots=True)
class Meter:
    """Counts submits and endings. Nothing is awaited, so it costs the hot path next to nothing."""

    clock: Clock
    policy: HealthPolicy = field(default_factory=HealthPolicy)
    _counts: dict[_Place, _Count] = field(default_factory=dict)

    def submitted(self, route: Route, outcome: Outcome, took: timedelta) -> Sample:
        """Count a submit that was made; return how it is counted."""
        sample = sample_of(outcome)
        count = self._count(route)
        count.samples[sample] += 1
        if sample is not Sample.OURS:
            count.latency[bin_of(took)] += 1
        return sample

    def changed(self, change: Change) -> None:
        """Count the ending that a change is, if the provider has told it of what it took."""
        before, after = change.before, change.after
        if after.status is before.status or not _is_told_by_the_provider(change):
            return
        if after.status is Status.COMPLETED:
            self._count(route_of(after)).samples[Sample.COMPLETED] += 1
        elif after.status in _UNPAID and not speaks_for_itself(after.failure_code):
            self._count(route_of(after)).samples[Sample.FAILED] += 1

    def take(self) -> list[Bucket]:
        """Return what was counted since the last time, and begin anew."""
        counts, self._counts = self._counts, {}
        return [
            Bucket(route, start, count.tally()) for (route, start), count in sorted(counts.items())
        ]

    @property
    def idle(self) -> bool:
        """Tell whether there is nothing to take."""
        return not self._counts

    def _count(self, route: Route) -> _Count:
        place = (route, self.policy.start_of(self.clock.now()))
        count = self._counts.get(place)
        if count is None:
            if len(self._counts) >= MOST_HELD:
                del self._counts[next(iter(self._counts))]
            count = self._counts[place] = _Count()
        return count


def _is_told_by_the_provider(change: Change) -> bool:
    attempts = change.after.attempts
    taken = bool(attempts) and attempts[-1].settled not in _NOT_TAKEN
    return taken and any(piece.source in _PROVIDERS_DOORS for piece in change.evidence)


@dataclass(frozen=True, slots=True)
class MeasuringJournal:
    """Implements `Journal`: counts the endings, and passes everything on."""

    journal: Journal
    meter: Meter

    def changed(self, changes: Sequence[Change]) -> None:
        """Count and pass on."""
        for change in changes:
            self.meter.changed(change)
        self.journal.changed(changes)

    def fault(self, where: str, fault: BaseException) -> None:
        """Pass on."""
        self.journal.fault(where, fault)
