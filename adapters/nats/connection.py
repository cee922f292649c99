"""The connection to NATS: made when first needed, kept for ever after, shared by its users."""

import asyncio
import contextlib
import time
from typing import Any
from urllib.parse import urlsplit

from nats import errors
from nats.aio.client import Client, Server

from adapters.nats.condition import Condition

CONNECT_TIMEOUT_S = 3.0
"""For the whole of the first connect, over all servers."""
RETRY_AFTER_S = 1.0
"""After a failed first connect, callers are refused at once for this long."""
PING_INTERVAL_S = 10
"""Two pings without an answer and the connection counts as lost: a silent broker within 30 s."""
CLOSE_TIMEOUT_S = 2.0
RECONNECT_FIRST_S = 0.1
RECONNECT_LONGEST_S = 5.0
FLUSHES_WAITING_MOST = 1024


class BrokerAway(Exception):
    """There is no connection to the broker now. The message is safe to log."""


FAULTS: tuple[type[Exception], ...] = (BrokerAway, errors.Error, OSError, TimeoutError)
"""Everything by which an absent, slow or unwilling broker makes itself known."""


class NatsConnection:
    """A connection to one broker or cluster.

    url: one address or several, separated by commas; user and password may be part of it. name:
    what the broker shows of us. Nothing happens before `client` is first awaited.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "cashout",
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        retry_after_s: float = RETRY_AFTER_S,
    ) -> None:
        """Raise ValueError, without the address in it, for an address that cannot be one."""
        self._servers = [part.strip() for part in url.split(",") if part.strip()]
        self.address = ",".join(_host_and_port(server) for server in self._servers)
        """The hosts and ports, without credentials."""
        if not self._servers:
            raise ValueError("no broker address is given")
        self._name = name
        self._connect_timeout_s = connect_timeout_s
        self._retry_after_s = retry_after_s
        self._client: Client | None = None
        self._connecting = asyncio.Lock()
        self._refused_until = 0.0
        self._closing = False
        self._condition = Condition("broker_away", "broker_back")

    def __repr__(self) -> str:
        """Show the addresses without the credentials."""
        return f"NatsConnection({self.address!r})"

    async def client(self) -> Client:
        """Return the connected client; raise BrokerAway when there is none.

        The first call connects, within the time-out. A connection that was lost comes back by
        itself; meanwhile, and for a moment after a failed first connect, this raises at once.
        """
        async with self._connecting:
            if self._client is None or self._client.is_closed:
                self._client = await self._connect()
            if not self._client.is_connected:
                raise BrokerAway("reconnecting")
            return self._client

    async def close(self) -> None:
        """Flush what was written and close. Nothing reconnects afterwards."""
        self._closing = True
        async with self._connecting:
            if self._client is not None:
                await _close(self._client)

    async def _connect(self) -> Client:
        if self._closing:
            raise BrokerAway("closed")
        if time.monotonic() < self._refused_until:
            raise BrokerAway("could not be reached a moment ago")
        client, first = Client(), _FirstConnect(len(self._servers))
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                await client.connect(self._servers, **self._options(first))
            first.succeeded = True
        except FAULTS as fault:
            reason = str(fault) or "no answer in time"
            self._condition.worsen("unreachable", broker=self.address, fault=reason)
            raise BrokerAway(reason) from fault
        finally:
            first.over = True
            if not first.succeeded:
                self._refused_until = time.monotonic() + self._retry_after_s
                await _close(client)
        self._condition.recover(broker=self.address)
        return client

    def _options(self, first: "_FirstConnect") -> dict[str, Any]:
        async def lost() -> None:
            if first.succeeded and not self._closing:
                self._condition.worsen("connection lost", broker=self.address)

        async def back() -> None:
            self._condition.recover(broker=self.address)

        return {
            "name": self._name,
            "error_cb": first.note,
            "disconnected_cb": lost,
            "closed_cb": lost,
            "reconnected_cb": back,
            # A share each, so that a silent server leaves time for the next.
            "connect_timeout": self._connect_timeout_s / len(self._servers),
            "max_reconnect_attempts": -1,
            "reconnect_to_server_handler": _next_server,
            "ping_interval": PING_INTERVAL_S,
            "max_outstanding_pings": 2,
            "flusher_queue_size": FLUSHES_WAITING_MOST,
            # What cannot be sent now is refused, not kept: the outbox is the buffer.
            "pending_size": 0,
        }


class _FirstConnect:
    """Ends the first connect once every server has failed; afterwards, logs what the broker says.

    The client by itself would try for ever, since it is told to reconnect for ever; the only way
    out of its loop is an exception of a type that it does not know.
    """

    def __init__(self, servers: int) -> None:
        self.over = False
        self.succeeded = False
        self._failures_left = servers
        self._complaint = Condition("broker_complains", "broker_is_content")

    async def note(self, fault: Exception) -> None:
        """Take an error that the client reports."""
        if self.over:
            # Lost connections are told by another callback, gaps are noticed by the reader.
            if isinstance(fault, errors.Error) and not isinstance(fault, _TOLD_ELSEWHERE):
                self._complaint.worsen(str(fault))
            return
        self._failures_left -= 1
        if self._failures_left <= 0:
            raise BrokerAway(f"{type(fault).__name__}: {fault}") from fault


_TOLD_ELSEWHERE = (errors.StaleConnectionError, errors.TimeoutError, errors.SlowConsumerError)


def _next_server(servers: list[Server], _info: dict[str, Any]) -> tuple[Server | None, float]:
    """Choose the server that failed least, and how many seconds to wait before trying it."""
    server = min(servers, key=lambda candidate: candidate.reconnects)
    return server, min(RECONNECT_LONGEST_S, RECONNECT_FIRST_S * 2.0 ** min(server.reconnects, 10))


async def _close(client: Client) -> None:
    # A broker that no longer answers cannot keep us from leaving.
    with contextlib.suppress(errors.Error, OSError, TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await client.close()


def _host_and_port(server: str) -> str:
    address = urlsplit(server if "//" in server else f"nats://{server}")
    if address.scheme not in {"nats", "tls"} or not address.hostname:
        raise ValueError("a broker address looks like nats://host:4222")
    return f"{address.hostname}:{address.port or 4222}"
