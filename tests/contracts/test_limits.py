"""Limit counters hold under any concurrency: for every store, and between processes."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from application.ports import Unit
from domain.limits import Counted, Slot
from tests.contracts.racer import reserve_one, slots
from tests.contracts.stores import REFUSED_AS_A_BUG, Store

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent.parent
DAY = Slot("user-1", "orange_money", "XOF", "2026-11-23")
MONTH = Slot("user-1", "orange_money", "XOF", "2026-11")
OTHER = Slot("user-2", "afrimoney", "USD", "2026-11")


async def write(store: Store, counted: dict[Slot, Counted]) -> None:
    async with store.units.begin() as unit:
        await unit.limits.lock(list(counted))
        await unit.limits.write(counted)


async def give_back(store: Store, freed: dict[Slot, int]) -> None:
    async with store.units.begin() as unit:
        await unit.limits.give_back(freed)


async def test_a_new_counter_is_at_zero_and_keeps_what_is_written(store: Store) -> None:
    async with store.units.begin() as unit:
        assert await unit.limits.lock([MONTH, DAY, OTHER, DAY]) == {DAY: 0, MONTH: 0, OTHER: 0}
        await unit.limits.write({DAY: Counted(5, 10), MONTH: Counted(2**53 + 1, 2**60)})
    async with store.units.begin() as unit:
        expected = {DAY: 5, MONTH: 2**53 + 1, OTHER: 0}
        assert await unit.limits.used([DAY, MONTH, OTHER]) == expected
        assert await unit.limits.lock([OTHER, DAY, MONTH]) == expected
    assert await store.reader.used([DAY, MONTH, OTHER]) == expected


async def test_what_is_freed_is_given_back_in_one_go(store: Store) -> None:
    await write(store, {DAY: Counted(8, 10), MONTH: Counted(9, 10), OTHER: Counted(3, 3)})
    await give_back(store, {MONTH: 9, DAY: 3})
    assert await store.reader.used([DAY, MONTH, OTHER]) == {DAY: 5, MONTH: 0, OTHER: 3}


async def test_no_counter_leaves_zero_to_its_cap(store: Store) -> None:
    await write(store, {DAY: Counted(5, 10)})
    with pytest.raises(REFUSED_AS_A_BUG):
        await give_back(store, {DAY: 6})
    with pytest.raises(REFUSED_AS_A_BUG):
        await write(store, {DAY: Counted(11, 10)})
    assert await store.reader.used([DAY]) == {DAY: 5}


async def test_fifty_units_that_race_for_the_last_slots_fit_exactly(store: Store) -> None:
    fitted = await asyncio.gather(*(reserve_one(store.units, "user-1", 17) for _ in range(50)))
    assert sum(fitted) == 17
    assert set((await store.reader.used(slots("user-1"))).values()) == {17}


async def test_units_that_lock_slots_in_any_order_never_wait_in_a_circle(store: Store) -> None:
    async def lock(unit: Unit, *wanted: Slot) -> None:
        await unit.limits.lock(wanted)
        await asyncio.sleep(0)
        await unit.limits.give_back(dict.fromkeys(wanted, 0))

    async def once(*wanted: Slot) -> None:
        async with store.units.begin() as unit:
            await lock(unit, *wanted)

    orders = [(DAY, MONTH, OTHER), (OTHER, MONTH, DAY), (MONTH, OTHER, DAY)]
    await asyncio.gather(*(once(*orders[number % 3]) for number in range(30)))


async def test_processes_that_race_for_the_last_slots_fit_exactly(url: str) -> None:
    command = [sys.executable, "-m", "tests.contracts.racer", url, "user-1", "20", "41"]
    racers = [
        await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, cwd=ROOT)
        for _ in range(3)
    ]
    printed = [await racer.communicate() for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0, 0]
    assert sum(int(output) for output, _ in printed) == 41
