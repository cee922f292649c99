"""Following: one look for all, nothing missed, nothing kept, everything bounded."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import pytest

from adapters.memory.reader import MemoryReader
from application.follow_cash_outs import LOOK_AGAIN, FollowCashOuts, Follower, Room, TooManyFollowed
from application.ports import Overloaded, StorageUnavailable
from domain.cash_out import CashOut
from domain.refusals import Forbidden, NotFound
from tests.application.wiring import STRANGER, USER, Notebook, World

pytestmark = pytest.mark.anyio

LONG = timedelta(minutes=1)


class ABug(Exception):
    """Something that nobody thought of."""


@dataclass
class CountingReader(MemoryReader):
    """A reader that knows what it was asked; it can be away."""

    world: World
    looks: list[dict[UUID, int]] = field(default_factory=list)
    fault: Exception | None = None

    def __post_init__(self) -> None:
        super().__init__(self.world.store)

    async def newer(self, seen: Mapping[UUID, int]) -> list[CashOut]:
        self.looks.append(dict(seen))
        if self.fault is not None:
            raise self.fault
        return await super().newer(seen)


def follows(world: World, room: Room | None = None) -> tuple[FollowCashOuts, CountingReader]:
    reader = CountingReader(world)
    one = world.one
    made = FollowCashOuts(one.get, reader, world.clock, one.signals, room, one.journal)
    return made, reader


def touch(world: World, cash_out: CashOut) -> CashOut:
    """Have another process write a new version, without a hint to this one."""
    before = world.now(cash_out)
    after = replace(before, version=before.version + 1)
    world.store.cash_outs[before.id] = after
    return after


async def settled() -> None:
    """Let every task go on until it waits for time or news."""
    for _ in range(30):
        await asyncio.sleep(0)


async def passes(world: World, duration: timedelta) -> None:
    """Let time pass in small steps."""
    for _ in range(duration // timedelta(milliseconds=10)):
        world.clock.advance(timedelta(milliseconds=10))
        await settled()


async def taken(follower: Follower) -> int | None:
    """Return the version of what there is to take now; None when there is nothing."""
    found = await follower.next(timedelta(0))
    return found.version if found else None


async def test_many_followers_cost_one_look_in_half_a_second(world: World) -> None:
    follow, reader = follows(world, Room(most=100, most_per_user=100))
    made = [await world.taken() for _ in range(20)]
    followers = [await follow(USER, each.id) for each in made for _ in range(2)]
    assert [await taken(each) for each in followers] == [1] * 40
    await settled()
    reader.looks.clear()
    await passes(world, LOOK_AGAIN * 10)
    assert 9 <= len(reader.looks) <= 11
    assert all(len(look) == 20 for look in reader.looks)
    await follow.finish()


async def test_what_another_process_wrote_is_found_by_the_next_look(world: World) -> None:
    follow, _ = follows(world)
    cash_out = await world.taken()
    follower = await follow(USER, cash_out.id)
    assert await taken(follower) == 1
    touch(world, cash_out)
    touch(world, cash_out)
    await passes(world, LOOK_AGAIN + timedelta(milliseconds=50))
    assert await taken(follower) == 3
    assert await taken(follower) is None
    await follow.finish()


async def test_a_hint_is_followed_at_once_and_only_its_cash_out_is_looked_at(world: World) -> None:
    follow, reader = follows(world)
    one, other = await world.taken(), await world.taken()
    followers = [await follow(USER, each.id) for each in (one, other)]
    await passes(world, timedelta(milliseconds=100))
    reader.looks.clear()
    touch(world, one)
    world.one.signals.changed([one.id])
    await settled()
    assert reader.looks == [{one.id: 1}]
    assert [await taken(each) for each in followers] == [2, 1]
    await follow.finish()


async def test_a_change_between_the_first_read_and_the_first_look_is_not_missed(
    world: World,
) -> None:
    follow, _ = follows(world)
    cash_out = await world.taken()
    follower = await follow(USER, cash_out.id)
    touch(world, cash_out)
    await settled()
    assert await taken(follower) == 2
    await follow.finish()


@pytest.mark.parametrize(("seen", "first"), [(None, 2), (1, 2), (2, None), (9, 2)])
async def test_the_first_state_is_the_present_one_unless_it_is_known(
    world: World, seen: int | None, first: int | None
) -> None:
    """A version that does not exist (yet, or after a restore) is as good as none."""
    follow, _ = follows(world)
    cash_out = touch(world, await world.taken())
    follower = await follow(USER, cash_out.id, seen)
    assert await taken(follower) == first
    await follow.finish()


async def test_a_slow_reader_gets_the_newest_state_and_then_the_ending(world: World) -> None:
    follow, _ = follows(world)
    cash_out = await world.taken()
    follower = await follow(USER, cash_out.id)
    for _ in range(50):
        touch(world, cash_out)
        await passes(world, LOOK_AGAIN)
    assert await taken(follower) == 51
    cancelled = await world.one.cancel(USER, cash_out.id)
    await passes(world, LOOK_AGAIN)
    assert await follower.next(LONG) == cancelled
    assert await follower.next(LONG) is None
    assert follower.over
    await follow.finish()


async def test_what_has_ended_is_not_looked_at_any_more(world: World) -> None:
    follow, reader = follows(world)
    cash_out = await world.taken()
    await world.one.cancel(USER, cash_out.id)
    follower = await follow(USER, cash_out.id)
    assert (await taken(follower), follower.over) == (2, True)
    await passes(world, LOOK_AGAIN * 4)
    assert reader.looks == []
    follower.leave()
    await follow.finish()


async def test_when_nobody_follows_nothing_is_looked_at(world: World) -> None:
    follow, reader = follows(world)
    cash_out = await world.taken()
    follower = await follow(USER, cash_out.id)
    await passes(world, LOOK_AGAIN)
    follower.leave()
    follower.leave()
    await passes(world, LOOK_AGAIN * 2)
    reader.looks.clear()
    await passes(world, LOOK_AGAIN * 10)
    assert reader.looks == []
    assert follow.followers == 0
    again = await follow(USER, cash_out.id)
    touch(world, cash_out)
    await passes(world, LOOK_AGAIN)
    assert await taken(again) == 2
    await follow.finish()


async def test_a_store_that_is_away_is_waited_for_and_nothing_is_missed(world: World) -> None:
    follow, reader = follows(world)
    cash_out = await world.taken()
    follower = await follow(USER, cash_out.id)
    assert await taken(follower) == 1
    reader.fault = StorageUnavailable("the store of this test is away")
    await passes(world, timedelta(seconds=10))
    assert len(reader.looks) <= 7
    touch(world, cash_out)
    reader.fault = None
    await passes(world, timedelta(seconds=3))
    assert await taken(follower) == 2
    journal = world.one.journal
    assert isinstance(journal, Notebook)
    assert {where for where, _ in journal.faults} == {"follow"}
    await follow.finish()


async def test_who_may_not_read_it_may_not_follow_it_and_takes_no_place(world: World) -> None:
    follow, _ = follows(world)
    cash_out = await world.taken()
    with pytest.raises(Forbidden):
        await follow(STRANGER, cash_out.id)
    with pytest.raises(NotFound):
        await follow(USER, UUID(int=7))
    assert follow.followers == 0


async def test_there_is_room_for_so_many_in_all_and_of_one_user(world: World) -> None:
    follow, _ = follows(world, Room(most=3, most_per_user=2, retry_after_s=9))
    mine, theirs = await world.taken(), await world.taken(user_id=STRANGER.user_id)
    first = await follow(USER, mine.id)
    await follow(USER, mine.id)
    with pytest.raises(TooManyFollowed) as too_many:
        await follow(USER, mine.id)
    assert too_many.value.retry_after_s == 9
    await follow(STRANGER, theirs.id)
    with pytest.raises(Overloaded) as full:
        await follow(STRANGER, theirs.id)
    assert full.value.retry_after_s == 9
    first.leave()
    await follow(USER, mine.id)
    await follow.finish()


async def test_at_a_stop_everybody_is_let_go_and_nobody_let_in(world: World) -> None:
    follow, _ = follows(world)
    cash_out = await world.taken()
    follower = await follow(USER, cash_out.id)
    assert await taken(follower) == 1
    waiting = asyncio.create_task(follower.next(LONG))
    await settled()
    follow.stop()
    assert await asyncio.wait_for(waiting, 1) is None
    assert follower.over
    with pytest.raises(Overloaded):
        await follow(USER, cash_out.id)
    await follow.finish()
    assert follow.followers == 0


async def test_nobody_waits_for_what_nobody_looks_for(world: World) -> None:
    """A bug of the looking ends the streams: their readers come back, and are not left in doubt."""
    follow, reader = follows(world)
    cash_out = await world.taken()
    follower = await follow(USER, cash_out.id)

    reader.fault = ABug()
    assert await taken(follower) == 1
    await passes(world, LOOK_AGAIN)
    assert follower.over
    with pytest.raises(ABug):
        await follow.finish()


async def test_hearers_are_told_until_they_leave(world: World) -> None:
    signals, heard = world.one.signals, list[str]()
    one: Callable[[], None] = lambda: heard.append("one")  # noqa: E731
    no_more = signals.hear(UUID(int=1), one)
    signals.hear(UUID(int=1), lambda: heard.append("other"))
    signals.changed([UUID(int=1), UUID(int=2)])
    assert heard == ["one", "other"]
    no_more()
    no_more()
    signals.changed([UUID(int=1)])
    assert heard == ["one", "other", "other"]
