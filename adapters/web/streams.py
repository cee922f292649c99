"""Answers in parts: server-sent events, sent for as long as somebody reads them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final, Protocol

from litestar.types import Message, Receive, Scope, Send

from adapters.web.exchange import Answer, Header

EVENT_STREAM: Final = b"text/event-stream; charset=utf-8"
PATIENCE: Final = "cashout.patience"
"""The name of the server's extension: a function of the seconds in which the next part goes out.

A part that has not been handed to the network by then ends the connection: whoever reads more
slowly than that is cut off. Where the extension is missing, nothing is cut off.
"""
_UNBUFFERED: Final = ((b"cache-control", b"no-store"), (b"x-accel-buffering", b"no"))


class Source(Protocol):
    """What a stream is made of."""

    def parts(self) -> AsyncIterator[bytes]:
        """Yield what is sent, part after part; end when there is nothing more, or after `leave`."""
        ...

    def leave(self) -> None:
        """Give up: nobody reads any more. Said in the end in any case."""
        ...


class Stream(Answer):
    """An answer whose body comes in parts. pause_s: the longest that two parts may be apart."""

    __slots__ = ("pause_s", "source")

    def __init__(self, source: Source, pause_s: float, headers: Sequence[Header] = ()) -> None:
        super().__init__(b"")
        self.headers = ((b"content-type", EVENT_STREAM), *_UNBUFFERED, *headers)
        self.source = source
        self.pause_s = pause_s


def message(name: str, number: str, data: bytes) -> bytes:
    """Return one event as it is sent; data must be a single line."""
    return b"event: %s\nid: %s\ndata: %s\n\n" % (name.encode(), number.encode(), data)


def comment(text: str = "") -> bytes:
    """Return a line that readers ignore, which shows that the stream lives."""
    return f": {text}\n\n".encode()


def reconnect_after(milliseconds: int) -> bytes:
    """Return what tells a reader how long to wait before it comes back after the end."""
    return f"retry: {milliseconds}\n\n".encode()


async def pour(
    stream: Stream,
    headers: Sequence[Header],
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    without_body: bool,
) -> None:
    """Send a stream until it ends or its reader is gone, and leave its source in any case."""
    offered: dict[str, Any] = scope.get("extensions") or {}
    patience: Callable[[float], None] = offered.get(PATIENCE, _endless)
    # The scope held the server's, and that the scope: garbage that only a collector would find.
    scope["extensions"] = None
    gone = asyncio.create_task(_reader_gone(receive), name="reader of a stream")
    gone.add_done_callback(lambda _: stream.source.leave())
    try:
        await send(_start(stream, headers))
        if not without_body:
            async for part in stream.source.parts():
                patience(stream.pause_s)
                await send({"type": "http.response.body", "body": part, "more_body": True})
        patience(stream.pause_s)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        stream.source.leave()
        gone.cancel()


def _start(stream: Stream, headers: Sequence[Header]) -> Message:
    return {"type": "http.response.start", "status": stream.status, "headers": headers}


async def _reader_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


def _endless(_seconds: float) -> None:
    """Be patient: there is no clock to set."""
