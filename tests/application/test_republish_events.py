"""Republishing: what a broker has lost is told again, under the same ids."""

from datetime import timedelta

import pytest

from adapters.memory.faults import Trouble
from application.ports import AuditEntry, Conflict
from application.republish_events import LONGEST, SPAN, RepublishEvents
from tests.application.wiring import World
from tests.strategies import NOW

pytestmark = pytest.mark.anyio

BY = "cli:awa"


def republishing(world: World) -> RepublishEvents:
    return RepublishEvents(world.units, world.one.signals, world.clock)


async def test_what_was_told_is_told_again_in_order_and_under_its_id(world: World) -> None:
    await world.taken()
    world.clock.advance(timedelta(hours=2))
    await world.taken(user_id="user-2")
    assert await world.one.relay() == 2
    told = list(world.told.events)
    republish = republishing(world)
    assert await republish(NOW, NOW + timedelta(days=1), by=BY) == 2
    assert await world.one.relay() == 2
    assert world.told.events == [*told, *told]


async def test_only_the_span_that_was_asked_for_is_told_again(world: World) -> None:
    await world.taken()
    world.clock.advance(timedelta(hours=2))
    await world.taken(user_id="user-2")
    await world.one.relay()
    republish = republishing(world)
    hour = timedelta(hours=1)
    assert await republish(NOW + hour, NOW + 3 * hour, by=BY) == 1
    assert await republish(NOW + 3 * hour, NOW + 4 * hour, by=BY) == 0
    assert await republish(NOW, NOW + LONGEST, by=BY) == 1, "the longest span is not too long"


@pytest.mark.parametrize("span", [timedelta(0), -timedelta(days=1), LONGEST + timedelta(seconds=1)])
async def test_a_span_that_is_empty_or_too_long_is_refused(world: World, span: timedelta) -> None:
    with pytest.raises(ValueError, match="at most 31 days"):
        await republishing(world)(NOW, NOW + span, by=BY)


async def test_who_had_events_told_again_is_in_the_operators_log(world: World) -> None:
    """An entry for each transaction that changed something, and none for what was nothing."""
    await world.taken()
    world.clock.advance(SPAN)
    await world.taken(user_id="user-2")
    await world.one.relay()
    republish = republishing(world)
    assert await republish(NOW, NOW + 3 * SPAN, by=BY) == 2
    entries = [each.entry for each in world.store.operators_log.values()]
    first, second = (NOW + number * SPAN for number in range(2))
    assert entries == [
        AuditEntry(
            world.clock.now(),
            BY,
            "events.republished",
            "events",
            {"since": begin.isoformat(), "until": (begin + SPAN).isoformat(), "events": 1},
        )
        for begin in (first, second)
    ]
    assert await republish(NOW, NOW + 3 * SPAN, by=BY) == 0
    assert len(world.store.operators_log) == 2


async def test_what_is_not_in_the_log_does_not_wait_again(world: World) -> None:
    await world.taken()
    await world.one.relay()
    world.trouble(Trouble.CONFLICT)
    with pytest.raises(Conflict):
        await republishing(world)(NOW, NOW + SPAN, by=BY)
    assert (world.store.operators_log, await world.one.relay()) == ({}, 0)
