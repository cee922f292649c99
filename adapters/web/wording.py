"""What a payee is told about a cash-out: pure sentences, English and French, nothing internal."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Final

from domain.attempts import Attempt, OutcomeKind
from domain.cash_out import Action, CashOut
from domain.failures import CANCELLED_BY_USER, CANCELLED_FOR_USER, FAILURES, FailureCode
from domain.payee import COUNTRIES
from domain.standings import State
from domain.states import Status


class Situation(Enum):
    """Where a cash-out is, as its payee would tell it."""

    COMPLETED = auto()
    FAILED = auto()
    CANCELLED = auto()
    ABOUT_TO_BE_SENT = auto()
    TO_BE_SENT_AGAIN = auto()
    WITH_THE_PROVIDER = auto()
    UNCONFIRMED = auto()


_SENTENCES: Final[dict[str, dict[Situation, str]]] = {
    "en": {
        Situation.COMPLETED: "The money is in the payee's account.",
        Situation.FAILED: "{reason} Nothing was paid.",
        Situation.CANCELLED: "Cancelled. Nothing was paid.",
        Situation.ABOUT_TO_BE_SENT: "Accepted. It goes to the provider {when}.",
        Situation.TO_BE_SENT_AGAIN: "{reason} We try again {when}.",
        Situation.WITH_THE_PROVIDER: "The provider has it and is paying. We look again {when}.",
        Situation.UNCONFIRMED: "The provider has not confirmed it yet. We ask again {when};"
        " it cannot be paid twice.",
    },
    "fr": {
        Situation.COMPLETED: "L'argent est sur le compte du bénéficiaire.",
        Situation.FAILED: "{reason} Rien n'a été payé.",
        Situation.CANCELLED: "Annulé. Rien n'a été payé.",
        Situation.ABOUT_TO_BE_SENT: "Accepté. La demande part chez l'opérateur {when}.",
        Situation.TO_BE_SENT_AGAIN: "{reason} Nous réessayons {when}.",
        Situation.WITH_THE_PROVIDER: "L'opérateur l'a reçu et paie. Nous vérifions {when}.",
        Situation.UNCONFIRMED: "L'opérateur n'a pas encore confirmé. Nous redemandons {when} ;"
        " le paiement ne peut pas être fait deux fois.",
    },
}
_AVAILABILITY: Final[dict[str, dict[State, str]]] = {
    "en": {
        State.OPERATIONAL: "{provider} in {country} pays as usual.",
        State.DELAYED: "{provider} in {country} is slow at the moment.",
        State.CLOSED: "{provider} in {country} is not available at the moment.",
    },
    "fr": {
        State.OPERATIONAL: "{provider} ({country}) paie normalement.",
        State.DELAYED: "{provider} ({country}) est lent en ce moment.",
        State.CLOSED: "{provider} ({country}) n'est pas disponible en ce moment.",
    },
}
_THEN: Final[dict[str, dict[State, str]]] = {
    "en": {
        State.DELAYED: "We send it as soon as it answers",
        State.CLOSED: "We send it as soon as it is back",
    },
    "fr": {
        State.DELAYED: "Nous envoyons la demande dès qu'il répond",
        State.CLOSED: "Nous envoyons la demande dès qu'il revient",
    },
}
_CAN_CANCEL: Final = {
    "en": "; you can still cancel.",
    "fr": " ; vous pouvez encore annuler.",
}
_FRENCH: Final = {
    "CM": "Cameroun",
    "CI": "Côte d'Ivoire",
    "ML": "Mali",
    "SN": "Sénégal",
    "GN": "Guinée",
    "MG": "Madagascar",
    "CD": "RDC",
    "SL": "Sierra Leone",
    "UG": "Ouganda",
    "GM": "Gambie",
}
"""What our countries are called in French."""
_CHECKED_BY_A_PERSON: Final = {
    "en": "A person is looking at this payment.",
    "fr": "Une personne examine ce paiement.",
}
_CANCELLED: Final = {"en": CANCELLED_BY_USER, "fr": "Annulé par l'utilisateur."}
_CANCELLED_FOR: Final = {"en": CANCELLED_FOR_USER, "fr": "Annulé pour l'utilisateur."}
_NOW: Final = {"en": "now", "fr": "maintenant"}
_AT: Final = {"en": "at {time} UTC", "fr": "à {time} UTC"}
_LATER: Final = {"en": "when there is news", "fr": "dès qu'il y a du nouveau"}


_WITH_A_REASON: Final = (Situation.FAILED, Situation.TO_BE_SENT_AGAIN)


@dataclass(frozen=True, slots=True)
class Parked:
    """A provider by its name, and a country by its ISO code, where cash-outs wait at present."""

    provider: str
    country: str
    state: State
    can_cancel: bool = False


def availability(parked: Parked, language: str) -> str:
    """Return how a provider is in a country, and what that means for who asks it to pay."""
    return _AVAILABILITY[language][parked.state].format(
        provider=parked.provider, country=_country(parked.country, language)
    )


def _waiting(parked: Parked, language: str) -> str:
    how = availability(parked, language)
    then = _THEN[language][parked.state]
    return f"{how} {then}{_CAN_CANCEL[language] if parked.can_cancel else '.'}"


def _country(iso: str, language: str) -> str:
    if language == "fr" and iso in _FRENCH:
        return _FRENCH[iso]
    return COUNTRIES[iso].name if iso in COUNTRIES else iso


def status_detail(
    cash_out: CashOut, now: datetime, language: str, parked: Parked | None = None
) -> str:
    """Return what we wait for and when we look again: `now` and times are in UTC.

    parked: given where it is not sent at present, because of how its provider is.
    """
    if parked is not None:
        text = _waiting(parked, language)
    else:
        situation = _situation(cash_out)
        text = _SENTENCES[language][situation].format(
            reason=_reason(cash_out, language) if situation in _WITH_A_REASON else "",
            when=_when(cash_out, now, language),
        )
    if cash_out.needs_review:
        text = f"{text} {_CHECKED_BY_A_PERSON[language]}"
    return text


def failure_reason(cash_out: CashOut, language: str) -> str | None:
    """Return why it was not paid, in words that are safe to show; None unless it was not."""
    if cash_out.status not in {Status.FAILED, Status.CANCELLED}:
        return None
    if cash_out.failure_code is None and cash_out.status is Status.CANCELLED:
        operator = cash_out.failure_reason == CANCELLED_FOR_USER
        return (_CANCELLED_FOR if operator else _CANCELLED)[language]
    return _sentence(cash_out.failure_code, language)


_ENDED: Final = {
    Status.COMPLETED: Situation.COMPLETED,
    Status.FAILED: Situation.FAILED,
    Status.CANCELLED: Situation.CANCELLED,
}


def _situation(cash_out: CashOut) -> Situation:
    if cash_out.status in _ENDED:
        return _ENDED[cash_out.status]
    last = _last(cash_out)
    if last is None:
        return Situation.ABOUT_TO_BE_SENT
    if cash_out.plan is not None and cash_out.plan.action is Action.SUBMIT:
        return Situation.TO_BE_SENT_AGAIN
    if last.outcome is OutcomeKind.ACCEPTED:
        return Situation.WITH_THE_PROVIDER
    return Situation.UNCONFIRMED


def _last(cash_out: CashOut) -> Attempt | None:
    return cash_out.attempts[-1] if cash_out.attempts else None


def _reason(cash_out: CashOut, language: str) -> str:
    last = _last(cash_out)
    of_the_attempt = last.code if last is not None else None
    return _sentence(cash_out.failure_code or of_the_attempt, language)


def _sentence(code: FailureCode | None, language: str) -> str:
    failure = FAILURES[code or FailureCode.UNSPECIFIED]
    return failure.french if language == "fr" else failure.english


def _when(cash_out: CashOut, now: datetime, language: str) -> str:
    if cash_out.plan is None:
        return _LATER[language]
    due = cash_out.plan.due_at.astimezone(UTC)
    if due <= now:
        return _NOW[language]
    pattern = "%H:%M:%S" if due.date() == now.astimezone(UTC).date() else "%Y-%m-%d %H:%M:%S"
    return _AT[language].format(time=due.strftime(pattern))
