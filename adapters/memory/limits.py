"""Limit counters in memory."""

from collections.abc import Mapping, Sequence

from adapters.memory.store import Staging
from domain.limits import Counted, Slot


class BrokenCounter(Exception):
    """A counter would leave 0..cap: a bug, refused as the database's check does."""


class MemoryLimits:
    """Implements `Limits`."""

    def __init__(self, staging: Staging) -> None:
        self._now = staging

    async def lock(self, slots: Sequence[Slot]) -> dict[Slot, int]:
        """Return what is used of each slot; the whole store is locked anyway."""
        return self._used(slots)

    async def write(self, counted: Mapping[Slot, Counted]) -> None:
        """Store counters with the caps they were checked against."""
        for slot in sorted(counted):
            self._put(slot, counted[slot])

    async def give_back(self, freed: Mapping[Slot, int]) -> None:
        """Take minor units off the counters."""
        for slot in sorted(freed):
            was = self._now.counters.get(slot)
            if was is not None:
                self._put(slot, Counted(was.used - freed[slot], was.cap))

    async def used(self, slots: Sequence[Slot]) -> dict[Slot, int]:
        """Return what is used."""
        return self._used(slots)

    def _used(self, slots: Sequence[Slot]) -> dict[Slot, int]:
        found = {slot: self._now.counters.get(slot) for slot in slots}
        return {slot: counted.used if counted else 0 for slot, counted in found.items()}

    def _put(self, slot: Slot, counted: Counted) -> None:
        if not 0 <= counted.used <= counted.cap:
            self._now.broken = True
            raise BrokenCounter(f"{counted.used} is not within 0 and {counted.cap}")
        self._now.counters.put(slot, counted)
