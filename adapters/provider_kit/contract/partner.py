"""A provider made of a few lines: a real socket that records requests and answers as told."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Self

Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came: the target is not decoded, header names are lower case."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the value of a header, joined if it came more than once."""
        values = [value for key, value in self.headers if key == name]
        return ", ".join(values) if values else None


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def written(self) -> bytes:
        """Return it as HTTP/1.1."""
        headers = {"Content-Length": str(len(self.body)), **self.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {self.status} Said\r\n{lines}\r\n".encode() + self.body


class Silence(Enum):
    """No answer at all, on a connection that stays open."""

    FOR_EVER = "for ever"


Answering = Callable[[Seen], "Reply | Silence | None"]
"""What is answered to a request; None resets the connection."""


class Partner:
    """Listens on a free port. `answer` is asked for a reply to each request; None resets."""

    def __init__(
        self,
        answer: Answering | None = None,
        *,
        raw: Raw | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.answer = answer or (lambda _seen: Reply(404))
        self.seen: list[Seen] = []
        self.connections = 0
        self._raw = raw
        self._tls = tls
        self._open: set[asyncio.StreamWriter] = set()
        self._busy: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where it listens."""
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}"

    def asked(self, path: str) -> list[Seen]:
        """Return the requests whose target begins like this."""
        return [seen for seen in self.seen if seen.target.startswith(path)]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._busy:
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)
        for writer in self._open:
            writer.transport.abort()
        await asyncio.sleep(0)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        task = asyncio.create_task(self._converse(reader, writer))
        self._busy.add(task)
        await asyncio.gather(task, return_exceptions=True)
        self._busy.discard(task)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._raw is not None:
            await self._raw(reader, writer)
            return
        while True:
            seen = await read_request(reader)
            self.seen.append(seen)
            reply = self.answer(seen)
            if reply is None:
                reset(writer)
                return
            if isinstance(reply, Silence):
                await asyncio.Event().wait()
                return
            writer.write(reply.written())
            await writer.drain()


async def read_request(reader: asyncio.StreamReader) -> Seen:
    """Read one request; raise IncompleteReadError at the end of the connection."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = tuple(
        (name.lower(), value.strip())
        for name, _, value in (line.partition(":") for line in head[1:-2])
    )
    length = int(dict(headers).get("content-length", "0"))
    return Seen(method, target, headers, await reader.readexactly(length))


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST instead of FIN."""
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
