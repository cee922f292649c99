"""Hints arrive at once, the ones that come a moment early too, and everything is bounded."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from adapters.memory.manual_time import ManualClock
from adapters.memory.signals import Signals
from application.ports import Work

pytestmark = pytest.mark.anyio

LONG = timedelta(hours=1)
THIS, OTHER = UUID(int=1), UUID(int=2)


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_nudge_wakes_every_waiter_of_its_kind_and_no_other() -> None:
    signals = Signals(ManualClock())
    waiters = {
        name: asyncio.create_task(signals.for_work(kind, LONG))
        for name, kind in {"a": Work.SUBMIT, "b": Work.SUBMIT, "c": Work.ASK}.items()
    }
    await settle()
    signals.work(Work.SUBMIT, Work.RELAY)
    await settle()
    assert {name for name, task in waiters.items() if task.done()} == {"a", "b"}
    signals.work(*Work)
    await asyncio.wait(waiters.values())


async def test_a_nudge_while_a_waiter_was_busy_counts_once() -> None:
    signals = Signals(ManualClock())
    rounds: list[int] = []

    async def loop() -> None:
        for number in range(3):
            await signals.for_work(Work.SUBMIT, LONG)
            rounds.append(number)
            if number == 0:
                signals.work(Work.SUBMIT)
                signals.work(Work.SUBMIT)

    signals.work(Work.SUBMIT)
    task = asyncio.create_task(loop())
    await settle()
    assert rounds == [0, 1]
    signals.work(Work.SUBMIT)
    await task
    assert rounds == [0, 1, 2]


async def test_without_a_nudge_a_wait_ends_when_its_time_is_up() -> None:
    clock = ManualClock()
    signals = Signals(clock)
    work = asyncio.create_task(signals.for_work(Work.ASK, timedelta(seconds=2)))
    change = asyncio.create_task(signals.for_change(THIS, timedelta(seconds=3)))
    await settle()
    clock.advance(timedelta(seconds=2))
    await settle()
    assert (work.done(), change.done()) == (True, False)
    clock.advance(timedelta(seconds=1))
    await asyncio.wait({change}, timeout=5)
    assert change.done()
    assert clock.until_next() is None


async def test_a_change_wakes_those_who_wait_for_it() -> None:
    signals = Signals(ManualClock())
    ours = [asyncio.create_task(signals.for_change(THIS, LONG)) for _ in range(2)]
    others = asyncio.create_task(signals.for_change(OTHER, LONG))
    await settle()
    signals.changed([THIS])
    await settle()
    assert [task.done() for task in ours] == [True, True]
    assert not others.done()
    signals.changed([OTHER])
    await others


async def test_a_change_just_before_the_wait_is_not_missed_and_counts_once() -> None:
    signals = Signals(ManualClock())
    signals.changed([THIS, THIS])
    await signals.for_change(THIS, LONG)
    again = asyncio.create_task(signals.for_change(THIS, LONG))
    await settle()
    assert not again.done()
    signals.changed([THIS])
    await again


async def test_only_so_many_changes_are_remembered() -> None:
    signals = Signals(ManualClock(), most_remembered=2)
    signals.changed([UUID(int=number) for number in (1, 2, 3)])
    late = asyncio.create_task(signals.for_change(UUID(int=1), LONG))
    await settle()
    assert not late.done()
    await signals.for_change(UUID(int=2), LONG)
    await signals.for_change(UUID(int=3), LONG)
    signals.changed([UUID(int=1)])
    await late


async def test_who_comes_when_too_many_wait_sleeps_its_time_out() -> None:
    clock = ManualClock()
    signals = Signals(clock, most_waiting=1)
    first = asyncio.create_task(signals.for_change(THIS, LONG))
    await settle()
    second = asyncio.create_task(signals.for_change(THIS, timedelta(seconds=1)))
    await settle()
    signals.changed([THIS])
    await settle()
    assert (first.done(), second.done()) == (True, False)
    clock.advance(timedelta(seconds=1))
    await second


async def test_a_waiter_that_goes_away_leaves_nothing_behind() -> None:
    clock = ManualClock()
    signals = Signals(clock)
    task = asyncio.create_task(signals.for_change(THIS, LONG))
    await settle()
    task.cancel()
    await asyncio.wait({task})
    await settle()
    assert signals._callers == {}
    assert signals._waiting == 0
    assert clock.until_next() is None


async def test_only_a_task_can_wait_for_work() -> None:
    signals = Signals(ManualClock())
    wait = signals.for_work(Work.ASK, LONG)
    failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def outside_of_any_task() -> None:
        try:
            wait.send(None)
        except RuntimeError as refused:
            failed.set_result(str(refused))

    asyncio.get_running_loop().call_soon(outside_of_any_task)
    assert await failed == "only a task can wait"
