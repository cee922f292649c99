"""The exchange: what is known of a request while it is answered, and its answer."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

from litestar import Request
from litestar.types import Receive, Scope, Send

from application.callers import Caller
from application.masking import Plain

JSON: Final = b"application/json"
Header = tuple[bytes, bytes]
Headers = Mapping[bytes, Sequence[bytes]]
"""What was sent under each name, in order."""

_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_KEY: Final = "exchange"
_NO_CONTENT: Final = 204

WebRequest = Request[Any, Any, Any]
"""A request as the handlers see it; whose it is says `caller_of`."""


class Answer:
    """A whole answer. As an application it does no more than note that it is the one.

    The edge sends it, with what is said in every answer. headers: names in lower case, as bytes;
    type and length of the body are added, unless there can be none (204).
    """

    __slots__ = ("body", "headers", "status")

    def __init__(
        self,
        body: bytes,
        status: int = 200,
        headers: Sequence[Header] = (),
        media_type: bytes = JSON,
    ) -> None:
        self.status = status
        self.body = body
        self.headers: Sequence[Header] = headers
        if status != _NO_CONTENT:
            described = ((b"content-type", media_type), (b"content-length", b"%d" % len(body)))
            self.headers = (*described, *headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Become the answer of the exchange."""
        exchange: Exchange = scope["state"][_KEY]
        exchange.answer = self

    def to_asgi_response(self, **_asked: object) -> Self:
        """Return itself: the framework asks what answers an exception for its application."""
        return self


@dataclass(slots=True)
class Exchange:
    """One request on its way.

    code: of the problem that it ended in, if it did. status: of the answer once that goes out,
    until then 0. cash_out_id: of the one cash-out that it turned out to be about. trace:
    the context in which it is made.
    """

    request_id: str
    headers: Headers
    answer: Answer | None = None
    user: str = ""
    code: str = ""
    status: int = 0
    cash_out_id: UUID | None = None
    trace: str | None = None


def by_name(headers: Iterable[Header]) -> Headers:
    """Return all values of each header, in order."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        found.setdefault(name, []).append(value)
    return found


def request_id(given: bytes) -> str:
    """Return the client's id when it is well formed, else a new one, which is no secret."""
    text = given.decode("latin-1")
    return text if _WELL_FORMED.fullmatch(text) else Plain(os.urandom(16).hex())


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
