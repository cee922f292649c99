"""Defects of the events: each test describes one in its docstring and shows what happens now."""

import asyncio

import pytest

from adapters.memory.faults import Trouble
from application.ports import StorageUnavailable
from domain.states import Status
from tests.application.wiring import World
from tests.strategies import a_request

pytestmark = pytest.mark.anyio


def told(world: World) -> list[str]:
    """Return the types of the events that others have heard."""
    return [each.type.removeprefix("cash_out.") for each in world.told.events]


@pytest.mark.parametrize("troubles", [[Trouble.AWAY], [Trouble.COMMIT_LOST, Trouble.AWAY]])
async def test_what_was_not_saved_is_not_published(world: World, troubles: list[Trouble]) -> None:
    """Events were published before the record was saved, and told of what never came to be."""
    world.trouble(*troubles)
    with pytest.raises(StorageUnavailable):
        await world.one.take_requests([a_request()])
    await world.one.relay()
    assert (told(world), world.store.cash_outs) == ([], {})


async def test_news_that_were_not_saved_are_not_published(world: World) -> None:
    """As above, for an ending."""
    cash_out = await world.sent()
    world.provider.settle_all()
    world.trouble(Trouble.AWAY)
    with pytest.raises(StorageUnavailable):
        await world.ring(cash_out, Status.COMPLETED, "1")
    await world.one.relay()
    assert told(world) == ["initiated", "processing"]
    await world.ring(cash_out, Status.COMPLETED, "1")
    await world.one.relay()
    assert told(world) == ["initiated", "processing", "completed"]


async def test_what_was_saved_is_published_although_its_process_died(world: World) -> None:
    """A process that died between saving and publishing left an event that nobody ever heard."""
    cash_out = await world.sent()
    assert told(world) == []
    # The process dies here; nothing of its memory is left to the next one.
    survivor = world.another()
    await survivor.relay()
    assert told(world) == ["initiated", "processing"]
    world.provider.settle_all()
    await world.rest(survivor.worker)
    assert told(world) == world.events(cash_out)


async def test_cash_outs_are_taken_and_paid_while_the_broker_is_down(world: World) -> None:
    """While the broker was down, every cash-out was refused."""
    world.told.away = True
    cash_out = await world.sent()
    world.provider.settle_all()
    await world.rest()
    assert world.now(cash_out).status is Status.COMPLETED
    assert told(world) == []
    world.told.away = False
    await world.one.relay()
    assert told(world) == ["initiated", "processing", "completed"]


async def test_an_outcome_by_webhook_outlives_the_broker(world: World) -> None:
    """A webhook that came while the broker was down was answered 200, and its outcome was lost."""
    cash_out = await world.sent()
    world.provider.settle_all()
    world.told.away = True
    await world.ring(cash_out, Status.COMPLETED, "1")
    assert world.now(cash_out).status is Status.COMPLETED
    assert await world.one.relay() == 0
    world.told.away = False
    await asyncio.gather(world.one.relay(), world.another().relay())
    assert told(world) == ["initiated", "processing", "completed"]
