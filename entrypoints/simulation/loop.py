"""The scheduler: an event loop without I/O, whose time is virtual and whose order is a seed's.

When nothing is ready, time jumps to the next timer. What runs belongs to an owner, a process of the
simulation, which can be stopped for a while or die at any of its awaits.
"""

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any, TypeVar

Result = TypeVar("Result")

MOST_TURNS = 2_000_000
"""Callbacks in one run, before it counts as one that never ends."""
_MASK = (1 << 64) - 1
_CLEANING_ROUNDS = 50


class Owner:
    """A process as the scheduler sees it.

    fuse: instead of this callback from now it burns, 0 for never. turns counts its callbacks.
    drains_until: the virtual second before which it cuts off no call, once it is told to stop.
    """

    def __init__(self) -> None:
        self.dead = False
        self.paused = False
        self.held: list[Turn] = []
        self.fuse = 0
        self.turns = 0
        self.drains_until = 0.0

    def burnt(self) -> None:
        """Do what the fuse was for."""
        self.die()

    def die(self) -> None:
        """Take note that nothing of it will ever run again; `held` keeps what it would have run."""
        self.dead = True


OWNER: ContextVar[Owner | None] = ContextVar("owner", default=None)
"""To whom the running code belongs; None is the world outside of the service."""


class Turn(asyncio.TimerHandle):
    """A callback that waits for its turn, or for its time."""

    __slots__ = ("owner",)

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[object, ...],
        context: Context,
        when: float,
    ) -> None:
        self._callback = callback
        self._args = args
        self._context = context
        self._cancelled = False
        self._when = when
        self.owner = context.get(OWNER)

    def cancel(self) -> None:
        """Never run."""
        self._cancelled = True

    def take(self) -> None:
        """Run the callback in its own context."""
        self._context.run(self._callback, *self._args)

    def __repr__(self) -> str:
        return f"<Turn {self._callback!r}>"


class NumberedTask(asyncio.Task[Any]):
    """A task whose hash is its number: sets of tasks have the same order in every run."""

    def __init__(
        self,
        number: int,
        coro: Coroutine[Any, Any, Any],
        loop: "SimulatedLoop",
        context: Context | None,
    ) -> None:
        # Before the rest: asyncio puts a task into a set while it is made.
        self.number = number
        super().__init__(coro, loop=loop, name=f"t{number}", context=context)

    def __hash__(self) -> int:
        return self.number


class NothingLeft(Exception):
    """Nobody is ready and no timer is set: everybody waits for somebody else."""


