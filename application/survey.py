"""Take a survey: one process at a time looks at what is open, at risk and waiting."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from application.ports import Clock, Units
from application.ports.surveying import Survey, Surveyor

LEASE_NAME: Final = "survey"
_HELD: Final = 3
"""Rounds for which the lease holds: who misses two of them has lost it."""


@dataclass(frozen=True, slots=True)
class TakeSurvey:
    """Looks at the store once in `every`, in one process of all. holder: who this process is."""

    units: Units
    surveyor: Surveyor
    clock: Clock
    holder: UUID
    every: timedelta = timedelta(seconds=15)

    async def __call__(self) -> Survey | None:
        """Return what there is, None where another process looks.

        Raises Conflict, StorageUnavailable or Overloaded.
        """
        now = self.clock.now()
        async with self.units.begin() as unit:
            until = now + self.every * _HELD
            ours = await unit.leases.take(LEASE_NAME, self.holder, now, until)
        return await self.surveyor.survey(now) if ours else None

    async def stop(self) -> None:
        """Give the lease up, so that another process goes on at once."""
        async with self.units.begin() as unit:
            await unit.leases.release(LEASE_NAME, self.holder)
