"""A unit happens or does not: for every store."""

import asyncio

import pytest

from adapters.memory.store import MemoryStore
from adapters.memory.units import MemoryUnits
from application.ports import Conflict, Identity, KeyUse, Overloaded
from domain.cash_out import Change
from domain.failures import FailureCode
from domain.limits import Counted, Slot
from domain.states import TRANSITIONS, Status
from tests.contracts.stores import REFUSED_AS_A_BUG, Store, a_new, changed, moved, put
from tests.strategies import NOW

pytestmark = pytest.mark.anyio

SLOT = Slot("user-1", "orange_money", "XOF", "2026-11-23")


class Crash(Exception):
    """What a process may die of, between any two steps."""


async def test_a_unit_that_raises_leaves_nothing(store: Store) -> None:
    change = a_new()

    async def write_and_crash() -> None:
        async with store.units.begin() as unit:
            await unit.cash_outs.add([change], [KeyUse("user-1", "k", change.after.id)])
            await unit.limits.lock([SLOT])
            await unit.limits.write({SLOT: Counted(5, 10)})
            await unit.outbox.add(change.events)
            raise Crash

    with pytest.raises(Crash):
        await write_and_crash()
    async with store.units.begin() as unit:
        known = await unit.cash_outs.known([Identity("user-1", "k", change.after.reference)])
        assert not known.by_key
        assert not known.by_reference
        assert await unit.limits.used([SLOT]) == {SLOT: 0}
        assert await unit.outbox.waiting(10) == []
    assert await store.reader.cash_out(change.after.id) is None


async def test_a_cancelled_unit_leaves_nothing_and_the_store_goes_on(store: Store) -> None:
    inside = asyncio.Event()

    async def never_ends() -> None:
        async with store.units.begin() as unit:
            await unit.cash_outs.add([a_new()], [])
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(never_ends())
    await inside.wait()
    task.cancel()
    await asyncio.wait({task})
    (kept,) = await put(store, [a_new()])
    assert await store.reader.cash_out(kept.id) == kept


async def test_a_reader_does_not_see_what_is_not_committed(store: Store) -> None:
    change = a_new()
    async with store.units.begin() as unit:
        await unit.cash_outs.add([change], [])
        assert await store.reader.cash_out(change.after.id) is None
    assert await store.reader.cash_out(change.after.id) == change.after


async def test_a_taken_reference_is_a_conflict(store: Store) -> None:
    (kept,) = await put(store, [a_new(1)])
    with pytest.raises(Conflict):
        await put(store, [a_new(2, reference=kept.reference), a_new(3)])
    async with store.units.begin() as unit:
        assert list(await unit.cash_outs.lock([a_new(n).after.id for n in (1, 2, 3)])) == [kept.id]


async def test_a_taken_idempotency_key_is_a_conflict_of_its_user_only(store: Store) -> None:
    first, second, third = a_new(1), a_new(2), a_new(3, user_id="user-2")
    await put(store, [first], KeyUse("user-1", "k", first.after.id))
    with pytest.raises(Conflict):
        await put(store, [second], KeyUse("user-1", "k", second.after.id))
    await put(store, [third], KeyUse("user-2", "k", third.after.id))
    async with store.units.begin() as unit:
        known = await unit.cash_outs.known(
            [Identity("user-1", "k", None), Identity("user-2", "k", "REF-000002")]
        )
    assert known.by_key == {("user-1", "k"): first.after, ("user-2", "k"): third.after}
    assert known.by_reference == {}


async def test_a_unit_that_met_a_conflict_cannot_be_committed(store: Store) -> None:
    """Whoever swallows the Conflict must not believe that the rest was stored."""
    (kept,) = await put(store, [a_new(1)])

    async def swallow() -> None:
        async with store.units.begin() as unit:
            await unit.cash_outs.add([a_new(2)], [])
            with pytest.raises(Conflict):
                await unit.cash_outs.save([changed(kept, asked=1), changed(kept, asked=2)])

    with pytest.raises(Conflict):
        await swallow()
    assert await store.reader.cash_out(a_new(2).after.id) is None


@pytest.mark.parametrize("status", Status)
async def test_an_illegal_change_of_state_is_refused_by_the_store(
    store: Store, status: Status
) -> None:
    change = a_new(1)
    kept = change.after
    if status is not Status.PENDING:
        kept = moved(kept, status).after
        await put(store, [change])
        async with store.units.begin() as unit:
            await unit.cash_outs.save([moved(change.after, status)])
    else:
        await put(store, [change])
    for later in Status:
        ended = later in {Status.COMPLETED, Status.FAILED, Status.CANCELLED}
        attempt = changed(
            kept,
            status=later,
            completed_at=NOW if ended else None,
            failure_code=FailureCode.UNSPECIFIED if later is Status.FAILED else None,
        )
        legal = later is status or later in TRANSITIONS[status]
        with pytest.raises(Crash if legal else REFUSED_AS_A_BUG):
            await _save_and_crash(store, attempt)
    assert await store.reader.cash_out(kept.id) == kept


async def _save_and_crash(store: Store, change: Change) -> None:
    async with store.units.begin() as unit:
        await unit.cash_outs.save([change])
        # A store says what it thinks of a change at the latest when it is asked something.
        await unit.limits.used([SLOT])
        raise Crash


async def test_empty_batches_are_nothing(store: Store) -> None:
    async with store.units.begin() as unit:
        await unit.cash_outs.add([], [])
        await unit.cash_outs.save([])
        await unit.outbox.add([])
        await unit.outbox.mark_sent([], NOW)
        await unit.limits.write({})
        await unit.limits.give_back({})
        await unit.inbox.match({})
        assert await unit.limits.lock([]) == {}
        assert await unit.limits.used([]) == {}
        assert await unit.cash_outs.lock([]) == {}
        assert await unit.cash_outs.find([]) == {}
        assert await unit.cash_outs.owners([]) == {}
        assert await unit.inbox.store([], NOW) == []
        known = await unit.cash_outs.known([])
    assert (known.by_key, known.by_reference) == ({}, {})


async def test_too_many_waiting_units_are_sent_away() -> None:
    units = MemoryUnits(MemoryStore(), most_waiting=1)
    async with units.begin():
        waiting = asyncio.create_task(_open_and_close(units))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await _open_and_close(units)
    await waiting


async def _open_and_close(units: MemoryUnits) -> None:
    async with units.begin():
        await asyncio.sleep(0)
