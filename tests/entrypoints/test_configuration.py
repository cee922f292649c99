"""The configuration file: the shipped one is the contract's, and a wrong one is refused."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.corridors import Catalogue
from domain.money import Money, currency
from entrypoints.configuration import SHIPPED, ConfigurationRefused, read_configuration

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def catalogue(*, production: bool = False) -> Catalogue:
    on = {"orange_money": True, "afrimoney": True}
    return read_configuration(SHIPPED).catalogue(production=production, available=on)


def test_the_providers_pay_in_the_countries_that_clients_know() -> None:
    names = {
        provider.id: [corridor.country.name for corridor in provider.corridors.values()]
        for provider in catalogue().providers.values()
    }
    orange = ["Cameroon", "Côte d'Ivoire", "Mali", "Senegal", "Guinea", "Madagascar", "DRC"]
    assert names["orange_money"] == orange
    assert sorted(names["afrimoney"]) == ["DRC", "Sierra Leone", "The Gambia", "Uganda"]


def test_uganda_is_closed_in_production() -> None:
    assert catalogue().providers["afrimoney"].corridors["UG"].enabled
    assert not catalogue(production=True).providers["afrimoney"].corridors["UG"].enabled


@pytest.mark.parametrize(
    ("provider", "amount", "fee"),
    [
        ("orange_money", 10_000, 200),
        ("orange_money", 100, 100),
        ("orange_money", 5_001, 101),
        ("afrimoney", 10_000, 150),
        ("afrimoney", 50, 50),
    ],
)
def test_dollar_fees_are_the_old_ones(provider: str, amount: int, fee: int) -> None:
    row = catalogue().providers[provider].row_for("USD", NOW)
    assert row.fee_for(Money(amount, currency("USD"))).minor == fee


def test_dollar_limits_are_the_old_ones() -> None:
    orange = catalogue().providers["orange_money"].row_for("USD", NOW)
    afri = catalogue().providers["afrimoney"].row_for("USD", NOW)
    limits = [(r.minimum, r.maximum, r.daily, r.monthly) for r in (orange, afri)]
    assert limits == [(100, 500_000, 1_000_000, 5_000_000), (50, 300_000, 500_000, 3_000_000)]


@pytest.mark.parametrize(
    ("code", "rate"),
    [("XAF", 600), ("XOF", 600), ("GNF", 8_500), ("MGA", 4_500), ("CDF", 2_500)],
)
def test_local_limits_are_the_dollar_ones_at_round_rates(code: str, rate: int) -> None:
    provider = catalogue().providers["orange_money"]
    dollars, local = provider.row_for("USD", NOW), provider.row_for(code, NOW)
    scale = currency(code).scale
    assert local.maximum == dollars.maximum * rate * scale // 100
    assert local.fee_minimum == dollars.fee_minimum * rate * scale // 100


def test_a_whole_ariary_is_the_smallest_payable_step() -> None:
    assert catalogue().providers["orange_money"].row_for("MGA", NOW).step == 100


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("[policy]", "[polcy]"), "polcy"),
        (("poll_later = 360", 'poll_later = "x"'), "poll_later"),
        (("CI = {", "XX = {"), "no country XX"),
        (('maximum = "5000"', 'maximum = "0.5"'), "contradicts itself"),
        (('fee_percent = "2"', 'fee_percent = "2.001"'), "fee_percent"),
        (('minimum = "600"', 'minimum = "600.5"'), "decimals"),
        (("2020-01-01T00:00:00Z", "2020-01-01T00:00:00"), "time zone"),
        (("[circuit]", "[circuit"), "line"),
        (('"XOF", "USD"', '"ZZZ"'), "currency"),
    ],
)
def test_a_wrong_file_is_refused_with_its_reason(
    tmp_path: Path, change: tuple[str, str], told: str
) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(SHIPPED.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    with pytest.raises(ConfigurationRefused) as refused:
        read_configuration(wrong)
    assert refused.value.faults[0].startswith("CASHOUT_CONFIG: wrong.toml:")
    assert told in refused.value.faults[0]


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationRefused):
        read_configuration(wrong)
