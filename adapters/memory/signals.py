"""Hints inside one process: who waits for work or for a change is told at once."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID
from weakref import WeakKeyDictionary

from application.ports import Clock, Work

MOST_WAITING = 10_000
"""Callers that may wait for changes at once; the ones beyond sleep their time out untold."""
MOST_REMEMBERED = 4_096
"""Changes that nobody waited for, kept so that a waiter who comes a moment later is not late."""


class Signals:
    """Implements `Nudge`, `Waiting` and `Hearing`.

    A hint may be lost when a bound is met: that costs time.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        most_waiting: int = MOST_WAITING,
        most_remembered: int = MOST_REMEMBERED,
    ) -> None:
        self._clock = clock
        self._most_waiting = most_waiting
        self._most_remembered = most_remembered
        self._nudges = dict.fromkeys(Work, 0)
        self._idle: dict[Work, list[asyncio.Future[None]]] = {kind: [] for kind in Work}
        self._seen: WeakKeyDictionary[asyncio.Task[object], dict[Work, int]] = WeakKeyDictionary()
        self._callers: dict[UUID, list[asyncio.Future[None]]] = {}
        self._hearers: dict[UUID, list[Callable[[], None]]] = {}
        self._waiting = 0
        self._missed: OrderedDict[UUID, None] = OrderedDict()

    def work(self, *kinds: Work) -> None:
        """Tell the workers that something of these kinds is due."""
        for kind in kinds:
            self._nudges[kind] += 1
            _wake(self._idle[kind])

    def changed(self, ids: Sequence[UUID]) -> None:
        """Tell those who wait for these cash-outs, or the next who asks."""
        for cash_out_id in ids:
            for told in self._hearers.get(cash_out_id, ()):
                told()
            waiting = self._callers.pop(cash_out_id, None)
            if waiting is not None:
                _wake(waiting)
                continue
            self._missed[cash_out_id] = None
            self._missed.move_to_end(cash_out_id)
            if len(self._missed) > self._most_remembered:
                self._missed.popitem(last=False)

    def hear(self, cash_out_id: UUID, told: Callable[[], None]) -> Callable[[], None]:
        """Have `told` called whenever this cash-out may have changed; return what ends it."""
        self._hearers.setdefault(cash_out_id, []).append(told)

        def no_more() -> None:
            hearers = self._hearers.get(cash_out_id, [])
            if told in hearers:
                hearers.remove(told)
            if not hearers:
                self._hearers.pop(cash_out_id, None)

        return no_more

    async def for_work(self, kind: Work, longest: timedelta) -> None:
        """Return when nudged for this kind since this task's last wait, or after the longest wait.

        A task's first wait counts every nudge there ever was.
        """
        seen = self._seen_by_this_task()
        if seen.get(kind, 0) == self._nudges[kind]:
            await self._wait(self._idle[kind], longest)
        seen[kind] = self._nudges[kind]

    async def for_change(self, cash_out_id: UUID, longest: timedelta) -> None:
        """Return when this cash-out may have changed, or after the longest wait."""
        if cash_out_id in self._missed:
            del self._missed[cash_out_id]
            return
        if self._waiting >= self._most_waiting:
            await self._clock.sleep(longest)
            return
        self._waiting += 1
        try:
            await self._wait(self._callers.setdefault(cash_out_id, []), longest)
        finally:
            self._waiting -= 1
            if not self._callers.get(cash_out_id, [None]):
                del self._callers[cash_out_id]

    def _seen_by_this_task(self) -> dict[Work, int]:
        task = asyncio.current_task()
        if task is None:
            message = "only a task can wait"
            raise RuntimeError(message)
        return self._seen.setdefault(task, {})

    async def _wait(self, among: list[asyncio.Future[None]], longest: timedelta) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        among.append(woken)
        alarm = asyncio.ensure_future(self._clock.sleep(longest))
        try:
            await asyncio.wait({woken, alarm}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            alarm.cancel()
            if woken in among:
                among.remove(woken)


def _wake(waiting: list[asyncio.Future[None]]) -> None:
    for woken in waiting:
        if not woken.done():
            woken.set_result(None)
    waiting.clear()
