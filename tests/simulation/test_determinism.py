"""A seed is the whole of a run: whoever repeats it sees the same, to the last step."""

import os
import subprocess
import sys

import pytest

from entrypoints.simulation.plan import drawn
from entrypoints.simulation.run import Run

SEEDS = [3, 19, 33, 54, 88, 340]
_SCRIPT = """
import sys
from entrypoints.simulation.plan import drawn
from entrypoints.simulation.run import Run
print(*(Run(drawn(int(seed))).go(keep_trace=True).fingerprint for seed in sys.argv[1:]))
"""


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_run_twice_leaves_the_same_trace(seed: int) -> None:
    first, second = (Run(drawn(seed)).go(keep_trace=True) for _ in range(2))
    assert first.trace == second.trace
    assert first.turns == second.turns
    assert first.fingerprint == second.fingerprint
    assert len(first.trace) > 10


def test_the_order_of_hashes_does_not_matter() -> None:
    told = [_fingerprints(hash_seed) for hash_seed in ("0", "1", "4711")]
    assert told[0] == told[1] == told[2]
    assert len(set(told[0].split())) == len(SEEDS)


def test_another_seed_is_another_run() -> None:
    seen = {Run(drawn(seed)).go(keep_trace=True).fingerprint for seed in range(20)}
    assert len(seen) == 20


def _fingerprints(hash_seed: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", _SCRIPT, *map(str, SEEDS)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        check=True,
        text=True,
        timeout=120,
    ).stdout
