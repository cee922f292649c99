"""Dying at every await: each scenario, each point in turn, a sample of the pairs."""

import time

import pytest

from adapters.sandbox.corridors import PROVIDERS
from entrypoints.simulation.campaign import run_plans
from entrypoints.simulation.crashes import Story, double_crashes, single_crashes, stories
from entrypoints.simulation.plan import scenarios_of
from entrypoints.simulation.run import Run

EVERY = 23
PAIRS = 700


@pytest.fixture(name="told", scope="module")
def every_story() -> list[Story]:
    return stories()


@pytest.mark.parametrize("row_locks", [False, True])
def test_there_is_a_story_for_every_scenario_of_every_provider(
    told: list[Story], row_locks: bool
) -> None:
    expected = {(each, suffix) for each in PROVIDERS for suffix in scenarios_of(each)}
    mine = [each for each in told if each.row_locks is row_locks]
    assert {(each.provider, each.suffix) for each in mine} == expected
    assert len(mine) == len(expected)
    assert all(each.awaits > 50 for each in told)


def test_a_process_may_die_at_any_await(told: list[Story]) -> None:
    start = 1 + time.time_ns() // 1_000_000 % EVERY
    tally = run_plans(single_crashes(told, every=EVERY, start=start))
    assert [(each.where, each.broken) for each in tally.failures] == []
    assert tally.runs > 1_000


def test_a_process_and_its_successor_may_both_die(told: list[Story]) -> None:
    every = sum(each.awaits**2 for each in told) // PAIRS
    start = time.time_ns() // 1_000_000 % every
    tally = run_plans(double_crashes(told, every=every, start=start))
    assert [(each.where, each.broken) for each in tally.failures] == []
    assert tally.runs > PAIRS // 2


def test_the_process_really_dies_and_another_one_goes_on(told: list[Story]) -> None:
    result = Run(told[0].plan(40, 40)).go(keep_trace=True)
    happened = [line[1:] for line in result.trace]
    assert happened.count(("died", "p1")) == 1
    assert happened.count(("died", "p2")) == 1
    assert ("started", "p3") in happened
    assert result.broken is None


def test_every_await_and_every_pair_of_them_is_tried() -> None:
    story = Story("orange_money", "789", awaits=12)
    assert [each.fuses for each in single_crashes([story])] == [(n,) for n in range(1, 13)]
    pairs = {each.fuses for each in double_crashes([story])}
    assert pairs == {(first, second) for first in range(1, 13) for second in range(1, 13)}


@pytest.mark.parametrize("every", [2, 6, 12])
def test_a_sample_of_pairs_has_both_dying_at_every_await(every: int) -> None:
    story = Story("orange_money", "789", awaits=36)
    tried = [each.fuses for each in double_crashes([story], every)]
    for place in (0, 1):
        assert {fuses[place] for fuses in tried} == set(range(1, 37))


def test_statements_of_a_server_are_awaits_to_die_at(told: list[Story]) -> None:
    awaits = {(each.provider, each.suffix, each.row_locks): each.awaits for each in told}
    for (provider, suffix, row_locks), number in awaits.items():
        if row_locks:
            assert number > awaits[provider, suffix, False]
