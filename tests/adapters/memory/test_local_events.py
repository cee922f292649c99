import pytest
from structlog.testing import capture_logs

from adapters.memory.events import LocalEvents
from tests.event_entries import an_entry, lives

pytestmark = pytest.mark.anyio


async def test_a_reader_that_falls_behind_is_dropped_with_one_log_line_and_its_stream_ends() -> (
    None
):
    events = LocalEvents(behind_most=5)
    slow = events.follow()
    with capture_logs() as logs:
        await events.publish(lives(cash_outs=10, events_each=1))
        await events.publish(lives(cash_outs=10, events_each=1, first_position=50))
    assert [event.sequence async for event in slow] == [1] * 5
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("event_reader_dropped", "warning")
    ]


async def test_a_slow_reader_does_not_take_events_from_a_quick_one() -> None:
    events = LocalEvents(behind_most=2)
    events.follow()
    quick = events.follow()
    for position in range(1, 11):
        entry = an_entry(position, cash_out=position)
        assert await events.publish([entry]) == [position]
        assert await anext(quick) == entry.event


async def test_history_for_late_readers_is_bounded_and_does_not_count_as_being_behind() -> None:
    events = LocalEvents(kept_most=4, behind_most=2)
    entries = lives(cash_outs=10, events_each=1)
    await events.publish(entries[:9])
    late = events.follow(since_start=True)
    await events.publish(entries[9:])
    seen = [await anext(late) for _ in range(5)]
    assert seen == [entry.event for entry in entries[5:]]


async def test_memory_of_ids_is_bounded() -> None:
    events = LocalEvents(remembered_most=3)
    entries = lives(cash_outs=4, events_each=1)
    await events.publish(entries)
    reader = events.follow()
    await events.publish(entries[:1])
    assert await anext(reader) == entries[0].event
