"""Runs whose process was killed: they are told as stopped, and the same file goes on."""

from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.memory.statement_file import MemoryStatement
from application.interrupted_runs import INTERRUPTED, TellInterrupted
from application.reconcile import Begun
from domain.runs import RunState
from domain.statement_refusals import ReconciliationRunning
from tests.application.reconciling import OPERATOR, WHOLE, Desk
from tests.statement_books import booked_cash_out, line_of, numbered
from tests.strategies import AFRI, ORANGE

pytestmark = pytest.mark.anyio

SILENT = timedelta(minutes=5, seconds=1)


def a_file(first: int = 1) -> MemoryStatement:
    lines = [line_of(booked_cash_out(number)) for number in range(first, first + 5)]
    return MemoryStatement(numbered(lines))


def look_at(desk: Desk) -> TellInterrupted:
    world = desk.world
    return TellInterrupted(world.units, world.clock, world.chance)


async def begun_and_killed(desk: Desk, provider: str = ORANGE) -> Begun:
    """Begin a run as a process does that is killed before it reads a line."""
    return await desk.reconcile.begin(OPERATOR, provider, a_file(), period=WHOLE)


def states(desk: Desk) -> list[tuple[str, RunState, str]]:
    return [(run.provider, run.state, run.detail) for run in desk.world.store.runs.values()]


async def test_a_run_that_still_has_its_lease_is_left_alone() -> None:
    desk = Desk()
    await begun_and_killed(desk)
    desk.world.clock.advance(timedelta(minutes=4))
    assert await look_at(desk)() == 0
    assert states(desk) == [(ORANGE, RunState.RUNNING, "")]
    with pytest.raises(ReconciliationRunning):
        await begun_and_killed(desk)


async def test_a_run_that_was_killed_is_told_as_interrupted_when_its_lease_is_over() -> None:
    desk = Desk()
    await begun_and_killed(desk)
    await begun_and_killed(desk, AFRI)
    desk.world.clock.advance(SILENT)
    look = look_at(desk)
    assert await look() == 2
    assert states(desk) == [
        (ORANGE, RunState.STOPPED, INTERRUPTED),
        (AFRI, RunState.STOPPED, INTERRUPTED),
    ]
    (first, _) = desk.world.store.runs.values()
    assert first.finished_at == desk.world.clock.now()
    assert await look() == 0


async def test_the_same_file_goes_on_with_the_run_that_was_interrupted() -> None:
    desk = Desk()
    await desk.books(*[booked_cash_out(number) for number in range(1, 6)])
    killed = await begun_and_killed(desk)
    desk.world.clock.advance(SILENT)
    await look_at(desk)()
    run = await desk.reconcile(OPERATOR, ORANGE, a_file(), period=WHOLE)
    assert (run.id, run.times, run.state) == (killed.run.id, 2, RunState.FINISHED)
    assert (run.tally.matched, run.tally.repeated, run.detail) == (5, 0, "")


async def test_another_file_of_the_provider_tells_it_without_a_worker() -> None:
    desk = Desk()
    await begun_and_killed(desk)
    desk.world.clock.advance(SILENT)
    other = a_file(first=50)
    assert (await desk.reconcile(OPERATOR, ORANGE, other)).state is RunState.FINISHED
    assert {state for _, state, _ in states(desk)} == {RunState.STOPPED, RunState.FINISHED}


async def test_a_process_that_was_only_slow_goes_on_and_has_the_last_word() -> None:
    desk = Desk()
    slow = await begun_and_killed(desk)
    desk.world.clock.advance(SILENT)
    await look_at(desk)()
    run = await desk.reconcile.finish(slow, a_file())
    assert states(desk) == [(ORANGE, run.state, "")]
    assert run.state is RunState.FINISHED


async def test_who_was_overtaken_by_the_same_file_does_not_write_over_it() -> None:
    desk = Desk()
    slow = await begun_and_killed(desk)
    desk.world.clock.advance(SILENT)
    second = await begun_and_killed(desk)
    stopped = await desk.reconcile.finish(slow, a_file())
    assert stopped.state is RunState.STOPPED
    assert list(desk.world.store.runs.values()) == [replace(second.run)]


async def test_a_worker_tells_it_while_it_tidies() -> None:
    desk = Desk()
    await begun_and_killed(desk)
    desk.world.clock.advance(SILENT)
    await desk.world.one.worker.step()
    assert states(desk) == [(ORANGE, RunState.STOPPED, INTERRUPTED)]
