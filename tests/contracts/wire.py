"""A wire to a server that can be cut or held at the worst moment."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

LOOPBACK = "127.0.0.1"
_CHUNK = 65_536


@dataclass(slots=True)
class Wire:
    """Forwards TCP.

    cut_after: the answer to this word is never delivered. hold_after: this word is the last thing
    that passes, as if its sender were frozen then.
    """

    target_port: int
    port: int = 0
    cut_after: bytes = b""
    hold_after: bytes = b""
    _doomed: bool = False
    _open: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def hold(self) -> None:
        """Let nothing pass."""
        self._open.clear()

    def release(self) -> None:
        """Let everything pass again, what was held included."""
        self._open.set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection both ways until an end closes it."""
        there, back = await asyncio.open_connection(LOOPBACK, self.target_port)
        pumps = [
            asyncio.create_task(self._pump(reader, back, from_client=True)),
            asyncio.create_task(self._pump(there, writer, from_client=False)),
        ]
        self._tasks.update(pumps)
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in pumps:
                each.cancel()
                self._tasks.discard(each)
            for end in (writer, back):
                end.close()
                with contextlib.suppress(OSError):
                    await end.wait_closed()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_client: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._open.wait()
                if self._doomed and not from_client:
                    return
                if from_client and self.cut_after and self.cut_after in data:
                    self._doomed = True
                writer.write(data)
                await writer.drain()
                if from_client and self.hold_after and self.hold_after in data:
                    self.hold()


@asynccontextmanager
async def wire_to(port: int) -> AsyncIterator[Wire]:
    """Open a wire to a port of this machine; at the end everything on it is cut."""
    wire = Wire(port)
    wire.release()
    handlers: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            await wire.connected(reader, writer)
        except asyncio.CancelledError:
            writer.close()
        finally:
            handlers.discard(task)

    server = await asyncio.start_server(handle, LOOPBACK, 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        for task in list(handlers):
            task.cancel()
        if handlers:
            await asyncio.wait(handlers)
        await server.wait_closed()
