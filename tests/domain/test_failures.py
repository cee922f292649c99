"""Failure codes: a complete table, in sentences that are safe to show."""

import re

import pytest

from domain.failures import FAILURES, FailureCode, Fault

DEFINITIVE = {
    "RECIPIENT_NOT_FOUND",
    "RECIPIENT_INVALID",
    "RECIPIENT_BLOCKED",
    "RECIPIENT_LIMIT_REACHED",
    "NAME_MISMATCH",
    "AMOUNT_OUT_OF_BOUNDS",
    "CURRENCY_NOT_SUPPORTED",
    "INVALID_REQUEST",
    "EXPIRED",
    "CANCELLED_BY_PROVIDER",
    "COMPLIANCE_BLOCKED",
}


def test_every_code_has_a_row_and_the_row_is_under_its_own_name() -> None:
    assert set(FAILURES) == set(FailureCode)
    assert all(code.value == code.name for code in FailureCode)
    assert len(FailureCode) == 20


def test_only_these_codes_end_a_cash_out_as_a_refusal() -> None:
    assert {code.value for code in FailureCode if FAILURES[code].definitive} == DEFINITIVE


def test_our_empty_float_is_our_fault_and_never_definitive() -> None:
    empty = FAILURES[FailureCode.FLOAT_INSUFFICIENT]
    assert (empty.fault, empty.definitive, empty.retryable) == (Fault.OURS, False, True)


@pytest.mark.parametrize("code", FailureCode)
def test_each_code_has_a_safe_sentence_in_english_and_in_french(code: FailureCode) -> None:
    failure = FAILURES[code]
    for sentence in (failure.english, failure.french):
        assert re.fullmatch(r"[A-Z][^.{}%<>\n]{15,90}\.", sentence), sentence
        # Nothing of the inside: no code, protocol word, or name of a system.
        assert not re.search(r"[A-Z_]{4,}|HTTP|API|JSON|token|float|config", sentence)
    assert failure.english != failure.french
