"""Events: what other services are told. Names and payloads are contracts, in golden files."""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5

from domain.money import Money
from domain.states import Status

SOURCE = "payment-integration-service"
"""The `ce-source` of every event."""


class EventType(StrEnum):
    """The type of an event. Its NATS subject is the same, below the stream's `cash_out.`."""

    INITIATED = "cash_out.initiated"
    PROCESSING = "cash_out.processing"
    COMPLETED = "cash_out.completed"
    FAILED = "cash_out.failed"
    CANCELLED = "cash_out.cancelled"
    CONTRADICTED = "cash_out.contradicted"
    NEEDS_REVIEW = "cash_out.needs_review"
    REVIEW_RESOLVED = "cash_out.review_resolved"
    HEALTH_CHANGED = "provider.health_changed"


ANNOUNCES: dict[Status, EventType] = {
    Status.PENDING: EventType.INITIATED,
    Status.PROCESSING: EventType.PROCESSING,
    Status.COMPLETED: EventType.COMPLETED,
    Status.FAILED: EventType.FAILED,
    Status.CANCELLED: EventType.CANCELLED,
}
"""The event that tells of entering each state."""


OF_PROVIDERS = frozenset({EventType.HEALTH_CHANGED})
"""The events that are of a route, and of no cash-out."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of one cash-out, or of the standing of a provider or corridor.

    cash_out_id: whose it is; of `provider.health_changed` the id of the route, which is nobody's
    cash-out. id: derived from the cash-out and the sequence, so that telling twice is recognisable.
    sequence: 1.. per cash-out, without gaps. body: the JSON payload. trace: the cash-out's.
    """

    id: UUID
    type: EventType
    cash_out_id: UUID
    sequence: int
    at: datetime
    body: str
    trace: str | None = None


Facts = dict[str, str | Money | bool | None]
"""What an event tells, by name."""


def event(
    kind: EventType,
    cash_out_id: UUID,
    sequence: int,
    at: datetime,
    facts: Facts,
    trace: str | None = None,
) -> Event:
    """Return the event with its facts as a JSON object, in the order given, without the Nones."""
    members = [f'"cashOutId":"{cash_out_id}"', *written(facts)]
    return Event(
        id=uuid5(cash_out_id, f"{sequence}/{kind}"),
        type=kind,
        cash_out_id=cash_out_id,
        sequence=sequence,
        at=at,
        body="{" + ",".join(members) + "}",
        trace=trace,
    )


def written(facts: Facts) -> list[str]:
    """Return facts as members of a JSON object, in the order given, without the Nones."""
    return [f'"{name}":{_json(fact)}' for name, fact in facts.items() if fact is not None]


_write = json.JSONEncoder(ensure_ascii=False).encode


def _json(fact: str | Money | bool) -> str:  # noqa: FBT001 -- a fact, not a switch
    return fact.plain if isinstance(fact, Money) else _write(fact)
