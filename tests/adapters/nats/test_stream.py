import asyncio
from dataclasses import replace

import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from structlog.testing import capture_logs

from adapters.nats.connection import NatsConnection
from adapters.nats.publisher import JetStreamPublisher
from adapters.nats.stream import JetStreamEvents
from domain.events import Event
from tests.adapters.nats.until import broker_has_read, until, until_answer
from tests.event_entries import an_entry, lives, sequences_by_cash_out
from tests.servers import NatsServer

pytestmark = pytest.mark.anyio


async def test_a_reader_may_come_before_the_stream(connection: NatsConnection) -> None:
    reading = JetStreamEvents(connection).follow()
    with capture_logs() as logs:
        first = asyncio.create_task(anext(reading))
        await until(lambda: bool(logs))
        entry = an_entry(1, cash_out=1)
        await JetStreamPublisher(connection).publish([entry])
        assert await asyncio.wait_for(first, 10) == entry.event
    assert [line["event"] for line in logs] == ["event_stream_silent", "event_stream_heard"]
    await reading.aclose()


async def test_a_reader_that_leaves_is_forgotten_by_the_broker(
    connection: NatsConnection, streams: JetStreamContext
) -> None:
    await JetStreamPublisher(connection).publish([an_entry(1, cash_out=1)])
    reading = JetStreamEvents(connection).follow(since_start=True)
    await anext(reading)
    assert (await streams.stream_info("CASH_OUT")).state.consumer_count == 1
    await reading.aclose()
    assert (await streams.stream_info("CASH_OUT")).state.consumer_count == 0


async def test_a_reader_that_does_not_follow_ends_with_what_was_there(
    connection: NatsConnection, streams: JetStreamContext
) -> None:
    publisher = JetStreamPublisher(connection)
    await publisher.publish(lives(cash_outs=3))
    # Nor does it wait for another where the last message is no event.
    await streams.publish("cash_out.initiated", b"by hand")
    for since_start, expected in ((True, 9), (False, 0)):
        reading = JetStreamEvents(connection).follow(since_start=since_start, to_end=True)
        async with asyncio.timeout(10):
            assert len([event async for event in reading]) == expected


async def all_there_are(events: JetStreamEvents) -> list[Event]:
    async with asyncio.timeout(20):
        return [event async for event in events.follow(since_start=True, to_end=True)]


async def test_a_reader_that_does_not_follow_ends_where_the_newest_are_gone(
    connection: NatsConnection, streams: JetStreamContext
) -> None:
    entries = lives(cash_outs=3)
    await JetStreamPublisher(connection).publish(entries)
    for newest in (9, 8):
        await streams.delete_msg("CASH_OUT", newest)
    events = JetStreamEvents(connection)
    assert await all_there_are(events) == [each.event for each in entries[:7]]
    await streams.purge_stream("CASH_OUT")
    assert await all_there_are(events) == [], "as by their age"


async def test_a_reader_that_does_not_follow_ends_where_there_is_no_stream(
    connection: NatsConnection,
) -> None:
    assert await all_there_are(JetStreamEvents(connection)) == []


@pytest.mark.parametrize("is_made_anew", [False, True])
async def test_a_reader_that_does_not_follow_ends_though_its_end_is_gone_meanwhile(
    connection: NatsConnection, streams: JetStreamContext, *, is_made_anew: bool
) -> None:
    publisher = JetStreamPublisher(connection)
    await publisher.publish(lives(cash_outs=3))
    # With room for one it has not got them all when they go.
    reading = JetStreamEvents(connection, waiting_most=1).follow(since_start=True, to_end=True)
    for _ in range(2):
        await anext(reading)
    entry = an_entry(99, cash_out=99)
    if is_made_anew:
        await streams.delete_stream("CASH_OUT")
        await until_answer(lambda: publisher.publish([entry]))
    else:
        await streams.purge_stream("CASH_OUT")
    async with asyncio.timeout(20):
        rest = [event async for event in reading]
    assert len(rest) < 7
    assert (entry.event in rest) is is_made_anew


async def test_a_message_that_is_not_an_event_is_passed_over(
    connection: NatsConnection, streams: JetStreamContext
) -> None:
    publisher = JetStreamPublisher(connection)
    await publisher.publish([an_entry(1, cash_out=1)])
    await streams.publish("cash_out.initiated", b"by hand")
    await publisher.publish([an_entry(2, cash_out=2)])
    reading = JetStreamEvents(connection).follow(since_start=True)
    positions = [(await anext(reading)).at.second for _ in range(2)]
    assert positions == [1, 2]
    await reading.aclose()


async def test_a_reader_finds_the_stream_that_was_made_anew(
    connection: NatsConnection, streams: JetStreamContext
) -> None:
    publisher = JetStreamPublisher(connection)
    await publisher.publish(lives(cash_outs=5))
    reading = JetStreamEvents(connection).follow(since_start=True)
    for _ in range(15):
        await anext(reading)
    await streams.delete_stream("CASH_OUT")
    entry = an_entry(99, cash_out=99)
    await until_answer(lambda: publisher.publish([entry]))
    assert await asyncio.wait_for(anext(reading), 20) == entry.event
    await reading.aclose()


async def test_more_than_fits_into_the_readers_queue_is_read_without_a_hole(
    broker: NatsServer, connection: NatsConnection
) -> None:
    publisher = JetStreamPublisher(connection)
    entries = lives(cash_outs=400)
    await publisher.publish(entries)
    reader = NatsConnection(broker.url)
    reading = JetStreamEvents(reader, waiting_most=300).follow(since_start=True)
    async with asyncio.timeout(60):
        events = [await anext(reading) for _ in entries]
    told = sequences_by_cash_out(events)
    assert len(told) == 400
    assert all(sequences == [1, 2, 3] for sequences in told.values())
    await reading.aclose()
    await reader.close()


async def test_a_long_history_is_read_without_a_pause(connection: NatsConnection) -> None:
    # Long enough for the broker to wait in between for word that the reader keeps up.
    large = [
        replace(entry, event=replace(entry.event, body='"' + "x" * 20_000 + '"'))
        for entry in lives(cash_outs=300)
    ]
    await JetStreamPublisher(connection).publish(large)
    reading = JetStreamEvents(connection).follow(since_start=True)
    async with asyncio.timeout(5):
        events = [await anext(reading) for _ in large]
    assert len({event.id for event in events}) == len(large)
    await reading.aclose()


async def test_a_reader_survives_the_loss_of_its_place_at_the_broker(
    connection: NatsConnection, operator: Client, streams: JetStreamContext
) -> None:
    publisher = JetStreamPublisher(connection)
    await publisher.publish([an_entry(1, cash_out=1)])
    reading = JetStreamEvents(connection).follow(since_start=True)
    await anext(reading)
    (consumer,) = await streams.consumers_info("CASH_OUT")
    await streams.delete_consumer("CASH_OUT", consumer.name)
    await broker_has_read(operator)
    second = an_entry(2, cash_out=2)
    await publisher.publish([second])
    assert await asyncio.wait_for(anext(reading), 20) == second.event
    await reading.aclose()
