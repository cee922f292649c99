"""Refusals: one class for each reason, each with its own stable code."""

import re

from domain.refusals import (
    DuplicateReference,
    Forbidden,
    IdempotencyKeyInUse,
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
