"""Problems: everything that can go wrong at the door, as one envelope with a stable code."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import msgspec
from litestar.exceptions import HTTPException

from application.ports import Conflict, Overloaded, StorageUnavailable
from domain.refusals import Refusal

MOST_DETAILS: Final = 30
"""Faults that are listed in one answer."""
_SOON_S: Final = 1
_STORE_BACK_S: Final = 2

Detail = tuple[str, str]
"""A field and what is wrong with it."""


class Problem(Exception):
    """An error answer: its status, its code, a sentence that a person can act on, and the fields.

    headers: sent along, by their names in lower case.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Sequence[Detail] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Take what the client is told."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = tuple(details)[:MOST_DETAILS]
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        """Return the envelope as JSON."""
        details = [ErrorDetail(field, message) for field, message in self.details]
        fault = ErrorBody(self.code, self.message, details or msgspec.UNSET)
        return msgspec.json.encode(ErrorAnswer(error=fault))


class ErrorDetail(msgspec.Struct, frozen=True):
    """A field (or a fact, like `remaining`) and what there is to say about it."""

    field: str
    message: str


class ErrorBody(msgspec.Struct, frozen=True):
    """What went wrong; `details` lists every field at fault."""

    code: str
    message: str
    details: list[ErrorDetail] | msgspec.UnsetType = msgspec.UNSET


class ErrorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope of every error."""

    success: bool = False
    error: ErrorBody


REFUSAL_STATUS: Final[dict[str, int]] = {
    "INVALID_PROVIDER": 400,
    "CURRENCY_NOT_SUPPORTED": 422,
    "INVALID_ACCOUNT": 422,
    "INVALID_AMOUNT": 400,
    "AMOUNT_BELOW_MINIMUM": 422,
    "AMOUNT_ABOVE_MAXIMUM": 422,
    "DAILY_LIMIT_EXCEEDED": 422,
    "MONTHLY_LIMIT_EXCEEDED": 422,
    "IDEMPOTENCY_KEY_REUSED": 422,
    "IDEMPOTENCY_KEY_IN_USE": 409,
    "DUPLICATE_REFERENCE": 409,
    "NOT_FOUND": 404,
    "FORBIDDEN": 403,
    "TOO_LATE_TO_CANCEL": 409,
    "INVALID_SIGNATURE": 401,
    "INVALID_WEBHOOK": 400,
    "INVALID_STEERING": 422,
    "INVALID_STATEMENT": 400,
    "RECONCILIATION_RUNNING": 409,
    "INVALID_NOTE": 400,
    "INVALID_RULING": 422,
    "NO_OPEN_REVIEW": 409,
    "OWN_CASH_OUT": 403,
    "PROPOSAL_ALREADY_OPEN": 409,
    "PROPOSAL_ALREADY_DECIDED": 409,
    "PROPOSER_CANNOT_APPROVE": 403,
    "REVIEW_CHANGED": 409,
    "NOTHING_TO_WAIT_FOR": 409,
    "PROVIDER_ID_CONFLICT": 409,
    "ALREADY_MATCHED": 409,
    "UNREADABLE_WEBHOOK": 422,
}
"""The status of every refusal, by its code."""

_REFUSAL_HEADERS: Final[dict[str, dict[str, str]]] = {
    "IDEMPOTENCY_KEY_IN_USE": {"retry-after": str(_SOON_S)},
    "INVALID_SIGNATURE": {"www-authenticate": "Signature"},
}


def refused(refusal: Refusal) -> Problem:
    """Return the answer to a refusal."""
    return Problem(
        REFUSAL_STATUS[refusal.code],
        refusal.code,
        refusal.message,
        refusal.details,
        _REFUSAL_HEADERS.get(refusal.code),
    )


def bad_request(details: Sequence[Detail], message: str = "") -> Problem:
    """Return the answer to a request whose shape is wrong."""
    text = message or "The request cannot be read as it is. See details."
    return Problem(HTTPStatus.BAD_REQUEST, "BAD_REQUEST", text, details)


def unauthorized() -> Problem:
    """Return the answer to a missing or unusable token; it never says why."""
    return Problem(
        HTTPStatus.UNAUTHORIZED,
        "UNAUTHORIZED",
        "Sign in: send a valid token as `Authorization: Bearer <token>`.",
        headers={"www-authenticate": "Bearer"},
    )


def not_found() -> Problem:
    """Return the answer to a path that leads nowhere."""
    return Problem(HTTPStatus.NOT_FOUND, "NOT_FOUND", "There is nothing at this address.")


def too_large(most_bytes: int) -> Problem:
    """Return the answer to a body that is too long; the rest of it is not read."""
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "PAYLOAD_TOO_LARGE",
        f"The body is too large: send at most {most_bytes} bytes.",
        headers={"connection": "close"},
    )


def unsupported_media_type(message: str) -> Problem:
    """Return the answer to a body in a form that is not read here."""
    return Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message)


def rate_limited(retry_after_s: int) -> Problem:
    """Return the answer to a user who asks too often."""
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        "RATE_LIMITED",
        f"Too many requests: try again in {retry_after_s} s.",
        headers={"retry-after": str(retry_after_s)},
    )


def too_many_followed(retry_after_s: int) -> Problem:
    """Return the answer to a user who has as many streams of progress open as one may."""
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        "RATE_LIMITED",
        "You follow as many cash-outs as one may at once: end one, or try again in"
        f" {retry_after_s} s.",
        headers={"retry-after": str(retry_after_s)},
    )


def overloaded(retry_after_s: int = _SOON_S) -> Problem:
    """Return the answer when too much is waiting; nothing was done."""
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "OVERLOADED",
        f"The service is busy: try again in {retry_after_s} s.",
        headers={"retry-after": str(retry_after_s)},
    )


def unavailable() -> Problem:
    """Return the answer while something that is needed is away."""
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "SERVICE_UNAVAILABLE",
        "The service cannot decide this now. Send the same request again shortly;"
        " with an Idempotency-Key it is never taken twice.",
        headers={"retry-after": str(_STORE_BACK_S)},
    )


def broken() -> Problem:
    """Return the answer to a bug of ours, which tells nothing."""
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "INTERNAL_ERROR",
        "Something went wrong on our side. Tell us the X-Request-Id if it happens again.",
    )


def allowed_with_head(methods: Iterable[str]) -> str:
    """Return an Allow header's value: HEAD goes wherever GET does."""
    found = {each for each in methods if each}
    return ", ".join(sorted(found | ({"HEAD"} if "GET" in found else set())))


