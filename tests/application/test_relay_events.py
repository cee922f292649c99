"""Relaying: in order, at least once, by one process at a time; a broker away delays and no more."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from adapters.memory.faults import Trouble
from application.callers import Caller
from application.ports import OutboxEntry, StorageUnavailable
from domain.states import Status
from tests.application.wiring import USER, World
from tests.strategies import a_request

pytestmark = pytest.mark.anyio


def positions(world: World) -> list[int]:
    ids = {event.id: position for position, event in world.store.events.items()}
    return [ids[event.id] for event in world.told.events]


async def test_events_are_told_in_order_and_once(world: World) -> None:
    cash_out = await world.taken()
    await world.one.cancel(USER, cash_out.id)
    assert await world.one.relay() == 2
    assert await world.one.relay() == 0
    assert positions(world) == [1, 2]
    assert world.store.sent == dict.fromkeys([1, 2], world.clock.now())


async def test_a_round_is_bounded_and_the_next_goes_on(world: World) -> None:
    await world.one.take_requests([a_request(user_id=f"u-{number}") for number in range(1_200)])
    relay = replace(world.one.relay, largest=500, at_once=200)
    assert [await relay() for _ in range(4)] == [500, 500, 200, 0]
    assert positions(world) == list(range(1, 1_201))


def test_the_bounds_are_written_out(world: World) -> None:
    assert (world.one.relay.largest, world.one.relay.at_once) == (2_000, 500)


@dataclass
class Watched:
    """A publisher that asks about each part before it takes what it is told to take."""

    world: World
    takes: Callable[[OutboxEntry], bool] = lambda _: True
    before: Callable[[int], Awaitable[None]] | None = None
    parts: list[list[int]] = field(default_factory=list)

    async def publish(self, entries: Sequence[OutboxEntry]) -> list[int]:
        self.parts.append([entry.position for entry in entries])
        if self.before is not None:
            await self.before(len(self.parts))
        return await self.world.told.publish([entry for entry in entries if self.takes(entry)])

    async def healthy(self) -> bool:
        return True


async def test_a_part_is_marked_while_the_next_one_is_on_its_way(world: World) -> None:
    seen: list[bool] = []

    async def see_that_the_one_before_is_marked(part: int) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        seen.append(2 * (part - 1) in world.store.sent)

    await world.one.take_requests([a_request(user_id=f"u-{number}") for number in range(6)])
    watched = Watched(world, before=see_that_the_one_before_is_marked)
    relay = replace(world.one.relay, publisher=watched, at_once=2)
    opened = world.units.opened
    assert await relay() == 6
    assert (watched.parts, seen) == ([[1, 2], [3, 4], [5, 6]], [False, True, True])
    assert world.units.opened - opened == 1 + 3, "one look, and a mark for each part"


async def test_what_follows_an_event_that_did_not_get_through_waits_also_in_later_parts(
    world: World,
) -> None:
    stuck, fine = await world.taken(), await world.taken(user_id="user-2")
    await world.one.cancel(USER, stuck.id)
    await world.one.cancel(Caller("user-2"), fine.id)
    watched = Watched(world, takes=lambda entry: entry.event.cash_out_id != stuck.id)
    relay = replace(world.one.relay, publisher=watched, at_once=2)
    assert await relay() == 2
    assert watched.parts == [[1, 2], [4]], "3 follows 1"
    assert sorted(world.store.sent) == [2, 4]


async def test_a_part_in_which_nothing_can_be_told_does_not_end_the_round(world: World) -> None:
    stuck, _ = await world.taken(), await world.taken(user_id="user-2")
    (begun,) = await world.one.submit.begin(world.one.lane, 1)
    await world.one.submit.send(world.one.lane, begun)
    await world.ring(world.now(stuck), Status.COMPLETED, "1")
    await world.taken(user_id="user-3")
    watched = Watched(world, takes=lambda entry: entry.event.cash_out_id != stuck.id)
    relay = replace(world.one.relay, publisher=watched, at_once=2)
    assert await relay() == 2
    assert watched.parts == [[1, 2], [], [5]], "3 and 4 follow 1"
    assert sorted(world.store.sent) == [2, 5]


async def test_a_slow_round_ends_well_before_its_lease(world: World) -> None:
    async def take_six_seconds(_part: int) -> None:
        world.clock.advance(timedelta(seconds=6))

    await world.one.take_requests([a_request(user_id=f"u-{number}") for number in range(10)])
    watched = Watched(world, before=take_six_seconds)
    relay = replace(world.one.relay, publisher=watched, at_once=2)
    assert await relay() == 4
    assert watched.parts == [[1, 2], [3, 4]], "after twelve seconds of thirty none is begun"
    assert sorted(world.store.sent) == [1, 2, 3, 4]


async def test_a_broker_that_takes_nothing_is_not_asked_to_take_the_rest(world: World) -> None:
    await world.one.take_requests([a_request(user_id=f"u-{number}") for number in range(6)])
    watched = Watched(world, takes=lambda _: False)
    assert await replace(world.one.relay, publisher=watched, at_once=2)() == 0
    assert watched.parts == [[1, 2]]


async def test_a_broker_that_is_away_delays_events_and_nothing_else(world: World) -> None:
    world.told.away = True
    cash_out = await world.sent()
    assert await world.one.relay() == 0
    world.provider.settle_all()
    await world.rest()
    assert world.now(cash_out).status is Status.COMPLETED
    assert world.told.events == []
    world.told.away = False
    assert await world.one.relay() == 3
    assert positions(world) == [1, 2, 3]


async def test_what_was_not_acknowledged_stays_and_is_told_again(world: World) -> None:
    await world.sent()
    world.told.at_most = 1
    assert [await world.one.relay() for _ in range(3)] == [1, 1, 0]
    assert positions(world) == [1, 2]


async def test_what_was_told_and_could_not_be_marked_is_told_again_under_its_id(
    world: World,
) -> None:
    await world.sent()
    world.trouble(Trouble.NONE, Trouble.AWAY)
    with pytest.raises(StorageUnavailable):
        await world.one.relay()
    assert await world.one.relay() == 2
    assert positions(world) == [1, 2, 1, 2]
    assert len({event.id for event in world.told.events}) == 2


async def test_one_process_relays_at_a_time_and_another_when_its_lease_is_over(
    world: World,
) -> None:
    two = world.another()
    await world.taken()
    assert await world.one.relay() == 1
    await world.taken(user_id="user-2")
    assert await two.relay() == 0
    world.clock.advance(timedelta(seconds=31))
    assert await two.relay() == 1
    await world.taken(user_id="user-3")
    assert await world.one.relay() == 0
    await world.one.relay.stop()
    assert await world.one.relay() == 0, "a lease is given up by its holder only"
    await two.relay.stop()
    assert await world.one.relay() == 1


async def test_a_fresh_lease_is_not_asked_for_again(world: World) -> None:
    kept: list[dict[str, object]] = []
    for number, pause in enumerate((0, 5, 1)):
        world.clock.advance(timedelta(seconds=pause))
        await world.taken(user_id=f"user-{number}")
        assert await world.one.relay() == 1
        kept.append(dict(world.store.leases))
    assert kept[0] == kept[1], "in the first sixth of thirty seconds"
    assert kept[1] != kept[2]


async def test_nothing_to_tell_takes_no_lease(world: World) -> None:
    assert await world.one.relay() == 0
    assert world.store.leases == {}


async def test_two_relays_at_once_tell_each_event_once(world: World) -> None:
    two = world.another()
    await world.one.take_requests([a_request(user_id=f"u-{number}") for number in range(50)])
    done = await asyncio.gather(world.one.relay(), two.relay(), world.one.relay())
    assert sum(done) >= 50
    assert sorted(set(positions(world))) == list(range(1, 51))
    assert len(world.told.hidden._kept) == 50
