"""Failure codes: stable, ours, and the only ones that leave this service."""

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """Whose doing it is."""

    CUSTOMER = "customer"
    OURS = "ours"
    PROVIDER = "provider"


class FailureCode(StrEnum):
    """Why a cash-out failed, or why an attempt did not get through."""

    RECIPIENT_NOT_FOUND = "RECIPIENT_NOT_FOUND"
    RECIPIENT_INVALID = "RECIPIENT_INVALID"
    RECIPIENT_BLOCKED = "RECIPIENT_BLOCKED"
    RECIPIENT_LIMIT_REACHED = "RECIPIENT_LIMIT_REACHED"
    NAME_MISMATCH = "NAME_MISMATCH"
    AMOUNT_OUT_OF_BOUNDS = "AMOUNT_OUT_OF_BOUNDS"
    CURRENCY_NOT_SUPPORTED = "CURRENCY_NOT_SUPPORTED"
    INVALID_REQUEST = "INVALID_REQUEST"
    FLOAT_INSUFFICIENT = "FLOAT_INSUFFICIENT"
    PARTNER_LIMIT_REACHED = "PARTNER_LIMIT_REACHED"
    PROVIDER_UNAVAILABLE = "PROVIDER_UNAVAILABLE"
    RATE_LIMITED = "RATE_LIMITED"
    PROVIDER_AUTH = "PROVIDER_AUTH"
    PROVIDER_MISCONFIGURED = "PROVIDER_MISCONFIGURED"
    REFERENCE_CONFLICT = "REFERENCE_CONFLICT"
    EXPIRED = "EXPIRED"
    CANCELLED_BY_PROVIDER = "CANCELLED_BY_PROVIDER"
    COMPLIANCE_BLOCKED = "COMPLIANCE_BLOCKED"
    CONFIRMED_NOT_PAID = "CONFIRMED_NOT_PAID"
    UNSPECIFIED = "UNSPECIFIED"


@dataclass(frozen=True, slots=True)
class Failure:
    """What a code means.

    definitive: as a refusal of a submit it ends the cash-out; otherwise the attempt was not taken
    and may be made again. retryable: the same request may succeed later. english, french: a
    sentence that is safe to show the payee.
    """

    definitive: bool
    retryable: bool
    fault: Fault
    english: str
    french: str


_C, _O, _P = Fault.CUSTOMER, Fault.OURS, Fault.PROVIDER

