"""Keeping the figures of the console's overview: added up beside the work, never within it."""

from dataclasses import dataclass
from datetime import timedelta

from application.ports import (
    SILENCE,
    Clock,
    Conflict,
    Journal,
    Overloaded,
    StorageUnavailable,
    Units,
)

KEPT = timedelta(days=31)
"""How long a slice's figures are kept."""
EVERY = timedelta(seconds=2)
"""How long it waits when there was nothing more to add."""
PRUNED_EVERY = timedelta(hours=1)
_BREATH = timedelta(milliseconds=50)
"""Between two rounds that find much: whoever pays people out goes first."""


@dataclass(slots=True)
class KeepFigures:
    """Adds events to the figures, round by round. Any number of processes may do so at once."""

    units: Units
    clock: Clock
    journal: Journal = SILENCE
    largest: int = 1_000
    _pruned_at: timedelta | None = None

    async def __call__(self) -> int:
        """Add one round of events; return how many."""
        async with self.units.begin() as unit:
            return await unit.figures.fold(self.largest)

    async def run(self) -> None:
        """Add what comes, until cancelled; a store that is away is tried again."""
        while True:
            pause = EVERY
            try:
                if await self() >= self.largest:
                    pause = _BREATH
                await self._prune()
            except (Conflict, Overloaded, StorageUnavailable) as fault:
                self.journal.fault("figures", fault)
            await self.clock.sleep(pause)

    async def _prune(self) -> None:
        at = self.clock.elapsed()
        if self._pruned_at is not None and at - self._pruned_at < PRUNED_EVERY:
            return
        async with self.units.begin() as unit:
            await unit.figures.prune(self.clock.now() - KEPT)
        self._pruned_at = at
