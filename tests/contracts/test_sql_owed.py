"""What a unit writes is said in one statement at its end, and means what it meant one by one."""

import contextlib
from uuid import UUID

import pytest

from adapters.sql import cash_out_statements as sql
from adapters.sql.direct import direct
from adapters.sql.owed import together
from adapters.sql.sets import MOST_AT_ONCE
from application.ports import Conflict
from tests.contracts.stores import (
    REFUSED_AS_A_BUG,
    Store,
    a_new,
    changed,
    in_database,
    put,
    some_new,
)
from tests.strategies import NOW

pytestmark = pytest.mark.anyio

SAVE, PIECES = (direct(each) for each in (sql.save("postgresql"), sql.PIECES.insert("postgresql")))


def test_statements_said_together_have_places_of_their_own() -> None:
    text = together(((SAVE, True), (PIECES, False)))
    assert text.startswith(f"WITH w0 AS ({SAVE.text} RETURNING 1), w1 AS (INSERT INTO evidence")
    assert text.endswith("SELECT (SELECT count(*) FROM w0)")
    places = [f"${number}" for number in range(1, SAVE.size + PIECES.size + 1)]
    assert all(f"{place}::" in text for place in places)
    assert f"${SAVE.size + PIECES.size + 1}" not in text


def test_what_is_not_counted_returns_nothing() -> None:
    assert together(((PIECES, False),)) == f"WITH w0 AS ({PIECES.text}) SELECT 1"


async def test_a_unit_sees_what_it_wrote_before(url: str) -> None:
    store = in_database("any", url)
    (kept,) = await put(store, [a_new()])
    async with store.units.begin() as unit:
        change = changed(kept, asked=1)
        await unit.cash_outs.save([change])
        assert await unit.cash_outs.lock([kept.id]) == {kept.id: change.after}
        again = changed(change.after, asked=2)
        await unit.cash_outs.save([again])
    assert await store.reader.cash_out(kept.id) == again.after
    await _close(store)


async def test_a_table_can_be_written_twice_in_one_unit(url: str) -> None:
    store = in_database("any", url)
    first, second = some_new(2)
    async with store.units.begin() as unit:
        for each in (first, second):
            await unit.cash_outs.add([each], [])
            await unit.outbox.add(each.events)
        twice = changed(first.after, asked=1)
        await unit.cash_outs.save([twice])
        entries = await unit.outbox.waiting(10)
    assert [each.event.cash_out_id for each in entries] == [first.after.id, second.after.id]
    assert await store.reader.cash_out(first.after.id) == twice.after
    await _close(store)


async def test_a_stale_change_takes_all_that_is_said_beside_it_along(url: str) -> None:
    """Also in a unit that read nothing: it is not committed before it is counted."""
    store = in_database("any", url)
    (kept,) = await put(store, [a_new()])
    fresh, news = changed(kept, asked=1), a_new(2).events
    async with store.units.begin() as unit:
        await unit.cash_outs.save([fresh])

    async def save_the_same_again() -> None:
        async with store.units.begin() as unit:
            await unit.cash_outs.save([fresh])
            await unit.outbox.add(news)

    with pytest.raises(Conflict):
        await save_the_same_again()
    async with store.units.begin() as unit:
        entries = await unit.outbox.waiting(10)
    assert {each.event.cash_out_id for each in entries} == {kept.id}
    assert await store.reader.cash_out(kept.id) == fresh.after
    await _close(store)


async def test_more_changes_than_one_statement_takes_are_all_counted(url: str) -> None:
    store = in_database("any", url)
    kept = await put(store, some_new(MOST_AT_ONCE + 1))
    changes = [changed(each, asked=1) for each in kept]
    async with store.units.begin() as unit:
        await unit.cash_outs.save(changes)
    assert await store.reader.cash_out(UUID(int=MOST_AT_ONCE + 1)) == changes[-1].after

    async def save_one_stale() -> None:
        async with store.units.begin() as unit:
            later = [changed(each.after, asked=2) for each in changes[:-1]]
            await unit.cash_outs.save([*later, changes[-1]])

    with pytest.raises(Conflict):
        await save_one_stale()
    assert await store.reader.cash_out(UUID(int=1)) == changes[0].after
    await _close(store)


async def test_a_fault_of_what_was_owed_breaks_its_unit_whatever_brought_it_up(url: str) -> None:
    """Whoever catches it cannot commit: PostgreSQL would answer that with a silent ROLLBACK."""
    store = in_database("any", url)
    (kept,) = await put(store, [a_new()])

    async def catch_and_go_on() -> None:
        async with store.units.begin() as unit:
            with contextlib.suppress(*REFUSED_AS_A_BUG):
                await unit.cash_outs.save([changed(kept, asked=-1)])
                await unit.cash_outs.overdue(NOW, 1)

    with pytest.raises(REFUSED_AS_A_BUG):
        await catch_and_go_on()
    assert await store.reader.cash_out(kept.id) == kept
    await _close(store)


async def _close(store: Store) -> None:
    assert store.database is not None
    await store.database.close()
