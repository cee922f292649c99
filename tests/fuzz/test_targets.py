"""Whatever is put before our readers, they take it or refuse it as documented, in bounded time."""

import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.hostile import PIECES, mutated
from tests.fuzz.target import LONGEST, tried
from tests.fuzz.targets import TARGETS

EXAMPLES = {"configuration": 60, "settings": 100}
"""Of each target with mutated seeds; the ones that are named read slowly, the others get 200."""


@pytest.mark.parametrize("name", TARGETS)
def test_sound_inputs_are_taken_and_unsound_ones_refused(name: str) -> None:
    """So that none of the other tests is content with a reader that refuses everything."""
    target = TARGETS[name]
    assert [seed for seed in target.good if not target(seed)] == []
    assert [seed for seed in target.bad if target(seed)] == []


@pytest.mark.parametrize("name", TARGETS)
def test_mutations_of_sound_and_unsound_inputs_are_taken_or_refused(name: str) -> None:
    target = TARGETS[name]

    @given(mutated([*target.good, *target.bad]))
    @settings(
        max_examples=EXAMPLES.get(name, 200),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    def holds(data: bytes) -> None:
        tried(target, data)

    holds()


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_are_taken_or_refused(name: str) -> None:
    target = TARGETS[name]

    @given(st.binary(max_size=200))
    @settings(max_examples=50)
    def holds(data: bytes) -> None:
        tried(target, data)

    holds()


@pytest.mark.parametrize("name", TARGETS)
def test_as_much_of_anything_as_a_body_may_have_is_read_in_bounded_time(name: str) -> None:
    for piece in PIECES:
        TARGETS[name](piece * (LONGEST // len(piece)))


def test_nothing_here_needs_the_coverage_guided_fuzzer() -> None:
    """It is imported in a process of its own alone: the suite runs where it is not installed."""
    assert "atheris" not in sys.modules
