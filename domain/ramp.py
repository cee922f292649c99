"""The ramp: how a queue that waited is let through when its provider has come back.

It begins with a few calls in flight and doubles while they are answered; the first sign that they
are not takes it back to the few. Pure; all moments are time elapsed since some fixed moment.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

_PERCENT = 100


@dataclass(frozen=True, slots=True)
class RampPolicy:
    """first: calls in flight at the beginning. every: how long each step lasts at least.

    bad_most: the share in percent of calls without a clear answer with which it still goes on.
    """

    first: int = 2
    every: timedelta = timedelta(seconds=10)
    bad_most: int = 5

    def __post_init__(self) -> None:
        """Refuse a ramp that cannot rise; raise ValueError."""
        if self.first < 1 or self.every <= timedelta(0) or not 0 <= self.bad_most < _PERCENT:
            message = "a ramp begins with a call, takes its time, and stops for bad answers"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Ramp:
    """How many calls may be in flight now, since when, and how those went that ended since."""

    room: int
    since: timedelta
    good: int = 0
    bad: int = 0


def begun(at: timedelta, policy: RampPolicy) -> Ramp:
    """Return the first step."""
    return Ramp(policy.first, at)


def noted(ramp: Ramp, at: timedelta, policy: RampPolicy, *, is_bad: bool) -> Ramp:
    """Return the ramp after a call ended: back at its beginning when too many ended badly."""
    after = replace(ramp, good=ramp.good + (not is_bad), bad=ramp.bad + is_bad)
    if is_bad and _PERCENT * after.bad > policy.bad_most * (after.good + after.bad):
        return begun(at, policy)
    return after


def widened(
    ramp: Ramp, at: timedelta, policy: RampPolicy, *, in_flight: int, full: int
) -> Ramp | None:
    """Return the ramp at a moment: the next step when this one is over; None at full width.

    A step is over in its time, once a call was answered in it, or nobody wanted one. full: how
    many calls may be in flight without a ramp.
    """
    if at - ramp.since < policy.every or (not ramp.good and in_flight):
        return ramp
    wider = 2 * ramp.room
    return None if wider >= full else Ramp(wider, at)
