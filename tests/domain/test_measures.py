"""Shares are whole percents, rounded down, and of too few they say nothing against anybody."""

from domain.measures import COUNTS, Tally


def test_each_kind_counts_where_it_belongs() -> None:
    tally = Tally(
        accepted=1,
        refused=20,
        unsent=300,
        unknown=4_000,
        completed=50_000,
        failed=600_000,
        ours=7_000_000,
    )
    assert (tally.submits, tally.endings) == (4_321, 650_000)
    assert (tally.samples, tally.bad) == (650_000, 604_300)
    assert Tally(accepted=3, failed=2).samples == 3
    assert "latency" not in COUNTS
    assert len(COUNTS) == 7


def test_the_share_of_unknown_outcomes() -> None:
    assert Tally().unknown_percent() == 0
    assert Tally(unknown=1).unknown_percent() == 100
    third = Tally(unknown=1, accepted=2)
    assert (third.unknown_percent(), type(third.unknown_percent())) == (33, int)
    assert Tally(unknown=1, unsent=1).unknown_percent(2) == 50
    assert Tally(unknown=2).unknown_percent(3) == 0, "too few"
    assert Tally(completed=9).unknown_percent(0) == 0, "nothing of nothing is nothing"


def test_the_share_of_success_is_the_lower_of_submits_and_endings() -> None:
    assert Tally().success_percent() == 100
    assert Tally().success_percent(0) == 0
    assert Tally(unsent=1).success_percent() == 0
    assert Tally(failed=1).success_percent() == 0
    assert Tally(accepted=1, refused=1, unsent=1).success_percent() == 66
    assert Tally(accepted=1, unknown=1).success_percent(2) == 50
    assert Tally(completed=1, failed=1).success_percent(2) == 50
    assert Tally(accepted=9, unsent=1, completed=1, failed=3).success_percent() == 25
    assert Tally(unsent=2, failed=2).success_percent(3) == 100, "too few of either"


def test_the_95th_is_found_in_whole_numbers() -> None:
    assert Tally(latency=(18, 1, *[0] * 8)).p95_ms == 250
    assert Tally(latency=(19, 1, *[0] * 8)).p95_ms == 100
    assert Tally(latency=(0, 1, *[0] * 8)).p95_ms == 250
    assert Tally(latency=(0, *[0] * 7, 1, 0)).p95_ms == 30_000
