"""The broker goes away in every way it can: events wait, and nothing else happens."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client
from structlog.testing import capture_logs

from adapters.nats.connection import NatsConnection
from adapters.nats.publisher import JetStreamPublisher
from adapters.nats.stream import JetStreamEvents
from adapters.nats.stream_settings import StreamSettings
from application.ports import OutboxEntry
from domain.events import Event
from tests.adapters.nats.until import until
from tests.event_entries import an_entry, lives, sequences_by_cash_out
from tests.servers import NatsServer

pytestmark = pytest.mark.anyio


@pytest.fixture
async def broker(nats_server: NatsServer) -> AsyncIterator[NatsServer]:
    """A broker that is up again afterwards, whatever the test did to it."""
    nats_server.empty()
    yield nats_server
    nats_server.restart()


async def relay(
    publisher: JetStreamPublisher, entries: list[OutboxEntry], *, largest: int = 100
) -> None:
    """Publish round after round until everything is acknowledged, as the outbox relay does."""
    waiting = {entry.position: entry for entry in entries}
    async with asyncio.timeout(60):
        while waiting:
            for position in await publisher.publish(list(waiting.values())[:largest]):
                del waiting[position]
            await asyncio.sleep(0.01)


async def stored(connection: NatsConnection, count: int) -> list[Event]:
    """The first `count` events of the stream, and proof that there are no more."""
    client = await connection.client()
    assert (await client.jetstream().stream_info("CASH_OUT")).state.messages == count
    events: list[Event] = []
    async for event in JetStreamEvents(connection).follow(since_start=True):
        events.append(event)
        if len(events) == count:
            break
    return events


async def test_a_broker_that_is_down_at_start_delays_events_and_says_so_once(
    broker: NatsServer, connection: NatsConnection
) -> None:
    broker.stop()
    publisher = JetStreamPublisher(connection)
    began = time.monotonic()
    with capture_logs() as logs:
        for _ in range(5):
            assert await publisher.publish([an_entry(1, 1)]) == []
            assert not await publisher.healthy()
    assert time.monotonic() - began < 2.0
    assert [line["event"] for line in logs] == ["broker_away", "events_wait"]
    broker.restart()
    with capture_logs() as logs:
        await relay(publisher, [an_entry(1, 1)])
    assert [line["event"] for line in logs] == ["broker_back", "events_are_told"]
    assert await publisher.healthy()


@pytest.mark.parametrize("batches", [True, False])
async def test_kills_in_the_middle_lose_nothing_double_nothing_and_keep_the_order(
    broker: NatsServer, connection: NatsConnection, *, batches: bool
) -> None:
    stream = (await connection.client()).jetstream()
    await stream.add_stream(StreamSettings().config.evolve(allow_atomic=batches))
    publisher = JetStreamPublisher(connection, ack_timeout_s=0.5)
    entries = lives(cash_outs=400, events_each=3)
    # Sixty rounds and more, with a pause after each: longer than the three lives of the broker.
    relaying = asyncio.create_task(relay(publisher, entries, largest=20))
    for _ in range(3):
        await asyncio.sleep(0.15)
        await asyncio.to_thread(broker.kill)
        await asyncio.to_thread(broker.restart)
    await relaying
    events = await stored(connection, len(entries))
    told = sequences_by_cash_out(events)
    assert len(told) == 400
    assert all(sequences == [1, 2, 3] for sequences in told.values())


async def test_a_broker_that_stalls_acknowledges_nothing_within_the_time_out(
    broker: NatsServer, connection: NatsConnection
) -> None:
    publisher = JetStreamPublisher(connection, ack_timeout_s=0.5)
    await publisher.publish([an_entry(1, 999)])
    entries = lives(cash_outs=50, first_position=2)
    os.kill(broker.pid, signal.SIGSTOP)
    began = time.monotonic()
    try:
        assert await publisher.publish(entries) == []
        assert time.monotonic() - began < 1.5
        assert not await publisher.healthy()
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    began = time.monotonic()
    await relay(publisher, entries)
    assert time.monotonic() - began < 5.0
    assert len(await stored(connection, 151)) == 151


async def test_the_connection_comes_back_by_itself_and_says_so(
    broker: NatsServer, connection: NatsConnection
) -> None:
    client = await connection.client()
    with capture_logs() as logs:
        await asyncio.to_thread(broker.kill)
        await asyncio.sleep(1.0)
        await asyncio.to_thread(broker.restart)
        await until(lambda: len(logs) > 1)
    assert [line["event"] for line in logs] == ["broker_away", "broker_back"]
    assert client.is_connected
    assert await connection.client() is client


async def test_a_reader_goes_on_where_it_was_when_the_broker_is_back(
    broker: NatsServer, connection: NatsConnection
) -> None:
    publisher = JetStreamPublisher(connection, ack_timeout_s=0.5)
    reading = JetStreamEvents(connection).follow(since_start=True)
    entries = lives(cash_outs=10)
    await relay(publisher, entries[:15])
    events = [await anext(reading) for _ in range(10)]
    await asyncio.to_thread(broker.kill)
    await asyncio.to_thread(broker.restart)
    await relay(publisher, entries[15:])
    async with asyncio.timeout(30):
        events += [await anext(reading) for _ in range(20)]
    assert [event.id for event in events] == [entry.event.id for entry in entries]
    await reading.aclose()


async def test_a_broker_that_closed_the_connection_for_good_is_asked_anew(
    broker: NatsServer, connection: NatsConnection
) -> None:
    publisher = JetStreamPublisher(connection)
    client: Client = await connection.client()
    await client.close()
    assert await publisher.publish([an_entry(1, 1)]) == [1]
    assert await connection.client() is not client
    assert broker.pid > 0
