"""The edge: what holds for every request, whatever the route and however it ends."""

import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, cast

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from adapters.web.cors import Cors, Header
from adapters.web.exchange import Exchange, begin, masked, request_id
from adapters.web.problems import (
    Problem,
    not_found,
    overloaded,
    too_large,
    unsupported_media_type,
)
from application.ports import Clock

JSON: Final = "application/json"
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

_NOTED: Final = frozenset(
    {
        b"x-request-id",
        b"content-length",
        b"content-encoding",
        b"origin",
        b"access-control-request-method",
    }
)
# Encoded dots, slashes, backslashes and control characters have no business in our paths.
_TRICK = re.compile(rb"//|\\|%(?:2e|2f|5c|[01]|7f)|/\.{1,2}(?:/|$)", re.IGNORECASE)


@dataclass(slots=True)
class _Answer:
    """The answer as it goes out."""

    status: int = 0


class Edge:
    """Wraps the application: request ids, headers, bounds on body and load, one line of log each.

    body_most: bytes of a request's body. requests_most: requests in flight before new ones are
    told to come back.
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
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._cors = cors
        self._body_most = body_most
        self._requests_most = requests_most
        self._always = (*SECURITY_HEADERS, *([STRICT_TRANSPORT] if production else []))
        self._in_flight = 0
        self._log = structlog.get_logger("cashout.web")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == ScopeType.WEBSOCKET:
            await self._inner(scope, receive, send)
            return
        began = self._clock.elapsed()
        method = scope["method"]
        seen = {name: value for name, value in scope["headers"] if name in _NOTED}
        exchange, answer = Exchange(request_id(seen.get(b"x-request-id"))), _Answer()
        if method == "HEAD":
            # A copy: the server must still see HEAD, and routes only know GET.
            scope = {**scope, "method": "GET"}
        begin(scope, exchange)
        telling = self._telling(send, seen, exchange, answer, without_body=method == "HEAD")
        try:
            await self._answer(scope, receive, telling, seen, exchange)
        finally:
            self._write_log(scope, method, exchange, answer, self._clock.elapsed() - began)

    async def _answer(
        self,
        scope: HTTPScope,
        receive: Receive,
        send: Send,
        seen: Mapping[bytes, bytes],
        exchange: Exchange,
    ) -> None:
        preflight = self._cors.preflight(scope["method"], seen)
        if preflight is not None:
            await _send(send, 204, preflight, b"")
            return
        problem = self._refusal(scope, seen)
        if problem is not None:
            exchange.code = problem.code
            await send_problem(send, problem)
            return
        self._in_flight += 1
        try:
            await self._inner(scope, receive, send)
        finally:
            self._in_flight -= 1

    def _refusal(self, scope: HTTPScope, seen: Mapping[bytes, bytes]) -> Problem | None:
        if self._in_flight >= self._requests_most and scope["path"] != LIVENESS:
            return overloaded()
        if _TRICK.search(scope.get("raw_path") or scope["path"].encode()):
            return not_found()
        length = seen.get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > self._body_most:
            return too_large(self._body_most)
        if seen.get(b"content-encoding", b"identity").lower() != b"identity":
            return unsupported_media_type("Send the body as it is, without a Content-Encoding.")
        return None

    def _telling(
        self,
        send: Send,
        seen: Mapping[bytes, bytes],
        exchange: Exchange,
        answer: _Answer,
        *,
        without_body: bool,
    ) -> Send:
        added = (
            *self._always,
            (b"x-request-id", exchange.request_id.encode("ascii")),
        )

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = int(message["status"])
                own = list(message["headers"])
                names = {name for name, _ in own}
                own += [each for each in added if each[0] not in names]
                message["headers"] = [*own, *self._cors.headers(seen)]
            elif without_body and message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        return tell

    def _write_log(
        self, scope: HTTPScope, method: str, exchange: Exchange, answer: _Answer, took: timedelta
    ) -> None:
        known = cast("MutableMapping[str, Any]", scope)
        facts = {"user": masked(exchange.user), "code": exchange.code}
        self._log.info(
            "request",
            request_id=exchange.request_id,
            method=method,
            # The pattern, never the path: ids and whatever else a client writes there stay out.
            route=known.get("path_template") or "none",
            status=answer.status,
            took_ms=round(took.total_seconds() * 1000, 1),
            **{name: value for name, value in facts.items() if value},
        )


async def send_problem(send: Send, problem: Problem) -> None:
    """Answer with a problem, without a framework."""
    headers = [(name.encode(), value.encode()) for name, value in problem.headers.items()]
    await _send(send, problem.status, headers, problem.body())


async def _send(send: Send, status: int, headers: list[Header], body: bytes) -> None:
    described: list[Header] = []
    if body:
        described = [
            (b"content-type", JSON.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
    await send({"type": "http.response.start", "status": status, "headers": [*described, *headers]})
    await send({"type": "http.response.body", "body": body, "more_body": False})
