"""A link: a TCP proxy on loopback whose connections can be harmed while they are in use."""

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import assert_never

from tests.nemesis.plan import Harm
from tests.servers import LOOPBACK

_CHUNK = 65_536
_DRIP = 48
"""Bytes that pass at once over a slow link, and how many seconds lie between."""
_DRIP_S = 0.02
_OF_ANSWERS = frozenset({Harm.TRUNCATE, Harm.ANSWER_LOST, Harm.RESET})
"""Harms that let requests pass."""
_RESET = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Injury:
    """A harm in force. Each connection is hit or spared once, by the share.

    felt: set once it did something to a connection.
    """

    harm: Harm
    share: float
    chance: random.Random
    healed: asyncio.Event = field(default_factory=asyncio.Event)
    felt: asyncio.Event = field(default_factory=asyncio.Event)


class Link:
    """Forwards connections to a port, which may change; one harm at a time is in force."""

    def __init__(self, name: str, target_port: int) -> None:
        self.name = name
        self.target_port = target_port
        self.port = 0
        self.hits = 0
        """Connections that a harm befell."""
        self.injury: Injury | None = None
        self._open: set[_Connection] = set()

    def harm(self, harm: Harm, share: float, draw: float) -> Injury:
        """Let a harm befall that share of the connections, until healed."""
        self.injury = injury = Injury(harm, share, random.Random(draw))
        if harm is Harm.RESET:
            for each in tuple(self._open):
                if each.is_hit():
                    each.feel(injury)
                    each.reset()
        return injury

    def heal(self) -> None:
        """Let everything pass again. What fell into a black hole stays there."""
        if self.injury is not None:
            self.injury.healed.set()
            self.injury = None

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection until an end of it closes."""
        connection = _Connection(self, writer)
        self._open.add(connection)
        try:
            injury = self.injury
            if injury is not None and injury.harm is Harm.RESET and connection.is_hit():
                connection.feel(injury)
                connection.reset()
                return
            await connection.run(reader)
        except OSError:
            connection.reset()
        finally:
            self._open.discard(connection)
            await connection.close()


class _Connection:
    """One connection: the client's end, and ours to the server."""

    def __init__(self, link: Link, client: asyncio.StreamWriter) -> None:
        self._link = link
        self._ends = [client]
        self._judged: tuple[Injury | None, bool] = (None, False)
        self._felt: Injury | None = None
        self._swallowed = False

    def is_hit(self) -> bool:
        """Tell whether the harm in force befalls this connection."""
        injury = self._link.injury
        if injury is None:
            return False
        if self._judged[0] is not injury:
            self._judged = (injury, injury.chance.random() < injury.share)
        return self._judged[1]

    def feel(self, injury: Injury) -> None:
        """Note that the harm did something here: one that finds nothing to harm has not struck."""
        if self._felt is not injury:
            self._felt = injury
            self._link.hits += 1
            injury.felt.set()

    def reset(self) -> None:
        """Cut it, so that both ends are told by a RST."""
        for end in self._ends:
            raw = end.get_extra_info("socket")
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            end.transport.abort()

    async def run(self, client: asyncio.StreamReader) -> None:
        """Pass bytes both ways."""
        server, there = await asyncio.open_connection(LOOPBACK, self._link.target_port)
        self._ends.append(there)
        ways = [
            asyncio.create_task(self._pump(client, there, answers=False)),
            asyncio.create_task(self._pump(server, self._ends[0], answers=True)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def close(self) -> None:
        """Close both ends."""
        for end in self._ends:
            end.close()
            with contextlib.suppress(OSError):
                await end.wait_closed()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                if not await self._pass(data, writer, answers=answers):
                    return

    async def _pass(self, data: bytes, writer: asyncio.StreamWriter, *, answers: bool) -> bool:
        """Pass some bytes, or what the harm leaves of them; False when the connection is over."""
        injury = self._link.injury
        if self._swallowed:
            return True
        passes = injury is not None and injury.harm in _OF_ANSWERS and not answers
        if injury is None or passes or not self.is_hit():
            return await _write(writer, data)
        self.feel(injury)
        match injury.harm:
            case Harm.STALL:
                await injury.healed.wait()
            case Harm.SLOW:
                data = await _drip(writer, data, injury)
            case Harm.BLACK_HOLE:
                self._swallowed = True
                return True
            case Harm.TRUNCATE:
                await _write(writer, data[: len(data) // 2])
                return False
            case Harm.ANSWER_LOST | Harm.RESET:
                self.reset()
                return False
            case _:
                assert_never(injury.harm)
        return await _write(writer, data)


async def _write(writer: asyncio.StreamWriter, data: bytes) -> bool:
    writer.write(data)
    await writer.drain()
    return True


async def _drip(writer: asyncio.StreamWriter, data: bytes, injury: Injury) -> bytes:
    """Pass bytes a few at a time while the harm lasts; return those that are left."""
    while data and not injury.healed.is_set():
        await _write(writer, data[:_DRIP])
        data = data[_DRIP:]
        await asyncio.sleep(_DRIP_S)
    return data


@asynccontextmanager
async def link_to(name: str, target_port: int) -> AsyncIterator[Link]:
    """Open a link on a free port; at the end everything on it is cut."""
    link = Link(name, target_port)
    handlers: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(link.forward(reader, writer))
        handlers.add(task)
        task.add_done_callback(handlers.discard)

    server = await asyncio.start_server(accept, LOOPBACK, 0)
    link.port = server.sockets[0].getsockname()[1]
    try:
        yield link
    finally:
        link.heal()
        server.close()
        for task in tuple(handlers):
            task.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
        await server.wait_closed()
