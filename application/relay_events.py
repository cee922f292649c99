"""Relay events: from the outbox to the broker, in order, at least once."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from application.ports import Clock, Publisher, Units

LEASE_NAME = "relay"


@dataclass(frozen=True, slots=True)
class RelayEvents:
    """Publishes what waits in the outbox. One process relays at a time, by a named lease.

    holder: who this process is. largest: events per round. lease: how long a round may take.
    """

    units: Units
    publisher: Publisher
    clock: Clock
    holder: UUID
    largest: int = 500
    lease: timedelta = timedelta(seconds=30)

    async def __call__(self) -> int:
        """Publish one round; return how many events were acknowledged and marked.

        An event that the broker took and that could not be marked is published again under the
        same id. A broker that is away delays events and nothing else.
        """
        async with self.units.begin() as unit:
            if not await unit.outbox.waiting(1):
                return 0
            now = self.clock.now()
            if not await unit.leases.take(LEASE_NAME, self.holder, now, now + self.lease):
                return 0
            # Read under the lease: what its last holder has told meanwhile is not told again.
            entries = await unit.outbox.waiting(self.largest)
        acknowledged = await self.publisher.publish(entries)
        if acknowledged:
            async with self.units.begin() as unit:
                await unit.outbox.mark_sent(acknowledged, self.clock.now())
        return len(acknowledged)

    async def stop(self) -> None:
        """Give the lease up, so that another process goes on at once."""
        async with self.units.begin() as unit:
            await unit.leases.release(LEASE_NAME, self.holder)
