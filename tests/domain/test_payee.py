"""Payees: E.164 inside, the provider's way of writing at the edge, masked in logs."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.payee import COUNTRIES, Msisdn, NumberFormat
from tests.strategies import ABIDJAN

NUMBERS = {
    "CM": "+237690000789",
    "CI": "+2250700000789",
    "ML": "+22370000789",
    "SN": "+221770000789",
    "GN": "+224620000789",
    "MG": "+261320000789",
    "CD": "+243840000789",
    "SL": "+23277000789",
    "UG": "+256790000789",
    "GM": "+2207000789",
}


def test_the_countries_are_the_old_services_by_the_names_clients_know() -> None:
    assert {each.name for each in COUNTRIES.values()} == {
        "Cameroon",
        "Côte d'Ivoire",
        "Mali",
        "Senegal",
        "Guinea",
        "Madagascar",
        "DRC",
        "Sierra Leone",
        "Uganda",
        "The Gambia",
    }
    assert set(NUMBERS) == set(COUNTRIES)


@pytest.mark.parametrize("iso", sorted(NUMBERS))
def test_a_number_is_written_in_each_format_and_recognised_in_all(iso: str) -> None:
    number = Msisdn(NUMBERS[iso], iso)
    national = number.e164.removeprefix(f"+{COUNTRIES[iso].calling_code}")
    assert number.written(NumberFormat.E164_PLUS) == number.e164
    assert number.written(NumberFormat.E164_DIGITS) == number.e164[1:]
    assert number.written(NumberFormat.NATIONAL) == national
    echoes = [number.written(how) for how in NumberFormat]
    echoes += [f"00{number.e164[1:]}", f"{national[:2]} {national[2:5]}-{national[5:]}"]
    assert all(number.is_same_as(echo) for echo in echoes)


@pytest.mark.parametrize(
    "echo",
    ["", "0", "+", "2250700000788", "+225070000078", "07000007899", "abc", "\uff12\uff12\uff15"],
)
def test_another_number_is_not_the_same(echo: str) -> None:
    assert not ABIDJAN.is_same_as(echo)


@pytest.mark.parametrize("echo", ["tel:+2250700000789", "XOF 2250700000789", "(225) 0700000789"])
def test_only_the_digits_of_an_echo_count(echo: str) -> None:
    assert ABIDJAN.is_same_as(echo)


def test_a_leading_zero_that_is_part_of_the_number_may_be_left_out_by_an_echo() -> None:
    assert ABIDJAN.is_same_as("700000789")


@pytest.mark.parametrize(
    ("iso", "mobile", "not_mobile"),
    [
        ("CM", ["+237650000000", "+237642000000"], ["+237643000000", "+237222000000"]),
        ("CI", ["+2250100000000", "+2250500000000"], ["+2250300000000", "+225070000000"]),
        ("SN", ["+221770000000"], ["+221330000000"]),
        ("GN", ["+224660000000"], ["+224640000000", "+224700000000"]),
        ("MG", ["+261390000000"], ["+261310000000"]),
        ("CD", ["+243800000000", "+243990000000"], ["+243880000000", "+243920000000"]),
        ("ML", [], ["+22370000000"]),
    ],
)
def test_our_own_table_of_mobile_numbers(
    iso: str, mobile: list[str], not_mobile: list[str]
) -> None:
    country = COUNTRIES[iso]
    assert all(country.owns(each) for each in mobile)
    assert not any(country.owns(each) for each in not_mobile)
    assert not any(country.owns(number) for other, number in NUMBERS.items() if other != iso)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "2250700000789",
        "+0250700000789",
        "+225 0700000789",
        "+225070",
        "+" + "1" * 16,
        "+22507000007\uff189",
        "+2250700000789\n",
        "not a phone",
    ],
)
def test_nothing_else_is_a_number(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not an E\.164 number$"):
        Msisdn(text, "CI")


@given(digits=st.from_regex(r"[1-9][0-9]{7,14}", fullmatch=True))
def test_a_masked_number_shows_four_characters_and_the_last_three(digits: str) -> None:
    number = Msisdn(f"+{digits}", "CI")
    assert len(number.masked) == len(number.e164)
    assert re.fullmatch(r"\+\d{3}\*{2,9}\d{3}", number.masked)


def test_the_operator_of_a_number_takes_no_part_in_comparisons() -> None:
    assert Msisdn(ABIDJAN.e164, "CI", "Orange") == ABIDJAN
