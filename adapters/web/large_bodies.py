"""Large bodies: the one route that takes more than the door lets in, and only from who may."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

from adapters.web.exchange import WebRequest, exchange_of
from adapters.web.headers import ClientGone, all_of
from adapters.web.problems import too_large, unsupported_media_type

ROOM: Final = "cashout.room"
"""The name of the extension of ASGI by which a server makes room: a function of bytes, seconds."""

_FRAMING: Final = 2
"""Chunk sizes, extensions and trailers may double what is on the wire."""


@dataclass(frozen=True, slots=True)
class LargeBodies:
    """Reads bodies of at most `most_bytes` in pieces, within `longest_s` seconds.

    Nothing is read before it is asked for: who asks has made sure by then that the sender may.
    """

    most_bytes: int
    longest_s: float

    def check(self, request: WebRequest, media_type: str) -> None:
        """Raise Problem for a body of another form, or one that is declared too large."""
        given = all_of(request, b"content-type")
        media = given[0].partition(";")[0].strip().lower() if len(given) == 1 else ""
        if media != media_type:
            raise unsupported_media_type(f"Send `Content-Type: {media_type}`.")
        length = exchange_of(request).headers.get(b"content-length", (b"",))[-1]
        if length.isdigit() and int(length[:20]) > self.most_bytes:
            raise too_large(self.most_bytes)

    async def pieces(self, request: WebRequest) -> AsyncIterator[bytes]:
        """Yield the body; raise Problem PAYLOAD_TOO_LARGE, or ClientGone."""
        offered: dict[str, Any] = request.scope.get("extensions") or {}
        make_room: Callable[[int, float], None] = offered.get(ROOM, _unlimited)
        make_room(_FRAMING * self.most_bytes, self.longest_s)
        length, more = 0, True
        while more:
            message = await request.receive()
            if message["type"] != "http.request":
                raise ClientGone
            piece = message.get("body", b"")
            length += len(piece)
            if length > self.most_bytes:
                raise too_large(self.most_bytes)
            yield piece
            more = message.get("more_body", False)


def _unlimited(_most_bytes: int, _seconds: float) -> None:
    """Make room: there is no server here that bounds it."""
