"""Dying at every await: each scenario, each point in turn, a sample of the pairs."""

import time

import pytest

from adapters.sandbox.corridors import PROVIDERS
from entrypoints.simulation.campaign import run_plans
from entrypoints.simulation.crashes import Story, double_crashes, single_crashes, stories
from entrypoints.simulation.plan import scenarios_of
from entrypoints.simulation.run import Run

EVERY = 9
PAIRS = 700


@pytest.fixture(name="told", scope="module")
def every_story() -> list[Story]:
    return stories()


def test_there_is_a_story_for_every_scenario_of_every_provider(told: list[Story]) -> None:
    expected = {(each, suffix) for each in PROVIDERS for suffix in scenarios_of(each)}
    assert {(each.provider, each.suffix) for each in told} == expected
    assert all(each.awaits > 50 for each in told)


def test_a_process_may_die_at_any_await(told: list[Story]) -> None:
    start = 1 + time.time_ns() // 1_000_000 % EVERY
    tally = run_plans(single_crashes(told, every=EVERY, start=start))
    assert [(each.where, each.broken) for each in tally.failures] == []
    assert tally.runs > 1_000


def test_a_process_and_its_successor_may_both_die(told: list[Story]) -> None:
    every = sum(each.awaits**2 for each in told) // PAIRS
    start = 1 + time.time_ns() // 1_000_000 % every
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
