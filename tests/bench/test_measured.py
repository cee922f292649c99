"""What several rounds say together: the arithmetic of the benchmark."""

import math

import pytest

from tests.bench.measured import REFERENCE, Goal, Measured, Row, number


def a_row(*pairs: tuple[float, float | None], goal: Goal = REFERENCE, full: bool = False) -> Row:
    return Row(
        tuple(Measured("row", "/s", ours, goal, limit, cores_full=full) for ours, limit in pairs)
    )


def test_the_ratio_is_the_median_of_each_rounds_own() -> None:
    """A machine that is slow for one round slows both: the medians of each side would differ."""
    row = a_row((100, 50), (10, 10), (300, 200))
    assert row.judged == 1.5
    assert row.spread == (1.0, 2.0)
    assert (row.ours, row.limit) == (100, 50)


def test_without_a_limit_the_value_itself_is_judged() -> None:
    row = a_row((3, None), (5, None), (4, None), goal=Goal(most=4))
    assert (row.judged, row.limit, row.verdict) == (4, None, "met")


@pytest.mark.parametrize(
    ("goal", "value", "met", "share"),
    [
        (Goal(least=2), 2.0, True, 1.0),
        (Goal(least=2), 1.0, False, 0.5),
        (Goal(most=25), 25.0, True, 1.0),
        (Goal(most=25), 50.0, False, 0.5),
        (Goal(most=0), 0.0, True, None),
        (Goal(most=0.01), -0.2, True, math.inf),
        (REFERENCE, 7.0, True, None),
    ],
)
def test_a_goal_is_a_least_or_a_most(
    goal: Goal, value: float, met: bool, share: float | None
) -> None:
    assert goal.met(value) is met
    assert goal.share(value) == share


@pytest.mark.parametrize(
    ("value", "told"),
    [(12_345.6, "12,346"), (45.67, "45.7"), (1.234, "1.23"), (0.0125, "0.013"), (0, "0.000")],
)
def test_a_figure_is_told_with_the_digits_that_it_deserves(value: float, told: str) -> None:
    assert number(value) == told


def test_a_verdict_says_what_came_of_the_goal() -> None:
    assert a_row((1, 1)).verdict == ""
    assert a_row((1, 1), goal=Goal(least=1)).verdict == "met"
    assert a_row((1, 2), goal=Goal(least=1)).verdict == "not met"
    assert a_row((1, 2), goal=Goal(least=1), full=True).verdict == "cores full"
    assert a_row((2, 1), goal=Goal(least=1), full=True).verdict == "met"


def test_further_figures_are_medians_of_the_rounds_that_have_them() -> None:
    rounds = [
        Measured("row", "ms", 1, REFERENCE, cpu_ms={"api": each}, more=more)
        for each, more in ((1.0, {"p50": 4.0}), (3.0, {}), (2.0, {"p50": 6.0}))
    ]
    row = Row(tuple(rounds))
    assert row.cpu_ms() == {"api": 2.0}
    assert row.more() == {"p50": 5.0}
