import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api
from structlog.testing import capture_logs

from adapters.nats.acknowledged import Acknowledged, Message, Refused
from adapters.nats.connection import NatsConnection
from adapters.nats.messages import headers_of
from adapters.nats.publisher import JetStreamPublisher
from adapters.nats.stream_settings import StreamSettings
from application.ports import OutboxEntry
from tests.adapters.nats.broker_proxy import broker_proxy
from tests.adapters.nats.until import broker_has_read
from tests.event_entries import an_entry, lives
from tests.servers import NatsServer

pytestmark = pytest.mark.anyio


async def ids_in_stream(streams: JetStreamContext) -> list[str]:
    """The event ids that are stored, in order."""
    info = await streams.stream_info("CASH_OUT")
    kept = range(info.state.first_seq, info.state.last_seq + 1)
    headers = [(await streams.get_msg("CASH_OUT", seq=number)).headers for number in kept]
    return [each["ce-id"] for each in headers if each is not None]


def with_body_of(entry: OutboxEntry, size: int) -> OutboxEntry:
    return replace(entry, event=replace(entry.event, body="x" * size))


async def test_the_stream_is_made_with_the_first_event(
    connection: NatsConnection, streams: JetStreamContext
) -> None:
    settings = StreamSettings(duplicate_window=timedelta(minutes=30), max_bytes=10_000_000)
    assert await JetStreamPublisher(connection, settings).publish([an_entry(1, 1)]) == [1]
    config = (await streams.stream_info("CASH_OUT")).config
    assert config.subjects == ["cash_out.>"]
    assert config.storage == api.StorageType.FILE
    assert config.discard == api.DiscardPolicy.NEW
    assert config.retention == api.RetentionPolicy.LIMITS
    assert config.duplicate_window == 1800
    assert config.max_age == timedelta(days=14).total_seconds()
    assert config.max_bytes == 10_000_000
    assert settings.misfits(config) == []


async def test_subject_headers_and_body_arrive_as_they_are_documented(
    connection: NatsConnection, operator: Client
) -> None:
    wire = await operator.subscribe("cash_out.>")
    await broker_has_read(operator)
    entry = an_entry(1, cash_out=1)
    await JetStreamPublisher(connection).publish([entry])
    message = await wire.next_msg(timeout=5)
    assert message.subject == "cash_out.initiated"
    assert message.data == entry.event.body.encode()
    assert message.headers is not None
    assert headers_of(entry.event).items() <= message.headers.items()
    assert message.headers["Nats-Expected-Stream"] == "CASH_OUT"


@pytest.mark.parametrize(("batches", "stored_at_once"), [(True, 40), (False, 20)])
async def test_a_lost_acknowledgement_leads_to_a_second_telling_and_one_stored_event(
    broker: NatsServer, streams: JetStreamContext, *, batches: bool, stored_at_once: int
) -> None:
    await streams.add_stream(StreamSettings().config.evolve(allow_atomic=batches))
    entries = lives(cash_outs=20, events_each=2)
    async with broker_proxy(broker.port) as proxy:
        connection = NatsConnection(proxy.url, retry_after_s=0.05)
        publisher = JetStreamPublisher(connection, ack_timeout_s=0.5)
        assert await publisher.publish(entries[:1]) == [1]
        proxy.answers.clear()
        assert await publisher.publish(entries[1 if batches else 0 :]) == []
        # All of the batch, or the first event of each cash-out: nobody told us.
        assert (await streams.stream_info("CASH_OUT")).state.messages == stored_at_once
        proxy.cut()
        proxy.answers.set()
        acknowledged: list[int] = []
        while len(acknowledged) < len(entries):
            acknowledged = await publisher.publish(entries)
            await asyncio.sleep(0.05)
        await connection.close()
    assert await ids_in_stream(streams) == [str(entry.event.id) for entry in entries]


async def test_a_batch_has_one_acknowledgement_and_is_stored_in_order(
    connection: NatsConnection, streams: JetStreamContext
) -> None:
    publisher = JetStreamPublisher(connection)
    assert await publisher.publish([an_entry(1, 999)]) == [1]
    entries = lives(cash_outs=100, first_position=2)
    client = await connection.client()
    heard = client.stats["in_msgs"]
    assert await publisher.publish(entries) == [entry.position for entry in entries]
    assert client.stats["in_msgs"] == heard + 1, "one answer for three hundred events"
    stored = await ids_in_stream(streams)
    assert stored[1:] == [str(entry.event.id) for entry in entries]


