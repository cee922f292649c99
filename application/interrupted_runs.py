"""Interrupted runs: one whose process is gone is told as stopped, so that nobody waits for it.

A run has its provider's lease for as long as it says anything. A run that says `running` while
nobody has that lease was cut off: its process was killed, or its machine is gone.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from application.ports import Chance, Clock, Unit, Units
from domain.runs import RunState

LEASE: Final = timedelta(minutes=5)
"""How long a provider stays taken by a run that does not say anything any more."""
LOOKED_AT: Final = 50
"""The newest runs that are looked at: one that was cut off is among them for a long time."""
INTERRUPTED: Final = "its process ended before it did: send the same file again, and it goes on"


def lease_of(provider: str) -> str:
    """Return the name of the lease under which a provider's statement is reconciled."""
    return f"reconcile:{provider}"


async def stop_interrupted(unit: Unit, provider: str, now: datetime) -> int:
    """Note the provider's runs that were cut off as stopped; return how many.

    Whoever asks has the provider's lease and no run of its own under it yet.
    """
    cut_off = [
        run
        for run in await unit.statements.runs(LOOKED_AT, provider)
        if run.state is RunState.RUNNING
    ]
    for run in cut_off:
        stopped = replace(run, state=RunState.STOPPED, finished_at=now, detail=INTERRUPTED)
        await unit.statements.save(stopped)
    return len(cut_off)


@dataclass(frozen=True, slots=True)
class TellInterrupted:
    """Looks for runs that were cut off, now and then. Any number of processes may do so at once."""

    units: Units
    clock: Clock
    chance: Chance

    async def __call__(self) -> int:
        """Note them as stopped; return how many. The lease of each provider is given back."""
        async with self.units.begin() as unit:
            newest = await unit.statements.runs(LOOKED_AT)
        providers = {run.provider for run in newest if run.state is RunState.RUNNING}
        return sum([await self._look(each) for each in sorted(providers)])

    async def _look(self, provider: str) -> int:
        now, token = self.clock.now(), self.chance.token()
        async with self.units.begin() as unit:
            if not await unit.leases.take(lease_of(provider), token, now, now + LEASE):
                return 0
            told = await stop_interrupted(unit, provider, now)
            await unit.leases.release(lease_of(provider), token)
            return told
