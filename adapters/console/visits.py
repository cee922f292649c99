"""A visit: one request to the console, who makes it, and the form that came along."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from litestar import Request

from adapters.console.uploads import Upload
from application.callers import Caller, Permission
from application.operators import caller_of
from application.ports import SignedIn

PageRequest = Request[Any, Any, Any]
"""A request as the pages see it; what it is about says `visit_of`."""

_KEY = "visit"


@dataclass(slots=True)
class Visit:
    """What is known of a request. form: of a POST, each field once; empty otherwise.

    upload: the file behind the fields, on a route that takes one. address: of who asks.
    path: with its query, as it was asked for.
    """

    path: str
    address: str
    token: str = field(default="", repr=False)
    signed_in: SignedIn | None = None
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    pre_csrf: str = field(default="", repr=False)
    upload: Upload | None = None

    @property
    def caller(self) -> Caller:
        """On whose behalf; raise LookupError when nobody is signed in."""
        if self.signed_in is None:
            raise LookupError("nobody is signed in")
        return caller_of(self.signed_in)

    @property
    def csrf(self) -> str:
        """What every form of this session carries."""
        return self.signed_in.session.csrf if self.signed_in is not None else self.pre_csrf

    def may(self, permission: str) -> bool:
        """Tell whether somebody is signed in whose role has a permission, by its name."""
        return self.signed_in is not None and self.caller.may(Permission(permission))


def put(scope: Mapping[str, Any], visit: Visit) -> None:
    """Have everything behind find the visit."""
    scope["state"][_KEY] = visit


def visit_of(request: PageRequest) -> Visit:
    """Return the visit that a request is."""
    found: Visit = request.scope["state"][_KEY]
    return found