async def test_a_batch_with_one_event_that_is_there_already_is_told_one_by_one(
    connection: NatsConnection, streams: JetStreamContext
) -> None:
    publisher = JetStreamPublisher(connection)
    entries = lives(cash_outs=5)
    assert await publisher.publish(entries[2:3]) == [3]
    with capture_logs() as logs:
        assert await publisher.publish(entries) == [entry.position for entry in entries]
    assert logs == [], "a doubt is nothing to worry about"
    stored = await ids_in_stream(streams)
    assert sorted(stored) == sorted(str(entry.event.id) for entry in entries)
    client = await connection.client()
    heard = client.stats["in_msgs"]
    assert len(await publisher.publish([an_entry(n, n) for n in range(50, 65)])) == 15
    assert client.stats["in_msgs"] == heard + 1, "the next ones are a batch again"


async def test_a_stream_that_stops_taking_batches_is_told_one_by_one_from_then_on(
    connection: NatsConnection, streams: JetStreamContext
) -> None:
    publisher = JetStreamPublisher(connection)
    assert await publisher.publish([an_entry(1, 999)]) == [1]
    await streams.update_stream(StreamSettings().config.evolve(allow_atomic=False))
    client = await connection.client()
    answers = []
    for first in (100, 200):
        heard = client.stats["in_msgs"]
        entries = [an_entry(number, number) for number in range(first, first + 6)]
        assert len(await publisher.publish(entries)) == 6
        answers.append(client.stats["in_msgs"] - heard)
    assert answers == [1 + 6, 6]


async def test_a_broker_that_does_not_know_batches_is_not_believed_to_have_taken_one(
    connection: NatsConnection, operator: Client
) -> None:
    async def as_before_2_12(message: Msg) -> None:
        if message.reply:
            await message.respond(b'{"stream":"ANY","seq":7}')

    await operator.subscribe("anything", cb=as_before_2_12)
    await broker_has_read(operator)
    acks = await Acknowledged.open(await connection.client(), "ANY")
    answer = await acks.send([Message("anything", b"{}", {})] * 2)
    with pytest.raises(Refused, match="not taken as one batch"):
        await asyncio.wait_for(answer, 5)
    await asyncio.wait_for(await acks.send([Message("anything", b"{}", {})]), 5)


async def test_no_more_are_in_flight_than_is_allowed(
    broker: NatsServer, streams: JetStreamContext
) -> None:
    async with broker_proxy(broker.port) as proxy:
        connection = NatsConnection(proxy.url)
        publisher = JetStreamPublisher(connection, in_flight_most=7, ack_timeout_s=0.3)
        assert await publisher.publish([an_entry(1, 999)]) == [1]
        proxy.answers.clear()
        assert await publisher.publish(lives(cash_outs=100, first_position=2)) == []
        assert (await streams.stream_info("CASH_OUT")).state.messages == 1 + 7
        proxy.answers.set()
        await connection.close()


async def test_what_follows_an_unacknowledged_event_of_its_cash_out_waits(
    connection: NatsConnection, streams: JetStreamContext
) -> None:
    entries = lives(cash_outs=3)
    entries[1] = with_body_of(entries[1], 2 * 1024 * 1024)
    publisher = JetStreamPublisher(connection)
    with capture_logs() as logs:
        assert await publisher.publish(entries) == [1, 3, 4, 6, 7, 9]
        assert await publisher.publish(entries) == [1, 3, 4, 6, 7, 9]
    stuck = {str(entry.event.id) for entry in entries[1::3]}
    assert stuck.isdisjoint(await ids_in_stream(streams))
    assert [(line["event"], line["reason"]) for line in logs] == [("events_wait", "too large")]


