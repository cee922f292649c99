"""Acknowledged publishing: messages go out without waiting, each with a future for its answer.

The client library has this too, but there a refused publish (a full stream, a wrong one) looks like
a lost one, and a connection lost at the wrong moment leaks a place among those in flight.
"""

import asyncio
import json
from itertools import count

from nats.aio.client import NO_RESPONDERS_STATUS, Client
from nats.aio.msg import Msg
from nats.errors import Error
from nats.js import api

from adapters.nats.connection import BrokerAway


class Refused(Error):
    """The broker answered, and did not store the message. Carries its code and reason."""


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
        self._waiting: dict[str, asyncio.Future[None]] = {}

    @classmethod
    async def open(cls, client: Client, stream: str) -> "Acknowledged":
        """Return one that hears the answers."""
        opened = cls(client, stream)
        await client.subscribe(f"{opened._inbox}.*", cb=opened._hear)
        return opened

    async def send(
        self, subject: str, body: bytes, headers: dict[str, str]
    ) -> "asyncio.Future[None]":
        """Send and return the future of its acknowledgement; raise BrokerAway when cut off.

        The future ends with None, Refused or NoStream. Cancel it to stop waiting.
        """
        if not self.client.is_connected:
            raise BrokerAway("the connection was lost")
        number = str(next(self._numbers))
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        answer.add_done_callback(lambda _: self._waiting.pop(number, None))
        # An acknowledgement by any other stream would not mean what we take it for.
        expected = {**headers, api.Header.EXPECTED_STREAM.value: self._stream}
        try:
            await self.client.publish(subject, body, f"{self._inbox}.{number}", expected)
        except BaseException:
            answer.cancel()
            raise
        return answer

    async def _hear(self, message: Msg) -> None:
        answer = self._waiting.get(message.subject.rpartition(".")[2])
        if answer is None or answer.done():
            return
        if (message.headers or {}).get(api.Header.STATUS.value) == NO_RESPONDERS_STATUS:
            answer.set_exception(NoStream())
            return
        error = json.loads(message.data).get("error")
        if error is None:
            answer.set_result(None)
        else:
            answer.set_exception(Refused(f"{error.get('err_code')}: {error.get('description')}"))
