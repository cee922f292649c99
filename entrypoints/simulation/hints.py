"""Hints inside a simulated process, with the polls that would find nothing left out."""

import asyncio
import math
from collections.abc import Callable, Mapping
from contextvars import Context, copy_context
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from adapters.memory.signals import Signals
from application.ports import Work
from entrypoints.simulation.loop import NumberedTask, Turn
from entrypoints.simulation.plan import FaultKind
from entrypoints.simulation.world import ProcessClock, World

Horizon = Callable[[UUID | None], Mapping[Work, float]]
"""When each kind of work is due next, in virtual seconds of the true time; absent: never.

It is asked on behalf of whoever relays under that id.
"""

_SLACK = 1e-6


@dataclass(slots=True, eq=False)
class _Idle:
    """A worker's loop that waits: it looks every `longest` seconds after `began`, or when told."""

    kind: Work
    woken: asyncio.Future[None]
    began: float
    longest: float
    context: Context
    due: float = math.nan
    looks_at: float = math.inf
    alarm: Turn | None = None


class SkippingSignals(Signals):
    """Implements `Nudge` and `Waiting`: a wait ends at the first poll that can find something.

    A poll before that would find nothing and change nothing, so leaving it out is no kinder than
    reality; it lets days pass in no time. A nudge can get lost.
    """

    def __init__(self, world: World, clock: ProcessClock, horizon: Horizon) -> None:
        super().__init__(clock)
        self._world = world
        self.wall = clock
        self._horizon = horizon
        self.relays_as: UUID | None = None
        self._every_poll = False
        self._last_due: Mapping[Work, float] | None = None
        self._offset = timedelta(0)
        self._told = dict.fromkeys(Work, 0)
        self._heard: dict[tuple[int, Work], int] = {}
        self._idlers: list[_Idle] = []

    def work(self, *kinds: Work) -> None:
        """Tell this process's loops, unless the hint gets lost."""
        if self._world.faults.strikes(FaultKind.NUDGE_LOST):
            return
        for kind in kinds:
            self._told[kind] += 1
        for idler in self._idlers:
            if idler.kind in kinds and not idler.woken.done():
                idler.woken.set_result(None)

    async def for_work(self, kind: Work, longest: timedelta) -> None:
        """Return when nudged since this task's last wait, or at a poll that can find something."""
        task = asyncio.current_task()
        number = task.number if isinstance(task, NumberedTask) else 0
        if self._heard.get((number, kind), 0) == self._told[kind]:
            await self._sleep(kind, longest.total_seconds())
        self._heard[number, kind] = self._told[kind]

    def reconsider(self) -> None:
        """Look at what is due again: something was committed, or a clock was set."""
        if not self._idlers:
            self._last_due = None
            return
        due = self._horizon(self.relays_as)
        seen, moved = self._last_due, self.wall.offset != self._offset
        if seen is not None and not moved and due == seen:
            return
        self._last_due, self._offset = due, self.wall.offset
        for idler in self._idlers:
            if seen is None or moved or due.get(idler.kind) != seen.get(idler.kind):
                self._set_alarm(idler, due)

    def leave_none_out(self) -> None:
        """Wait for every poll from now on, as a process that is told to stop must."""
        self._every_poll = True
        for idler in self._idlers:
            self._set_alarm(idler, {})

    async def _sleep(self, kind: Work, longest: float) -> None:
        loop = self._world.loop
        idler = _Idle(kind, loop.create_future(), loop.time(), longest, copy_context())
        self._idlers.append(idler)
        self._set_alarm(idler, self._horizon(self.relays_as))
        try:
            await idler.woken
        finally:
            self._idlers.remove(idler)
            if idler.alarm is not None:
                idler.alarm.cancel()

    def _set_alarm(self, idler: _Idle, horizon: Mapping[Work, float]) -> None:
        due = horizon.get(idler.kind, math.inf)
        if idler.kind is Work.TIDY:
            due -= self.wall.offset.total_seconds()
        if self._every_poll:
            due = self._world.elapsed
        if due == idler.due and idler.alarm is not None:
            return
        idler.due = due
        looks_at = self._look_after(idler, due)
        if looks_at == idler.looks_at:
            return
        if idler.alarm is not None:
            idler.alarm.cancel()
            idler.alarm = None
        idler.looks_at = looks_at
        if looks_at < math.inf:
            # In the waiter's own context: a paused process does not hear its alarm.
            idler.alarm = self._world.loop.call_at(looks_at, _ring, idler, context=idler.context)

    def _look_after(self, idler: _Idle, due: float) -> float:
        """Return the first of its polls that is not before the due time, nor in the past."""
        if due == math.inf:
            return due
        earliest = max(due, self._world.elapsed)
        looks = math.ceil((earliest - idler.began) / idler.longest - _SLACK)
        return idler.began + max(1, looks) * idler.longest


def _ring(idler: _Idle) -> None:
    if not idler.woken.done():
        idler.woken.set_result(None)
