"""Acknowledged publishing: messages go out without waiting, each with a future for its answer.

The client library has this too, but there a refused publish (a full stream, a wrong one) looks like
a lost one, and a connection lost at the wrong moment leaks a place among those in flight.
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import count
from typing import Final, NamedTuple
from uuid import uuid4

from nats.aio.client import NO_RESPONDERS_STATUS, Client
from nats.aio.msg import Msg
from nats.errors import Error
from nats.js import api

from adapters.nats.connection import BrokerAway

BATCH_ID: Final = "Nats-Batch-Id"
BATCH_SEQUENCE: Final = "Nats-Batch-Sequence"
BATCH_COMMIT: Final = "Nats-Batch-Commit"
"""Atomic publishing of JetStream, from nats-server 2.12 on (ADR-50 of its authors)."""
BATCHES_NOT_ALLOWED: Final = 10_174
"""The code of a refusal by a stream that takes no batches."""


class Message(NamedTuple):
    """What is sent: where to, and what."""

    subject: str
    body: bytes
    headers: dict[str, str]


class Refused(Error):
    """The broker answered, and stored nothing."""

    def __init__(self, code: int | None, reason: str | None) -> None:
        """Take the broker's code and reason."""
        super().__init__(f"{code}: {reason}")
        self.code = code


class NoStream(Error):
    """Nobody keeps this subject: the stream is not there."""

    def __str__(self) -> str:
        """Say so."""
        return "no stream takes these events"


class Acknowledged:
    """Publishes into one stream over one connection, and pairs answers with what was sent."""

    def __init__(self, client: Client, stream: str) -> None:
        self.client = client
        self._stream = stream
        self._inbox = client.new_inbox()
        self._numbers = count(1)
        self._waiting: dict[str, tuple[asyncio.Future[None], int]] = {}

    @classmethod
    async def open(cls, client: Client, stream: str) -> "Acknowledged":
        """Return one that hears the answers."""
        opened = cls(client, stream)
        await client.subscribe(f"{opened._inbox}.*", cb=opened._hear)
        return opened

    async def send(self, messages: Sequence[Message]) -> "asyncio.Future[None]":
        """Send and return the future of the acknowledgement; raise BrokerAway when cut off.

        More than one message: they are stored together or not at all, which the stream must allow.
        The future ends with None, Refused or NoStream. Cancel it to stop waiting.
        """
        if not self.client.is_connected:
            raise BrokerAway("the connection was lost")
        number = str(next(self._numbers))
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer, len(messages)
        answer.add_done_callback(lambda _: self._waiting.pop(number, None))
        with ExitStack() as unless_all_is_sent:
            unless_all_is_sent.callback(answer.cancel)
            *others, last = messages if len(messages) == 1 else _as_a_batch(messages)
            for each in others:
                await self._publish(each)
            # Of a batch, the last message alone is answered, for all.
            await self._publish(last, f"{self._inbox}.{number}")
            unless_all_is_sent.pop_all()
        return answer

    async def _publish(self, message: Message, reply: str = "") -> None:
        # An acknowledgement by any other stream would not mean what we take it for.
        expected = {**message.headers, api.Header.EXPECTED_STREAM.value: self._stream}
        await self.client.publish(message.subject, message.body, reply, expected)

    async def _hear(self, message: Msg) -> None:
        waiting = self._waiting.get(message.subject.rpartition(".")[2])
        if waiting is None or waiting[0].done():
            return
        answer, size = waiting
        if (message.headers or {}).get(api.Header.STATUS.value) == NO_RESPONDERS_STATUS:
            answer.set_exception(NoStream())
            return
        told = json.loads(message.data)
        error = told.get("error")
        if error is not None:
            answer.set_exception(Refused(error.get("err_code"), error.get("description")))
        elif told.get("count", 1) != size:
            answer.set_exception(Refused(None, "the messages were not taken as one batch"))
        else:
            answer.set_result(None)


def _as_a_batch(messages: Sequence[Message]) -> list[Message]:
    batch, last = uuid4().hex, len(messages)
    return [
        Message(
            subject,
            body,
            {
                **headers,
                BATCH_ID: batch,
                BATCH_SEQUENCE: str(place),
                **({BATCH_COMMIT: "1"} if place == last else {}),
            },
        )
        for place, (subject, body, headers) in enumerate(messages, 1)
    ]
