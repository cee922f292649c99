"""What is kept of breaks, on every store."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from application.ports.statements import (
    BreakFilter,
    BreakPlace,
    LineResult,
)
from domain.breaks import Age, BreakState
from domain.statements import BreakKind
from tests.contracts.statement_rows import (
    ONE,
    TWO,
    a_break,
    a_run,
    begin,
    find,
    judge,
    ours,
    shown,
    staged,
)
from tests.contracts.stores import Store
from tests.statement_books import booked_of, line_of
from tests.strategies import AFRI, NOW, ORANGE

pytestmark = pytest.mark.anyio


async def test_a_break_is_one_however_often_it_is_found(store: Store) -> None:
    await begin(store, a_run(), a_run(TWO))
    first = a_break(1)
    await find(store, first)
    again = replace(first, id=UUID(int=7_000), run_id=TWO, line=99)
    await find(store, again, a_break(2), run_id=TWO)
    await find(store, again, run_id=TWO)
    assert await shown(store, run_id=ONE) == [first]
    assert await shown(store, run_id=TWO) == [first, a_break(2)]
    async with store.units.begin() as unit:
        counted = await unit.statements.open_breaks([ONE, TWO, UUID(int=77)])
        assert dict(counted) == {ONE: 1, TWO: 2}


async def test_breaks_are_narrowed_and_paged_oldest_money_first(store: Store) -> None:
    other = a_run(TWO, provider=AFRI)
    await begin(store, a_run(), other)
    booked = ours(1)[0]
    found = [
        a_break(1, at=NOW),
        a_break(2, at=NOW - timedelta(days=2)),
        a_break(3, kind=BreakKind.DUPLICATE, cash_out_id=booked.id, here=booked.amount),
        a_break(4, other, at=NOW - timedelta(days=9), there=None),
    ]
    await find(store, *found)
    by_time = sorted(found, key=lambda each: (each.at, each.id))
    assert await shown(store) == by_time
    assert await shown(store, provider=AFRI) == [found[3]]
    assert await shown(store, kind=BreakKind.DUPLICATE) == [found[2]]
    assert await shown(store, cash_out_id=booked.id) == [found[2]]
    assert await shown(store, state=BreakState.RESOLVED) == []
    assert await shown(store, state=BreakState.OPEN, provider=ORANGE, run_id=ONE) == by_time[1:]
    async with store.units.begin() as unit:
        place = BreakPlace(by_time[1].at, by_time[1].id)
        assert await unit.statements.breaks(BreakFilter(), 1, place) == [by_time[2]]


async def test_open_breaks_are_counted_by_age(store: Store) -> None:
    await begin(store, a_run(), a_run(TWO, rehearsal=True))
    days = {1: 0.5, 2: 1, 3: 2.9, 4: 3, 5: 6.9, 6: 7, 7: 400, 8: -1}
    found = [a_break(n, at=NOW - timedelta(days=each)) for n, each in days.items()]
    await find(store, *found)
    await find(store, a_break(20, a_run(TWO, rehearsal=True)), run_id=TWO)
    async with store.units.begin() as unit:
        await unit.statements.change(found[6].explained("known", "olive", NOW))
        counted = await unit.statements.ageing(None, NOW)
        assert dict(counted) == {Age.FRESH: 2, Age.DAYS: 2, Age.WEEK: 2, Age.OLDER: 1}
        assert dict(await unit.statements.ageing(AFRI, NOW)) == {}
        assert dict(await unit.statements.ageing(ORANGE, NOW)) == dict(counted)


async def test_what_became_of_a_break_is_kept_and_finding_it_again_changes_nothing(
    store: Store,
) -> None:
    await begin(store, a_run())
    await find(store, a_break(1))
    explained = a_break(1).explained("It is tomorrow's.", "olive", NOW)
    async with store.units.begin() as unit:
        assert await unit.statements.one_break(explained.id) == a_break(1)
        await unit.statements.change(explained)
        assert await unit.statements.one_break(TWO) is None
    await find(store, a_break(1))
    assert await shown(store) == [explained]


async def test_what_a_run_sees_in_agreement_is_resolved_and_reopens_when_found_again(
    store: Store,
) -> None:
    await begin(store, a_run(), a_run(TWO))
    cash_outs = ours(3)
    lines = [line_of(each) for each in cash_outs]
    finder = a_run().finder(NOW)
    missing = finder.without_line(UUID(int=6_001), booked_of(cash_outs[0]))
    of_line = a_break(2)
    untouched = a_break(3)
    explained = a_break(4).explained("known", "olive", NOW)
    await find(store, missing, of_line, untouched, explained)
    async with store.units.begin() as unit:
        await unit.statements.change(explained)
    await staged(store, lines, a_run(TWO))
    for line, cash_out in zip(lines[:2], cash_outs, strict=False):
        await judge(store, line, cash_out, LineResult.MATCHED, TWO)
    await judge(store, lines[2], cash_outs[2], LineResult.BROKEN, TWO)
    async with store.units.begin() as unit:
        assert await unit.statements.resolve(TWO, AFRI, NOW) == 0
        assert await unit.statements.resolve(TWO, ORANGE, NOW) == 2
        assert await unit.statements.resolve(TWO, ORANGE, NOW) == 0
    states = {each.id: (each.state, each.changed_at) for each in await shown(store)}
    assert states == {
        missing.id: (BreakState.RESOLVED, NOW),
        of_line.id: (BreakState.RESOLVED, NOW),
        untouched.id: (BreakState.OPEN, None),
        explained.id: (BreakState.EXPLAINED, NOW),
    }
    await find(store, missing, run_id=TWO)
    async with store.units.begin() as unit:
        again = await unit.statements.one_break(missing.id)
        assert again is not None
        assert again.state is BreakState.OPEN
        assert await unit.statements.resolve(TWO, ORANGE, NOW) == 0
