"""Republishing: what a broker has lost is told again, under the same ids."""

from datetime import timedelta

import pytest

from application.republish_events import LONGEST, RepublishEvents
from tests.application.wiring import World
from tests.strategies import NOW

pytestmark = pytest.mark.anyio


async def test_what_was_told_is_told_again_in_order_and_under_its_id(world: World) -> None:
    await world.taken()
    world.clock.advance(timedelta(hours=2))
    await world.taken(user_id="user-2")
    assert await world.one.relay() == 2
    told = list(world.told.events)
    republish = RepublishEvents(world.units, world.one.signals)
    assert await republish(NOW, NOW + timedelta(days=1)) == 2
    assert await world.one.relay() == 2
    assert world.told.events == [*told, *told]


async def test_only_the_span_that_was_asked_for_is_told_again(world: World) -> None:
    await world.taken()
    world.clock.advance(timedelta(hours=2))
    await world.taken(user_id="user-2")
    await world.one.relay()
    republish = RepublishEvents(world.units, world.one.signals)
    hour = timedelta(hours=1)
    assert await republish(NOW + hour, NOW + 3 * hour) == 1
    assert await republish(NOW + 3 * hour, NOW + 4 * hour) == 0
    assert await republish(NOW, NOW + LONGEST) == 1, "the longest span is not too long"


@pytest.mark.parametrize("span", [timedelta(0), -timedelta(days=1), LONGEST + timedelta(seconds=1)])
async def test_a_span_that_is_empty_or_too_long_is_refused(world: World, span: timedelta) -> None:
    with pytest.raises(ValueError, match="at most 31 days"):
        await RepublishEvents(world.units, world.one.signals)(NOW, NOW + span)
