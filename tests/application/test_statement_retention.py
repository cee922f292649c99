"""Matched lines are removed by housekeeping, and the same file comes to the same afterwards."""

from datetime import timedelta

import pytest

from adapters.memory.faults import Trouble, TroubledUnits
from adapters.memory.statement_file import MemoryStatement
from adapters.memory.units import MemoryUnits
from application.housekeeping import SHORTEST_STATEMENTS, STATEMENTS_REST, PruneBoxes, Retention
from application.ports import StorageUnavailable
from domain.breaks import BreakState
from domain.cash_out import Action, Plan
from domain.runs import Period, Run, RunState
from domain.statements import BreakKind
from domain.states import Status
from tests.application.reconciling import OPERATOR, Desk
from tests.statement_books import FIRST, booked_cash_out, line_of, numbered
from tests.strategies import NOW, ORANGE

pytestmark = pytest.mark.anyio


async def test_the_same_file_after_its_lines_were_removed_comes_to_the_same() -> None:
    desk = Desk()
    paid = [booked_cash_out(number, Status.COMPLETED) for number in range(1, 10)]
    waiting = booked_cash_out(10, Status.PROCESSING, plan=Plan(Action.ASK, NOW))
    await desk.books(*paid, waiting)
    lines = [line_of(each) for each in (*paid, waiting)]
    first = await desk.run(lines)
    assert (first.tally.matched, first.tally.settled) == (10, 1)
    ended, evidence = desk.now(waiting), dict(desk.world.store.evidence.items())
    prune = PruneBoxes(desk.world.units, desk.world.clock, largest=4)
    desk.world.clock.advance(prune.retention.statements - timedelta(minutes=1))
    await prune()
    assert len(desk.world.store.lines) == 10
    desk.world.clock.advance(timedelta(days=1))
    rounds = [await prune() for _ in range(4)]
    assert rounds == [4, 4, 2, 0]
    again = await desk.run(lines)
    assert (again.id, again.state, again.times) == (first.id, RunState.FINISHED, 2)
    assert (again.tally.matched, again.tally.settled, again.tally.told) == (10, 0, 0)
    assert again.tally.breaks == {}
    assert desk.now(waiting) == ended
    assert dict(desk.world.store.evidence.items()) == evidence


async def _a_desk_with_old_lines() -> Desk:
    """Return one with three lines and some events that are all old now."""
    desk = Desk()
    await desk.world.ring(await desk.world.sent(), Status.COMPLETED, "1")
    await desk.world.rest()
    paid = [booked_cash_out(number) for number in range(1, 4)]
    await desk.books(*paid)
    await desk.run([line_of(each) for each in paid])
    desk.world.clock.advance(Retention().statements + timedelta(days=1))
    return desk


async def test_where_no_line_is_old_none_is_looked_for_before_ten_minutes_are_over() -> None:
    desk = await _a_desk_with_old_lines()
    units, clock = TroubledUnits(MemoryUnits(desk.world.store)), desk.world.clock
    prune = PruneBoxes(units, clock, largest=2)
    opened = []
    for _ in range(5):
        await prune()
        opened.append(units.opened)
    assert opened == [2, 4, 6, 7, 8], "three looks at lines: two that found some, one that did not"
    clock.advance(STATEMENTS_REST - timedelta(seconds=1))
    await prune()
    assert units.opened == 9
    clock.advance(timedelta(seconds=1))
    await prune()
    assert units.opened == 11


async def test_a_store_that_fails_with_lines_removes_the_rest_and_waits() -> None:
    desk = await _a_desk_with_old_lines()
    units, clock = TroubledUnits(MemoryUnits(desk.world.store)), desk.world.clock
    assert desk.world.store.events
    prune = PruneBoxes(units, clock)
    units.troubles.extend([Trouble.NONE, Trouble.AWAY])
    with pytest.raises(StorageUnavailable):
        await prune()
    assert desk.world.store.events == {}
    assert len(desk.world.store.lines) == 3
    assert await prune() == 0
    clock.advance(STATEMENTS_REST)
    assert await prune() == 3


async def test_a_file_is_not_searched_for_what_stood_in_the_day_before_once_that_is_gone() -> None:
    """Two files of days that touch, both pruned: the second one again finds nothing missing."""
    desk = Desk()
    paid = [booked_cash_out(number) for number in range(1, 11)]
    await desk.books(*paid)
    midnight = paid[5].created_at - timedelta(milliseconds=1)
    days = [Period(FIRST, midnight), Period(midnight, NOW)]
    files = [MemoryStatement(numbered(map(line_of, some))) for some in (paid[:5], paid[5:])]

    async def run(day: int) -> Run:
        return await desk.reconcile(OPERATOR, ORANGE, files[day], period=days[day])

    first = [await run(day) for day in (0, 1)]
    assert [each.tally.breaks for each in first] == [{}, {}]
    desk.world.clock.advance(Retention().statements + timedelta(days=1))
    prune = PruneBoxes(desk.world.units, desk.world.clock)
    assert [await prune() for _ in range(3)] == [5, 5, 0]
    again = [await run(day) for day in (1, 0, 1)]
    assert [each.tally.breaks for each in again] == [{}, {}, {}]
    assert await desk.breaks() == []
    assert not any(each.pruned for each in desk.world.store.runs.values()), "they are whole again"


async def test_an_unknown_payment_is_not_taken_for_what_an_older_file_has_paid() -> None:
    """It may be a second payment: however old both files are, sending one again hides nothing."""
    desk = Desk()
    paid = [booked_cash_out(number) for number in (1, 2)]
    await desk.books(*paid)
    await desk.run([line_of(each) for each in paid])
    late = paid[0].created_at + timedelta(minutes=1)
    lost = line_of(paid[0], at=late, reference=None, provider_transaction_id=None)
    file, period = MemoryStatement(numbered([lost])), Period(late, NOW)
    second = await desk.reconcile(OPERATOR, ORANGE, file, period=period)
    (unknown,) = await desk.breaks(second)
    assert (unknown.kind, unknown.state) == (BreakKind.MISSING_HERE, BreakState.OPEN)
    desk.world.clock.advance(Retention().statements + timedelta(days=1))
    prune = PruneBoxes(desk.world.units, desk.world.clock)
    assert [await prune() for _ in range(2)] == [1, 0]
    assert (await desk.reconcile(OPERATOR, ORANGE, file, period=period)).times == 2
    assert await desk.breaks() == [unknown]


def test_lines_are_kept_for_longer_than_two_statements_of_a_month() -> None:
    with pytest.raises(ValueError, match="for 90 days at least"):
        Retention(statements=SHORTEST_STATEMENTS - timedelta(seconds=1))
    assert Retention(statements=SHORTEST_STATEMENTS).statements > timedelta(days=2 * 31)
