"""Relaying: in order, at least once, by one process at a time; a broker away delays and no more."""

import asyncio
from datetime import timedelta

import pytest

from adapters.memory.faults import Trouble
from application.ports import StorageUnavailable
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
    rounds = [await world.one.relay() for _ in range(4)]
    assert rounds == [500, 500, 200, 0]
    assert positions(world) == list(range(1, 1_201))


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