class NeverEnds(Exception):
    """More callbacks were run than any run needs."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """An event loop in virtual seconds from 0.

    chance picks who is next among the ready; `shuffle` (0 to 1) is how often it does, otherwise
    they run in order. `checksum` tells two orders apart.
    """

    def __init__(self, chance: Random, shuffle: float = 1.0) -> None:
        super().__init__()
        self._random = chance.random
        self._shuffle = shuffle
        self._waiting: list[Turn] = []
        self._timers: list[tuple[float, int, Turn]] = []
        self._elapsed = 0.0
        self._made = 0
        self._tasks: list[NumberedTask] = []
        self._buried: list[Turn] = []
        self._stopped: dict[Owner, None] = {}
        self.turns = 0
        self.checksum = 0
        self.halted = False
        self.faults: list[dict[str, Any]] = []

    def time(self) -> float:
        """Return the virtual seconds since the start."""
        return self._elapsed

    def get_debug(self) -> bool:
        """Return False: asyncio's debug mode looks at the real clock."""
        return False

    def call_soon(
        self, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> Turn:
        """Have a callback run at the present time."""
        turn = Turn(callback, args, context or copy_context(), self._elapsed)
        self._waiting.append(turn)
        return turn

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: object,
        context: Context | None = None,
    ) -> Turn:
        """Have a callback run after this many seconds."""
        return self.call_at(self._elapsed + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: object,
        context: Context | None = None,
    ) -> Turn:
        """Have a callback run at a time."""
        turn = Turn(callback, args, context or copy_context(), max(when, self._elapsed))
        self._made += 1
        heapq.heappush(self._timers, (turn.when(), self._made, turn))
        return turn

    def create_task(  # type: ignore[override]  # our coroutines are no generators
        self,
        coro: Coroutine[Any, Any, Result],
        *,
        context: Context | None = None,
        **_: object,
    ) -> asyncio.Task[Result]:
        """Return a task whose place in sets is the same in every run."""
        number = len(self._tasks) + 1
        task = NumberedTask(number, coro, self, context)
        # Tasks of earlier runs have the same hash: in one set of all they would be in the way.
        asyncio._unregister_task(task)  # noqa: SLF001 -- documented for those who extend asyncio
        self._tasks.append(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what nobody was told."""
        if "was destroyed" not in context.get("message", ""):
            self.faults.append(context)

    def run(self, main: Coroutine[Any, Any, Result]) -> Result | None:
        """Run until `main` is done; return its result, or None when the loop was halted.

        Raises what `main` raised, NothingLeft or NeverEnds.
        """
        asyncio._set_running_loop(self)  # noqa: SLF001 -- what every event loop does
        try:
            task = self.create_task(main, context=copy_context())
            turn = self._turn
            while not task.done() and not self.halted:
                turn()
            return task.result() if task.done() else None
        finally:
            asyncio._set_running_loop(None)  # noqa: SLF001

    def unheard(self) -> list[BaseException]:
        """Return the exceptions that tasks ended with and nobody asked them for."""
        return [
            fault
            for task in self._tasks
            # Asking for an exception, as everybody does who waits for a task, clears the mark.
            if task._log_traceback and (fault := task.exception()) is not None  # noqa: SLF001
        ]

    def clean(self) -> None:
        """End every task, also those of the dead, and close: nothing is left for the collector."""
        asyncio._set_running_loop(self)  # noqa: SLF001
        try:
            self._waiting.extend(turn for owner in self._stopped for turn in owner.held)
            self._waiting.extend(self._buried)
            for _ in range(_CLEANING_ROUNDS):
                # What has never run first: a coroutine must begin before it can be cancelled.
                self._run_ready()
                left = [task for task in self._tasks if not task.done()]
                if not left:
                    break
                for task in left:
                    task.cancel()
        finally:
            asyncio._set_running_loop(None)  # noqa: SLF001
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.exception()
        self._tasks.clear()
        self.close()

    def _run_ready(self) -> None:
        while self._waiting:
            turns, self._waiting = self._waiting, []
            for turn in turns:
                if not turn.cancelled():
                    turn.take()

    def _turn(self) -> None:
        ready = self._waiting
        if not ready:
            self._jump()
        number = len(ready)
        place = 0
        if number > 1 and self._random() < self._shuffle:
            place = int(self._random() * number)
            self.checksum = (self.checksum * 1_000_003 + place + number) & _MASK
        turn = ready.pop(place)
        if turn._cancelled:  # noqa: SLF001 -- our own class
            return
        owner = turn.owner
        if owner is not None and not self._may_run(owner, turn):
            return
        self.turns += 1
        if self.turns > MOST_TURNS:
            raise NeverEnds
        turn.take()

    def _may_run(self, owner: Owner, turn: Turn) -> bool:
        if not (owner.dead or owner.paused):
            owner.turns += 1
            if not owner.fuse:
                return True
            owner.fuse -= 1
            if owner.fuse:
                return True
            owner.burnt()
        if owner.dead:
            self._buried.append(turn)
        elif owner.paused:
            self._stopped[owner] = None
            owner.held.append(turn)
        return False

    def _jump(self) -> None:
        """Let time pass until somebody is ready."""
        timers = self._timers
        while timers:
            when, _, turn = heapq.heappop(timers)
            if turn.cancelled():
                continue
            self._elapsed = when
            self._waiting.append(turn)
            while timers and timers[0][0] <= when:
                self._waiting.append(heapq.heappop(timers)[2])
            return
        raise NothingLeft

    def release(self, owner: Owner) -> None:
        """Let a paused owner go on with what has piled up."""
        owner.paused = False
        self._stopped.pop(owner, None)
        held, owner.held = owner.held, []
        self._waiting.extend(held)


async def a_turn() -> None:
    """Let others run first: an await at which a process can die."""
    await asyncio.sleep(0)
