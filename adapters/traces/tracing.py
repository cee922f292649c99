"""Tracing: requests and steps as spans. What they say of themselves are words and ids of ours."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Final, TypeVar

from opentelemetry.context import attach, detach
from opentelemetry.trace import (
    Link,
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    get_current_span,
    set_span_in_context,
)

from adapters.traces.contexts import NOWHERE, around, remote, written
from application.ports.observing import Answering, Step

METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_SERVER_FAULT: Final = 500
_NANOSECONDS: Final = 1_000_000_000
Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


class OtelTracing:
    """Implements `Tracing`, and begins what `RequestWatch` asks for."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def begin(self, method: str, trace: str | None) -> "OtelRequest":
        """Begin the span of a request, in the client's trace or in a new one."""
        method = method if method in METHODS else "_OTHER"
        span = self._tracer.start_span(
            method,
            context=remote(trace) if trace else NOWHERE,
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method},
        )
        return OtelRequest(span, method)

    @contextmanager
    def step(self, step: Step, trace: str | None, *, attempt: int | None = None) -> Iterator[None]:
        """Trace the body as a step; without a trace to belong to it is none."""
        context = around(trace)
        if context is None:
            yield
            return
        given = {} if attempt is None else {"cashout.attempt": attempt}
        with self.span(self._tracer.start_span(step.value, context=context, attributes=given)):
            yield

    def span(self, span: Span) -> "AroundBody":
        """Have a span be the one around the body; of a fault it says the kind alone."""
        return AroundBody(span)

    def around(
        self, step: Step, door: Callable[[Asked], Awaitable[Answered]]
    ) -> Callable[[Asked], Awaitable[Answered]]:
        """Return the door, such that passing it is a step."""

        async def traced(asked: Asked) -> Answered:
            with self.step(step, None):
                return await door(asked)

        return traced

    def happened(self, step: Step, trace: str | None, began: datetime) -> None:
        """Tell of a step that ends now, in its own trace, linked to what is under way here."""
        if trace is None:
            return
        here = get_current_span().get_span_context()
        span = self._tracer.start_span(
            step.value,
            context=remote(trace),
            links=[Link(here)] if here.is_valid else [],
            start_time=int(began.timestamp() * _NANOSECONDS),
        )
        span.end()


class AroundBody:
    """A span that is begun, around the body of a `with`."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def __enter__(self) -> Span:
        """Have it be the span that is under way."""
        self._token = attach(set_span_in_context(self._span))
        return self._span

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it; of a fault it keeps the kind, as a message may repeat what it was raised over."""
        if kind is not None:
            self._span.set_status(Status(StatusCode.ERROR, kind.__name__))
        detach(self._token)
        self._span.end()


class OtelRequest:
    """Implements `RequestSpan`: until its end it is the span around whatever its task does."""

    def __init__(self, span: Span, method: str) -> None:
        self._span = span
        self._method = method
        self._token = attach(set_span_in_context(span))

    @property
    def context(self) -> str:
        """The context for what it causes."""
        return written(self._span)

    def end(self, answering: Answering) -> None:
        """Note how it was answered."""
        span = self._span
        span.update_name(f"{self._method} {answering.route}")
        span.set_attribute("http.route", answering.route)
        span.set_attribute("http.response.status_code", answering.status)
        if answering.cash_out_id is not None:
            span.set_attribute("cashout.id", str(answering.cash_out_id))
        if answering.code:
            span.set_attribute("error.type", answering.code)
        if answering.status >= _SERVER_FAULT:
            span.set_status(Status(StatusCode.ERROR))
        detach(self._token)
        span.end()
