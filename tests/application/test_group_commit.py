"""Group commit: whoever waits together is decided together, and nobody waits for company."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

from application.group_commit import GroupCommit
from application.ports import Conflict, Overloaded, StorageUnavailable

pytestmark = pytest.mark.anyio


class Desk:
    """Decides numbers: doubles them, after `gate` opens; stumbles over the bad ones."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.bad: dict[int, BaseException] = {}

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        await self.gate.wait()
        for item in items:
            if item in self.bad:
                raise self.bad[item]
        return [2 * item for item in items]


async def waiting_callers(
    door: GroupCommit[int, int], items: Sequence[int]
) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(door(item)) for item in items]
    await asyncio.sleep(0)
    return tasks


async def test_a_lone_caller_is_a_batch_of_one_and_waits_for_nobody() -> None:
    desk = Desk()
    assert await GroupCommit(desk)(21) == 42
    assert desk.batches == [[21]]


async def test_what_comes_while_a_batch_is_decided_is_the_next_batch() -> None:
    desk = Desk()
    door = GroupCommit(desk)
    desk.gate.clear()
    first = await waiting_callers(door, [1])
    await asyncio.sleep(0)
    rest = await waiting_callers(door, [2, 3, 4])
    await asyncio.sleep(0)
    assert door.waiting == 3
    assert desk.batches == [[1]], "one batch is under way at a time"
    desk.gate.set()
    assert await asyncio.gather(*first, *rest) == [2, 4, 6, 8]
    assert desk.batches == [[1], [2, 3, 4]]
    assert door.waiting == 0


async def test_a_crowd_is_a_batch_beside_another_and_the_rest_waits() -> None:
    desk = Desk()
    door = GroupCommit(desk, at_once=2, crowd=3)
    desk.gate.clear()
    tasks = []
    for number in range(1, 9):
        tasks += await waiting_callers(door, [number])
        await asyncio.sleep(0)
    assert desk.batches == [[1], [2, 3, 4]], "two are no crowd, and two batches are enough"
    assert door.waiting == 4
    desk.gate.set()
    assert await asyncio.gather(*tasks) == [2 * number for number in range(1, 9)]
    assert desk.batches == [[1], [2, 3, 4], [5, 6, 7, 8]]


async def test_without_other_bounds_fifty_are_a_crowd_and_one_batch_is_under_way() -> None:
    desk = Desk()
    for at_once, batches in ((1, [1]), (2, [1, 50])):
        desk.batches.clear()
        desk.gate.clear()
        door = GroupCommit(desk, at_once=at_once)
        tasks = await waiting_callers(door, [0])
        await asyncio.sleep(0)
        tasks += await waiting_callers(door, range(50))
        for _ in range(5):
            await asyncio.sleep(0)
        assert [len(batch) for batch in desk.batches] == batches
        desk.gate.set()
        await asyncio.gather(*tasks)


async def test_what_is_asked_as_a_batch_ends_is_decided() -> None:
    """Between its last look at the queue and its end nobody may be forgotten."""
    desk = Desk()
    door = GroupCommit(desk)

    async def ask_again() -> int:
        await door(1)
        return await door(2)

    async with asyncio.timeout(5):
        assert await asyncio.gather(*(ask_again() for _ in range(20))) == [4] * 20


async def test_a_batch_has_a_largest_size() -> None:
    desk = Desk()
    door = GroupCommit(desk, largest=4)
    assert await asyncio.gather(*map(door, range(10))) == [2 * item for item in range(10)]
    assert [len(batch) for batch in desk.batches] == [4, 4, 2]


async def test_a_full_queue_sends_callers_away_at_once() -> None:
    desk = Desk()
    door = GroupCommit(desk, largest=1, waiting_most=2)
    desk.gate.clear()
    tasks = await waiting_callers(door, [1])
    await asyncio.sleep(0)
    tasks += await waiting_callers(door, [2, 3])
    with pytest.raises(Overloaded, match=r"^too much is waiting$") as full:
        await door(4)
    assert full.value.retry_after_s == 1
    desk.gate.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6]


