"""The worker: does what is due, for every provider, until it is told to stop.

Every timer is a row with a due time, so any number of workers can run side by side. A worker that
dies takes nothing with it: its leases expire and another one asks what became of its attempts.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from application.check_status import CheckStatus
from application.housekeeping import PruneBoxes, RaiseReviews, RematchOrphans
from application.interrupted_runs import TellInterrupted
from application.lanes import Lane, Lanes
from application.ports import (
    SILENCE,
    Clock,
    Conflict,
    Journal,
    Nudge,
    Overloaded,
    StorageUnavailable,
    Waiting,
    Work,
)
from application.relay_events import RelayEvents
from application.submit_cash_out import SubmitCashOut
from application.watch_health import WatchHealth

Result = TypeVar("Result")

_STORE_FAULTS = (Conflict, Overloaded, StorageUnavailable)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look without being told, how much to take at once, how long to drain.

    between: so long apart are looks for webhooks that wait for their cash-out, although every
    cash-out that is taken is a reason to look.
    """

    poll: timedelta = timedelta(seconds=1)
    tidy: timedelta = timedelta(seconds=5)
    batch: int = 100
    drain: timedelta = timedelta(seconds=50)
    health: timedelta = timedelta(seconds=2)
    between: timedelta = timedelta(milliseconds=100)

    def longest(self, kind: Work) -> timedelta:
        """Return how long to wait for a hint before looking without one."""
        own = {Work.MATCH: self.tidy, Work.TIDY: self.tidy, Work.HEALTH: self.health}
        return own.get(kind, self.poll)


@dataclass(frozen=True, slots=True)
class Round:
    """What one look for work came to. more: not all that was due may have been taken."""

    done: int
    more: bool


