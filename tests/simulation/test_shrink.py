"""A failing seed is made smaller, and told as the options that replay it."""

import pytest

from adapters.memory.limits import MemoryLimits
from entrypoints.simulation.plan import FaultKind, Reduction, drawn
from entrypoints.simulation.run import Run
from entrypoints.simulation.shrink import shrink
from entrypoints.simulation.world import Broken

MOST_SEEDS = 200


async def _forget(_: MemoryLimits, __: object) -> None: ...


def first_failure() -> tuple[int, Broken]:
    """Return the first seed in which something is broken, and what."""
    for seed in range(1, MOST_SEEDS + 1):
        broken = Run(drawn(seed)).go().broken
        if broken is not None:
            return seed, broken
    pytest.fail(f"not found within {MOST_SEEDS} seeds")


def test_a_failing_seed_is_made_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryLimits, "give_back", _forget)
    seed, broken = first_failure()
    plan = drawn(seed)
    smallest = shrink(plan, broken)
    smaller = plan.reduced(smallest)
    assert len(smaller.places) < len(plan.places)
    assert len(smaller.rates) <= len(plan.rates)
    found = Run(smaller).go().broken
    assert found is not None
    assert found.invariant is broken.invariant


def test_a_smaller_run_is_told_as_options() -> None:
    faults = frozenset({FaultKind.PAUSE, FaultKind.CRASH})
    by = Reduction(users=1, cash_outs=4, without=faults, skip=frozenset({2, 0}))
    assert by.options() == "--without crash,pause --skip 0,2 --users 1 --cash-outs 4"
