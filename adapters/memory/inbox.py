"""The inbox and the named leases in memory."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from adapters.memory.cash_outs import meant_by
from adapters.memory.store import Held, Kept, Signed, Staging
from application.ports import Delivery, Receipt


class MemoryInbox:
    """Implements `Inbox`."""

    def __init__(self, staging: Staging) -> None:
        self._now = staging

    async def store(self, deliveries: Sequence[Delivery], since: datetime) -> list[Receipt]:
        """Keep deliveries; replay keys are compared with those received after `since`."""
        return [self._store(each, since) for each in deliveries]

    async def match(self, matches: Mapping[UUID, UUID]) -> None:
        """Note which cash-out each delivery was for."""
        for delivery_id, cash_out_id in matches.items():
            kept = self._now.deliveries.get(delivery_id)
            if kept is not None:
                self._now.deliveries.put(delivery_id, Kept(kept.delivery, cash_out_id))
                self._now.unmatched.remove(delivery_id)

    async def orphans(self, received_after: datetime, limit: int) -> list[Delivery]:
        """Return readable deliveries that have no cash-out noted although theirs exists by now."""
        found: list[Delivery] = []
        for delivery_id in self._now.unmatched:
            kept = self._now.deliveries.get(delivery_id)
            if kept is None or kept.delivery.received_at <= received_after:
                continue
            lookup = kept.delivery.lookup
            if lookup is not None and meant_by(self._now, lookup) is not None:
                found.append(kept.delivery)
        return sorted(found, key=lambda each: (each.received_at, each.id))[:limit]

    async def prune(self, received_before: datetime, largest: int) -> int:
        """Remove the oldest deliveries that have a cash-out noted; return how many."""
        stored = (self._now.deliveries.get(each) for each in self._now.deliveries)
        old = [
            each.delivery
            for each in stored
            if each is not None
            and each.cash_out_id is not None
            and each.delivery.received_at < received_before
        ]
        oldest = sorted(old, key=lambda each: (each.received_at, each.id))[:largest]
        for delivery in oldest:
            self._now.deliveries.remove(delivery.id)
            self._now.by_digest.remove((delivery.provider, delivery.digest))
        return len(oldest)

    def _store(self, delivery: Delivery, since: datetime) -> Receipt:
        place = (delivery.provider, delivery.digest)
        earlier = self._now.by_digest.get(place)
        kept = self._now.deliveries.get(earlier) if earlier is not None else None
        if kept is not None:
            return Receipt(delivery.id, fresh=False, cash_out_id=kept.cash_out_id)
        if delivery.replay_key is not None:
            key = (delivery.provider, delivery.replay_key)
            signed = self._now.by_replay_key.get(key)
            if signed is not None and signed.received_at > since:
                return Receipt(delivery.id, fresh=False, replayed=True)
            self._now.by_replay_key.put(key, Signed(delivery.digest, delivery.received_at))
        self._now.deliveries.put(delivery.id, Kept(delivery, delivery.cash_out_id))
        self._now.by_digest.put(place, delivery.id)
        if delivery.lookup is not None and delivery.cash_out_id is None:
            self._now.unmatched.put(delivery.id, value=True)
        return Receipt(delivery.id, fresh=True)


class MemoryLeases:
    """Implements `Leases`."""

    def __init__(self, staging: Staging) -> None:
        self._now = staging

    async def take(self, name: str, holder: UUID, now: datetime, until: datetime) -> bool:
        """Take or prolong a lease; tell whether `holder` has it now."""
        held = self._now.leases.get(name)
        if held is not None and held.holder != holder and held.until > now:
            return False
        self._now.leases.put(name, Held(holder, until))
        return True

    async def release(self, name: str, holder: UUID) -> None:
        """Give it up, if held."""
        held = self._now.leases.get(name)
        if held is not None and held.holder == holder:
            self._now.leases.remove(name)
