"""All processes of the service: who is alive, who is started anew, and how callers reach them."""

import asyncio
from datetime import timedelta
from random import Random
from typing import Final

from domain.refusals import InvalidSignature, InvalidWebhook
from entrypoints.simulation.broker import Broker
from entrypoints.simulation.courier import Post
from entrypoints.simulation.process import Gone, Impatient, Process
from entrypoints.simulation.providers import ProviderSide
from entrypoints.simulation.store import SimulatedStore
from entrypoints.simulation.world import STORE_FAULTS, World, pause

_WEBHOOK_PATIENCE_S: Final = 10.0
_RESTARTED_WITHIN_S: Final = 30.0


class Fleet:
    """All processes of the service, and where callers reach them: any that is alive."""

    def __init__(
        self, world: World, store: SimulatedStore, side: ProviderSide, broker: Broker
    ) -> None:
        self.world = world
        self.side = side
        self._parts = (world, store, side, broker)
        self._chance: Random = world.plan.chance("fleet")
        self._fuses = list(world.plan.fuses)
        self._started = 0
        self.alive: list[Process] = []
        self._leaving: dict[Process, None] = {}

    def start(self) -> Process:
        """Start one more process."""
        self._started += 1
        process = Process(f"p{self._started}", *self._parts)
        process.on_death = self._died
        if self._fuses:
            process.fuse = self._fuses.pop(0)
        if self.world.plan.common_clock and self.alive:
            process.clock.offset = self.alive[0].clock.offset
        self.alive.append(process)
        process.start()
        return process

    def any(self) -> Process:
        """Return a process that takes calls; raise Gone when there is none."""
        if not self.alive:
            raise Gone
        return self._chance.choice(self.alive)

    def _died(self, process: Process) -> None:
        self.alive.remove(process)
        if not self.world.over:
            self.world.spawn(self._restart(self._chance.uniform(0, _RESTARTED_WITHIN_S)))

    async def _restart(self, seconds: float) -> None:
        await pause(self.world, seconds)
        if len(self.alive) < self.world.plan.processes:
            self.start()

    async def restart_gently(self, process: Process) -> None:
        """Stop a process as a deployment does, then start another in its place."""
        self.alive.remove(process)
        self._leaving[process] = None
        done: asyncio.Future[None] = self.world.loop.create_future()
        process.on_death = lambda _: _set(done)
        stopping = process.spawn(process.stop())
        stopping.add_done_callback(lambda _: _set(done))
        await done
        if stopping.done():
            self.world.report(stopping)
        process.on_death = None
        process.die()
        del self._leaving[process]
        self.start()

    async def deliver(self, post: Post) -> int | None:
        """Answer a webhook as the API does."""
        try:
            process = self.any()
            service = process.service
            await process.call(
                lambda: service.receive(post.provider, post.headers, post.raw), _WEBHOOK_PATIENCE_S
            )
        except InvalidSignature:
            return 401
        except InvalidWebhook:
            return 400
        except STORE_FAULTS:
            return 503
        except (Gone, Impatient):
            return None
        return 200

    def heal(self) -> None:
        """Set clocks right and let everybody run, also those who are told to stop."""
        for process in (*self.alive, *self._leaving):
            process.clock.offset = timedelta(0)
            if not self.world.plan.fuses:
                process.fuse = 0
            process.thaw()
        self._parts[1].changed()


def _set(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