async def test_a_full_stream_refuses_and_the_rest_waits_in_order(
    connection: NatsConnection, streams: JetStreamContext
) -> None:
    settings = StreamSettings(max_bytes=6_000)
    publisher = JetStreamPublisher(connection, settings)
    entries = lives(cash_outs=10)
    with capture_logs() as logs:
        acknowledged = await publisher.publish(entries)
    assert 0 < len(acknowledged) < len(entries)
    assert [line["reason"] for line in logs] == ["refused"]
    assert "maximum bytes exceeded" in logs[0]["fault"]
    stored = await ids_in_stream(streams)
    assert stored == [str(entries[position - 1].event.id) for position in acknowledged]
    config = (await streams.stream_info("CASH_OUT")).config
    await streams.update_stream(config.evolve(max_bytes=-1))
    with capture_logs() as logs:
        assert await publisher.publish(entries) == [entry.position for entry in entries]
    assert [line["event"] for line in logs] == ["events_are_told"]
    assert len(await ids_in_stream(streams)) == len(entries)


async def test_a_narrower_stream_of_the_operator_is_warned_about_once_and_left_alone(
    connection: NatsConnection, streams: JetStreamContext
) -> None:
    await streams.add_stream(
        name="CASH_OUT", subjects=["cash_out.completed"], duplicate_window=60, max_msgs=10
    )
    before = (await streams.stream_info("CASH_OUT")).config
    publisher = JetStreamPublisher(connection)
    with capture_logs() as logs:
        for _ in range(3):
            assert await publisher.publish([an_entry(1, 1)]) == []
    assert (await streams.stream_info("CASH_OUT")).config == before
    unfit = [line for line in logs if line["event"] == "event_stream_does_not_fit"]
    assert len(unfit) == 1
    assert "subjects do not include cash_out.>" in unfit[0]["reason"]
    assert "duplicate window is 60 s" in unfit[0]["reason"]
    assert "drops its oldest events" in unfit[0]["reason"]
    assert [line["reason"] for line in logs if line["event"] == "events_wait"] == ["NoStream"]


async def test_a_stream_that_does_not_fit_is_used_as_far_as_it_goes(
    connection: NatsConnection, streams: JetStreamContext
) -> None:
    await streams.add_stream(name="CASH_OUT", subjects=["cash_out.>"], storage="memory")
    with capture_logs() as logs:
        assert await JetStreamPublisher(connection).publish([an_entry(1, 1)]) == [1]
    assert "a restart loses it" in logs[0]["reason"]


async def test_an_acknowledgement_of_another_stream_does_not_count(
    connection: NatsConnection, streams: JetStreamContext
) -> None:
    await streams.add_stream(name="ARCHIVE", subjects=["cash_out.>"])
    publisher = JetStreamPublisher(connection)
    with capture_logs() as logs:
        assert await publisher.publish([an_entry(1, 1)]) == []
    assert "overlap" in logs[0]["fault"]
    assert (await streams.stream_info("ARCHIVE")).state.messages == 0


async def test_a_stream_deleted_under_way_is_made_again(
    connection: NatsConnection, streams: JetStreamContext
) -> None:
    publisher = JetStreamPublisher(connection)
    first, second = an_entry(1, 1), an_entry(2, 2)
    assert await publisher.publish([first]) == [1]
    await streams.delete_stream("CASH_OUT")
    assert await publisher.publish([second]) == []
    assert await publisher.publish([second]) == [2]
    assert await ids_in_stream(streams) == [str(second.event.id)]


async def test_two_processes_make_the_stream_at_once(
    broker: NatsServer, streams: JetStreamContext
) -> None:
    connections = [NatsConnection(broker.url) for _ in range(2)]
    windows = (timedelta(hours=1), timedelta(hours=2))
    publishers = [
        JetStreamPublisher(connection, StreamSettings(duplicate_window=window))
        for connection, window in zip(connections, windows, strict=True)
    ]
    told = await asyncio.gather(
        *(publisher.publish([an_entry(n, n)]) for n, publisher in enumerate(publishers))
    )
    assert told == [[0], [1]]
    assert len(await ids_in_stream(streams)) == 2
    for connection in connections:
        await connection.close()


async def test_giving_up_a_call_leaves_nothing_behind(broker: NatsServer) -> None:
    async with broker_proxy(broker.port) as proxy:
        connection = NatsConnection(proxy.url)
        publisher = JetStreamPublisher(connection)
        assert await publisher.publish([an_entry(1, 1)]) == [1]
        proxy.answers.clear()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(publisher.publish(lives(20, first_position=2)), 0.2)
        proxy.answers.set()
        assert await publisher.publish([an_entry(99, 99)]) == [99]
        await connection.close()
