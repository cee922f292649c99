"""A wire to the broker that can be made to lose its answers, or be cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.servers import LOOPBACK


class BrokerProxy:
    """Forwards to the broker. While `answers` is not set, what the broker says is held back."""

    def __init__(self, broker_port: int) -> None:
        self._broker_port = broker_port
        self._writers: list[asyncio.StreamWriter] = []
        self._pumps: set[asyncio.Task[None]] = set()
        self.answers = asyncio.Event()
        self.answers.set()
        self.url = ""

    def cut(self) -> None:
        """Cut every connection; what was held back is lost."""
        for pump in self._pumps:
            pump.cancel()
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one connection."""
        broker_reader, broker_writer = await asyncio.open_connection(LOOPBACK, self._broker_port)
        self._writers += [writer, broker_writer]
        for pump in (self._ask(reader, broker_writer), self._answer(broker_reader, writer)):
            task = asyncio.create_task(pump)
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await _read(reader):
            writer.write(data)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await _read(reader):
            await self.answers.wait()
            writer.write(data)
        writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(65_536)
    except ConnectionError:
        return b""


@asynccontextmanager
async def broker_proxy(broker_port: int) -> AsyncIterator[BrokerProxy]:
    """A proxy on a free port."""
    proxy = BrokerProxy(broker_port)
    server = await asyncio.start_server(proxy.accept, LOOPBACK, 0)
    proxy.url = f"nats://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        proxy.cut()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0)
