"""Requests: what is refused first, what makes a replay, what is reserved."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cash_out import CashOut
from domain.limits import Windows
from domain.money import Money
from domain.payee import Msisdn, Payee
from domain.refusals import (
    AmountAboveMaximum,
    AmountBelowMinimum,
    CurrencyNotSupported,
    DailyLimitExceeded,
    DuplicateReference,
    IdempotencyKeyReused,
    InvalidAccount,
    InvalidAmount,
    InvalidProvider,
    Refusal,
)
from domain.request import CashOutRequest, Quote, differing, quote, replayed, take
from domain.states import Status
from tests.strategies import (
    ABIDJAN,
    AN_ID,
    FREETOWN,
    NOW,
    REFERENCE,
    USD,
    XOF,
    a_cash_out,
    a_catalogue,
    a_provider,
    a_request,
    minor_units,
    written,
)

CATALOGUE = a_catalogue()


def priced(request: CashOutRequest) -> Quote:
    return quote(
        CATALOGUE,
        NOW,
        provider=request.provider,
        code=request.currency,
        amount=request.amount,
        msisdn=request.msisdn,
    )


# Each step makes one more thing right; the refusal is always of the first thing that is wrong.
FAULTS: list[tuple[dict[str, Any], type[Refusal]]] = [
    (
        {"provider": "m_pesa", "currency": "ZZZ", "msisdn": None, "amount": "NaN"},
        InvalidProvider,
    ),
    ({"currency": "ZZZ", "msisdn": None, "amount": "NaN"}, CurrencyNotSupported),
    ({"currency": "SLL", "msisdn": None, "amount": "NaN"}, CurrencyNotSupported),
    ({"currency": "GNF", "msisdn": None, "amount": "NaN"}, CurrencyNotSupported),
    ({"msisdn": None, "amount": "NaN"}, InvalidAccount),
    ({"msisdn": FREETOWN, "amount": "NaN"}, InvalidAccount),
    ({"currency": "MGA", "amount": "NaN"}, CurrencyNotSupported),
    ({"amount": "NaN"}, InvalidAmount),
    ({"amount": "0"}, InvalidAmount),
    ({"amount": "599.5"}, InvalidAmount),
    ({"currency": "USD", "amount": "0.99"}, AmountBelowMinimum),
    ({"amount": "599"}, AmountBelowMinimum),
    ({"amount": "3000001"}, AmountAboveMaximum),
]


@pytest.mark.parametrize(("wrong", "refusal"), FAULTS)
def test_the_first_fault_is_the_one_that_is_told(
    wrong: dict[str, Any], refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal) as refused:
        priced(a_request(**wrong))
    assert refused.value.details


def test_a_request_without_a_mobile_number_is_told_how_to_write_one() -> None:
    with pytest.raises(InvalidAccount) as refused:
        priced(a_request(msisdn=None))
    like = "Give a mobile number in international form, like +2250700000789."
    assert refused.value.message == like


def test_an_amount_off_the_step_of_its_tariff_is_not_priced() -> None:
    ariary = Msisdn("+261320000789", "MG")
    assert priced(a_request(currency="MGA", amount="5000", msisdn=ariary)).fee.minor == 450_000
    with pytest.raises(InvalidAmount, match="multiples of 1"):
        priced(a_request(currency="MGA", amount="5000.50", msisdn=ariary))


def test_a_good_request_is_priced_with_the_fee_on_top() -> None:
    quoted = priced(a_request(amount="40000"))
    assert quoted.provider is CATALOGUE.provider("orange_money")
    assert quoted.amount == Money(40_000, XOF)
    assert quoted.fee == Money(800, XOF)
    assert quoted.total == Money(40_800, XOF)
    assert quoted.tariff_version == "t-1"
    assert quoted.corridor is not None
    assert quoted.corridor.country.iso == "CI"
    assert quoted.warnings == ()


def test_usd_is_paid_in_every_corridor_at_its_own_minimum_fee() -> None:
    quoted = priced(a_request(currency="USD", amount="10.5"))
    assert (quoted.amount, quoted.fee) == (Money(1_050, USD), Money(100, USD))


def test_a_price_can_be_told_without_an_account() -> None:
    quoted = quote(
        CATALOGUE,
        NOW,
        provider="orange_money",
        code="XOF",
        amount="1500",
        msisdn=None,
        account_given=False,
    )
    assert (quoted.corridor, quoted.warnings) == (None, ())
    assert quoted.fee == Money(600, XOF)


@pytest.mark.parametrize(
    ("operator", "own", "warned"),
    [
        ("Orange", ("Orange",), False),
        ("Orange CI", ("orange",), False),
        ("MTN", ("Orange",), True),
        ("", ("Orange",), False),
        ("MTN", (), True),
    ],
)
def test_another_operators_number_is_a_warning_never_a_refusal(
    operator: str, own: tuple[str, ...], *, warned: bool
) -> None:
    catalogue = a_catalogue(replace(a_provider(), operators=own))
    quoted = quote(
        catalogue,
        NOW,
        provider="orange_money",
        code="XOF",
        amount="1500",
        msisdn=Msisdn(ABIDJAN.e164, "CI", operator),
    )
    hint = "This number was issued by another operator than Orange Money's; check it."
    assert quoted.warnings == ((hint,) if warned else ())


def test_the_warnings_of_a_price_go_along_with_what_was_taken() -> None:
    request = a_request(msisdn=Msisdn(ABIDJAN.e164, "CI", "MTN"))
    quoted = priced(request)
    assert quoted.warnings
    windows = Windows.of("user-1", "orange_money", "XOF", NOW)
    used = {windows.day: 0, windows.month: 0}
    accepted = take(request, quoted, used, cash_out_id=AN_ID, reference=REFERENCE, now=NOW)
    assert accepted.warnings == quoted.warnings


def taken(request: CashOutRequest, used: int = 0) -> CashOut:
    windows = Windows.of(request.user_id, request.provider, request.currency, NOW)
    accepted = take(
        request,
        priced(request),
        {windows.day: used, windows.month: used},
        cash_out_id=AN_ID,
        reference=request.reference or REFERENCE,
        now=NOW,
    )
    assert {slot: counted.used for slot, counted in accepted.counted.items()} == {
        windows.day: used + accepted.cash_out.amount.minor,
        windows.month: used + accepted.cash_out.amount.minor,
    }
    return accepted.cash_out


def test_a_taken_request_is_a_pending_cash_out_that_reserves_its_amount_without_the_fee() -> None:
    cash_out = taken(a_request(amount="40000"), used=5)
    assert cash_out.status is Status.PENDING
    assert cash_out.total == cash_out.amount + cash_out.fee == Money(40_800, XOF)
    assert cash_out.payee == Payee(ABIDJAN, "Awa Koné")
    assert (cash_out.reference, cash_out.reference_given) == (REFERENCE, False)
    assert (cash_out.tariff_version, cash_out.created_at, cash_out.updated_at) == ("t-1", NOW, NOW)
    assert taken(a_request(reference="MINE-0001")).reference_given


def test_a_request_over_the_limit_is_not_taken() -> None:
    with pytest.raises(DailyLimitExceeded):
        taken(a_request(), used=6_000_000 - 1_499)


def test_a_request_without_a_number_is_never_taken() -> None:
    windows, quoted = Windows.of("user-1", "orange_money", "XOF", NOW), priced(a_request())
    with pytest.raises(ValueError, match=r"^a request without a number was priced$"):
        take(
            a_request(msisdn=None),
            quoted,
            {windows.day: 0, windows.month: 0},
            cash_out_id=AN_ID,
            reference=REFERENCE,
            now=NOW,
        )


@given(money=st.builds(Money, minor_units, st.sampled_from([XOF, USD])), data=st.data())
def test_one_amount_written_in_two_ways_is_the_same_request(
    money: Money, data: st.DataObject
) -> None:
    text = data.draw(written(money))
    made = a_cash_out(amount=money)
    assert differing(a_request(amount=text, currency=money.currency.code), made) == ()
    other = Money(money.minor + 1, money.currency)
    assert "amount" in differing(a_request(amount=other.plain, currency=money.currency.code), made)


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"wallet_id": "w-2"}, "walletId"),
        ({"amount": "1501"}, "amount"),
        ({"amount": "NaN"}, "amount"),
        ({"amount": ""}, "amount"),
        ({"currency": "USD"}, "currency"),
        ({"provider": "afrimoney"}, "provider"),
        ({"msisdn": Msisdn("+2250700000788", "CI")}, "providerAccountId"),
        ({"msisdn": None}, "providerAccountId"),
        ({"name": "Awa Kone"}, "providerAccountName"),
        ({"reference": REFERENCE}, "reference"),
    ],
)
def test_each_field_that_differs_is_named(changed: dict[str, Any], name: str) -> None:
    assert differing(a_request(**changed), a_cash_out()) == (name,)
    with pytest.raises(IdempotencyKeyReused) as reused:
        replayed(a_request(**changed, key="k-1"), a_cash_out(), None)
    assert reused.value.differing == (name,)
    assert [field for field, _ in reused.value.details] == [name]


@pytest.mark.parametrize("text", ["00", "0.00", "X1500", "1500X", "X1500.00", "1500.00X"])
def test_letters_around_an_amount_and_nothing_at_all_are_another_amount(text: str) -> None:
    assert differing(a_request(amount=text), a_cash_out()) == ("amount",)


def test_letters_before_an_amount_with_cents_are_another_amount() -> None:
    made = a_cash_out(amount=Money(1_050, USD))
    assert differing(a_request(amount="10.50", currency="USD"), made) == ()
    assert differing(a_request(amount="X10.50", currency="USD"), made) == ("amount",)


def test_the_account_may_be_written_differently_in_a_replay() -> None:
    assert differing(a_request(account="00225 07 00 00 07 89"), a_cash_out()) == ()


def test_the_same_key_or_reference_gives_the_same_cash_out_back() -> None:
    mine = a_cash_out(reference="MINE-0001", reference_given=True)
    request = a_request(reference="MINE-0001", key="k-1")
    assert replayed(request, mine, None) is mine
    assert replayed(request, None, mine) is mine
    assert replayed(request, mine, mine) is mine
    assert replayed(request, None, None) is None


def test_a_reference_of_another_user_or_another_body_tells_nothing() -> None:
    other = a_cash_out(reference="MINE-0001", reference_given=True, user_id="user-2")
    request = a_request(reference="MINE-0001")
    with pytest.raises(DuplicateReference) as refused:
        replayed(request, None, other)
    assert "user-2" not in str(refused.value.details) + refused.value.message
    with pytest.raises(DuplicateReference):
        replayed(a_request(reference="MINE-0001", amount="1501"), None, other)
    drawn = a_cash_out()
    with pytest.raises(DuplicateReference):
        replayed(a_request(reference=REFERENCE), None, drawn)


def test_the_key_is_looked_at_before_the_reference() -> None:
    by_key = a_cash_out(amount=Money(99, XOF))
    with pytest.raises(IdempotencyKeyReused):
        replayed(a_request(reference="MINE-0001", key="k"), by_key, a_cash_out(user_id="x"))


def test_a_tariff_is_that_of_the_moment_of_the_request() -> None:
    later = NOW + timedelta(days=1)
    provider = a_provider()
    dear = replace(provider.tariffs[0], version="t-2", effective_from=later)
    catalogue = a_catalogue(replace(provider, tariffs=(*provider.tariffs, dear)))
    versions = [
        quote(
            catalogue, at, provider="orange_money", code="XOF", amount="1500", msisdn=ABIDJAN
        ).tariff_version
        for at in (NOW, later)
    ]
    assert versions == ["t-1", "t-2"]


def test_a_currency_that_nobody_pays_is_refused_with_those_that_are_paid() -> None:
    with pytest.raises(CurrencyNotSupported, match=r"Supported: .*XOF"):
        priced(a_request(currency="ZZZ"))


def test_the_trace_of_a_request_stays_with_its_cash_out() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    asked = replace(a_request(), trace=trace)
    assert taken(asked).trace == trace
