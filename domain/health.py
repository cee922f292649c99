"""Health: what was measured of late, and what that says about a provider or corridor.

Pure. A window of buckets is judged by lines with a stricter way back. Few samples never condemn.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from domain.measures import Bucket, Tally, total
from domain.standings import GRAVITY, SHUT, TRIPS, Reason, Route, Standing, State

_PERCENT: Final = 100
_SPREAD: Final = 2
"""So many corridors must be bad before the provider is: one dead corridor is its own affair."""


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """Where the lines are. Shares are in percent; each line to cross has a stricter way back.

    bucket: how long a bucket is. window: what is judged. recent: what a recovery is judged by.
    samples: fewer never condemn. recovery_samples: so many good ones are a recovery. hold: nothing
    is called well again before. alive: for how long a process is believed after its last report.
    keep: how long buckets stay. look: how often each process writes and reads.
    """

    bucket: timedelta = timedelta(seconds=60)
    window: timedelta = timedelta(seconds=300)
    recent: timedelta = timedelta(seconds=120)
    samples: int = 20
    recovery_samples: int = 3
    unknown_delays: int = 20
    unknown_closes: int = 60
    unknown_recovers: int = 10
    success_delays: int = 70
    success_closes: int = 20
    success_recovers: int = 85
    latency_delays: timedelta = timedelta(seconds=10)
    latency_recovers: timedelta = timedelta(seconds=5)
    hold: timedelta = timedelta(seconds=30)
    alive: timedelta = timedelta(seconds=20)
    keep: timedelta = timedelta(days=2)
    look: timedelta = timedelta(seconds=2)

    def __post_init__(self) -> None:
        """Refuse lines that contradict each other; raise ValueError naming them."""
        needs = {
            "a window has at least one bucket, and recent is not longer": (
                timedelta(0) < self.bucket <= self.recent <= self.window <= self.keep
            ),
            "shares of unknown outcomes rise from recovers to delays to closes": (
                0 <= self.unknown_recovers < self.unknown_delays < self.unknown_closes <= _PERCENT
            ),
            "shares of success fall from recovers to delays to closes": (
                _PERCENT >= self.success_recovers > self.success_delays > self.success_closes >= 0
            ),
            "latency recovers below the line where it delays": (
                timedelta(0) < self.latency_recovers < self.latency_delays
            ),
            "samples are counted from 1": 0 < self.recovery_samples <= self.samples,
            "looks come more often than a process is given up": (
                timedelta(0) < 3 * self.look <= self.alive
            ),
        }
        broken = [need for need, is_met in needs.items() if not is_met]
        if broken:
            raise ValueError("; ".join(broken))

    def start_of(self, moment: datetime) -> datetime:
        """Return when the bucket of a moment begins; all processes agree on it."""
        epoch = datetime(2000, 1, 1, tzinfo=moment.tzinfo)
        return epoch + (moment - epoch) // self.bucket * self.bucket


@dataclass(frozen=True, slots=True)
class ProcessReport:
    """What one process says of the providers that it works with.

    works: those providers. trips: routes where its own circuit is open, and why.
    """

    process: UUID
    at: datetime
    works: tuple[str, ...] = ()
    trips: Mapping[Route, Reason] = field(default_factory=dict)


def condemns(tally: Tally, policy: HealthPolicy, least: int) -> tuple[State, Reason] | None:
    """Return what the evidence says against a route, None when nothing.

    least: a share of fewer samples than this is not looked at.
    """
    unknown, success = tally.unknown_percent(least), tally.success_percent(least)
    lines = (
        (unknown >= policy.unknown_closes, State.CLOSED, Reason.AMBIGUITY),
        (success < policy.success_closes, State.CLOSED, Reason.SUCCESS),
        (unknown >= policy.unknown_delays, State.DELAYED, Reason.AMBIGUITY),
        (success < policy.success_delays, State.DELAYED, Reason.SUCCESS),
        (_slower(tally, policy.latency_delays, least), State.DELAYED, Reason.LATENCY),
    )
    return next(((state, reason) for is_so, state, reason in lines if is_so), None)


def has_recovered(tally: Tally, policy: HealthPolicy) -> bool:
    """Tell whether the evidence, however little, is well within every line."""
    return (
        tally.unknown_percent() <= policy.unknown_recovers
        and tally.success_percent() >= policy.success_recovers
        and not _slower(tally, policy.latency_recovers)
    )


def _slower(tally: Tally, line: timedelta, least: int = 1) -> bool:
    if sum(tally.latency) < least:
        return False
    p95 = tally.p95_ms
    return p95 is not None and timedelta(milliseconds=p95) > line


def judged(
    before: Standing, buckets: Sequence[Bucket], now: datetime, policy: HealthPolicy
) -> tuple[State, Reason | None]:
    """Return the state and reason that a route's buckets give it. Trips are not looked at."""
    if before.state is State.OPERATIONAL:
        # What led to an earlier state has been dealt with: only what came after counts again.
        since = before.since or datetime.min.replace(tzinfo=now.tzinfo)
        fresh = total(_from(buckets, max(since, now - policy.window)))
        return condemns(fresh, policy, policy.samples) or (State.OPERATIONAL, None)
    if before.since is not None and now - before.since < policy.hold:
        return before.state, before.reason
    return _while_parked(before, buckets, now, policy)


