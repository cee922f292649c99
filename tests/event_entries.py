"""Outbox entries for tests about telling events."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from application.ports import OutboxEntry
from domain.events import Event, EventType, event

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LIFE = (EventType.INITIATED, EventType.PROCESSING, EventType.COMPLETED)
"""What a cash-out tells when all goes well."""


def cash_out_id(number: int) -> UUID:
    return UUID(int=(0x0199 << 112) + number)


def an_entry(position: int, cash_out: int, sequence: int = 1) -> OutboxEntry:
    kind = LIFE[(sequence - 1) % len(LIFE)]
    at = NOON + timedelta(seconds=position)
    facts = {"userId": f"user-{cash_out}", "reference": f"REF{cash_out}"}
    return OutboxEntry(position, event(kind, cash_out_id(cash_out), sequence, at, dict(facts)))


def lives(cash_outs: int, events_each: int = 3, first_position: int = 1) -> list[OutboxEntry]:
    """Entries of many cash-outs, interleaved as concurrent work leaves them in the outbox."""
    order = [(n, s) for s in range(1, events_each + 1) for n in range(cash_outs)]
    return [an_entry(first_position + at, n, s) for at, (n, s) in enumerate(order)]


def sequences_by_cash_out(events: list[Event]) -> dict[UUID, list[int]]:
    told: dict[UUID, list[int]] = {}
    for each in events:
        told.setdefault(each.cash_out_id, []).append(each.sequence)
    return told
