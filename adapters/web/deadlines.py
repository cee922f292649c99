"""Connections with bounds: nobody may hold one by being slow, or grow by it, on purpose or not.

uvicorn bounds only the pause between two requests. Here every phase is bounded in time: the head,
the body, the answer and its way out; and so is what a connection can have us keep: a head, the
bytes around a body, requests that wait for the answers before them. Where two parsers could read
a message differently it is refused, and nothing behind it is read.
"""

import asyncio
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, Final

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from adapters.web.edge import SECURITY_HEADERS
from adapters.web.exchange import JSON
from adapters.web.large_bodies import ROOM
from adapters.web.problems import Problem, bad_request, overloaded, too_large
from adapters.web.whole import offer_whole

_TOO_MUCH_HEAD: Final = "The headers are too large."
_NO_HTTP: Final = "Invalid HTTP request received."
_LINE: Final = 4
"""The bytes of a header line besides its name and value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Seconds for each phase of a request, and what a connection may take.

    head_s: from the first byte, or from connecting, to the end of the headers; also for what was
    said last to reach the client. body_s: from there to the end of the body. answer_s: from there
    until the answer is handed to the network; longer than any answer takes, but for one in parts,
    which sets its own pause between two (see `streams`). idle_s: between two
    requests. head_most: bytes. framed_most: bytes of a body with the chunk sizes, extensions and
    trailers around it; the body itself has a smaller bound. ahead_most: requests that may wait for
    the answer to an earlier one. connections_most: at once; who comes on top is answered 503 and
    let go.
    """

    head_s: float = 10.0
    body_s: float = 20.0
    answer_s: float = 75.0
    idle_s: int = 15
    head_most: int = 32_768
    framed_most: int = 1_048_576
    ahead_most: int = 16
    connections_most: int = 4_000


def protocol(limits: ConnectionLimits) -> type[asyncio.Protocol]:
    """Return the protocol class that keeps to these limits."""
    return type("BoundedProtocol", (DeadlineProtocol,), {"limits": limits})


