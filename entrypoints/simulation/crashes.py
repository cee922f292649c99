"""The crash explorer: one cash-out, and a process that dies at each of its awaits in turn."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from adapters.sandbox.corridors import PROVIDERS
from domain.corridors import Policy
from entrypoints.simulation.plan import Plan, scenarios_of
from entrypoints.simulation.run import Run

_POLICY: Final = Policy(review_after=timedelta(hours=1), not_found_grace=timedelta(seconds=60))
_FIRST_AWAITS: Final = 400
"""Awaits up to which a crash is tried; later ones are polls like the one before."""


@dataclass(frozen=True, slots=True)
class Story:
    """One scenario at one provider, and how many awaits its process has when nothing fails."""

    provider: str
    suffix: str
    awaits: int

    def plan(self, *fuses: int) -> Plan:
        """Return the run in which the first processes die after this many awaits each."""
        return replace(_plan(self.provider, self.suffix), fuses=fuses)


def _plan(provider: str, suffix: str) -> Plan:
    return Plan(seed=1, policy=_POLICY, shuffle=0.0, scenarios=((provider, suffix),))


def stories() -> list[Story]:
    """Return every scenario of every provider with its number of awaits."""
    return [
        Story(provider, suffix, min(_awaits(provider, suffix), _FIRST_AWAITS))
        for provider in PROVIDERS
        for suffix in scenarios_of(provider)
    ]


def _awaits(provider: str, suffix: str) -> int:
    return Run(_plan(provider, suffix)).go().turns_of_first


def single_crashes(of: list[Story], every: int = 1, start: int = 1) -> Iterator[Plan]:
    """Yield a run for each await at which the process may die; `every`: only each n-th."""
    for story in of:
        for point in range(start, story.awaits + 1, every):
            yield story.plan(point)


def double_crashes(of: list[Story], every: int = 1, start: int = 1) -> Iterator[Plan]:
    """Yield a run for each pair: the second process dies as well, at any of its awaits."""
    for story in of:
        pairs = story.awaits * story.awaits
        for number in range(start, pairs, every):
            first, second = divmod(number, story.awaits)
            yield story.plan(first + 1, second + 1)
