"""The timeline's sentences: English and French, safe to show the payee, nothing internal."""

from datetime import UTC, datetime
from typing import Final

from application.timeline import Doubt, Risk, Said, Step, What
from domain.failures import FAILURES, FailureCode
from domain.states import Status

STATES: Final = {
    Status.PENDING: Said("not sent yet", "pas encore envoyé"),
    Status.PROCESSING: Said("being paid", "en cours de paiement"),
    Status.COMPLETED: Said("paid", "payé"),
    Status.FAILED: Said("not paid", "non payé"),
    Status.CANCELLED: Said("cancelled", "annulé"),
}
SUMMARIES: Final = {
    Status.PENDING: Said("Accepted and not sent yet.", "Accepté, pas encore envoyé."),
    Status.PROCESSING: Said(
        "With the provider, and not proven either way yet.",
        "Chez l'opérateur, sans preuve de l'issue pour le moment.",
    ),
    Status.COMPLETED: Said(
        "Paid: the money is in the payee's account.",
        "Payé : l'argent est sur le compte du bénéficiaire.",
    ),
    Status.FAILED: Said("Not paid. {reason}", "Non payé. {reason}"),
    Status.CANCELLED: Said("Cancelled: nothing was paid.", "Annulé : rien n'a été payé."),
}
LOOKED_AT: Final = Said(" A person is looking at it.", " Une personne l'examine.")
HAPPENED: Final = {
    What.ACCEPTED: Said("The request was accepted.", "La demande a été acceptée."),
    What.SENT: Said("It was sent to the provider.", "Elle a été envoyée à l'opérateur."),
    What.TAKEN: Said("The provider took it.", "L'opérateur l'a prise en charge."),
    What.DECLINED: Said("The provider declined it. {reason}", "L'opérateur l'a refusée. {reason}"),
    What.NOT_TAKEN: Said(
        "It was not taken, and nothing was paid by this try. {reason}",
        "Elle n'a pas été prise en charge, et rien n'a été payé par cet essai. {reason}",
    ),
    What.NO_ANSWER: Said(
        "The provider did not say what became of it. We ask; we never send blindly.",
        "L'opérateur n'a pas dit ce qu'il en est. Nous demandons, sans renvoyer à l'aveugle.",
    ),
    What.REPORTED: Said("The provider reports: {state}.", "L'opérateur annonce : {state}."),
    What.NOT_FOUND: Said(
        "We asked; the provider does not know of it so far.",
        "Nous avons demandé ; l'opérateur n'en sait rien pour le moment.",
    ),
    What.SILENT: Said(
        "We asked; the provider gave no answer.",
        "Nous avons demandé ; l'opérateur n'a pas répondu.",
    ),
    What.RUNG: Said(
        "There is word of it: {state}. We ask the provider before we believe it.",
        "On en annonce : {state}. Nous demandons à l'opérateur avant de le croire.",
    ),
    What.OVERDUE: Said(
        "It has been open for long, so a person looks at it.",
        "Elle est ouverte depuis longtemps : une personne l'examine.",
    ),
    What.CANCELLED: Said("It was cancelled by the user.", "Elle a été annulée par l'utilisateur."),
    What.RULED: Said("A person has settled it: {state}.", "Une personne a tranché : {state}."),
    What.OTHER: Said("Something was noted.", "Quelque chose a été noté."),
}
CANCELLED_FOR: Final = Said(
    "It was cancelled on the user's behalf.", "Elle a été annulée pour l'utilisateur."
)
SENT_AGAIN: Final = Said(
    "It was sent again under the same reference, so that it cannot be paid twice.",
    "Elle a été renvoyée sous la même référence : elle ne peut pas être payée deux fois.",
)
UNKNOWN_STATE: Final = Said("something we do not know", "quelque chose que nous ne connaissons pas")
LEFT_TO_WAIT: Final = Said("keep waiting", "attendre encore")
STATEMENT: Final = Said(
    "The provider's statement says: {state}.", "Le relevé de l'opérateur indique : {state}."
)
DOUBTS: Final = {
    Doubt.OUTCOME: Said("Whether the payee has the money.", "Si le bénéficiaire a reçu l'argent."),
    Doubt.ANSWER: Said(
        "What the provider answers to the request that is under way.",
        "Ce que l'opérateur répond à la demande en cours.",
    ),
    Doubt.DENIED: Said(
        "The provider says that it does not know of it; it may still turn up.",
        "L'opérateur dit ne pas la connaître ; elle peut encore apparaître.",
    ),
    Doubt.CLAIM: Said(
        "There is word of how it ended, which the provider has not confirmed.",
        "On annonce comment elle s'est terminée, sans que l'opérateur l'ait confirmé.",
    ),
    Doubt.CONTRADICTION: Said(
        "The provider has said two different things about how it ended.",
        "L'opérateur a dit deux choses différentes sur la façon dont elle s'est terminée.",
    ),
    Doubt.MISMATCH: Said(
        "The provider speaks of a payment that does not match this one.",
        "L'opérateur parle d'un paiement qui ne correspond pas à celui-ci.",
    ),
}
STEPS: Final = {
    Step.SEND: Said("We send it to the provider {when}.", "Nous l'envoyons à l'opérateur {when}."),
    Step.SEND_AGAIN: Said(
        "We send it again {when}, under the same reference.",
        "Nous la renvoyons {when}, sous la même référence.",
    ),
    Step.ANSWER: Said(
        "The provider's answer is awaited.", "La réponse de l'opérateur est attendue."
    ),
    Step.ASK: Said("We ask the provider {when}.", "Nous demandons à l'opérateur {when}."),
    Step.OPERATOR: Said("A person decides.", "Une personne décide."),
    Step.NOTHING: Said("Nothing: it has ended.", "Rien : elle est terminée."),
}
RISKS: Final = {
    Risk.NONE: Said(
        "Nothing: no money can move unnoticed.",
        "Rien : aucun argent ne peut bouger à notre insu.",
    ),
    Risk.MAY_BE_PAID: Said(
        "{amount} may have been paid, or may be paid yet.",
        "{amount} ont peut-être été payés, ou le seront peut-être.",
    ),
    Risk.PAID_AFTER_ALL: Said(
        "{amount} may have been paid although we say that nothing was.",
        "{amount} ont peut-être été payés alors que nous disons le contraire.",
    ),
    Risk.NOT_PAID_AFTER_ALL: Said(
        "{amount} may not have been paid although we say that they were.",
        "{amount} n'ont peut-être pas été payés alors que nous disons le contraire.",
    ),
}
_NOW: Final = Said("now", "maintenant")


def filled(said: Said, **parts: Said | str) -> Said:
    """Return a sentence with its blanks filled, in each language by the words of that language."""
    english = {name: _in(part, "en") for name, part in parts.items()}
    french = {name: _in(part, "fr") for name, part in parts.items()}
    return Said(said.english.format(**english).strip(), said.french.format(**french).strip())


def _in(part: Said | str, language: str) -> str:
    return part.in_language(language) if isinstance(part, Said) else part


def reason_of(code: FailureCode | None) -> Said:
    """Return why, in words that are safe to show; nothing without a code."""
    if code is None:
        return Said("", "")
    failure = FAILURES[code]
    return Said(failure.english, failure.french)


def when(at: datetime, now: datetime) -> Said:
    """Return a moment as people say it: `now`, or a time in UTC."""
    if at <= now:
        return _NOW
    moment = at.astimezone(UTC)
    today = moment.date() == now.astimezone(UTC).date()
    time = moment.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S")
    return Said(f"at {time} UTC", f"à {time} UTC")
