"""Limits: UTC days and months, exact to the last minor unit."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.limits import Counted, Windows, day_ends, month_ends, reserve
from domain.money import Money
from domain.refusals import DailyLimitExceeded, MonthlyLimitExceeded
from tests.strategies import NOW, ROWS, XOF, moments

ROW = ROWS["XOF"]


@given(at=moments)
def test_a_moment_lies_in_its_window_and_the_next_window_begins_where_it_ends(at: datetime) -> None:
    windows = Windows.of("u", "p", "XOF", at)
    tick = timedelta(microseconds=1)
    for ends, slot in ((day_ends(at), windows.day), (month_ends(at), windows.month)):
        assert at < ends
        later, last = Windows.of("u", "p", "XOF", ends), Windows.of("u", "p", "XOF", ends - tick)
        assert slot in {last.day, last.month}
        assert slot not in {later.day, later.month}


@pytest.mark.parametrize(
    ("at", "day", "month"),
    [
        (datetime(2026, 12, 31, 23, 59, 59, 999_999, UTC), "2026-12-31", "2026-12"),
        (datetime(2027, 1, 1, tzinfo=UTC), "2027-01-01", "2027-01"),
        (datetime(2028, 2, 29, 12, tzinfo=UTC), "2028-02-29", "2028-02"),
        # Half past midnight in Kampala is still yesterday, and last month, in UTC.
        (
            datetime(2026, 12, 1, 0, 30, tzinfo=timezone(timedelta(hours=3))),
            "2026-11-30",
            "2026-11",
        ),
    ],
)
def test_windows_are_utc_days_and_months(at: datetime, day: str, month: str) -> None:
    windows = Windows.of("u", "p", "XOF", at)
    assert (windows.day.window, windows.month.window) == (day, month)


def test_windows_end_at_utc_midnight_and_with_the_month() -> None:
    newyears_eve = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
    assert day_ends(newyears_eve) == month_ends(newyears_eve) == datetime(2027, 1, 1, tzinfo=UTC)
    assert month_ends(datetime(2028, 2, 1, tzinfo=UTC)) == datetime(2028, 3, 1, tzinfo=UTC)


def test_slots_sort_so_that_all_lock_them_in_one_order() -> None:
    a, b = Windows.of("a", "p", "XOF", NOW), Windows.of("b", "p", "XOF", NOW)
    assert sorted([b.day, a.day, b.month, a.month]) == [a.month, a.day, b.month, b.day]


def test_the_last_unit_fits_and_one_more_does_not() -> None:
    amount = Money(1_000, XOF)
    held = reserve(amount, ROW, day_used=ROW.daily - 1_000, month_used=ROW.monthly - 1_000, now=NOW)
    assert held.day == Counted(ROW.daily, ROW.daily)
    assert held.month == Counted(ROW.monthly, ROW.monthly)
    with pytest.raises(DailyLimitExceeded) as day:
        reserve(amount, ROW, day_used=ROW.daily - 999, month_used=0, now=NOW)
    with pytest.raises(MonthlyLimitExceeded) as month:
        reserve(amount, ROW, day_used=0, month_used=ROW.monthly - 999, now=NOW)
    assert day.value.left == month.value.left == Money(999, XOF)
    assert day.value.limit == Money(ROW.daily, XOF)
    assert day.value.resets_at == day_ends(NOW)
    assert month.value.resets_at == month_ends(NOW)
    assert dict(day.value.details) == {
        "amount": "The limit for a UTC day is 6000000 XOF; 999 XOF is left.",
        "limit": "6000000",
        "remaining": "999",
        "resetsAt": "2026-11-24T00:00:00Z",
    }
    assert dict(month.value.details) == {
        "amount": "The limit for a UTC month is 30000000 XOF; 999 XOF is left.",
        "limit": "30000000",
        "remaining": "999",
        "resetsAt": "2026-12-01T00:00:00Z",
    }


def test_the_day_is_told_before_the_month_and_nothing_left_is_never_negative() -> None:
    # A tariff that was lowered leaves counters above their new cap.
    with pytest.raises(DailyLimitExceeded) as refused:
        reserve(Money(600, XOF), ROW, day_used=ROW.daily + 5, month_used=ROW.monthly + 5, now=NOW)
    assert refused.value.left == Money(0, XOF)
    assert refused.value.message == "The limit for a UTC day is 6000000 XOF; 0 XOF is left."
    with pytest.raises(MonthlyLimitExceeded) as month:
        reserve(Money(600, XOF), ROW, day_used=0, month_used=ROW.monthly + 5, now=NOW)
    assert month.value.left == Money(0, XOF)
    assert month.value.message == "The limit for a UTC month is 30000000 XOF; 0 XOF is left."


@pytest.fixture
def machine_in_kampala(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put this process three hours ahead of UTC for a while."""
    monkeypatch.setenv("TZ", "EAT-3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("machine_in_kampala")
def test_days_and_months_are_those_of_utc_wherever_the_machine_stands() -> None:
    evening = datetime(2026, 11, 30, 22, 30, tzinfo=UTC)
    windows = Windows.of("u", "p", "XOF", evening)
    assert (windows.day.window, windows.month.window) == ("2026-11-30", "2026-11")
    assert day_ends(evening) == month_ends(evening) == datetime(2026, 12, 1, tzinfo=UTC)


@given(amounts=st.lists(st.integers(600, 3_000_000), max_size=40))
def test_what_is_reserved_one_after_the_other_never_exceeds_a_limit(amounts: list[int]) -> None:
    used = 0
    for minor in amounts:
        try:
            held = reserve(Money(minor, XOF), ROW, day_used=used, month_used=used, now=NOW)
        except DailyLimitExceeded:
            assert used + minor > ROW.daily
        else:
            used = held.day.used
            assert held.month.used == used
    assert used <= ROW.daily
