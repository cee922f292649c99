"""Trace contexts between our text and the library's values."""

from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

NOWHERE: Final = Context()
"""Of whatever belongs to no trace yet."""


def remote(trace: str) -> Context:
    """Return the context that a `traceparent` of version 00 means."""
    _version, trace_id, span_id, flags = trace.split("-")
    told = SpanContext(
        trace_id=int(trace_id, 16),
        span_id=int(span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(int(flags, 16) & TraceFlags.SAMPLED),
    )
    return set_span_in_context(NonRecordingSpan(told), NOWHERE)


def written(span: Span) -> str:
    """Return the context of a span as a `traceparent`."""
    told = span.get_span_context()
    return f"00-{told.trace_id:032x}-{told.span_id:016x}-{int(told.trace_flags):02x}"


def around(trace: str | None) -> Context | None:
    """Return where a step belongs: into the span around it, else into its trace; None: nowhere."""
    here = get_current_span()
    if here.get_span_context().is_valid:
        return set_span_in_context(here, NOWHERE)
    return remote(trace) if trace else None
