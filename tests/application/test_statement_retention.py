"""Matched lines are removed by housekeeping, and the same file comes to the same afterwards."""

from datetime import timedelta

import pytest

from application.housekeeping import SHORTEST_STATEMENTS, PruneBoxes, Retention
from domain.cash_out import Action, Plan
from domain.runs import RunState
from domain.states import Status
from tests.application.reconciling import Desk
from tests.statement_books import booked_cash_out, line_of
from tests.strategies import NOW

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


def test_lines_are_kept_for_longer_than_two_statements_of_a_month() -> None:
    with pytest.raises(ValueError, match="for 90 days at least"):
        Retention(statements=SHORTEST_STATEMENTS - timedelta(seconds=1))
    assert Retention(statements=SHORTEST_STATEMENTS).statements > timedelta(days=2 * 31)
