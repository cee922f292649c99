"""Relay events: from the outbox to the broker, in order, at least once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from application.ports import Clock, OutboxEntry, Publisher, Units

LEASE_NAME = "relay"


@dataclass(slots=True)
class _Hold:
    """When the lease that this process has was asked for, by `Clock.elapsed`."""

    since: timedelta = timedelta.min


@dataclass(frozen=True, slots=True)
class RelayEvents:
    """Publishes what waits in the outbox. One process relays at a time, by a named lease.

    holder: who this process is. largest: events per round. at_once: events that are handed to the
    publisher together; while they are on their way, the ones before them are marked. lease: for
    how long; rounds begin in its first sixth, then it is prolonged. What is not handed over in its
    first third waits for the next round, so that the publisher has two thirds for the last part.
    """

    units: Units
    publisher: Publisher
    clock: Clock
    holder: UUID
    largest: int = 2_000
    at_once: int = 500
    lease: timedelta = timedelta(seconds=30)
    _hold: _Hold = field(default_factory=_Hold, init=False, repr=False)

    async def __call__(self) -> int:
        """Publish one round; return how many events were acknowledged and marked.

        An event that the broker took and that could not be marked is published again under the
        same id. A broker that is away delays events and nothing else.
        """
        entries = await self._page()
        last_start = self._hold.since + self.lease / 3
        told, acknowledged = 0, list[int]()
        stuck: set[UUID] = set()
        for start in range(0, len(entries), self.at_once):
            if self.clock.elapsed() > last_start:
                break
            part = entries[start : start + self.at_once]
            # What follows an event that did not get through waits with it.
            telling = [entry for entry in part if entry.event.cash_out_id not in stuck]
            acknowledged = await self._tell_and_mark(telling, acknowledged)
            told += len(acknowledged)
            through = set(acknowledged)
            stuck |= {e.event.cash_out_id for e in telling if e.position not in through}
            if telling and not acknowledged:
                break
        await self._mark(acknowledged)
        return told

    async def stop(self) -> None:
        """Give the lease up, so that another process goes on at once."""
        self._hold.since = timedelta.min
        async with self.units.begin() as unit:
            await unit.leases.release(LEASE_NAME, self.holder)

    async def _page(self) -> list[OutboxEntry]:
        since = self.clock.elapsed()
        async with self.units.begin() as unit:
            if since <= self._hold.since + self.lease / 6:
                return await unit.outbox.waiting(self.largest)
            if not await unit.outbox.waiting(1):
                return []
            now = self.clock.now()
            if not await unit.leases.take(LEASE_NAME, self.holder, now, now + self.lease):
                return []
            # Read under the lease: what its last holder has told meanwhile is not told again.
            entries = await unit.outbox.waiting(self.largest)
        self._hold.since = since
        return entries

    async def _tell_and_mark(
        self, entries: Sequence[OutboxEntry], acknowledged: Sequence[int]
    ) -> list[int]:
        """Publish events and mark the ones before; return which were acknowledged."""
        both = (self.publisher.publish(entries), self._mark(acknowledged))
        told, marked = await asyncio.gather(*both, return_exceptions=True)
        # Both have ended: nothing goes on behind the back of whoever hears of the fault.
        if isinstance(marked, BaseException):
            raise marked
        if isinstance(told, BaseException):
            raise told
        return told

    async def _mark(self, positions: Sequence[int]) -> None:
        if positions:
            async with self.units.begin() as unit:
                await unit.outbox.mark_sent(positions, self.clock.now())
