"""The outbox keeps events in order until they are told: for every store."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from application.ports import Conflict
from domain.events import Event, EventType, event
from tests.contracts.stores import Store
from tests.strategies import NOW

pytestmark = pytest.mark.anyio


def an_event(number: int, sequence: int = 1) -> Event:
    at = NOW + timedelta(seconds=number)
    facts = {"reference": f"R-{number}", "name": 'Awa "Koné"'}
    kind = EventType.INITIATED if sequence == 1 else EventType.PROCESSING
    return event(kind, UUID(int=number), sequence, at, dict(facts))


async def tell(store: Store, *events: Event) -> None:
    async with store.units.begin() as unit:
        await unit.outbox.add(events)


async def test_events_wait_in_the_order_they_were_added_word_for_word(store: Store) -> None:
    events = [an_event(2), an_event(1), an_event(2, 2)]
    await tell(store, *events[:2])
    await tell(store, events[2])
    async with store.units.begin() as unit:
        waiting = await unit.outbox.waiting(10)
        assert [entry.event for entry in waiting] == events
        assert await unit.outbox.waiting(2) == waiting[:2]
        assert await unit.outbox.oldest_waiting() == events[0].at
    positions = [entry.position for entry in waiting]
    assert positions == sorted(set(positions))


async def test_an_acknowledged_event_waits_no_more_and_can_still_be_read(store: Store) -> None:
    await tell(store, *(an_event(number) for number in range(1, 5)))
    async with store.units.begin() as unit:
        one, two, three, four = await unit.outbox.waiting(10)
        await unit.outbox.mark_sent([three.position, one.position, one.position], NOW)
    async with store.units.begin() as unit:
        assert await unit.outbox.waiting(10) == [two, four]
        assert await unit.outbox.oldest_waiting() == two.event.at
        assert await unit.outbox.after(one.position, 2) == [two, three]
        assert await unit.outbox.after(0, 10) == [one, two, three, four]
        assert await unit.outbox.after(four.position, 10) == []
    assert await store.reader.events_after(two.position, 10) == [three, four]


async def test_a_negative_position_begins_with_the_newest(store: Store) -> None:
    assert await store.reader.events_after(-1, 10) == []
    await tell(store, *(an_event(number) for number in range(1, 5)))
    everything = await store.reader.events_after(0, 10)
    assert await store.reader.events_after(-1, 10) == everything[-1:]
    assert await store.reader.events_after(-3, 10) == everything[-3:]
    assert await store.reader.events_after(-99, 10) == everything


async def test_nothing_waits_in_an_empty_outbox(store: Store) -> None:
    async with store.units.begin() as unit:
        assert await unit.outbox.waiting(10) == []
        assert await unit.outbox.oldest_waiting() is None
    assert (await store.reader.health()).oldest_event is None


async def test_one_sequence_number_of_a_cash_out_is_told_once(store: Store) -> None:
    await tell(store, an_event(1))
    again = replace(an_event(1), id=UUID(int=9), type=EventType.CANCELLED)
    with pytest.raises(Conflict):
        await tell(store, an_event(2), again)
    async with store.units.begin() as unit:
        assert len(await unit.outbox.waiting(10)) == 1


async def test_health_tells_of_the_oldest_event_that_waits(store: Store) -> None:
    await tell(store, an_event(5), an_event(6))
    health = await store.reader.health()
    assert (health.reachable, health.schema) == (True, "current")
    assert health.oldest_event == an_event(5).at


async def test_what_was_told_in_a_span_of_time_can_wait_again_in_its_order(store: Store) -> None:
    await tell(store, *(an_event(number) for number in range(1, 6)))
    async with store.units.begin() as unit:
        one, two, three, four, five = await unit.outbox.waiting(10)
        told = [entry.position for entry in (one, two, three, four)]
        await unit.outbox.mark_sent(told, NOW)
    async with store.units.begin() as unit:
        assert await unit.outbox.wait_again(two.event.at, four.event.at) == 2
    async with store.units.begin() as unit:
        assert await unit.outbox.waiting(10) == [two, three, five]
        assert await unit.outbox.waiting(1) == [two]
        assert await unit.outbox.oldest_waiting() == two.event.at
        assert await unit.outbox.wait_again(two.event.at, four.event.at) == 0


async def test_only_told_events_are_pruned_and_only_old_ones(store: Store) -> None:
    await tell(store, *(an_event(number) for number in range(1, 7)))
    async with store.units.begin() as unit:
        one, two, three, four, five, six = await unit.outbox.waiting(10)
        await unit.outbox.mark_sent([one.position, three.position, five.position], NOW)
        await unit.outbox.mark_sent([four.position], NOW + timedelta(days=1))
    async with store.units.begin() as unit:
        assert await unit.outbox.prune(NOW, 10) == 0
        assert await unit.outbox.prune(NOW + timedelta(hours=1), 4) == 2
        assert await unit.outbox.after(0, 10) == [two, four, five, six]
    async with store.units.begin() as unit:
        assert await unit.outbox.prune(NOW + timedelta(hours=1), 4) == 1
        assert await unit.outbox.waiting(10) == [two, six]
    assert await store.reader.events_after(0, 10) == [two, four, six]
    assert await store.reader.events_after(-2, 10) == [four, six]


async def test_a_position_is_never_given_again(store: Store) -> None:
    await tell(store, an_event(1), an_event(2))
    async with store.units.begin() as unit:
        entries = await unit.outbox.waiting(10)
        await unit.outbox.mark_sent([entry.position for entry in entries], NOW)
    async with store.units.begin() as unit:
        assert await unit.outbox.prune(NOW + timedelta(days=1), 10) == 2
    await tell(store, an_event(3))
    async with store.units.begin() as unit:
        (entry,) = await unit.outbox.waiting(10)
    assert entry.position > entries[-1].position


async def test_an_event_that_waits_again_is_not_pruned(store: Store) -> None:
    await tell(store, an_event(1))
    async with store.units.begin() as unit:
        (entry,) = await unit.outbox.waiting(10)
        await unit.outbox.mark_sent([entry.position], NOW)
        await unit.outbox.wait_again(NOW, NOW + timedelta(hours=1))
    async with store.units.begin() as unit:
        assert await unit.outbox.prune(NOW + timedelta(days=99), 10) == 0
        assert await unit.outbox.waiting(10) == [entry]


async def test_what_is_kept_of_a_cash_out_has_no_holes_when_a_part_is_told_again(
    store: Store,
) -> None:
    first, second = an_event(1), replace(an_event(1, 2), at=NOW + timedelta(hours=1))
    await tell(store, first, second)
    day = timedelta(days=1)
    async with store.units.begin() as unit:
        one, two = await unit.outbox.waiting(10)
        await unit.outbox.mark_sent([one.position, two.position], NOW)
        assert await unit.outbox.wait_again(first.at, first.at + timedelta(seconds=1)) == 1
    async with store.units.begin() as unit:
        assert await unit.outbox.prune(NOW + day, 10) == 0
        await unit.outbox.mark_sent([one.position], NOW + 2 * day)
    async with store.units.begin() as unit:
        assert await unit.outbox.prune(NOW + day, 10) == 0
        assert await unit.outbox.prune(NOW + 3 * day, 10) == 2
