"""Refusals: one class for each reason, each with its own stable code."""

import re
from collections.abc import Callable
from functools import partial

import pytest

from domain.refusals import (
    CurrencyNotSupported,
    DuplicateReference,
    Forbidden,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    InvalidAccount,
    InvalidProvider,
    InvalidSignature,
    InvalidWebhook,
    NotFound,
    Refusal,
    TooLateToCancel,
    every_refusal,
)

CODES = {
    "INVALID_PROVIDER",
    "CURRENCY_NOT_SUPPORTED",
    "INVALID_ACCOUNT",
    "INVALID_AMOUNT",
    "AMOUNT_BELOW_MINIMUM",
    "AMOUNT_ABOVE_MAXIMUM",
    "DAILY_LIMIT_EXCEEDED",
    "MONTHLY_LIMIT_EXCEEDED",
    "IDEMPOTENCY_KEY_REUSED",
    "IDEMPOTENCY_KEY_IN_USE",
    "DUPLICATE_REFERENCE",
    "NOT_FOUND",
    "FORBIDDEN",
    "TOO_LATE_TO_CANCEL",
    "INVALID_SIGNATURE",
    "INVALID_WEBHOOK",
}


def test_every_reason_of_the_contract_has_its_class_and_no_two_share_a_code() -> None:
    table = every_refusal()
    assert set(table) >= CODES
    assert all(each.code == code for code, each in table.items())
    assert len(set(table.values())) == len(table)


def test_a_refusal_says_what_to_do_and_which_fields_are_meant() -> None:
    refusals: list[Refusal] = [
        DuplicateReference(),
        Forbidden(),
        IdempotencyKeyInUse(),
        InvalidSignature(),
        InvalidWebhook(("status",)),
        NotFound(),
        TooLateToCancel("processing"),
    ]
    assert all(re.fullmatch(r"[A-Z].{20,120}\.", each.message) for each in refusals)
    assert all(str(each) == each.message for each in refusals)
    assert InvalidWebhook(("status",)).details == (("status", "Required, a non-empty string."),)
    assert NotFound("provider").message == "There is no such provider."
    assert dict(TooLateToCancel("processing").details) == {"status": "processing"}


def test_a_bad_signature_is_refused_without_a_reason() -> None:
    assert InvalidSignature().details == ()


NO_CURRENCY = "This currency is not supported. Use an upper-case ISO 4217 code we pay in."
WITHDRAWN = "SLL has been withdrawn; SLE replaced it. Ask in SLE."
USABLE = "This provider is not available. Available: afrimoney, orange_money."
NONE_USABLE = "This provider is not available. Available: none at the moment."

# Clients show these sentences and put them beside the fields that are named: both are read.
SAYS: list[tuple[Callable[[], Refusal], str, tuple[tuple[str, str], ...]]] = [
    (partial(CurrencyNotSupported, "ZZZ"), NO_CURRENCY, (("currency", NO_CURRENCY),)),
    (
        partial(CurrencyNotSupported, "SLL", replaced_by="SLE"),
        WITHDRAWN,
        (("currency", WITHDRAWN),),
    ),
    (
        partial(InvalidProvider, "x", ["afrimoney", "orange_money"]),
        USABLE,
        (("provider", USABLE),),
    ),
    (partial(InvalidProvider, "x", []), NONE_USABLE, (("provider", NONE_USABLE),)),
    (partial(InvalidAccount, "Why."), "Why.", (("providerAccountId", "Why."),)),
    (
        partial(IdempotencyKeyReused, ["amount"]),
        "This Idempotency-Key was used for another request. Use a new key.",
        (("amount", "Differs from the first request with this key."),),
    ),
    (
        IdempotencyKeyInUse,
        "A request with this Idempotency-Key is still being decided. Send it again shortly.",
        (),
    ),
    (
        DuplicateReference,
        "This reference is already in use. Choose another.",
        (("reference", "This reference is already in use. Choose another."),),
    ),
    (NotFound, "There is no such cash-out.", ()),
    (Forbidden, "This cash-out belongs to another user.", ()),
    (InvalidSignature, "The signature of this webhook is missing or not valid.", ()),
    (
        InvalidWebhook,
        "This webhook cannot be read: send a JSON object with the required fields.",
        (),
    ),
]


@pytest.mark.parametrize(("refuse", "message", "details"), SAYS)
def test_what_clients_read_is_this(
    refuse: Callable[[], Refusal], message: str, details: tuple[tuple[str, str], ...]
) -> None:
    refusal = refuse()
    assert (refusal.message, refusal.details) == (message, details)


def test_what_was_asked_for_is_kept_for_the_log() -> None:
    assert InvalidProvider("m_pesa", []).provider == "m_pesa"
