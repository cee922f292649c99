"""The exchange: what is known of a request while it is answered, for the log and the headers."""

import re
import uuid
from dataclasses import dataclass
from typing import Any, Final

from litestar import Request
from litestar.types import Scope

from application.callers import Caller

_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_KEY: Final = "exchange"
_LONG_NUMBER = re.compile(r"\d{4,}(?=\d{3})", re.ASCII)
_TOKEN = re.compile(r"\beyJ[\w.-]+", re.ASCII)
_LONGEST: Final = 200

WebRequest = Request[Any, Any, Any]
"""A request as the handlers see it; whose it is says `caller_of`."""


@dataclass(slots=True)
class Exchange:
    """One request on its way. code: of the problem that it ended in, if it did."""

    request_id: str
    user: str = ""
    code: str = ""


def request_id(given: bytes | None) -> str:
    """Return the client's id when it is well formed, else a new one."""
    text = given.decode("latin-1") if given else ""
    return text if _WELL_FORMED.fullmatch(text) else uuid.uuid4().hex


def begin(scope: Scope, exchange: Exchange) -> None:
    """Put the exchange where everything behind the edge finds it."""
    scope.setdefault("state", {})[_KEY] = exchange


def exchange_of(request: WebRequest) -> Exchange:
    """Return the exchange that a request belongs to."""
    found: Exchange = request.scope["state"][_KEY]
    return found


def sign_in(request: WebRequest, caller: Caller) -> None:
    """Note on whose behalf the request is made."""
    request.scope["user"] = caller
    exchange_of(request).user = caller.user_id


def caller_of(request: WebRequest) -> Caller:
    """Return on whose behalf the request is made; there is one where a token was needed."""
    caller: Caller = request.scope["user"]
    return caller


def masked(text: str) -> str:
    """Return a text for the log: bounded, without tokens, long numbers cut to their last three."""
    return _LONG_NUMBER.sub("***", _TOKEN.sub("***", text[:_LONGEST]))