def _method_not_allowed(fault: HTTPException) -> Problem:
    allowed = allowed_with_head((fault.headers or {}).get("allow", "").split(", "))
    return Problem(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        "This method is not available at this address.",
        headers={"allow": allowed},
    )


_FRAMEWORK: Final[dict[int, Callable[[HTTPException], Problem]]] = {
    HTTPStatus.BAD_REQUEST: lambda _: bad_request((), "The request cannot be understood."),
    HTTPStatus.NOT_FOUND: lambda _: not_found(),
    HTTPStatus.METHOD_NOT_ALLOWED: _method_not_allowed,
}
"""What the framework itself refuses."""


@dataclass(frozen=True, slots=True)
class Told:
    """A problem, and whether it is a bug of ours that belongs into the log."""

    problem: Problem
    is_bug: bool = False


def tell(fault: Exception) -> Told:
    """Return what a client is told about any exception."""
    match fault:
        case Problem():
            return Told(fault)
        case Refusal():
            return Told(refused(fault))
        case Overloaded():
            return Told(overloaded(fault.retry_after_s))
        case StorageUnavailable() | Conflict():
            return Told(unavailable())
        case HTTPException() if fault.status_code in _FRAMEWORK:
            return Told(_FRAMEWORK[fault.status_code](fault))
        case _:
            return Told(broken(), is_bug=True)
