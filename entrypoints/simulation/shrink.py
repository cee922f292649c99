"""Shrinking: a failing seed with as little in it as still breaks the same invariant."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from entrypoints.simulation.plan import Plan, Reduction
from entrypoints.simulation.run import Run
from entrypoints.simulation.world import Broken

MOST_TRIES: Final = 150


def shrink(plan: Plan, broken: Broken, tries: int = MOST_TRIES) -> Reduction:
    """Return how the plan is made smaller; the same invariant breaks under it."""
    smallest = Reduction()
    shrunk = True
    while shrunk and tries > 0:
        shrunk = False
        for smaller in _smaller(plan, smallest):
            tries -= 1
            if _breaks(plan.reduced(smaller), broken):
                smallest, shrunk = smaller, True
                break
            if tries <= 0:
                break
    return smallest


def _smaller(plan: Plan, now: Reduction) -> Iterator[Reduction]:
    """Yield smaller runs, the ones that take most away first."""
    present = plan.reduced(now)
    kinds = sorted(present.rates)
    halves = (kinds[: len(kinds) // 2], kinds[len(kinds) // 2 :]) if len(kinds) > 1 else ()
    for half in halves:
        yield replace(now, without=now.without | set(half))
    places = present.places
    if len(places) > 1:
        middle = len(places) // 2
        for part in (places[:middle], places[middle:]):
            yield replace(now, skip=now.skip | set(part))
    if present.processes > 1:
        yield replace(now, processes=present.processes - 1)
    if present.users > 1:
        yield replace(now, users=1)
    for place in places if len(places) > 1 else ():
        yield replace(now, skip=now.skip | {place})
    for kind in kinds:
        yield replace(now, without=now.without | {kind})


def _breaks(plan: Plan, broken: Broken) -> bool:
    found = Run(plan).go().broken
    return found is not None and found.invariant is broken.invariant
