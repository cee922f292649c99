"""The crash explorer: one cash-out, and a process that dies at each of its awaits in turn."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from math import gcd
from typing import Final

from adapters.sandbox.corridors import PROVIDERS
from domain.corridors import Policy
from entrypoints.simulation.plan import Plan, scenarios_of
from entrypoints.simulation.run import Run

_POLICY: Final = Policy(review_after=timedelta(hours=1), not_found_grace=timedelta(seconds=60))
_MOST_AWAITS: Final = 1_000
"""More than any story has: the longest ask again and again until somebody is called."""

_MOST_DEATHS: Final = 10
_STORES: Final = {"file": False, "server": True}
"""By name, whether the store has row locks."""


@dataclass(frozen=True, slots=True)
class Story:
    """One scenario at one provider, and how many awaits its process has when nothing fails.

    row_locks: over a server with row locks, where each statement is an await; else over a file.
    """

    provider: str
    suffix: str
    awaits: int
    row_locks: bool = False

    def plan(self, *fuses: int) -> Plan:
        """Return the run in which the first processes die after this many awaits each."""
        return replace(_plan(self.provider, self.suffix, row_locks=self.row_locks), fuses=fuses)


def _plan(provider: str, suffix: str, *, row_locks: bool) -> Plan:
    return Plan(
        seed=1,
        policy=_POLICY,
        shuffle=0.0,
        scenarios=((provider, suffix),),
        row_locks=row_locks,
    )


def crash_of(written: str) -> Plan:
    """Return the run that `crash_at` has written; raise ValueError for anything else."""
    provider, suffix, store, awaits = written.split(":")
    if suffix not in scenarios_of(provider) or store not in _STORES:
        raise ValueError(written)
    fuses = tuple(map(int, awaits.split(",")))
    if not 0 < len(fuses) <= _MOST_DEATHS or min(fuses) < 1:
        raise ValueError(written)
    return replace(_plan(provider, suffix, row_locks=_STORES[store]), fuses=fuses)


def crash_at(plan: Plan) -> str:
    """Write which scenario a run tells, over which store, and at which awaits its processes die."""
    (provider, suffix), *_ = plan.scenarios
    store = next(name for name, row_locks in _STORES.items() if row_locks is plan.row_locks)
    return f"{provider}:{suffix}:{store}:{','.join(map(str, plan.fuses))}"


def stories() -> list[Story]:
    """Return every scenario of every provider over both kinds of store."""
    return [
        Story(provider, suffix, _awaits(provider, suffix, row_locks=row_locks), row_locks)
        for row_locks in (False, True)
        for provider in PROVIDERS
        for suffix in scenarios_of(provider)
    ]


def _awaits(provider: str, suffix: str, *, row_locks: bool) -> int:
    awaits = Run(_plan(provider, suffix, row_locks=row_locks)).go().turns_of_first
    if awaits > _MOST_AWAITS:
        message = f"{provider} {suffix} has {awaits} awaits: it asks for ever"
        raise ValueError(message)
    return awaits


def single_crashes(of: Iterable[Story], every: int = 1, start: int = 1) -> Iterator[Plan]:
    """Yield a run for each await at which the process may die; `every`: only each n-th."""
    for story in of:
        for point in range(start, story.awaits + 1, every):
            yield story.plan(point)


def double_crashes(of: Iterable[Story], every: int = 1, start: int = 0) -> Iterator[Plan]:
    """Yield a run for each pair: the second process dies as well, at any of its awaits.

    every: only each n-th of a story's pairs, from the one numbered `start` (from 0) on.
    """
    for story in of:
        step = every
        while gcd(step, story.awaits) > 1:
            # Otherwise the second would die at a few of its awaits, and never at the others.
            step += 1
        for number in range(start, story.awaits**2, step):
            first, second = divmod(number, story.awaits)
            yield story.plan(first + 1, second + 1)