async def test_without_other_bounds_200_are_decided_at_once_and_2000_may_wait() -> None:
    desk = Desk()
    door = GroupCommit(desk)
    desk.gate.clear()
    tasks = await waiting_callers(door, [0])
    await asyncio.sleep(0)
    tasks += await waiting_callers(door, range(2_000))
    with pytest.raises(Overloaded):
        await door(1)
    desk.gate.set()
    await asyncio.gather(*tasks)
    assert [len(batch) for batch in desk.batches] == [1, *[200] * 10]


async def test_of_two_the_good_one_is_decided() -> None:
    desk = Desk()
    desk.bad = {2: KeyError("two")}
    results = await asyncio.gather(*map(GroupCommit(desk), [1, 2]), return_exceptions=True)
    assert results[0] == 2
    assert isinstance(results[1], KeyError)


async def test_one_bad_item_fails_alone() -> None:
    desk = Desk()
    desk.bad = {2: KeyError("two")}
    results = await asyncio.gather(*map(GroupCommit(desk), [1, 2, 3]), return_exceptions=True)
    assert results[0] == 2
    assert isinstance(results[1], KeyError)
    assert results[2] == 6
    assert desk.batches == [[1, 2, 3], [1], [2], [3]]


@pytest.mark.parametrize("fault", [StorageUnavailable("away"), Overloaded(), Conflict()], ids=repr)
async def test_a_fault_of_the_store_is_everybodys_and_is_not_tried_one_by_one(
    fault: Exception,
) -> None:
    desk = Desk()
    desk.bad = {2: fault}
    results = await asyncio.gather(*map(GroupCommit(desk), [1, 2, 3]), return_exceptions=True)
    assert results == [fault] * 3
    assert len(desk.batches) == 1


async def test_the_door_goes_on_after_a_fault() -> None:
    desk = Desk()
    door = GroupCommit(desk)
    desk.bad = {1: StorageUnavailable("away")}
    with pytest.raises(StorageUnavailable):
        await door(1)
    desk.bad = {}
    assert await door(1) == 2


async def test_a_caller_that_goes_away_does_not_take_its_item_back() -> None:
    desk = Desk()
    door = GroupCommit(desk)
    desk.gate.clear()
    (held,) = await waiting_callers(door, [1])
    await asyncio.sleep(0)
    gone, stays = await waiting_callers(door, [2, 3])
    gone.cancel()
    held.cancel()
    with suppress(asyncio.CancelledError):
        await gone
    desk.gate.set()
    assert await stays == 6
    assert desk.batches == [[1], [2, 3]]


async def test_a_fault_of_a_batch_whose_callers_are_gone_disturbs_nobody() -> None:
    desk = Desk()
    door = GroupCommit(desk)
    desk.bad = {1: StorageUnavailable("away")}
    desk.gate.clear()
    (gone,) = await waiting_callers(door, [1])
    await asyncio.sleep(0)
    gone.cancel()
    desk.gate.set()
    await door.finish()
    assert await door(2) == 4


async def test_a_decision_that_is_cancelled_cancels_its_callers() -> None:
    desk = Desk()
    desk.bad = {1: asyncio.CancelledError()}
    door = GroupCommit(desk)
    with pytest.raises(asyncio.CancelledError):
        await door(1)
    assert await door(2) == 4


async def test_a_missing_result_is_a_fault_and_no_caller_waits_for_ever() -> None:
    async def forgetful(items: Sequence[int]) -> list[int]:
        return [*items][1:]

    with pytest.raises(ValueError, match="1 items were given 0 results"):
        await asyncio.wait_for(GroupCommit(forgetful)(1), 5)


async def test_finishing_waits_for_what_was_asked() -> None:
    desk = Desk()
    door = GroupCommit(desk, largest=1)
    await door.finish()
    tasks = await waiting_callers(door, [1, 2, 3])
    await door.finish()
    assert desk.batches == [[1], [2], [3]]
    assert await asyncio.gather(*tasks) == [2, 4, 6]
