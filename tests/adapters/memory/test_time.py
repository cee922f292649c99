"""The clock that is moved by hand, and the dice that are seeded."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest

from adapters.memory.manual_time import START, ManualClock, SeededChance
from adapters.system import SystemChance, SystemClock

pytestmark = pytest.mark.anyio

SECOND = timedelta(seconds=1)


async def test_sleepers_wake_by_their_time_and_then_by_who_slept_first() -> None:
    clock, woken = ManualClock(), list[str]()

    async def sleep(name: str, seconds: int) -> None:
        await clock.sleep(seconds * SECOND)
        woken.append(name)

    naps = [("late", 3), ("first", 2), ("second", 2), ("at once", 0), ("never", -1)]
    tasks = [asyncio.create_task(sleep(*nap)) for nap in naps]
    await asyncio.sleep(0)
    assert clock.until_next() == 2 * SECOND
    clock.advance(SECOND)
    await asyncio.sleep(0)
    assert woken == ["at once", "never"]
    clock.advance(5 * SECOND)
    await asyncio.wait(tasks)
    assert woken[2:] == ["first", "second", "late"]
    assert clock.until_next() is None


async def test_the_wall_clock_may_jump_and_elapsed_never_does() -> None:
    clock = ManualClock()
    clock.advance(SECOND)
    clock.set_wall(START - timedelta(days=1))
    assert (clock.now(), clock.elapsed()) == (START - timedelta(days=1), SECOND)
    clock.advance(SECOND)
    assert (clock.now(), clock.elapsed()) == (START - timedelta(days=1) + SECOND, 2 * SECOND)


async def test_a_sleeper_that_was_cancelled_is_not_waited_for() -> None:
    clock = ManualClock()
    task = asyncio.create_task(clock.sleep(SECOND))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert clock.until_next() is None
    clock.advance(SECOND)


async def test_the_same_seed_gives_the_same_chance() -> None:
    def drawn(seed: int) -> list[object]:
        chance = SeededChance(seed)
        draws = (chance.cash_out_id, chance.token, chance.reference, chance.permille)
        return [draw() for _ in range(3) for draw in draws]

    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)


@pytest.mark.parametrize("chance", [SeededChance(1), SystemChance()], ids=["seeded", "system"])
async def test_ids_are_ordered_and_references_are_what_providers_take(
    chance: SeededChance | SystemChance,
) -> None:
    ids = [chance.cash_out_id() for _ in range(2_000)]
    assert ids == sorted(set(ids))
    assert {each.version for each in ids} == {7}
    assert chance.token().version == 4
    references = [chance.reference() for _ in range(2_000)]
    assert len(set(references)) == 2_000
    assert all(re.fullmatch(r"CASH-[A-Z2-7]{26}", each) for each in references)
    jitters = {chance.permille() for _ in range(5_000)}
    assert min(jitters) >= -1000
    assert max(jitters) <= 1000
    assert min(jitters) < 0 < max(jitters)


async def test_the_system_clock_tells_utc_and_sleeps() -> None:
    clock = SystemClock()
    began = clock.elapsed()
    await clock.sleep(timedelta(milliseconds=20))
    assert clock.elapsed() - began >= timedelta(milliseconds=19)
    assert clock.now().tzinfo is UTC
    assert abs(clock.now() - datetime.now(UTC)) < SECOND
