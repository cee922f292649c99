"""What a payee is told, in both languages, for every place that a cash-out can be in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from adapters.web.wording import failure_reason, status_detail
from domain.attempts import Attempt, OutcomeKind
from domain.cash_out import Action, CashOut, Plan
from domain.evidence import ReviewReason
from domain.failures import FailureCode
from domain.money import CURRENCIES, Money
from domain.payee import Msisdn, Payee
from domain.states import Status

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
SOON = NOW + timedelta(seconds=40)
NEW = CashOut(
    id=UUID(int=1),
    user_id="user-1",
    wallet_id="wallet-1",
    provider="orange_money",
    amount=Money(1500, CURRENCIES["XOF"]),
    fee=Money(600, CURRENCIES["XOF"]),
    tariff_version="1",
    payee=Payee(Msisdn("+2250700000789", "CI"), "Awa"),
    reference="CASH-1",
    reference_given=False,
    created_at=NOW,
    updated_at=NOW,
    plan=Plan(Action.SUBMIT, NOW),
)


def tried(
    outcome: OutcomeKind | None, code: FailureCode | None = None, *, then: Action = Action.ASK
) -> CashOut:
    attempt = Attempt(1, "CASH-1", NOW, outcome, code)
    return replace(NEW, status=Status.PROCESSING, attempts=(attempt,), plan=Plan(then, SOON))


CASES = [
    (NEW, "Accepted. It goes to the provider now.", "La demande part chez l'opérateur maintenant."),
    (
        tried(OutcomeKind.UNSENT, FailureCode.PROVIDER_UNAVAILABLE, then=Action.SUBMIT),
        "The provider could not be reached. We try again at 10:00:40 UTC.",
        "L'opérateur était injoignable. Nous réessayons à 10:00:40 UTC.",
    ),
    (
        tried(OutcomeKind.ACCEPTED),
        "The provider has it and is paying. We look again at 10:00:40 UTC.",
        "Nous vérifions à 10:00:40 UTC.",
    ),
    (tried(OutcomeKind.UNKNOWN), "it cannot be paid twice.", "être fait deux fois."),
    (tried(None), "The provider has not confirmed it yet.", "pas encore confirmé"),
    (
        replace(tried(OutcomeKind.UNKNOWN), plan=None, review=ReviewReason.UNKNOWN_TOO_LONG),
        "when there is news; it cannot be paid twice. A person is looking at this payment.",
        "Une personne examine ce paiement.",
    ),
    (
        replace(tried(OutcomeKind.ACCEPTED), plan=Plan(Action.ASK, NOW + timedelta(days=1))),
        "at 2026-11-24 10:00:00 UTC.",
        "à 2026-11-24 10:00:00 UTC.",
    ),
    (replace(NEW, status=Status.COMPLETED, plan=None), "The money is in", "L'argent est sur"),
    (replace(NEW, status=Status.CANCELLED, plan=None), "Nothing was paid.", "Rien n'a été payé."),
    (
        replace(NEW, status=Status.FAILED, failure_code=FailureCode.RECIPIENT_BLOCKED, plan=None),
        "This account cannot receive money at present. Nothing was paid.",
        "Rien n'a été payé.",
    ),
]


@pytest.mark.parametrize(("cash_out", "english", "french"), CASES)
def test_each_situation_has_its_sentence(cash_out: CashOut, english: str, french: str) -> None:
    assert english in status_detail(cash_out, NOW, "en")
    assert french in status_detail(cash_out, NOW, "fr")


@pytest.mark.parametrize(
    ("cash_out", "english", "french"),
    [
        (NEW, None, None),
        (replace(NEW, status=Status.COMPLETED), None, None),
        (
            replace(NEW, status=Status.CANCELLED, failure_reason="Cancelled by the user."),
            "Cancelled by the user.",
            "Annulé par l'utilisateur.",
        ),
        (
            replace(NEW, status=Status.CANCELLED, failure_code=FailureCode.CANCELLED_BY_PROVIDER),
            "The provider cancelled the payment.",
            "L'opérateur a annulé le paiement.",
        ),
        (
            replace(
                NEW,
                status=Status.FAILED,
                failure_code=FailureCode.EXPIRED,
                failure_reason="E_4711 at node db-3",
            ),
            "The provider did not complete the payment in time.",
            "L'opérateur n'a pas effectué le paiement à temps.",
        ),
    ],
)
def test_reasons_are_our_words_and_never_the_provider_s(
    cash_out: CashOut, english: str | None, french: str | None
) -> None:
    assert failure_reason(cash_out, "en") == english
    assert failure_reason(cash_out, "fr") == french


@pytest.mark.parametrize("code", list(FailureCode))
@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_failure_can_be_told(code: FailureCode, language: str) -> None:
    failed = replace(NEW, status=Status.FAILED, failure_code=code, plan=None)
    reason = failure_reason(failed, language)
    assert reason is not None
    assert status_detail(failed, NOW, language).startswith(reason)
