"""The stream as a reader sees it: every event once, in order, over restarts of the broker."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error
from nats.js import JetStreamContext, api
from nats.js.errors import NotFoundError

from adapters.nats.condition import Condition
from adapters.nats.connection import FAULTS, NatsConnection
from adapters.nats.messages import read
from adapters.nats.stream_settings import STREAM, SUBJECTS
from domain.events import Event

HEARTBEAT_S = 1.0
"""The broker says this often that an idle reader still exists there."""
SILENCE_LONGEST_S = 3.0
"""Hearing nothing for longer, the reader asks for a new place in the stream."""
RETRY_AFTER_S = 1.0
REQUEST_TIMEOUT_S = 5.0
LEAVE_TIMEOUT_S = 1.0
WAITING_MOST = 10_000
"""Messages that may wait here for a slow reader; further ones are fetched again later."""
CONTROL = "100"
"""The status of a message that is the broker's own word and not an event."""


class _Gap(Exception):
    """Messages are missing, or the broker has forgotten the reader."""


@dataclass(slots=True)
class _Place:
    """How far the stream has been read: the last sequence number seen; None before the start.

    end: the newest when the reading began, where nothing behind it is wanted.
    """

    last: int | None = None
    to_end: bool = False
    end: int | None = None

    def note(self, newest: int) -> None:
        """Note the newest number of the stream: it may be another one than was read before."""
        if self.last is None:
            self.last = newest
        elif self.last > newest:
            # Not the stream that was read before: somebody has made a new one.
            self.last = 0
        if self.to_end:
            self.end = newest if self.end is None else min(self.end, newest)

    def note_pending(self, pending: int | None) -> None:
        """Note how many are there behind the last: what is gone before its time never comes."""
        if self.to_end and pending == 0:
            self.end = self.last

    def is_at_end(self) -> bool:
        """Tell whether all that is wanted was read."""
        return self.end is not None and self.last is not None and self.last >= self.end


class JetStreamEvents:
    """An EventStream over JetStream. Readers leave no trace on the broker."""

    def __init__(
        self, connection: NatsConnection, stream: str = STREAM, *, waiting_most: int = WAITING_MOST
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._waiting_most = waiting_most
        self._condition = Condition("event_stream_silent", "event_stream_heard")

    async def follow(
        self, *, since_start: bool = False, to_end: bool = False
    ) -> AsyncGenerator[Event, None]:
        """Yield events as they are published; `since_start`: after those that are there already.

        Never raises for a broker that is away: it goes on where it was once the broker is back.
        Never ends either, unless only what is there now is wanted: `to_end`.
        """
        place = _Place(0 if since_start else None, to_end)
        while not place.is_at_end():
            try:
                async with contextlib.aclosing(self._read(place)) as events:
                    async for event in events:
                        yield event
            except _Gap:
                continue
            except FAULTS as fault:
                self._condition.worsen(type(fault).__name__, fault=str(fault))
                await asyncio.sleep(RETRY_AFTER_S)

    async def _read(self, place: _Place) -> AsyncGenerator[Event, None]:
        client = await self._connection.client()
        jetstream = client.jetstream(timeout=REQUEST_TIMEOUT_S)
        first = await self._first(jetstream, place)
        if place.is_at_end():
            return
        inbox = client.new_inbox()
        subscription = await client.subscribe(inbox, pending_msgs_limit=self._waiting_most)
        consumer = ""
        try:
            config = _consumer(inbox, first)
            made = await jetstream.add_consumer(self._stream, config)
            consumer = made.name
            self._condition.recover(stream=self._stream)
            place.note_pending(made.num_pending)
            if place.is_at_end():
                return
            async with contextlib.aclosing(_messages(client, subscription, place)) as messages:
                async for message in messages:
                    event = read(message.headers, message.data)
                    if event is not None:
                        yield event
                    if place.is_at_end():
                        return
        finally:
            await self._leave(jetstream, subscription, consumer)

    async def _first(self, jetstream: JetStreamContext, place: _Place) -> int:
        """Return the sequence number to read from."""
        try:
            state = (await jetstream.stream_info(self._stream)).state
        except NotFoundError:
            # Whatever is the first in a stream that is made later is news.
            place.last = 0
            if not place.to_end:
                raise
            place.note_pending(0)
            return 1
        place.note(state.last_seq)
        place.note_pending(state.messages)
        return (place.last or 0) + 1

    async def _leave(
        self, jetstream: JetStreamContext, subscription: Subscription, consumer: str
    ) -> None:
        # A broker that is away forgets its readers by itself.
        with contextlib.suppress(Error, OSError, TimeoutError):
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
                await subscription.unsubscribe()
                if consumer:
                    await jetstream.delete_consumer(self._stream, consumer)


async def _messages(
    client: Client, subscription: Subscription, place: _Place
) -> AsyncGenerator[Msg, None]:
    """Yield messages without a gap, noting the place; raise _Gap where one is missing."""
    expected = 1
    while True:
        try:
            message = await subscription.next_msg(timeout=SILENCE_LONGEST_S)
        except TimeoutError as silence:
            raise _Gap from silence
        if (message.headers or {}).get(api.Header.STATUS) == CONTROL:
            is_answered = await _answer(client, message)
            _check_nothing_is_missing(message, expected - 1)
            if place.to_end and not is_answered:
                # Nothing more has come for a while: is there still anything?
                raise _Gap
            continue
        numbers = message.metadata.sequence
        if numbers.consumer != expected:
            raise _Gap
        expected += 1
        place.last = numbers.stream
        place.note_pending(message.metadata.num_pending)
        yield message


async def _answer(client: Client, message: Msg) -> bool:
    """Tell the broker that all before this message was read; return whether it waits for that."""
    waits = message.reply or (message.headers or {}).get(api.Header.CONSUMER_STALLED)
    if waits:
        await client.publish(waits)
    return bool(waits)


def _check_nothing_is_missing(heartbeat: Msg, last: int) -> None:
    """Raise _Gap when the broker has sent more than has arrived: the queue here was full."""
    sent = (heartbeat.headers or {}).get(api.Header.LAST_CONSUMER)
    if sent is not None and sent != str(last):
        raise _Gap


def _consumer(inbox: str, first: int) -> api.ConsumerConfig:
    return api.ConsumerConfig(
        deliver_subject=inbox,
        filter_subject=SUBJECTS,
        deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=first,
        ack_policy=api.AckPolicy.NONE,
        max_deliver=1,
        flow_control=True,
        idle_heartbeat=HEARTBEAT_S,
        inactive_threshold=SILENCE_LONGEST_S * 10,
        mem_storage=True,
        num_replicas=1,
    )
