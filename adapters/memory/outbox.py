"""The outbox in memory."""

import heapq
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from uuid import UUID

from adapters.memory.store import Staging
from application.ports import Conflict, OutboxEntry
from domain.events import Event


class MemoryOutbox:
    """Implements `Outbox`."""

    def __init__(self, staging: Staging) -> None:
        self._now = staging

    async def add(self, events: Sequence[Event]) -> None:
        """Append events, in order; raise Conflict when one of that sequence is there already."""
        for event in events:
            place = (event.cash_out_id, event.sequence)
            if self._now.told.get(place) is not None:
                self._now.broken = True
                raise Conflict("an event of this sequence is there already")
            position = self._now.next_position
            self._now.next_position = position + 1
            self._now.told.put(place, position)
            self._now.events.put(position, event)
            self._now.waiting.put(position, value=True)

    async def waiting(self, limit: int) -> list[OutboxEntry]:
        """Return the oldest events that have not been acknowledged, in order."""
        return [self._entry(each) for each in heapq.nsmallest(limit, self._now.waiting)]

    async def mark_sent(self, positions: Sequence[int], at: datetime) -> None:
        """Mark events as acknowledged by the broker."""
        for position in positions:
            self._now.waiting.remove(position)
            self._now.sent.put(position, at)

    async def oldest_waiting(self) -> datetime | None:
        """Return when the oldest unacknowledged event happened."""
        oldest = min(self._now.waiting, default=None)
        return None if oldest is None else self._entry(oldest).event.at

    async def wait_again(self, since: datetime, until: datetime) -> int:
        """Have acknowledged events of a span of time wait again; return how many."""
        told = [
            position
            for position in self._now.events
            if since <= self._entry(position).event.at < until
            and self._now.waiting.get(position) is None
        ]
        for position in told:
            self._now.waiting.put(position, value=True)
            self._now.sent.remove(position)
        return len(told)

    async def after(self, position: int, limit: int) -> list[OutboxEntry]:
        """Return events behind a position, acknowledged or not; see `Reader.events_after`."""
        there = self._now.events
        if position < 0:
            newest = range(self._now.next_position - 1, 0, -1)
            shown = islice(filter(there.get, newest), min(limit, -position))
            return [self._entry(each) for each in reversed(list(shown))]
        behind = range(position + 1, self._now.next_position)
        return [self._entry(each) for each in islice(filter(there.get, behind), limit)]

    async def prune(self, sent_before: datetime, largest: int) -> int:
        """Of the oldest events, remove those that were acknowledged before; return how many."""
        told_at = map(self._now.sent.get, self._now.sent)
        if not any(at is not None and at < sent_before for at in told_at):
            return 0
        gone: list[int] = []
        kept: set[UUID] = set()
        for position in heapq.nsmallest(largest, self._now.events):
            sent, whose = self._now.sent.get(position), self._entry(position).event.cash_out_id
            # What is kept of a cash-out has no holes.
            if sent is not None and sent < sent_before and whose not in kept:
                gone.append(position)
            else:
                kept.add(whose)
        for position in gone:
            event = self._entry(position).event
            self._now.told.remove((event.cash_out_id, event.sequence))
            self._now.events.remove(position)
            self._now.sent.remove(position)
        return len(gone)

    def _entry(self, position: int) -> OutboxEntry:
        event = self._now.events.get(position)
        if event is None:
            message = f"the outbox has no position {position}"
            raise LookupError(message)
        return OutboxEntry(position, event)
