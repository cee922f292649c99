"""The contract of Publisher and EventStream, over every adapter."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import cast

import pytest

from adapters.memory.events import LocalEvents
from adapters.nats.connection import NatsConnection
from adapters.nats.publisher import JetStreamPublisher
from adapters.nats.stream import JetStreamEvents
from application.ports import EventStream, OutboxEntry, Publisher
from domain.events import Event
from domain.health_events import health_changed
from domain.standings import Reason, Route, Standing, State
from tests.event_entries import NOON, an_entry, lives, sequences_by_cash_out
from tests.servers import NatsServer

pytestmark = pytest.mark.anyio

PATIENCE_S = 20.0
ROUTE = Route("orange_money", "GN", "GNF")


@dataclass(frozen=True, slots=True)
class Broker:
    """What stands between the outbox and the readers, under test."""

    publisher: Publisher
    stream: EventStream


@pytest.fixture(params=["memory", "nats"])
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Broker]:
    if request.param == "memory":
        events = LocalEvents()
        yield Broker(events, events)
        return
    server: NatsServer = request.getfixturevalue("nats_server")
    server.empty()
    connection = NatsConnection(server.url)
    yield Broker(JetStreamPublisher(connection), JetStreamEvents(connection))
    await connection.close()


async def read(
    stream: EventStream,
    enough: Callable[[list[Event]], bool],
    *,
    since_start: bool = True,
    ready: asyncio.Event | None = None,
) -> list[Event]:
    """Read until there is enough; `ready` is set with the first event."""
    events: list[Event] = []
    # Every adapter's stream can be closed, which stops its reader at the broker too.
    following = cast("AsyncGenerator[Event, None]", stream.follow(since_start=since_start))
    async with asyncio.timeout(PATIENCE_S), aclosing(following) as reading:
        async for event in reading:
            events.append(event)
            if ready is not None:
                ready.set()
            if enough(events):
                break
    return events


async def test_every_event_is_acknowledged_and_read_as_it_was_told(broker: Broker) -> None:
    entries = lives(cash_outs=20)
    assert await broker.publisher.publish(entries) == [entry.position for entry in entries]
    events = await read(broker.stream, lambda seen: len(seen) == len(entries))
    assert {event.id: event for event in events} == {e.event.id: e.event for e in entries}


async def test_events_of_one_cash_out_are_read_in_their_order(broker: Broker) -> None:
    entries = lives(cash_outs=50, events_each=6)
    await broker.publisher.publish(entries)
    events = await read(broker.stream, lambda seen: len(seen) == len(entries))
    told = sequences_by_cash_out(events)
    assert len(told) == 50
    assert all(sequence == [1, 2, 3, 4, 5, 6] for sequence in told.values())


async def test_events_of_providers_are_read_in_their_order_beside_the_others(
    broker: Broker,
) -> None:
    closed = Standing(ROUTE).moved(State.CLOSED, Reason.CIRCUIT_OPEN, NOON)
    opened = closed.moved(State.OPERATIONAL, None, NOON)
    changes = [health_changed(Standing(ROUTE), closed), health_changed(closed, opened)]
    entries = [*lives(cash_outs=1), *(OutboxEntry(9 + n, each) for n, each in enumerate(changes))]
    assert await broker.publisher.publish(entries) == [entry.position for entry in entries]
    events = await read(broker.stream, lambda seen: len(seen) == len(entries))
    assert [each for each in events if each.cash_out_id == ROUTE.id] == changes


async def test_entries_out_of_order_are_told_by_position(broker: Broker) -> None:
    entries = lives(cash_outs=3)
    acknowledged = await broker.publisher.publish(entries[::-1])
    assert acknowledged == [entry.position for entry in entries]
    events = await read(broker.stream, lambda seen: len(seen) == len(entries))
    assert all(told == [1, 2, 3] for told in sequences_by_cash_out(events).values())


async def test_an_event_told_twice_is_acknowledged_twice_and_read_once(broker: Broker) -> None:
    first, second = an_entry(1, cash_out=1), an_entry(2, cash_out=1, sequence=2)
    assert await broker.publisher.publish([first]) == [1]
    assert await broker.publisher.publish([first]) == [1]
    assert await broker.publisher.publish([first, second]) == [1, 2]
    events = await read(broker.stream, lambda seen: seen[-1].id == second.event.id)
    assert [event.id for event in events] == [first.event.id, second.event.id]


async def test_nothing_to_tell_is_nothing_acknowledged(broker: Broker) -> None:
    assert await broker.publisher.publish([]) == []


async def test_a_reader_hears_events_live_and_not_those_before_it_came(broker: Broker) -> None:
    before = an_entry(1, cash_out=1)
    await broker.publisher.publish([before])
    ready = asyncio.Event()
    live = lives(cash_outs=5, first_position=100_000)[-1]
    reading = asyncio.create_task(
        read(
            broker.stream,
            lambda seen: seen[-1].id == live.event.id,
            since_start=False,
            ready=ready,
        )
    )
    # Only an event that it hears proves that the reader has arrived.
    position = 2
    while not ready.is_set():
        await broker.publisher.publish([an_entry(position, cash_out=position)])
        position += 1
        with suppress(TimeoutError):
            await asyncio.wait_for(ready.wait(), 0.05)
    await broker.publisher.publish([live])
    events = await reading
    assert before.event.id not in {event.id for event in events}
    assert events[-1] == live.event


async def test_two_readers_each_hear_everything(broker: Broker) -> None:
    entries = lives(cash_outs=10)
    readings = [
        asyncio.create_task(read(broker.stream, lambda seen: len(seen) == len(entries)))
        for _ in range(2)
    ]
    await broker.publisher.publish(entries)
    first, second = await asyncio.gather(*readings)
    assert [event.id for event in first] == [event.id for event in second]


async def test_a_broker_that_answers_is_healthy(broker: Broker) -> None:
    assert await broker.publisher.healthy()