@dataclass(slots=True)
class Worker:
    """One process's share of the background work."""

    lanes: Lanes
    submit: SubmitCashOut
    check: CheckStatus
    relay: RelayEvents
    rematch: RematchOrphans
    reviews: RaiseReviews
    prune: PruneBoxes
    interrupted: TellInterrupted
    clock: Clock
    nudge: Nudge
    waiting: Waiting
    journal: Journal = SILENCE
    pace: Pace = field(default_factory=Pace)
    health: WatchHealth | None = None
    bugs: int = 0
    """Faults so far that were not the store's: each was told with its traceback."""
    _calls: set[asyncio.Task[object]] = field(default_factory=set)
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)
    _over_at: timedelta = timedelta.max

    async def run(self) -> None:
        """Work until `stop`; then finish what is in flight, all of it inside the drain time."""
        async with asyncio.TaskGroup() as group:
            loops = [group.create_task(each) for each in self._loops()]
            patience = group.create_task(self._lose_patience(loops))
            await asyncio.wait(loops)
            patience.cancel()
        await self._drain()

    def stop(self) -> None:
        """Take nothing new, and be over when the drain time is."""
        if not self._stopped.is_set():
            self._over_at = self.clock.elapsed() + self.pace.drain
            self._stopped.set()
        self.nudge.work(*Work)

    @property
    def in_flight(self) -> int:
        """How many provider calls are under way."""
        return len(self._calls)

    async def step(self) -> int:
        """Do one round of everything that is due, to its end; return how much there was.

        For tests and simulations that want the work without the loops.
        """
        done = 0
        await self._look_at_health()
        for lane in self.lanes.values():
            done += (await self._submit(lane)).done
            done += (await self._ask(lane)).done
        while self._calls:
            await asyncio.wait(set(self._calls))
        done += (await self._match()).done + (await self._tidy()).done
        return done + await self.relay()

    def _loops(self) -> Iterator[Coroutine[Any, Any, None]]:
        for lane in self.lanes.values():
            yield self._loop(Work.SUBMIT, partial(self._submit, lane))
            yield self._loop(Work.ASK, partial(self._ask, lane))
        yield self._loop(Work.RELAY, self._relay)
        yield self._loop(Work.MATCH, self._match)
        yield self._loop(Work.TIDY, self._tidy)
        if self.health is not None:
            yield self._loop(Work.HEALTH, self._look_at_health)

    async def _lose_patience(self, loops: Sequence[asyncio.Task[None]]) -> None:
        """End the rounds that still run when the drain time is over: a store or broker hangs."""
        await self._stopped.wait()
        await asyncio.sleep(self._left_s())
        for loop in loops:
            loop.cancel()

    def _left_s(self) -> float:
        """Return the seconds of the drain time that are left."""
        return max(self._over_at - self.clock.elapsed(), timedelta(0)).total_seconds()

    async def _loop(self, kind: Work, work: Callable[[], Awaitable[Round]]) -> None:
        longest = self.pace.longest(kind)
        while not self._stopped.is_set():
            done = await self._guarded(kind, work())
            if done is None:
                await self.clock.sleep(self.pace.poll)
            elif not done.more:
                if kind is Work.MATCH:
                    await self.clock.sleep(self.pace.between)
                await self.waiting.for_work(kind, longest)

    async def _guarded(self, kind: Work, work: Awaitable[Result]) -> Result | None:
        """Return the result, or None when there was a fault: told, and got over by trying again.

        A bug is told too, and ends nothing else: one cash-out that cannot be handled must not stop
        the others.
        """
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
        return task.result() if self._ended_well(kind, task) else None

    def _ended_well(self, kind: Work, task: asyncio.Future[Any]) -> bool:
        """Tell whether a task has a result; a fault is told."""
        if task.cancelled():
            return False
        fault = task.exception()
        if fault is None:
            return True
        self.bugs += not isinstance(fault, _STORE_FAULTS)
        self.journal.fault(kind, fault)
        return False

    async def _submit(self, lane: Lane) -> Round:
        def room_left() -> int:
            passages = lane.passages(self.clock.elapsed())
            return sum(each.room for each in passages if each.probe is None)

        done, more = 0, False
        if self._is_blind:
            return Round(done, more=more)
        for passage in lane.passages(self.clock.elapsed()):
            # What the passages before have taken is not there for this one.
            left = lane.room_for_submits(self.clock.elapsed()) if done else passage.room
            room = min(passage.room, left, self.pace.batch)
            begun = await self.submit.begin(lane, room, passage) if room else []
            wants_more = passage.probe is None and 0 < len(begun) == room
            for each in begun:
                call = self.submit.send(lane, each)
                self._start(Work.SUBMIT, call, room_left if wants_more else None)
            done, more = done + len(begun), more or wants_more
        return Round(done, more=more)

    @property
    def _is_blind(self) -> bool:
        """Tell whether it is not known yet what is closed: as long as that is so, nothing is sent.

        A process that has just started knows nothing, and somebody may have closed a provider
        while none ran, as after a restore.
        """
        return self.health is not None and self.health.board.read_at is None

    async def _look_at_health(self) -> Round:
        if self.health is not None:
            await self.health()
        return Round(0, more=False)

    async def _ask(self, lane: Lane) -> Round:
        room = min(lane.room_for_queries(), self.pace.batch)
        questions = await self.check.begin(lane, room) if room else []
        more = 0 < len(questions) == room
        for each in questions:
            ask = self.check.ask(lane, each)
            self._start(Work.ASK, ask, lane.room_for_queries if more else None)
        return Round(len(questions), more=more)

    async def _relay(self) -> Round:
        told = await self.relay()
        # Whoever adds an event says so: only where many waited is there a look without being told.
        return Round(told, more=2 * told >= self.relay.largest)

    async def _match(self) -> Round:
        matched = await self.rematch()
        return Round(matched, more=bool(matched))

    async def _tidy(self) -> Round:
        reviewed = await self._guarded(Work.TIDY, self.reviews())
        pruned = await self._guarded(Work.TIDY, self.prune())
        stopped = await self._guarded(Work.TIDY, self.interrupted())
        done = (reviewed or 0) + (pruned or 0) + (stopped or 0)
        return Round(done, more=bool(done))

    def _start(
        self, kind: Work, call: Coroutine[Any, Any, object], room_left: Callable[[], int] | None
    ) -> None:
        """Make a call beside the others. room_left: given where more may be due than was taken."""

        def ended(task: asyncio.Task[object]) -> None:
            self._calls.discard(task)
            # An answer that could not be kept is lost: the lease expires, and somebody asks again.
            self._ended_well(kind, task)
            if room_left is not None and room_left():
                self.nudge.work(kind)

        task = asyncio.create_task(call)
        self._calls.add(task)
        task.add_done_callback(ended)

    async def _drain(self) -> None:
        if self._calls:
            await asyncio.wait(set(self._calls), timeout=self._left_s())
        late = set(self._calls)
        for call in late:
            call.cancel()
        if late:
            await asyncio.wait(late)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._left_s()):
                await self._tell_the_rest()
        await self._guarded(Work.RELAY, self.relay.stop())

    async def _tell_the_rest(self) -> None:
        # Other processes may go on adding events for ever: this one stops when its time is up.
        while await self._guarded(Work.RELAY, self.relay()):
            if not self._left_s():
                return
