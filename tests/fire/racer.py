"""A process that races for the limits: `python -m tests.fire.racer ARGUMENTS-AS-JSON`.

It asks for its share of the orders, many at once, and all the while cancels some cash-outs, its own
and the others', and hears of some that they failed. What it was told was taken, it writes down.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec

from application.callers import Caller
from application.ports import Conflict, HistoryFilter, Overloaded, StorageUnavailable
from application.request_cash_out import Taken
from domain.cash_out import CashOut
from domain.refusals import TooLateToCancel
from domain.states import Status
from entrypoints.container import Service
from entrypoints.logs import set_up_logs
from tests.fire.clock import Progress, RaceClock
from tests.fire.orders import USERS, Fate, fate_of, order, share_of
from tests.fire.stand import hear, standing

AT_ONCE = 40
"""Requests that one racer has under way."""
UNDONE_AT_ONCE = 20
_BREATH_S = 0.02


class Task(msgspec.Struct, frozen=True):
    """What a racer is told. skew_s: how far its clock is off. parent: who started it."""

    url: str
    folder: str
    seed: int
    racer: int
    racers: int
    requests: int
    total: int
    skew_s: float
    parent: int

    @property
    def taken_log(self) -> Path:
        """The file of the ids that it was told were taken."""
        return Path(self.folder) / f"taken-{self.racer}.log"

    @property
    def progress(self) -> Path:
        """The file of what all have done."""
        return progress_file(Path(self.folder))


def progress_file(folder: Path) -> Path:
    """Return where a race's progress is."""
    return folder / "progress"


class Racer:
    """One process's part of the race."""

    def __init__(self, task: Task, service: Service, progress: Progress, log: int) -> None:
        self._task = task
        self._service = service
        self._progress = progress
        self._log = log
        self._racing = True
        self.tally: Counter[str] = Counter()

    async def race(self) -> None:
        """Ask for all that is left of the share, while others are undone."""
        task = self._task
        mine = share_of(task.seed, task.racer, task.racers, task.requests)
        left = iter(mine[self._progress.of(task.racer) :])
        undoing = asyncio.create_task(self._undo())
        await asyncio.gather(*(self._ask_in_turn(left) for _ in range(AT_ONCE)))
        self._racing = False
        await undoing

    async def _ask_in_turn(self, left: Iterator[int]) -> None:
        for number in left:
            await self._ask(number)
            self._progress.done(self._task.racer)

    async def _ask(self, number: int) -> None:
        try:
            answer = await self._service.request(order(self._task.seed, number))
        except (StorageUnavailable, Overloaded) as fault:
            self.tally[type(fault).__name__] += 1
            return
        if isinstance(answer, Taken):
            # Straight to the kernel: what we were told survives a kill, as it does at a client.
            os.write(self._log, f"{answer.cash_out.id}\n".encode())
            self.tally["replayed" if answer.replayed else "taken"] += 1
        else:
            self.tally[answer.code] += 1

    async def _undo(self) -> None:
        while self._racing:
            if os.getppid() != self._task.parent:
                sys.exit("the race was given up")
            for user in USERS:
                open_now = HistoryFilter(user, status=Status.PENDING)
                page = await self._service.reader.history(open_now, 60)
                await self._end_some(page.cash_outs)
            await asyncio.sleep(_BREATH_S)

    async def _end_some(self, cash_outs: tuple[CashOut, ...]) -> None:
        doomed = [each for each in cash_outs if fate_of(each.id, each.user_id) is not Fate.STAYS]
        await asyncio.gather(*(self._end(each) for each in doomed[:UNDONE_AT_ONCE]))

    async def _end(self, cash_out: CashOut) -> None:
        fate = fate_of(cash_out.id, cash_out.user_id)
        if fate is Fate.CONTESTED:
            fate = (Fate.CANCELLED, Fate.FAILED)[self._task.racer % 2]
        try:
            if fate is Fate.CANCELLED:
                await self._service.cancel(Caller(cash_out.user_id), cash_out.id)
            else:
                status = Status.COMPLETED if fate is Fate.PAID else Status.FAILED
                await hear(self._service, cash_out, status)
        except (TooLateToCancel, Conflict, StorageUnavailable, Overloaded) as fault:
            self.tally[f"end: {type(fault).__name__}"] += 1
        else:
            self.tally[f"end: {fate}"] += 1


async def run(task: Task) -> Counter[str]:
    """Race, and return how often what happened."""
    log = os.open(task.taken_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        with Progress(task.progress, task.racers, task.total) as progress:
            clock = RaceClock(progress, timedelta(seconds=task.skew_s))
            async with standing(task.url, Path(task.folder), clock) as service:
                racer = Racer(task, service, progress, log)
                await racer.race()
                return racer.tally
    finally:
        os.close(log)


if __name__ == "__main__":
    set_up_logs("warning", pretty=False)
    done = asyncio.run(run(msgspec.json.decode(sys.argv[1], type=Task)))
    sys.stdout.write(msgspec.json.encode(done).decode())
