"""Corridors and tariffs: where, in what, for how much; contradictions do not start."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.corridors import Catalogue, Policy, TariffRow
from domain.money import Currency, Money
from domain.refusals import (
    AmountAboveMaximum,
    AmountBelowMinimum,
    CurrencyNotSupported,
    InvalidAccount,
    InvalidProvider,
)
from tests.strategies import (
    AFRI,
    NOW,
    ORANGE,
    POLICY,
    ROWS,
    USD,
    XOF,
    a_catalogue,
    a_provider,
    a_tariff,
    currencies,
    rows,
    spans,
)


@given(data=st.data(), currency=currencies)
def test_the_fee_is_the_percentage_rounded_up_to_the_step_and_never_below_the_minimum(
    data: st.DataObject, currency: Currency
) -> None:
    row = data.draw(rows(currency))
    amount = row.money(data.draw(st.integers(row.minimum, row.maximum)))
    fee = row.fee_for(amount)
    exact = Decimal(amount.minor) * row.fee_bps / 10_000
    assert fee.currency == row.currency
    assert fee.minor % row.step == 0
    assert fee.minor >= row.fee_minimum
    assert fee.minor >= exact
    assert fee.minor == row.fee_minimum or fee.minor - exact < row.step


@pytest.mark.parametrize(
    ("code", "minor", "fee"),
    [
        ("USD", 100, 100),
        ("USD", 5_000, 100),
        ("USD", 5_001, 101),
        ("USD", 24_999_747 // 100, 5_000),
        ("XOF", 1_500, 600),
        ("XOF", 30_001, 601),
        ("MGA", 22_500_100, 450_100),
        ("SLE", 76_700, 1_151),
    ],
)
def test_known_fees(code: str, minor: int, fee: int) -> None:
    assert ROWS[code].fee_for(ROWS[code].money(minor)).minor == fee


@pytest.mark.parametrize(
    "wrong",
    [
        {"minimum": 0},
        {"minimum": -600},
        {"minimum": 3_000_001},
        {"maximum": 6_000_001},
        {"daily": 30_000_001},
        {"monthly": 5_999_999},
        {"fee_bps": -1},
        {"fee_bps": 10_001},
        {"fee_minimum": -1},
        {"step": 0},
        {"step": -5},
        {"step": 7},
        {"step": 500},
    ],
)
def test_a_tariff_row_that_contradicts_itself_does_not_exist(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="XOF contradicts itself"):
        replace(ROWS["XOF"], **wrong)


def test_a_fee_may_be_as_much_as_the_amount_itself() -> None:
    row = replace(ROWS["XOF"], fee_bps=10_000)
    assert row.fee_for(row.money(1_500)) == row.money(1_500)


def test_the_size_of_one_cash_out_is_bounded_on_both_sides_inclusively() -> None:
    row = ROWS["XOF"]
    row.check_size(row.money(row.minimum))
    row.check_size(row.money(row.maximum))
    with pytest.raises(AmountBelowMinimum, match="600 XOF") as below:
        row.check_size(row.money(row.minimum - 1))
    with pytest.raises(AmountAboveMaximum, match="3000000 XOF") as above:
        row.check_size(row.money(row.maximum + 1))
    assert below.value.limit == Money(600, XOF)
    assert ("limit", "3000000") in above.value.details


def test_the_latest_tariff_in_force_counts_whatever_the_order_they_are_written_in() -> None:
    early, late = NOW - timedelta(days=30), NOW + timedelta(days=30)
    tariffs = (a_tariff("next", late), a_tariff("now", NOW), a_tariff("old", early))
    provider = replace(a_provider(), tariffs=tariffs)
    assert provider.tariff_at(NOW - timedelta(microseconds=1)).version == "old"
    assert provider.tariff_at(NOW).version == "now"
    assert provider.tariff_at(late).version == "next"
    with pytest.raises(ValueError, match="no tariff in force"):
        provider.tariff_at(early - timedelta(days=1))


def test_a_currency_without_a_row_is_refused_and_never_gets_a_default() -> None:
    with pytest.raises(CurrencyNotSupported, match="MGA, SLE, USD, XOF"):
        a_provider().row_for("GNF", NOW)
    assert a_provider().row_for("USD", NOW).currency == USD


def test_a_withdrawn_currency_without_a_row_is_refused_with_what_replaced_it() -> None:
    with pytest.raises(CurrencyNotSupported, match=r"^SLL has been withdrawn; SLE replaced it"):
        a_provider().row_for("SLL", NOW)


def test_a_payee_elsewhere_or_in_a_closed_corridor_is_refused_by_country_name() -> None:
    provider = a_provider()
    there = "Orange Money pays numbers of: Côte d'Ivoire, Senegal, Madagascar, DRC."
    with pytest.raises(InvalidAccount) as known:
        provider.corridor_for("SL", "USD")
    assert known.value.message == f"This is a number of Sierra Leone; {there}"
    with pytest.raises(InvalidAccount) as unknown:
        provider.corridor_for("FR", "USD")
    assert unknown.value.message == f"This is a number of another country; {there}"
    closed = {iso: replace(each, enabled=False) for iso, each in provider.corridors.items()}
    with pytest.raises(InvalidAccount):
        replace(provider, corridors=closed).corridor_for("CI", "XOF")
    assert replace(provider, corridors=closed).open_corridors() == ()


def test_a_currency_that_is_not_paid_in_that_country_is_refused_with_those_that_are() -> None:
    with pytest.raises(CurrencyNotSupported, match="USD, XOF"):
        a_provider().corridor_for("CI", "MGA")
    assert a_provider().corridor_for("CI", "XOF").country.name == "Côte d'Ivoire"


def test_an_unknown_provider_and_one_that_is_off_are_refused_with_those_that_would_do() -> None:
    catalogue = a_catalogue(a_provider(), a_provider(AFRI, available=False))
    assert catalogue.provider(ORANGE).id == ORANGE
    for wrong in (AFRI, "m_pesa", "", "ORANGE_MONEY"):
        with pytest.raises(InvalidProvider, match="Available: orange_money") as refused:
            catalogue.provider(wrong)
        assert refused.value.provider == wrong
    with pytest.raises(InvalidProvider, match="none at the moment"):
        Catalogue({}).provider(ORANGE)


SCHEDULE_S = [5, 10, 20, 40, 60, 120, 300, 600, 1_800, 1_800, 1_800]


def test_the_poll_schedule_is_the_documented_one() -> None:
    young = timedelta(hours=1)
    delays = [POLICY.poll_delay(asked, young).total_seconds() for asked in range(11)]
    assert delays == SCHEDULE_S
    three_days = timedelta(hours=72)
    assert POLICY.poll_delay(500, three_days - timedelta(seconds=1)) == timedelta(minutes=30)
    assert POLICY.poll_delay(0, three_days) == POLICY.poll_delay(500, three_days)
    assert POLICY.poll_delay(500, three_days) == timedelta(days=1)


def test_the_delay_before_a_retry_doubles_from_the_base_and_has_a_limit() -> None:
    seconds = [POLICY.retry_delay(attempt).total_seconds() for attempt in (1, 2, 3, 4, 7, 10**6)]
    assert seconds == [60, 120, 240, 480, 3_600, 3_600]


@given(delay=spans, permille=st.integers(-1_000, 1_000), most=st.integers(0, 999))
def test_jitter_stays_within_its_share(delay: timedelta, permille: int, most: int) -> None:
    jittered = replace(POLICY, jitter_permille=most).jittered(delay, permille)
    assert abs(jittered - delay) <= delay * most / 1_000 + timedelta(microseconds=1)
    assert jittered >= timedelta(0)


def test_the_default_jitter_is_a_fifth() -> None:
    hundred = timedelta(seconds=100)
    assert POLICY.jittered(hundred, 1_000) == timedelta(seconds=120)
    assert POLICY.jittered(hundred, -1_000) == timedelta(seconds=80)
    assert POLICY.jittered(hundred, 0) == hundred


# Who starts the service with such settings reads these.
CALL = "a call must end inside its lease"
QUESTIONS = "there must be time between two questions"
JITTER = "jitter is 0 to 999 permille"
RETRIES = "retries are not negative"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"lease": POLICY.call_deadline}, CALL),
        ({"call_deadline": timedelta(0)}, CALL),
        ({"poll_steps": ()}, QUESTIONS),
        ({"poll_steps": (1, 0)}, QUESTIONS),
        ({"poll_later": 0}, QUESTIONS),
        ({"first_poll": timedelta(0)}, QUESTIONS),
        ({"poll_daily": timedelta(0)}, QUESTIONS),
        ({"jitter_permille": 1_000}, JITTER),
        ({"jitter_permille": -1}, JITTER),
        ({"retry_max_attempts": -1}, RETRIES),
        ({"jitter_permille": -1, "retry_max_attempts": -1}, f"{JITTER}; {RETRIES}"),
    ],
)
def test_a_policy_that_cannot_work_does_not_exist(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=f"^{why}$"):
        replace(Policy(), **wrong)


def test_a_row_makes_money_of_its_own_currency() -> None:
    row: TariffRow = ROWS["SLE"]
    assert row.money(5).currency is row.currency


def test_effective_dates_are_aware() -> None:
    assert a_tariff().effective_from.tzinfo is UTC
    assert a_tariff(effective_from=datetime(2026, 1, 1, tzinfo=UTC)).version == "t-1"
