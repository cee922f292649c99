"""The edge: what holds for every request, whatever the route and however it ends."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from adapters.web.answers import refusal
from adapters.web.cors import Cors
from adapters.web.exchange import (
    Answer,
    Exchange,
    Header,
    Headers,
    begin,
    by_name,
    request_id,
)
from adapters.web.problems import (
    Problem,
    broken,
    not_found,
    overloaded,
    too_large,
    unsupported_media_type,
)
from adapters.web.streams import Stream, pour
from adapters.web.whole import WHOLE
from application.ports import Clock
from application.ports.observing import UNWATCHED, Answering, RequestSpan, RequestWatch
from application.traces import read_traceparent

Say = Callable[[int, Sequence[Header], bytes], Awaitable[None]]
"""What sends status, headers and body of a whole answer."""

LIVENESS: Final = "/health"
"""Answered even when everything else is shed: it says that the process lives."""

SECURITY_HEADERS: Final[tuple[Header, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
    (b"cache-control", b"no-store"),
)
"""Sent with every answer, unless the route says something stricter or other itself."""

STRICT_TRANSPORT: Final[Header] = (
    b"strict-transport-security",
    b"max-age=31536000; includeSubDomains",
)
"""In production alone: there the API is behind TLS."""

_NOTHING: Final = (b"",)
_AS_IT_IS: Final = (b"identity",)
# Encoded dots, slashes, backslashes and control characters have no business in our paths.
_TRICK = re.compile(rb"//|\\|%(?:2e|2f|5c|[01]|7f)|/\.{1,2}(?:/|$)", re.IGNORECASE)


class Edge:
    """Wraps the application: request ids, headers, bounds on body and load, one line of log each.

    body_most: bytes of a request's body; large: of one that goes to an address that begins so.
    requests_most: requests in flight before new ones are told to come back.
    """

    def __init__(
        self,
        inner: ASGIApp,
        *,
        clock: Clock,
        cors: Cors,
        body_most: int,
        requests_most: int,
        production: bool,
        watch: RequestWatch = UNWATCHED,
        large: Mapping[str, int] | None = None,
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._cors = cors
        self._body_most = body_most
        self._large = dict(large or {})
        self._requests_most = requests_most
        self._always = (*SECURITY_HEADERS, *([STRICT_TRANSPORT] if production else []))
        self._always_named = frozenset(name for name, _ in self._always)
        self._in_flight = 0
        self._watch = watch
        self._log = structlog.get_logger("cashout.web")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == ScopeType.WEBSOCKET:
            await self._inner(scope, receive, send)
            return
        began = self._clock.elapsed()
        method = scope["method"]
        headers = by_name(scope["headers"])
        exchange = Exchange(request_id(headers.get(b"x-request-id", _NOTHING)[-1]), headers)
        if method == "HEAD":
            # A copy: the server must still see HEAD, and routes only know GET.
            scope = {**scope, "method": "GET"}
        begin(scope, exchange)
        if b"traceparent" in headers:
            exchange.trace = read_traceparent(headers[b"traceparent"][-1].decode("latin-1"))
        span = self._watch.begin(method, exchange.trace)
        if span is not None:
            exchange.trace = span.context
        try:
            offered: dict[str, Any] = scope.get("extensions") or {}
            say = offered.get(WHOLE) or partial(_say_in_two, send)
            without_body = method == "HEAD"
            stream = await self._answer(scope, receive, say, exchange, without_body=without_body)
            if stream is not None:
                exchange.status = stream.status
                said = self._headers(exchange, stream)
                await pour(stream, said, scope, receive, send, without_body=without_body)
        finally:
            took = self._clock.elapsed() - began
            self._write_log(scope, method, exchange, took)
            if self._watch is not UNWATCHED:
                self._tell(_answering(scope, method, exchange, took), span)

    async def _answer(
        self,
        scope: HTTPScope,
        receive: Receive,
        say: Say,
        exchange: Exchange,
        *,
        without_body: bool,
    ) -> Stream | None:
        """Answer whole, or return the stream: it has a bound of its own, and is none in flight."""
        at_once = self._at_once(scope, exchange)
        if at_once is not None:
            await self._say(say, exchange, at_once, without_body=without_body)
            return None
        self._in_flight += 1
        try:
            await self._inner(scope, receive, _said_past_the_edge)
            answer = exchange.answer or refusal(broken())
            if isinstance(answer, Stream):
                return answer
            await self._say(say, exchange, answer, without_body=without_body)
        finally:
            self._in_flight -= 1
        return None

    def _at_once(self, scope: HTTPScope, exchange: Exchange) -> Answer | None:
        """Return the answer to what no route needs to see."""
        preflight = self._cors.preflight(scope["method"], exchange.headers)
        if preflight is not None:
            return Answer(b"", HTTPStatus.NO_CONTENT, preflight)
        problem = self._refusal(scope, exchange.headers)
        if problem is None:
            return None
        exchange.code = problem.code
        return refusal(problem)

    def _refusal(self, scope: HTTPScope, given: Headers) -> Problem | None:
        if self._in_flight >= self._requests_most and scope["path"] != LIVENESS:
            return overloaded()
        if _TRICK.search(scope.get("raw_path") or scope["path"].encode()):
            return not_found()
        length = given.get(b"content-length", _NOTHING)[-1]
        if length.isdigit() and int(length[:20]) > self._body_most:
            most = self._most_of(scope)
            if int(length[:20]) > most:
                return too_large(most)
        if given.get(b"content-encoding", _AS_IT_IS)[-1].lower() != b"identity":
            return unsupported_media_type("Send the body as it is, without a Content-Encoding.")
        return None

    def _most_of(self, scope: HTTPScope) -> int:
        """Return how many bytes a body may have that goes to this address."""
        if scope["method"] != "POST":
            return self._body_most
        path = scope["path"]
        larger = (most for begins, most in self._large.items() if path.startswith(begins))
        return next(larger, self._body_most)

    async def _say(
        self, say: Say, exchange: Exchange, answer: Answer, *, without_body: bool
    ) -> None:
        exchange.status = int(answer.status)
        headers = self._headers(exchange, answer)
        await say(answer.status, headers, b"" if without_body else answer.body)

    def _headers(self, exchange: Exchange, answer: Answer) -> list[Header]:
        """Return its headers, and what is said in every answer unless this one says otherwise."""
        own = [name for name, _ in answer.headers]
        headers = [*answer.headers, *self._always]
        if not self._always_named.isdisjoint(own):
            always = [each for each in self._always if each[0] not in own]
            headers = [*answer.headers, *always]
        headers.append((b"x-request-id", exchange.request_id.encode("ascii")))
        headers += self._cors.headers(exchange.headers)
        return headers

    def _tell(self, answering: Answering, span: RequestSpan | None) -> None:
        self._watch.answered(answering)
        if span is not None:
            span.end(answering)

    def _write_log(
        self, known: Mapping[str, Any], method: str, exchange: Exchange, took: timedelta
    ) -> None:
        # What a client wrote among these is masked like every value of every line.
        facts: dict[str, str | UUID] = {}
        if exchange.user:
            facts["user"] = exchange.user
        if exchange.cash_out_id:
            facts["cash_out_id"] = exchange.cash_out_id
        if exchange.code:
            facts["code"] = exchange.code
        self._log.info(
            "request",
            request_id=exchange.request_id,
            method=method,
            # The pattern, never the path: ids and whatever else a client writes there stay out.
            route=known.get("path_template") or "none",
            status=exchange.status,
            took_ms=round(took.total_seconds() * 1000, 1),
            **facts,
        )


def _answering(
    known: Mapping[str, Any], method: str, exchange: Exchange, took: timedelta
) -> Answering:
    route: str = known.get("path_template") or "none"
    return Answering(
        method=method,
        route=route,
        status=exchange.status,
        code=exchange.code,
        took=took,
        cash_out_id=exchange.cash_out_id,
        patient=b"prefer" in exchange.headers or isinstance(exchange.answer, Stream),
    )


async def _say_in_two(send: Send, status: int, headers: Sequence[Header], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _said_past_the_edge(_message: Message) -> None:
    """Stand in for the way out: an answer of the framework's own would miss what the edge adds."""
    raise RuntimeError("an answer leaves by the exchange")
