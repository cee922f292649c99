"""Matched lines are removed in time; what somebody still has to look at is not, on every store."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from application.ports.statements import LineResult
from domain.breaks import Break, BreakState
from domain.cash_out import CashOut
from domain.money import Money
from domain.runs import Run, RunState
from domain.statements import MOST_WINDOW, BreakKind
from tests.contracts.statement_rows import (
    ONE,
    TWO,
    a_break,
    a_run,
    begin,
    find,
    judge,
    ours,
    staged,
)
from tests.contracts.stores import Store
from tests.statement_books import FIRST, keep, line_of
from tests.strategies import AFRI, NOW, XOF

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(days=1)
DONE: dict[str, Any] = {"state": RunState.FINISHED, "finished_at": NOW}


async def _pruned(store: Store, most: int = 100) -> int:
    async with store.units.begin() as unit:
        return await unit.statements.prune(LATER, most)


async def _left(store: Store, run: Run) -> list[int]:
    async with store.units.begin() as unit:
        return sorted(each.line.number for each in await unit.statements.lines(run.id, 100))


async def _matched(store: Store, run: Run, cash_outs: list[CashOut]) -> None:
    await begin(store, run)
    lines = [line_of(each) for each in cash_outs]
    await staged(store, lines, run)
    for line, cash_out in zip(lines, cash_outs, strict=True):
        await judge(store, line, cash_out, LineResult.MATCHED, run.id)


async def test_matched_lines_of_an_old_run_are_removed_and_the_run_stays(store: Store) -> None:
    cash_outs = ours(3)
    await keep(store.units, cash_outs)
    run = a_run(**DONE)
    await _matched(store, run, cash_outs)
    assert await _pruned(store) == 3
    assert await _left(store, run) == []
    assert await _pruned(store) == 0
    async with store.units.begin() as unit:
        assert await unit.statements.run(ONE) == replace(run, pruned=True)


@pytest.mark.parametrize(
    "fields",
    [
        {"state": RunState.RUNNING},
        {"state": RunState.STOPPED, "finished_at": NOW},
        {"state": RunState.FINISHED, "finished_at": LATER},
        {**DONE, "rehearsal": True},
    ],
    ids=["running", "stopped", "not old", "a rehearsal"],
)
async def test_lines_of_other_runs_stay(store: Store, fields: dict[str, Any]) -> None:
    cash_outs = ours(2)
    await keep(store.units, cash_outs)
    run = a_run(TWO, **fields)
    await _matched(store, run, cash_outs)
    assert await _pruned(store) == 0
    assert await _left(store, run) == [1, 2]


async def test_what_is_broken_loose_or_not_judged_stays(store: Store) -> None:
    cash_outs = ours(4)
    await keep(store.units, cash_outs)
    run = a_run(**DONE)
    await _matched(store, run, cash_outs)
    await judge(store, line_of(cash_outs[0]), cash_outs[0], LineResult.BROKEN)
    await judge(store, line_of(cash_outs[1]), None, LineResult.LOOSE)
    assert await _pruned(store) == 2
    assert await _left(store, run) == [1, 2]


async def test_a_line_about_which_a_break_is_open_stays_until_it_is_explained(store: Store) -> None:
    cash_outs = ours(4)
    await keep(store.units, cash_outs)
    run = a_run(**DONE)
    await _matched(store, run, cash_outs)
    of_line = a_break(1)
    of_cash_out = replace(a_break(9), cash_out_id=cash_outs[1].id)
    explained = replace(a_break(3), state=BreakState.EXPLAINED, changed_at=NOW, note="ours")
    assert of_line.digest == line_of(cash_outs[0]).digest
    await find(store, of_line, of_cash_out, explained)
    assert await _pruned(store) == 2
    assert await _left(store, run) == [1, 2]
    async with store.units.begin() as unit:
        for each in (of_line, of_cash_out):
            closed = replace(each, state=BreakState.EXPLAINED, changed_at=NOW, note="ours")
            await unit.statements.change(closed)
    assert await _pruned(store) == 2
    assert await _left(store, run) == []


def _unknown(cash_out: CashOut, **fields: Any) -> Break:  # noqa: ANN401 -- handed on to a dataclass
    """Return the break that a payment of the same amount is which names nothing of ours."""
    return replace(a_break(70), reference=None, there=cash_out.amount, **fields)


@pytest.mark.parametrize("apart", [MOST_WINDOW, -MOST_WINDOW, timedelta(0)])
async def test_a_line_whose_cash_out_an_unknown_payment_may_be_about_stays_until_that_is_explained(
    store: Store, apart: timedelta
) -> None:
    cash_outs = ours(3)
    await keep(store.units, cash_outs)
    run = a_run(**DONE)
    await _matched(store, run, cash_outs)
    unknown = _unknown(cash_outs[1], at=cash_outs[1].created_at + apart)
    await find(store, unknown)
    assert (await _pruned(store), await _left(store, run)) == (2, [2])
    assert await _pruned(store) == 0
    async with store.units.begin() as unit:
        closed = replace(unknown, state=BreakState.EXPLAINED, changed_at=NOW, note="ours")
        await unit.statements.change(closed)
    assert (await _pruned(store), await _left(store, run)) == (1, [])


@pytest.mark.parametrize(
    "fields",
    [
        {"reference": "SOMEBODYS-0001"},
        {"provider": AFRI},
        {"there": Money(7, XOF)},
        {"kind": BreakKind.STATUS_DIFFERS},
        {"at": FIRST + timedelta(seconds=1) + MOST_WINDOW + timedelta(microseconds=1)},
        {"at": FIRST + timedelta(seconds=1) - MOST_WINDOW - timedelta(microseconds=1)},
    ],
    ids=["another's reference", "another provider", "another amount", "known", "later", "earlier"],
)
async def test_a_line_that_an_open_break_cannot_be_about_is_removed(
    store: Store, fields: dict[str, Any]
) -> None:
    cash_outs = ours(1)
    await keep(store.units, cash_outs)
    await _matched(store, a_run(**DONE), cash_outs)
    await find(store, replace(_unknown(cash_outs[0], at=FIRST), **fields))
    assert await _pruned(store) == 1


async def test_a_round_removes_lines_of_the_run_that_finished_first(store: Store) -> None:
    cash_outs = ours(5)
    await keep(store.units, cash_outs)
    later, earlier = a_run(**DONE), a_run(TWO, **{**DONE, "finished_at": NOW - timedelta(days=1)})
    await _matched(store, later, cash_outs[:3])
    await _matched(store, earlier, cash_outs[3:])
    rounds = [(await _pruned(store), await _left(store, earlier)) for _ in range(3)]
    assert rounds == [(2, []), (3, []), (0, [])]


async def test_lines_are_removed_in_bounded_rounds(store: Store) -> None:
    cash_outs = ours(5)
    await keep(store.units, cash_outs)
    await _matched(store, a_run(**DONE), cash_outs)
    assert [await _pruned(store, 2) for _ in range(4)] == [2, 2, 1, 0]
