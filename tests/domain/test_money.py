"""Money is integer minor units, read exactly as written, and rounded in one place only."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import CURRENCIES, REPLACED_CURRENCIES, Money, currency, read_amount, round_up
from domain.refusals import CurrencyNotSupported, InvalidAmount
from tests.strategies import MGA, USD, XOF, currencies, minor_units, written

EXPONENTS = {
    "XAF": 0,
    "XOF": 0,
    "GNF": 0,
    "UGX": 0,
    "CDF": 2,
    "SLE": 2,
    "GMD": 2,
    "MGA": 2,
    "USD": 2,
}


def test_the_currencies_and_their_exponents_are_those_of_iso_4217() -> None:
    assert {each.code: each.exponent for each in CURRENCIES.values()} == EXPONENTS
    assert {code: currency(code).scale for code in EXPONENTS} == {
        code: 10**exponent for code, exponent in EXPONENTS.items()
    }


@pytest.mark.parametrize(
    "code", ["usd", "ZZZ", "ZZZ!!", "", "XO", "XOFF", "EUR", "xof ", "\uff38\uff2f\uff26"]
)
def test_any_other_code_is_refused_without_repeating_it(code: str) -> None:
    with pytest.raises(CurrencyNotSupported) as refused:
        currency(code)
    assert refused.value.details[0][0] == "currency"
    assert not code or code not in refused.value.message


def test_a_withdrawn_currency_is_refused_by_name_and_never_converted() -> None:
    assert REPLACED_CURRENCIES == {"SLL": "SLE"}
    with pytest.raises(CurrencyNotSupported, match=r"^SLL has been withdrawn; SLE replaced it"):
        currency("SLL")


@given(money=st.builds(Money, minor_units, currencies), data=st.data())
def test_an_amount_is_read_back_from_any_way_of_writing_it(
    money: Money, data: st.DataObject
) -> None:
    assert read_amount(data.draw(written(money)), money.currency) == money


@given(money=st.builds(Money, st.integers(-(10**15), 10**15), currencies))
def test_plain_and_decimal_say_the_same_exactly(money: Money) -> None:
    assert Decimal(money.plain) == money.decimal
    assert money.decimal * money.currency.scale == money.minor
    assert not {"E", "e", "+"} & set(money.plain)
    assert "." not in money.plain or money.plain[-1] not in "0."
    assert str(money) == f"{money.plain} {money.currency.code}"


@pytest.mark.parametrize(
    ("minor", "code", "plain"),
    [
        (1500, "XOF", "1500"),
        (1050, "USD", "10.5"),
        (1005, "USD", "10.05"),
        (100, "USD", "1"),
        (5, "USD", "0.05"),
        (-150, "USD", "-1.5"),
        (0, "USD", "0"),
    ],
)
def test_plain_is_a_normalised_json_number(minor: int, code: str, plain: str) -> None:
    assert Money(minor, currency(code)).plain == plain


BAD_AMOUNTS = [
    "0",
    "0.00",
    "00",
    "-0",
    "-1",
    "-0.01",
    "1e400",
    "1e3",
    "1E+3",
    "1e-7",
    "1e9",
    "NaN",
    "sNaN",
    "Infinity",
    "-Infinity",
    "12,5",
    "1_000",
    " 1 ",
    "1 ",
    "1\n",
    "+5",
    ".5",
    "5.",
    "",
    "ten",
    "\u0661\u0662",
    "\uff11\uff12",
    "0x10",
    "1.2.3",
    "$5",
    "5 USD",
    "--5",
    "1" * 16,
    "1" * 30,
    "9" * 4_000,
    "0." + "1" * 16,
]


@pytest.mark.parametrize("code", sorted(CURRENCIES))
@pytest.mark.parametrize("text", BAD_AMOUNTS)
def test_what_is_no_plain_positive_number_is_refused(text: str, code: str) -> None:
    with pytest.raises(InvalidAmount) as refused:
        read_amount(text, currency(code))
    assert refused.value.details[0][0] == "amount"


@pytest.mark.parametrize(
    ("text", "code"),
    [("10.005", "USD"), ("1.5", "XOF"), ("0.1", "GNF"), ("1.001", "SLE"), ("0.009", "CDF")],
)
def test_more_decimals_than_the_currency_has_are_refused_never_rounded(
    text: str, code: str
) -> None:
    with pytest.raises(InvalidAmount, match="decimals"):
        read_amount(text, currency(code))


def test_digits_beyond_a_decimals_precision_are_seen() -> None:
    # Thirty significant digits: Decimal arithmetic would round the last one away.
    with pytest.raises(InvalidAmount, match="decimals"):
        read_amount("100000000000000.000000000000001", USD)


@given(whole=st.integers(0, 10**15 - 1), cents=st.text("0123456789", min_size=1, max_size=15))
def test_an_amount_is_taken_exactly_when_its_currency_can_pay_it(whole: int, cents: str) -> None:
    text = f"{whole}.{cents}"
    payable = len(cents.rstrip("0")) <= USD.exponent and (whole or cents.strip("0"))
    if payable:
        assert f"{read_amount(text, USD).minor:03d}"[-2:] == f"{cents:0<2}"[:2]
        assert read_amount(text, USD).minor // 100 == whole
    else:
        with pytest.raises(InvalidAmount):
            read_amount(text, USD)


def test_trailing_zeros_are_no_decimals() -> None:
    assert read_amount("1500.000", XOF) == Money(1500, XOF)


@pytest.mark.parametrize(
    ("text", "payable"), [("5000", True), ("5000.00", True), ("5000.50", False)]
)
def test_an_amount_off_the_step_is_refused(text: str, *, payable: bool) -> None:
    if payable:
        assert read_amount(text, MGA, 100).minor == 500_000
    else:
        with pytest.raises(InvalidAmount, match="multiples of 1"):
            read_amount(text, MGA, 100)


@given(
    numerator=st.integers(0, 10**18),
    denominator=st.integers(1, 10**6),
    step=st.sampled_from([1, 5, 100]),
)
def test_rounding_goes_up_to_the_step_and_by_less_than_one_step(
    numerator: int, denominator: int, step: int
) -> None:
    rounded = round_up(numerator, denominator, step)
    assert rounded % step == 0
    assert 0 <= rounded * denominator - numerator < step * denominator


def test_two_currencies_are_never_added() -> None:
    assert Money(1, XOF) + Money(2, XOF) == Money(3, XOF)
    with pytest.raises(ValueError, match="XOF and USD"):
        Money(1, XOF) + Money(1, USD)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ten", "Write the amount as a plain positive number, like 1500 or 10.50."),
        ("0.00", "The amount must be greater than zero."),
        ("-5", "The amount must be greater than zero."),
        ("1.234", "USD is paid with at most 2 decimals."),
    ],
)
def test_a_refused_amount_is_told_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InvalidAmount) as refused:
        read_amount(text, USD)
    assert refused.value.message == sentence
