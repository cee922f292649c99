"""Two thousand schedules that were never tried before; a failing one prints how to replay it."""

import sys
import time

import pytest

from entrypoints.simulation.campaign import Failure, Tally, run_seeds
from entrypoints.simulation.plan import Reduction, drawn
from entrypoints.simulation.shrink import shrink

SEEDS = 1_000
FAR_APART = 1 << 40


def told(tally: Tally, first: int) -> str:
    """Return what a person needs to look into the first failure."""
    failure: Failure = tally.failures[0]
    smaller = shrink(drawn(failure.seed), failure.broken, tries=60)
    line = f"cashout simulate --from {failure.seed} --seeds 1"
    return (
        f"{failure.broken.invariant}: {failure.broken.how}\n"
        f"replay:  {line}\nsmaller: {line} {smaller.options()}\n(seeds from {first})"
    )


@pytest.mark.parametrize("half", [0, 1])
def test_every_invariant_holds_under_faults_never_tried_before(half: int) -> None:
    first = time.time_ns() // 1_000_000 + half * FAR_APART
    sys.stdout.write(f"seeds {first} to {first + SEEDS - 1}\n")
    tally = run_seeds(first, SEEDS, Reduction())
    assert not tally.failures, told(tally, first)
    assert tally.never_seen(Reduction()) == [], "what never happened was not survived either"
    assert tally.runs == SEEDS
