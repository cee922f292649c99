"""Refusals: what a caller asked for and cannot have, each a class with a stable code.

A refusal is an answer, not a fault: nothing was written and nothing was sent. Its message tells
the caller what to do; `details` name the fields at fault.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from domain.money import Money


class Refusal(Exception):
    """The base of all refusals: a stable `code`, a sentence, and the fields it concerns."""

    code: ClassVar[str]

    def __init__(self, message: str, details: Sequence[tuple[str, str]] = ()) -> None:
        """Take the sentence for the caller and `(field, message)` pairs."""
        super().__init__(message)
        self.message = message
        self.details = tuple(details)


class InvalidProvider(Refusal):
    """The provider is not one of ours, or is switched off here."""

    code = "INVALID_PROVIDER"

    def __init__(self, provider: str, available: Sequence[str]) -> None:
        """Take what was asked for and the provider ids that would do."""
        choice = ", ".join(available) or "none at the moment"
        message = f"This provider is not available. Available: {choice}."
        super().__init__(message, [("provider", message)])
        self.provider = provider


class CurrencyNotSupported(Refusal):
    """No tariff for this currency at this provider, or not payable in the payee's country."""

    code = "CURRENCY_NOT_SUPPORTED"

    def __init__(
        self, code: str, *, replaced_by: str | None = None, supported: Sequence[str] = ()
    ) -> None:
        """Take the code asked for, its successor if withdrawn, and the codes that would do."""
        if replaced_by:
            message = f"{code} has been withdrawn; {replaced_by} replaced it. Ask in {replaced_by}."
        elif supported:
            message = f"This currency cannot be paid here. Supported: {', '.join(supported)}."
        else:
            message = "This currency is not supported. Use an upper-case ISO 4217 code we pay in."
        super().__init__(message, [("currency", message)])


class InvalidAccount(Refusal):
    """The payee's number is no mobile number in a country this provider pays."""

    code = "INVALID_ACCOUNT"

    def __init__(self, message: str) -> None:
        """Take the sentence."""
        super().__init__(message, [("providerAccountId", message)])


class InvalidAmount(Refusal):
    """Not a plain positive number, or finer than the corridor pays."""

    code = "INVALID_AMOUNT"

    def __init__(self, message: str) -> None:
        """Take the sentence."""
        super().__init__(message, [("amount", message)])


class _Limit(Refusal):
    """An amount outside the tariff; carries the limit, what is left and when it resets."""

    def __init__(
        self,
        message: str,
        *,
        limit: "Money",
        left: "Money | None" = None,
        resets_at: datetime | None = None,
    ) -> None:
        details = [("amount", message), ("limit", limit.plain)]
        if left is not None:
            details.append(("remaining", left.plain))
        if resets_at is not None:
            details.append(("resetsAt", resets_at.isoformat().replace("+00:00", "Z")))
        super().__init__(message, details)
        self.limit = limit
        self.left = left
        self.resets_at = resets_at


class AmountBelowMinimum(_Limit):
    """Less than the tariff's minimum for one cash-out."""

    code = "AMOUNT_BELOW_MINIMUM"


class AmountAboveMaximum(_Limit):
    """More than the tariff's maximum for one cash-out."""

    code = "AMOUNT_ABOVE_MAXIMUM"


class DailyLimitExceeded(_Limit):
    """The user's UTC day has too little left."""

    code = "DAILY_LIMIT_EXCEEDED"


class MonthlyLimitExceeded(_Limit):
    """The user's UTC month has too little left."""

    code = "MONTHLY_LIMIT_EXCEEDED"


class IdempotencyKeyReused(Refusal):
    """The key belongs to a request that said something else."""

    code = "IDEMPOTENCY_KEY_REUSED"

    def __init__(self, differing: Sequence[str]) -> None:
        """Take the names of the fields that differ from the first request."""
        message = "This Idempotency-Key was used for another request. Use a new key."
        super().__init__(
            message,
            [(field, "Differs from the first request with this key.") for field in differing],
        )
        self.differing = tuple(differing)


class IdempotencyKeyInUse(Refusal):
    """The first request with this key has not been decided yet."""

    code = "IDEMPOTENCY_KEY_IN_USE"

    def __init__(self) -> None:
        """Take nothing: the caller is to try again with the same key."""
        super().__init__(
            "A request with this Idempotency-Key is still being decided. Send it again shortly."
        )


class DuplicateReference(Refusal):
    """The reference is taken; nothing is told about by what."""

    code = "DUPLICATE_REFERENCE"

    def __init__(self) -> None:
        """Take nothing, so that nothing can leak."""
        message = "This reference is already in use. Choose another."
        super().__init__(message, [("reference", message)])


class NotFound(Refusal):
    """No such thing, or an id that cannot be one."""

    code = "NOT_FOUND"

    def __init__(self, what: str = "cash-out") -> None:
        """Take the thing's name."""
        super().__init__(f"There is no such {what}.")


class Forbidden(Refusal):
    """It exists and belongs to somebody else, or the caller's role does not allow it."""

    code = "FORBIDDEN"

    def __init__(self, message: str = "This cash-out belongs to another user.") -> None:
        """Take the sentence; it says nothing about the thing itself, so that nothing can leak."""
        super().__init__(message)


class TooLateToCancel(Refusal):
    """Something may be on the wire already, or the cash-out has ended."""

    code = "TOO_LATE_TO_CANCEL"

    def __init__(self, status: str) -> None:
        """Take the state that the cash-out has instead."""
        super().__init__(
            f"It is too late to cancel: the cash-out is {status}.", [("status", status)]
        )
        self.status = status


class InvalidSignature(Refusal):
    """A webhook that is not provably the provider's. The reason stays with us."""

    code = "INVALID_SIGNATURE"

    def __init__(self) -> None:
        """Take nothing: a reason would help an attacker."""
        super().__init__("The signature of this webhook is missing or not valid.")


class InvalidWebhook(Refusal):
    """A signed webhook without its required fields, or not JSON."""

    code = "INVALID_WEBHOOK"

    def __init__(self, missing: Sequence[str] = ()) -> None:
        """Take the names of the fields that are missing or of the wrong type."""
        super().__init__(
            "This webhook cannot be read: send a JSON object with the required fields.",
            [(field, "Required, a non-empty string.") for field in missing],
        )


def every_refusal() -> Mapping[str, type[Refusal]]:
    """Return each concrete refusal by its code: the table that the edges must cover."""
    found: dict[str, type[Refusal]] = {}
    waiting = [Refusal]
    while waiting:
        for child in waiting.pop().__subclasses__():
            waiting.append(child)
            if "code" in child.__dict__:
                found[child.code] = child
    return found
