"""What can go wrong with a page, as a page: a status, a title and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from litestar.exceptions import HTTPException

from application.ports import Conflict, Overloaded, StorageUnavailable
from domain.refusals import Forbidden, NotFound, Refusal

SOON_S = 2


class Trouble(Exception):
    """An error page: its status, its title and a sentence that an operator can act on."""

    def __init__(self, status: int, title: str, says: str, retry_after_s: int = 0) -> None:
        """Take what is shown."""
        super().__init__(title)
        self.status = status
        self.title = title
        self.says = says
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Meaning:
    """An exception as trouble, and whether it is a bug of ours that belongs in the log."""

    trouble: Trouble
    is_bug: bool = False


_NOT_FOUND = Trouble(
    HTTPStatus.NOT_FOUND, "There is no such page", "Check the address, or look by search."
)
_FORBIDDEN = Trouble(
    HTTPStatus.FORBIDDEN,
    "Your role does not allow this",
    "Somebody with another role can do it. Nothing was changed.",
)
_BUSY = Trouble(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The database cannot be reached now",
    "Nothing was changed. Try again in a moment.",
    SOON_S,
)
_CHANGED = Trouble(
    HTTPStatus.CONFLICT,
    "Somebody was quicker",
    "This has changed since the page was made. Load it again and look at it as it is now.",
)
_BROKEN = Trouble(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "Something broke here",
    "It is in the log of the service. Nothing was changed by this page.",
)


_INFRASTRUCTURE: Final[Mapping[type[Exception], Trouble]] = {
    Conflict: _CHANGED,
    StorageUnavailable: _BUSY,
    Overloaded: _BUSY,
}


def too_large() -> Trouble:
    """Return what a form gets that is larger than any of ours."""
    return Trouble(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "This form is too large", "Nothing was changed."
    )


def not_from_here() -> Trouble:
    """Return what a form gets that another site sent, or that is older than the session."""
    return Trouble(
        HTTPStatus.FORBIDDEN,
        "This form is not from here",
        "It was sent by another site, or before you signed in again. Load the page and try again."
        " Nothing was changed.",
    )


def meaning_of(fault: Exception) -> Meaning:
    """Return what an exception means to an operator."""
    if isinstance(fault, Trouble):
        return Meaning(fault)
    if isinstance(fault, Refusal):
        return Meaning(_of_refusal(fault))
    if isinstance(fault, HTTPException):
        return Meaning(_of_framework(fault))
    for kind, trouble in _INFRASTRUCTURE.items():
        if isinstance(fault, kind):
            return Meaning(trouble)
    return Meaning(_BROKEN, is_bug=True)


def _of_refusal(fault: Refusal) -> Trouble:
    if isinstance(fault, Forbidden):
        return _FORBIDDEN
    if isinstance(fault, NotFound):
        return Trouble(HTTPStatus.NOT_FOUND, fault.message, "Look for it by search.")
    return Trouble(HTTPStatus.UNPROCESSABLE_ENTITY, fault.message, "Nothing was changed.")


def _of_framework(fault: HTTPException) -> Trouble:
    if fault.status_code == HTTPStatus.NOT_FOUND:
        return _NOT_FOUND
    phrase = HTTPStatus(fault.status_code).phrase
    return Trouble(fault.status_code, phrase, "This page cannot be asked for in this way.")
