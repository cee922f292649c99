"""Answers: the success envelope as bytes, ready to go out."""

from collections.abc import Mapping
from typing import Final

import msgspec
from litestar.types import Receive, Scope, Send

from adapters.web.schemas import JSON_BYTES, Success

JSON: Final = "application/json"
Header = tuple[bytes, bytes]


class Answer:
    """A whole answer, an ASGI application: the framework sends it as it is.

    body: bytes. headers: by their names in lower case; type and length of a body are added.
    """

    __slots__ = ("_body", "_headers", "_status")

    def __init__(
        self,
        body: bytes,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str = JSON,
    ) -> None:
        described = [
            (b"content-type", media_type.encode("ascii")),
            (b"content-length", b"%d" % len(body)),
        ]
        self._headers = described if body else []
        if headers:
            self._headers += [
                (name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()
            ]
        self._body = body
        self._status = status

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it."""
        await send(
            {"type": "http.response.start", "status": self._status, "headers": self._headers}
        )
        await send({"type": "http.response.body", "body": self._body, "more_body": False})


def success(
    data: object,
    *,
    message: str | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Return data in its envelope."""
    envelope = Success(message=message or msgspec.UNSET, data=data)
    return Answer(JSON_BYTES.encode(envelope), status, headers)
