"""The nemesis: carries a plan out against a cluster, and counts what it did."""

import asyncio
import contextlib
import signal
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from tests.nemesis.cluster import WORKERS, Cluster
from tests.nemesis.links import Link
from tests.nemesis.members import Member
from tests.nemesis.plan import LANES, WORKER, Deed, Harm, Lane, Strike, strikes

OFF_BY_MOST_S = 8.0
STOPPED_WITHIN_S = 20.0
"""Then an orderly stop becomes a kill, as an orchestrator makes it one. The grace period is shorter
than this, but a database that does not answer takes its own time-outs to give up."""

FELT_WITHIN_S = 20.0
"""Nothing may be said over a link while those at its ends are started anew."""


@dataclass(slots=True)
class Nemesis:
    """Strikes for `seconds`, and longer if need be until each kind has happened once."""

    cluster: Cluster
    seed: int
    seconds: float
    done: Counter[str] = field(default_factory=Counter)
    story: list[str] = field(default_factory=list)
    """What happened, by the second."""
    insisted: int = 0
    """Orderly stops that became kills."""
    _began: float = 0.0

    async def rage(self) -> None:
        """Return once the time is over and everything is healed."""
        self._began = time.monotonic()
        async with asyncio.TaskGroup() as lanes:
            for lane in LANES:
                lanes.create_task(self._drive(lane), name=lane.name)
        self.cluster.clock_off_by(0)

    async def _drive(self, lane: Lane) -> None:
        for number, strike in enumerate(strikes(lane, self.seed)):
            if number >= len(lane.kinds) and self._is_late(strike.wait_s):
                return
            await asyncio.sleep(strike.wait_s)
            self.story.append(f"{time.monotonic() - self._began:6.1f} s  {strike.kind}")
            self.done[strike.kind] += await self._strike(strike)

    def _is_late(self, ahead_s: float) -> bool:
        return time.monotonic() + ahead_s > self._began + self.seconds

    async def _strike(self, strike: Strike) -> bool:
        """Strike; return whether anybody felt it."""
        if isinstance(strike.what, Harm):
            return await self._harm(self.cluster.links[strike.target], strike, strike.what)
        deeds: dict[Deed, Callable[[Strike], Coroutine[Any, Any, None]]] = {
            Deed.KILL: self._kill,
            Deed.TERM: self._term,
            Deed.PAUSE: self._pause,
            Deed.CLOCK: self._set_the_clock,
        }
        await deeds[strike.what](strike)
        return True

    async def _harm(self, link: Link, strike: Strike, harm: Harm) -> bool:
        """Harm a link for so long, and longer until a connection of it was harmed."""
        injury = link.harm(harm, strike.share, strike.draw)
        try:
            await asyncio.sleep(strike.hold_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FELT_WITHIN_S):
                    await injury.felt.wait()
        finally:
            link.heal()
        return injury.felt.is_set()

    async def _kill(self, strike: Strike) -> None:
        victim = self._victim(strike)
        async with victim.busy:
            await victim.kill()
            await asyncio.sleep(strike.hold_s)
            await victim.up()

    async def _term(self, strike: Strike) -> None:
        victim = self._victim(strike)
        async with victim.busy:
            if await victim.stop(STOPPED_WITHIN_S) is None:
                self.insisted += 1
            await asyncio.sleep(strike.hold_s)
            await victim.up()

    async def _pause(self, strike: Strike) -> None:
        """Stop a worker for longer than its leases, then let it go on as if nothing had been."""
        victim = self._victim(strike)
        async with victim.busy:
            if not victim.process.running:
                await victim.up()
            victim.process.send(signal.SIGSTOP)
            try:
                await asyncio.sleep(strike.hold_s)
            finally:
                victim.process.send(signal.SIGCONT)

    async def _set_the_clock(self, strike: Strike) -> None:
        self.cluster.clock_off_by((2 * strike.draw - 1) * OFF_BY_MOST_S)

    def _victim(self, strike: Strike) -> Member:
        """Return the member struck; of the workers one that nobody else holds, if there is one."""
        members = self.cluster.members
        if strike.target != WORKER:
            return members[strike.target]
        drawn = WORKERS[int(strike.draw * len(WORKERS))]
        free = [name for name in WORKERS if not members[name].busy.locked()]
        return members[drawn if drawn in free or not free else free[0]]
