"""Runs and breaks as operators read and explain them, and what others may not."""

from datetime import timedelta

import pytest

from adapters.memory.statement_file import MemoryStatement
from application.callers import Caller, Role
from domain.breaks import LONGEST_NOTE, BreakState
from domain.refusals import Forbidden, InvalidProvider, NotFound
from domain.runs import Period
from domain.statement_refusals import InvalidNote, InvalidStatement
from tests.application.reconciling import OPERATOR, Desk
from tests.statement_books import booked_cash_out, line_of
from tests.strategies import NOW, ORANGE

pytestmark = pytest.mark.anyio


async def test_who_may_not_reconcile_changes_nothing() -> None:
    desk = Desk()
    for caller in (Caller("u"), Caller("v", Role.VIEWER)):
        with pytest.raises(Forbidden):
            await desk.reconcile(caller, ORANGE, MemoryStatement([]))
    with pytest.raises(Forbidden):
        await desk.read.runs(Caller("u"), 10)
    with pytest.raises(InvalidProvider):
        await desk.reconcile(OPERATOR, "nobody", MemoryStatement([]))
    with pytest.raises(InvalidStatement):
        await desk.reconcile(OPERATOR, ORANGE, MemoryStatement([]), period=Period(NOW, NOW))
    assert desk.world.store.runs == {}
    assert desk.world.store.operators_log == {}


async def test_a_break_is_explained_in_the_operators_log() -> None:
    desk, ours = Desk(), [booked_cash_out(1)]
    await desk.books(*ours)
    run = await desk.run([])
    (found,) = await desk.breaks(run)
    with pytest.raises(InvalidNote):
        await desk.explain(OPERATOR, found.id, "  ")
    with pytest.raises(InvalidNote):
        await desk.explain(OPERATOR, found.id, "a\0b")
    with pytest.raises(NotFound):
        await desk.explain(OPERATOR, ours[0].id, "why")
    explained = await desk.explain(OPERATOR, found.id, " It is on tomorrow's statement. ")
    assert (explained.state, explained.note) == (
        BreakState.EXPLAINED,
        "It is on tomorrow's statement.",
    )
    shown = await desk.read.run(OPERATOR, run.id)
    assert (shown.open_breaks, shown.run.tally.open_breaks) == (0, 1)
    assert await desk.read.ageing(OPERATOR) == {}
    again = await desk.run([])
    assert again.tally.open_breaks == 0
    assert again.is_clean
    actions = [each.entry.action for each in desk.world.store.operators_log.values()]
    assert actions == ["statement.reconciled", "break.explained", "statement.reconciled"]


async def test_runs_are_read_newest_first_page_by_page() -> None:
    desk = Desk()
    made = []
    for number in range(5):
        desk.world.clock.advance(timedelta(minutes=1))
        made.append(await desk.run([line_of(booked_cash_out(number + 1))]))
    first = await desk.read.runs(OPERATOR, 3)
    assert [each.run.id for each in first] == [each.id for each in made[:1:-1]]
    assert {each.open_breaks for each in first} == {1}


async def test_an_explanation_is_logged_with_what_was_so_before() -> None:
    desk, ours = Desk(), [booked_cash_out(1)]
    await desk.books(*ours)
    (found,) = await desk.breaks(await desk.run([]))
    desk.world.clock.advance(timedelta(minutes=1))
    note = "n" * LONGEST_NOTE
    first = await desk.explain(OPERATOR, found.id, note)
    await desk.explain(OPERATOR, found.id, "?")
    assert (first.changed_at, first.changed_by) == (desk.world.clock.now(), OPERATOR.name)
    _, one, two = (logged.entry for _, logged in sorted(desk.world.store.operators_log.items()))
    kind = str(found.kind)
    assert one.facts == {"kind": kind, "was": "open", "note": note}
    assert two.facts == {"kind": kind, "was": "explained", "note": "?"}
    for missing in ("break", "run"):
        with pytest.raises(NotFound) as refused:
            await (
                desk.explain(OPERATOR, ours[0].id, "why")
                if missing == "break"
                else desk.read.run(OPERATOR, ours[0].id)
            )
        assert missing in refused.value.message
    with pytest.raises(InvalidNote) as long:
        await desk.explain(OPERATOR, found.id, note + "n")
    assert str(LONGEST_NOTE) in long.value.message
