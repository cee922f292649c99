"""Messages: an event as CloudEvents 1.0 in binary mode, and back."""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

from application.traces import read_traceparent
from domain.events import SOURCE, Event, EventType

MESSAGE_ID = "Nats-Msg-Id"
"""JetStream keeps one message per id within its duplicate window."""
TRACE = "traceparent"


PREFIX = "cash_out."
"""What the stream takes begins so, and an existing stream is its operator's: never altered."""


def subject_of(event: Event) -> str:
    """Return where an event is told: its type, with the stream's prefix where that lacks it."""
    kind = event.type.value
    return kind if kind.startswith(PREFIX) else PREFIX + kind


def headers_of(event: Event) -> dict[str, str]:
    """Return the headers of an event's message; the body goes along unchanged.

    `sequence` is the CloudEvents extension, under its binary-mode name and, for readers without a
    CloudEvents library, under its own. `traceparent` is that of W3C, where the event has a trace.
    """
    traced = {} if event.trace is None else {TRACE: event.trace}
    return {
        MESSAGE_ID: str(event.id),
        "Content-Type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": str(event.id),
        "ce-type": event.type.value,
        "ce-source": SOURCE,
        "ce-time": event.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "ce-subject": str(event.cash_out_id),
        "ce-sequence": str(event.sequence),
        "sequence": str(event.sequence),
        **traced,
    }


def read(headers: Mapping[str, str] | None, body: bytes) -> Event | None:
    """Return the event of a message, or None when it is not one of ours."""
    if headers is None:
        return None
    try:
        event = Event(
            id=UUID(headers["ce-id"]),
            type=EventType(headers["ce-type"]),
            cash_out_id=UUID(headers["ce-subject"]),
            sequence=int(headers["sequence"]),
            at=datetime.fromisoformat(headers["ce-time"]),
            body=body.decode(),
            trace=read_traceparent(headers.get(TRACE, "")),
        )
    except (KeyError, ValueError):
        return None
    # Without a zone it names no moment, and cannot be compared with one.
    return event if event.at.tzinfo is not None and event.sequence > 0 else None
