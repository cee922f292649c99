"""Connections with deadlines: nobody may hold one by being slow, on purpose or not.

uvicorn bounds only the pause between two requests. Here every phase is bounded: the head, the
body, the answer; so is the size of a head, and the number of connections.
"""

import asyncio
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from adapters.web.edge import JSON, SECURITY_HEADERS
from adapters.web.problems import Problem, bad_request, overloaded


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Seconds for each phase of a request, and what a connection may take.

    head_s: from the first byte, or from connecting, to the end of the headers. body_s: from there
    to the end of the body. answer_s: from there until the answer is handed to the network; longer
    than any answer takes. idle_s: between two requests. head_most: bytes. connections_most: at
    once; who comes on top is answered 503 and let go.
    """

    head_s: float = 10.0
    body_s: float = 20.0
    answer_s: float = 75.0
    idle_s: int = 15
    head_most: int = 32_768
    connections_most: int = 4_000


def protocol(limits: ConnectionLimits) -> type[asyncio.Protocol]:
    """Return the protocol class that keeps to these limits."""
    return type("BoundedProtocol", (DeadlineProtocol,), {"limits": limits})


class DeadlineProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with one running deadline, set anew at each phase."""

    limits: ClassVar[ConnectionLimits] = ConnectionLimits()

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 -- uvicorn's own
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._in_body = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock; let go at once whom there is no room for."""
        super().connection_made(transport)
        self._within(self.limits.head_s)
        if len(self.connections) > self.limits.connections_most:
            self._refuse(overloaded())

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._no_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; between requests they are the beginning of a head."""
        if self._deadline is None:
            self._within(self.limits.head_s)
        if not self._in_body:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > self.limits.head_most and not self.transport.is_closing():
            self._refuse(bad_request((), "The headers are too large."))

    def on_headers_complete(self) -> None:
        """Begin to wait for the body."""
        self._head_bytes = 0
        self._in_body = True
        super().on_headers_complete()
        self._within(self.limits.body_s)

    def on_message_complete(self) -> None:
        """Begin to wait for the answer, or for the next request if it went out already."""
        self._in_body = False
        super().on_message_complete()
        answered = self.cycle.response_complete
        self._within(self.limits.head_s if answered else self.limits.answer_s)

    def on_response_complete(self) -> None:
        """Leave the pause to uvicorn; a body that still comes in keeps its deadline."""
        super().on_response_complete()
        if not self._in_body:
            self._no_deadline()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP."""
        self._refuse(bad_request((), msg))

    def _refuse(self, problem: Problem) -> None:
        body = problem.body()
        status = HTTPStatus(problem.status)
        described = {
            "content-type": JSON,
            "content-length": str(len(body)),
            "connection": "close",
            "x-request-id": uuid.uuid4().hex,
            **problem.headers,
        }
        head = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
        head += [f"{name}: {value}".encode() for name, value in described.items()]
        head += [name + b": " + value for name, value in SECURITY_HEADERS]
        self.transport.write(b"\r\n".join(head) + b"\r\n\r\n" + body)
        self.transport.close()

    def _within(self, seconds: float) -> None:
        self._no_deadline()
        self._deadline = self.loop.call_later(seconds, self._let_go)

    def _no_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _let_go(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.abort()