def _while_parked(
    before: Standing, buckets: Sequence[Bucket], now: datetime, policy: HealthPolicy
) -> tuple[State, Reason | None]:
    well: tuple[State, Reason | None] = (State.OPERATIONAL, None)
    if before.reason in TRIPS:
        # The process that saw it sees it no longer: a probe was answered. A ramp does the rest.
        return well
    window = total(_from(buckets, now - policy.window))
    recent = total(_from(buckets, now - policy.recent))
    if not window.bad and not _slower(window, policy.latency_recovers):
        # Nothing speaks against it any more, perhaps because nobody has asked anything of it.
        return well
    if recent.samples < policy.recovery_samples:
        return before.state, before.reason
    if has_recovered(recent, policy):
        return well
    found = condemns(recent, policy, policy.recovery_samples)
    if found is None or (
        GRAVITY[found[0]] > GRAVITY[before.state] and recent.samples < policy.samples
    ):
        # Between the lines it stays as it is, so that it does not go back and forth.
        return before.state, before.reason
    return found


def _from(buckets: Sequence[Bucket], since: datetime) -> list[Bucket]:
    return [each for each in buckets if each.start >= since]


def evaluated(
    standings: Mapping[Route, Standing],
    corridors: Iterable[Route],
    buckets: Sequence[Bucket],
    reports: Sequence[ProcessReport],
    now: datetime,
    policy: HealthPolicy,
) -> list[Standing]:
    """Return the standings that change now, of the corridors and of their providers.

    A person's decision stands until a person takes it back.
    """
    of: dict[Route, list[Bucket]] = {route: [] for route in corridors}
    for each in buckets:
        if each.route in of:
            of[each.route].append(each)
    providers = dict.fromkeys(Route(each.provider) for each in of)
    trips = _trips([each for each in reports if now - each.at < policy.alive])
    for provider in providers:
        before = standings.get(provider, Standing(provider))
        parts = [of[each] for each in of if each.provider == provider.provider]
        of[provider] = _pooled(parts, now, policy, parked=before.parked)
    changed: list[Standing] = []
    for route, measured in of.items():
        trip = trips.get(route)
        if not (measured or trip or route in standings):
            # Nothing is known of it, so nothing speaks against it.
            continue
        before = standings.get(route, Standing(route))
        if before.reason in SHUT:
            continue
        after = (State.CLOSED, trip) if trip else judged(before, measured, now, policy)
        if _is_news(before, after):
            changed.append(before.moved(*after, now))
    return changed


def _is_news(before: Standing, after: tuple[State, Reason | None]) -> bool:
    """Tell whether a change is worth telling: not which of two lines was crossed."""
    state, reason = after
    tripped = reason != before.reason and bool({reason, before.reason} & TRIPS)
    return state is not before.state or tripped


def _trips(alive: Sequence[ProcessReport]) -> dict[Route, Reason]:
    """Return what is closed by what processes see themselves.

    A corridor by what any of them sees; a whole provider only when all who work with it agree, so
    that one machine with a bad line closes nothing for the others.
    """
    found: dict[Route, Reason] = {}
    for report in alive:
        for route, reason in report.trips.items():
            colleagues = [each for each in alive if route.provider in each.works]
            if route.country or all(route in each.trips for each in colleagues):
                found.setdefault(route, reason)
    return found


def _pooled(
    corridors: Sequence[Sequence[Bucket]], now: datetime, policy: HealthPolicy, *, parked: bool
) -> list[Bucket]:
    """Return by what a whole provider is judged: all, but only where the trouble is widespread."""
    windows = [total(_from(each, now - policy.window)) for each in corridors if each]
    active = [each for each in windows if each.samples]
    bad = sum(condemns(each, policy, 1) is not None for each in active)
    if not parked and (bad < _SPREAD or 2 * bad <= len(active)):
        return []
    return [bucket for each in corridors for bucket in each]
