"""Doors to others, each passage a span: providers' and the broker's."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from adapters.traces.contexts import NOWHERE, around, remote, written
from adapters.traces.tracing import OtelTracing
from application.ports import Gateway, Order, OutboxEntry, Publisher, WebhookReading
from domain.evidence import News, NoAnswer, NotFound, Outcome


class TracedGateway:
    """A Gateway whose calls are spans, in the trace of their cash-out."""

    def __init__(self, tracer: Tracer, provider: str, inner: Gateway) -> None:
        self._tracer, self._provider, self._inner = tracer, provider, inner
        self._tracing = OtelTracing(tracer)

    async def disburse(self, order: Order) -> Outcome:
        """Have the provider pay."""
        with self._call("disburse", order) as span:
            outcome = await self._inner.disburse(order)
            span.set_attribute("cashout.outcome", outcome.kind.value)
            if outcome.code is not None:
                span.set_attribute("cashout.code", outcome.code.value)
            return outcome

    async def look_up(self, order: Order) -> News | NotFound | NoAnswer:
        """Ask what became of an order."""
        with self._call("look_up", order) as span:
            found = await self._inner.look_up(order)
            span.set_attribute("cashout.outcome", type(found).__name__)
            if isinstance(found, News) and found.status is not None:
                span.set_attribute("cashout.status", found.status.value)
            return found

    def read_webhook(
        self, headers: Sequence[tuple[str, str]], raw: bytes, now: datetime
    ) -> WebhookReading:
        """Verify and read: a matter of microseconds, and no span."""
        return self._inner.read_webhook(headers, raw, now)

    async def check(self) -> str | None:
        """Check that the provider can be reached."""
        return await self._inner.check()

    def _call(self, call: str, order: Order) -> AbstractContextManager[Span]:
        span = self._tracer.start_span(
            f"{self._provider} {call}",
            context=around(order.trace) or NOWHERE,
            kind=SpanKind.CLIENT,
            attributes={
                "cashout.provider": self._provider,
                "cashout.id": str(order.cash_out_id),
                "cashout.attempt": order.attempt,
            },
        )
        return self._tracing.span(span)


class TracedPublisher:
    """A Publisher that tells each event as a span of its cash-out's trace.

    The context that travels with the event is that span's: whoever reads it goes on from there.
    """

    def __init__(self, tracer: Tracer, inner: Publisher) -> None:
        self._tracer = tracer
        self._inner = inner

    async def publish(self, entries: Sequence[OutboxEntry]) -> list[int]:
        """Publish events; a span of one that was not acknowledged says so."""
        spans = {
            entry.position: self._span(entry, entry.event.trace)
            for entry in entries
            if entry.event.trace is not None
        }
        told: list[int] = []
        try:
            told = await self._inner.publish([_in_span(entry, spans) for entry in entries])
        finally:
            through = set(told)
            for position, span in spans.items():
                if position not in through:
                    span.set_status(Status(StatusCode.ERROR, "not acknowledged"))
                span.end()
        return told

    async def healthy(self) -> bool:
        """Tell whether the broker can be reached."""
        return await self._inner.healthy()

    def _span(self, entry: OutboxEntry, trace: str) -> Span:
        event = entry.event
        return self._tracer.start_span(
            f"publish {event.type.value}",
            context=remote(trace),
            kind=SpanKind.PRODUCER,
            attributes={
                "messaging.message.id": str(event.id),
                "messaging.destination.name": event.type.value,
                "cashout.id": str(event.cash_out_id),
            },
        )


def _in_span(entry: OutboxEntry, spans: dict[int, Span]) -> OutboxEntry:
    span = spans.get(entry.position)
    if span is None:
        return entry
    return replace(entry, event=replace(entry.event, trace=written(span)))