class _Refused(Exception):
    """A request that is not read any further; raised through the parser."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class DeadlineProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with one running deadline, set anew at each phase.

    After a refusal the connection is `_over`: what was asked before is answered in its order, then
    comes the refusal (`_last_word`), then the end.
    """

    limits: ClassVar[ConnectionLimits] = ConnectionLimits()

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 -- uvicorn's own
        super().__init__(*args, **kwargs)
        self._due_at = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0
        self._idle = False
        self._begun = False
        self._in_body = False
        self._over = False
        self._last_word: Problem | None = None
        self._head_bytes = 0
        self._unparsed_bytes = 0
        self._framed_bytes = 0
        self._room = self.limits.framed_most

    # --- the connection ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock; let go at once whom there is no room for."""
        super().connection_made(transport)
        self._within(self.limits.head_s)
        if len(self.connections) > self.limits.connections_most:
            self._refuse(overloaded())

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._no_alarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; between requests they are the beginning of a head."""
        if self._over:
            return
        if self._idle:
            self._idle = False
            self._within(self.limits.head_s)
        if self._in_body:
            self._framed_bytes += len(data)
        else:
            self._unparsed_bytes += len(data)
        try:
            self._feed(data)
        except HttpParserError as fault:
            cause = fault.__context__
            why = cause.problem if isinstance(cause, _Refused) else bad_request((), _NO_HTTP)
            self._refuse(why)
            return
        # What the parser keeps to itself: a line whose end has not come yet.
        if self._unparsed_bytes > self.limits.head_most and not self._in_body:
            self._refuse(bad_request((), _TOO_MUCH_HEAD))
        elif self._framed_bytes > self._room and self._in_body:
            self._refuse(too_large(self._room))

    def _feed(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
            except HttpParserUpgrade as offered:
                # We never upgrade: what follows is the next request, in this packet or another.
                data = data[offered.args[0] :]
            else:
                return

    # --- what the parser finds --------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a request, unless too many wait already."""
        if len(self.pipeline) >= self.limits.ahead_most:
            raise _Refused(overloaded())
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count it."""
        self._head_bytes += len(url)
        if self._head_bytes > self.limits.head_most:
            raise _Refused(bad_request((), _TOO_MUCH_HEAD))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count it, and keep it; a trailer is dropped, it must not pass for a header."""
        self._head_bytes += len(name) + len(value) + _LINE
        if self._head_bytes > self.limits.head_most:
            raise _Refused(bad_request((), _TOO_MUCH_HEAD))
        if not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to wait for the body."""
        self._must_be_plain()
        is_first = self._all_answered()
        super().on_headers_complete()
        # The task that answers has been made, and runs when this returns.
        offer_whole(self.cycle, self._within)
        scope: Any = self.cycle.scope
        scope["extensions"][ROOM] = self._make_room
        self._room = self.limits.framed_most
        self._unparsed_bytes = self._framed_bytes = 0
        self._in_body = self._begun = True
        if is_first:
            self._within(self.limits.body_s)

    def on_message_complete(self) -> None:
        """Begin to wait for the answer, or for the next request if it went out already."""
        self._in_body = False
        super().on_message_complete()
        if self.cycle.response_complete:
            self._within(self.limits.head_s)
        elif not self.pipeline:
            self._within(self.limits.answer_s)

    def on_response_complete(self) -> None:
        """Go on to the request that waits, or say the last word, or begin the pause.

        uvicorn would set a timer of its own for each pause: the one clock does for both. It runs
        on: the answer has only been handed over, and may never be fetched.
        """
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            self._within(self.limits.idle_s + self.limits.head_s)
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            has_all = self.pipeline or not self._in_body
            self._within(self.limits.answer_s if has_all else self.limits.body_s)
        elif self._over:
            self._end()
        elif not self._in_body:
            self._idle = True
            self._within(self.limits.idle_s)

    def _make_room(self, most_bytes: int, seconds: float) -> None:
        """Let a larger body arrive for longer, for a route that knows by now who sends it."""
        self._room = max(self._room, most_bytes)
        if self._in_body:
            self._within(seconds)

    def _must_be_plain(self) -> None:
        """Raise _Refused for a head that somebody else may understand differently."""
        names = [name for name, _ in self.headers]
        if b"transfer-encoding" in names:
            codings = [value for name, value in self.headers if name == b"transfer-encoding"]
            if [coding.lower() for coding in codings] != [b"chunked"]:
                raise _Refused(bad_request((), "Transfer-Encoding can only be chunked."))
        hosts = names.count(b"host")
        if hosts != 1 and (hosts or self.parser.get_http_version() == "1.1"):
            raise _Refused(bad_request((), "Send one Host header."))

    def _all_answered(self) -> bool:
        return not self._begun or self.cycle.response_complete

    # --- refusing ---------------------------------------------------------------------------------

    def _refuse(self, problem: Problem) -> None:
        """Read nothing more; answer what was asked before, then this, and hang up."""
        if self._over or self.transport.is_closing():
            return
        self._over, self._last_word = True, problem
        # Past uvicorn's own count of it, which lets the next answer resume the reading.
        self.flow.read_paused = False
        self.transport.pause_reading()
        if self._in_body and self.pipeline:
            # The one that broke is the last that waits; the ones before it are sound.
            self.pipeline.popleft()
        elif self._in_body and not self.cycle.response_started:
            # It is answered here: whatever its handler still says is not sent.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._end()
        elif self._in_body:
            self._last_word = None
            if self.cycle.response_complete:
                self._end()
        elif self._all_answered():
            self._end()

    def _end(self) -> None:
        if self._last_word is not None and not self.transport.is_closing():
            self.transport.write(_answer(self._last_word))
        self.transport.close()
        # Closing waits until everything is fetched; some never fetch anything.
        self._within(self.limits.head_s)

    # --- the clock --------------------------------------------------------------------------------

    def _within(self, seconds: float) -> None:
        """Set the deadline. An alarm that rings before it stays: it looks again, and sets the next.

        So the phases of a busy connection set an alarm every few seconds, not one each.
        """
        self._due_at = self.loop.time() + seconds
        if self._alarm is None or self._alarm_at > self._due_at:
            self._set_alarm()

    def _set_alarm(self) -> None:
        self._no_alarm()
        self._alarm_at = self._due_at
        self._alarm = self.loop.call_at(self._due_at, self._ring)

    def _no_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _ring(self) -> None:
        self._alarm = None
        if self.loop.time() < self._due_at:
            self._set_alarm()
        elif self._idle:
            # Nothing came: what was said last may still be on its way out.
            self._idle = False
            self.transport.close()
            self._within(self.limits.head_s)
        else:
            self.transport.abort()


def _answer(problem: Problem) -> bytes:
    """Return a problem as it goes over the wire, where no application is there to answer."""
    body = problem.body()
    status = HTTPStatus(problem.status)
    described = {
        "content-type": JSON.decode(),
        "content-length": str(len(body)),
        "connection": "close",
        "x-request-id": uuid.uuid4().hex,
        **problem.headers,
    }
    head = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
    head += [f"{name}: {value}".encode() for name, value in described.items()]
    head += [name + b": " + value for name, value in SECURITY_HEADERS]
    return b"\r\n".join(head) + b"\r\n\r\n" + body
