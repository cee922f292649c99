"""The service's processes: the real object graph, built anew at every start, and their fates."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager
from contextvars import Context
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final, TypeVar
from uuid import UUID

from adapters.memory.audit import MemoryAuditReader
from adapters.memory.console_reader import MemoryConsoleReader
from adapters.memory.manual_time import SeededChance
from adapters.memory.reader import MemoryReader
from adapters.memory.rulings import MemoryReviewReader
from adapters.memory.store import MemoryStore
from application.board import Board
from application.ports import StorageUnavailable
from application.ports.health import HEARD_BY_NOBODY
from application.worker import Pace
from domain.cash_out import CashOut
from entrypoints.container import Container, Service
from entrypoints.simulation.broker import Broker, SimulatedPublisher
from entrypoints.simulation.catalogue import settings
from entrypoints.simulation.gateway import SimulatedGateway
from entrypoints.simulation.hints import SkippingSignals
from entrypoints.simulation.loop import OWNER, Owner
from entrypoints.simulation.plan import FaultKind
from entrypoints.simulation.providers import ProviderSide
from entrypoints.simulation.store import SimulatedStore, SimulatedUnits
from entrypoints.simulation.world import ProcessClock, Watcher, World, is_a_bug

Result = TypeVar("Result")

_GRACE: Final = timedelta(seconds=50)
_HEALTH: Final = timedelta(seconds=10)
"""Looked at more often, the days of a long run would be looks and nothing else."""
_ROUNDED_S: Final = 0.001
"""A process counts whole microseconds, the simulation does not."""


@lru_cache(maxsize=1)
def _container() -> Container:
    """Return the one container: making it costs more than making what is in it."""
    container = Container()
    container.settings.override(settings())
    return container


@lru_cache(maxsize=1)
def _made_anew() -> tuple[Any, ...]:
    """Return the providers whose objects belong to one process; to look for them takes long."""
    container = _container()
    alike: tuple[object, ...] = (
        container.numbers,
        container.passwords,
        container.health_policy,
        container.retention,
    )
    singletons = container.traverse(types=[type(container.service)])
    return tuple(each for each in singletons if each not in alike)


class Gone(Exception):
    """The process died, or there is none: the caller sees a broken connection."""


class Impatient(Exception):
    """The caller stopped waiting."""


class FaultyReader(MemoryReader):
    """Implements `Reader`: what is committed, unless the store is away."""

    def __init__(self, world: World, store: MemoryStore) -> None:
        super().__init__(store)
        self._world = world

    async def cash_out(self, cash_out_id: UUID) -> CashOut | None:
        """Return one cash-out, or raise StorageUnavailable."""
        faults = self._world.faults
        if faults.is_on(FaultKind.STORE_AWAY) or faults.strikes(FaultKind.READ_FAILS):
            raise StorageUnavailable("the store is away")
        return await super().cash_out(cash_out_id)


class Process(Owner):
    """One process: API and worker together. Its memory is gone when it dies; the store stays.

    pause_s: when its fuse burns it stops for so long, instead of dying for ever.
    """

    def __init__(
        self, name: str, world: World, store: SimulatedStore, side: ProviderSide, broker: Broker
    ) -> None:
        super().__init__()
        self.name = name
        self.world = world
        self.store = store
        self.clock = ProcessClock(world)
        self.signals = SkippingSignals(world, self.clock, store.horizon)
        self.service = self._build(side, broker)
        self.signals.relays_as = self.service.worker.relay.holder
        self.on_death: Callable[[Process], None] | None = None
        self._calls: dict[asyncio.Future[Any], None] = {}
        self.work: asyncio.Task[None] | None = None
        self.pause_s = 0.0

    def _build(self, side: ProviderSide, broker: Broker) -> Service:
        """Wire it up by the page that wires the real service up."""
        world, plan, board = self.world, self.world.plan, Board()
        poll = timedelta(seconds=plan.poll_s)
        container = _container()
        own: AbstractContextManager[object] = container.override_providers(
            catalogue=world.catalogue,
            policy=plan.policy,
            pace=Pace(poll=poll, tidy=5 * poll, drain=_GRACE, health=max(2 * poll, _HEALTH)),
            units=SimulatedUnits(self.store, self),
            reader=FaultyReader(world, self.store.rows),
            review_reader=MemoryReviewReader(self.store.rows),
            log=MemoryAuditReader(self.store.rows),
            console=MemoryConsoleReader(self.store.rows),
            gateways={each: SimulatedGateway(each, side, board) for each in sorted(plan.variants)},
            board=board,
            health_journal=HEARD_BY_NOBODY,
            publisher=SimulatedPublisher(world, broker),
            nudge=self.signals,
            signals=self.signals,
            clock=self.clock,
            chance=SeededChance(plan.chance(f"process {self.name}").getrandbits(64)),
            journal=Watcher(world),
        )
        try:
            with own:
                service: Service = container.service()
        finally:
            # Nothing of this run is kept by what all runs share.
            for each in _made_anew():
                each.reset()
        if not plan.health:
            service.worker.health = None
        return service

    def start(self) -> None:
        """Begin to work."""
        self.store.listeners.append(self.signals)
        self.work = self.spawn(self.service.worker.run())
        self.work.add_done_callback(self._work_ended)
        self.world.note("started", self.name)

    def spawn(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """Run something in this process."""
        context: Context = self.world.outside.copy()
        context.run(OWNER.set, self)
        return self.world.loop.create_task(work, context=context)

    def _work_ended(self, task: asyncio.Task[None]) -> None:
        self.world.report(task)

    def die(self) -> None:
        """Lose everything that is not in the store; callers see a broken connection."""
        if self.dead:
            return
        super().die()
        self.world.note("died", self.name)
        self._leave()
        self.store.cut(self)
        calls, self._calls = self._calls, {}
        for answer in calls:
            if not answer.done():
                answer.set_exception(Gone())
        if self.on_death is not None:
            self.on_death(self)

    def _leave(self) -> None:
        if self.signals in self.store.listeners:
            self.store.listeners.remove(self.signals)

    def burnt(self) -> None:
        """Die, or stop for a while: at this very await."""
        seconds, self.pause_s = self.pause_s, 0.0
        # Counted where it strikes: until here it may have been called off, or had another's place.
        self.world.faults.struck[FaultKind.PAUSE if seconds else FaultKind.CRASH] += 1
        if not seconds:
            self.die()
            return
        self.freeze()
        self.world.loop.call_later(seconds, self.thaw, context=self.world.outside)

    def freeze(self) -> None:
        """Stop running, as after SIGSTOP; the store gives up on what it had under way."""
        self.paused = True
        self.store.cut(self)
        self.world.note("paused", self.name)

    def thaw(self) -> None:
        """Go on, if it was stopped."""
        if not self.paused or self.dead:
            return
        self.world.note("resumed", self.name)
        self.world.loop.release(self)

    async def stop(self) -> None:
        """End as after SIGTERM: drain, then go."""
        self.drains_until = self.world.elapsed + _GRACE.total_seconds() - _ROUNDED_S
        self.signals.leave_none_out()
        self.service.worker.stop()
        if self.work is not None:
            await asyncio.wait({self.work})
        await self.service.record.finish()
        await self.service.request.finish()

    async def call(
        self,
        what: Callable[[], Awaitable[Result]],
        patience_s: float,
        hang_up_s: float | None = None,
    ) -> Result:
        """Return what a request to this process is answered; raise what it raises.

        Raises Gone when it dies, Impatient after `patience_s` (the work goes on). hang_up_s: when
        the caller goes away, and the server cancels its request.
        """
        if self.dead:
            raise Gone
        answer: asyncio.Future[Result] = self.world.loop.create_future()
        self._calls[answer] = None

        async def serve() -> Result:
            return await what()

        task = self.spawn(serve())
        task.add_done_callback(lambda done: self._pass_on(done, answer))
        timers = [self.world.loop.call_later(patience_s, _give_up, answer)]
        if hang_up_s is not None:
            hang_up = self.world.loop.call_later(hang_up_s, self._hang_up, task, answer)
            timers.append(hang_up)
        try:
            return await answer
        finally:
            self._calls.pop(answer, None)
            for timer in timers:
                timer.cancel()

    @staticmethod
    def _hang_up(task: asyncio.Task[Any], answer: asyncio.Future[Any]) -> None:
        task.cancel()
        _give_up(answer)

    def _pass_on(self, task: asyncio.Task[Any], answer: asyncio.Future[Any]) -> None:
        fault = None if task.cancelled() else task.exception()
        if answer.done():
            # The caller has gone: what it would have been told may still be a bug.
            if fault is not None and is_a_bug(fault):
                self.world.report(task)
            return
        if task.cancelled():
            answer.set_exception(Gone())
        elif fault is not None:
            answer.set_exception(fault)
        else:
            answer.set_result(task.result())


def _give_up(answer: asyncio.Future[Any]) -> None:
    if not answer.done():
        answer.set_exception(Impatient())