FAILURES: dict[FailureCode, Failure] = {
    FailureCode.RECIPIENT_NOT_FOUND: Failure(
        definitive=True,
        retryable=False,
        fault=_C,
        english="This number has no mobile money account.",
        french="Ce numéro n'a pas de compte mobile money.",
    ),
    FailureCode.RECIPIENT_INVALID: Failure(
        definitive=True,
        retryable=False,
        fault=_C,
        english="This number is not valid for this provider.",
        french="Ce numéro n'est pas valable chez cet opérateur.",
    ),
    FailureCode.RECIPIENT_BLOCKED: Failure(
        definitive=True,
        retryable=False,
        fault=_C,
        english="This account cannot receive money at present.",
        french="Ce compte ne peut pas recevoir d'argent actuellement.",
    ),
    FailureCode.RECIPIENT_LIMIT_REACHED: Failure(
        definitive=True,
        retryable=True,
        fault=_C,
        english="This account has reached the most it may receive or hold.",
        french="Ce compte a atteint le maximum qu'il peut recevoir ou détenir.",
    ),
    FailureCode.NAME_MISMATCH: Failure(
        definitive=True,
        retryable=False,
        fault=_C,
        english="The name does not match the account.",
        french="Le nom ne correspond pas au compte.",
    ),
    FailureCode.AMOUNT_OUT_OF_BOUNDS: Failure(
        definitive=True,
        retryable=False,
        fault=_C,
        english="The provider does not pay this amount.",
        french="L'opérateur ne paie pas ce montant.",
    ),
    FailureCode.CURRENCY_NOT_SUPPORTED: Failure(
        definitive=True,
        retryable=False,
        fault=_C,
        english="The provider does not pay this currency to this account.",
        french="L'opérateur ne paie pas cette devise sur ce compte.",
    ),
    FailureCode.INVALID_REQUEST: Failure(
        definitive=True,
        retryable=False,
        fault=_O,
        english="The provider did not accept this request.",
        french="L'opérateur n'a pas accepté cette demande.",
    ),
    FailureCode.FLOAT_INSUFFICIENT: Failure(
        definitive=False,
        retryable=True,
        fault=_O,
        english="We cannot pay through this provider just now.",
        french="Nous ne pouvons pas payer par cet opérateur pour le moment.",
    ),
    FailureCode.PARTNER_LIMIT_REACHED: Failure(
        definitive=False,
        retryable=True,
        fault=_O,
        english="We have reached our limit with this provider for now.",
        french="Nous avons atteint notre plafond chez cet opérateur pour le moment.",
    ),
    FailureCode.PROVIDER_UNAVAILABLE: Failure(
        definitive=False,
        retryable=True,
        fault=_P,
        english="The provider could not be reached.",
        french="L'opérateur était injoignable.",
    ),
    FailureCode.RATE_LIMITED: Failure(
        definitive=False,
        retryable=True,
        fault=_P,
        english="The provider is taking fewer payments at the moment.",
        french="L'opérateur accepte moins de paiements en ce moment.",
    ),
    FailureCode.PROVIDER_AUTH: Failure(
        definitive=False,
        retryable=True,
        fault=_O,
        english="We cannot pay through this provider just now.",
        french="Nous ne pouvons pas payer par cet opérateur pour le moment.",
    ),
    FailureCode.PROVIDER_MISCONFIGURED: Failure(
        definitive=False,
        retryable=True,
        fault=_O,
        english="We cannot pay through this provider just now.",
        french="Nous ne pouvons pas payer par cet opérateur pour le moment.",
    ),
    FailureCode.REFERENCE_CONFLICT: Failure(
        definitive=False,
        retryable=False,
        fault=_O,
        english="We are checking this payment with the provider.",
        french="Nous vérifions ce paiement auprès de l'opérateur.",
    ),
    FailureCode.EXPIRED: Failure(
        definitive=True,
        retryable=True,
        fault=_P,
        english="The provider did not complete the payment in time.",
        french="L'opérateur n'a pas effectué le paiement à temps.",
    ),
    FailureCode.CANCELLED_BY_PROVIDER: Failure(
        definitive=True,
        retryable=True,
        fault=_P,
        english="The provider cancelled the payment.",
        french="L'opérateur a annulé le paiement.",
    ),
    FailureCode.COMPLIANCE_BLOCKED: Failure(
        definitive=True,
        retryable=False,
        fault=_C,
        english="The provider cannot make this payment.",
        french="L'opérateur ne peut pas effectuer ce paiement.",
    ),
    FailureCode.CONFIRMED_NOT_PAID: Failure(
        # It is ours to say: a provider's word of this name proves nothing.
        definitive=False,
        retryable=True,
        fault=_P,
        english="We checked with the provider: the payment was not made.",
        french="Nous avons vérifié auprès de l'opérateur : le paiement n'a pas été effectué.",
    ),
    FailureCode.UNSPECIFIED: Failure(
        definitive=False,
        retryable=True,
        fault=_P,
        english="The provider did not make the payment and gave no reason.",
        french="L'opérateur n'a pas effectué le paiement et n'a pas donné de raison.",
    ),
}

CANCELLED_BY_USER = "Cancelled by the user."
CANCELLED_FOR_USER = "Cancelled on the user's behalf."
"""Why a cash-out was cancelled: by its user, or by an operator."""
