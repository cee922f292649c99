"""Shows the figures over HTTP, on a port of their own, to whoever is let near that port."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from typing import Final, Self

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

PATH: Final = b"/metrics"
HEAD_MOST: Final = 8_192
"""Bytes of a request's head; a body is not read."""
PATIENCE_S: Final = 5.0
"""For a head to come, and again for the answer to be taken."""
AT_ONCE_MOST: Final = 8
"""Connections; who comes on top is let go."""
_END: Final = b"\r\n\r\n"

Collect = Callable[[], Iterable[Metric]]


class Exposition:
    """A little HTTP server with one page. port 0 takes a free one."""

    def __init__(self, collect: Collect, host: str, port: int) -> None:
        self._collect, self._host, self._asked_port = collect, host, port
        self._opened = AsyncExitStack()
        self._open = 0
        self.port = port
        """Where it listens, once it does."""

    async def __aenter__(self) -> Self:
        """Listen; raise OSError where the port is taken."""
        server = await asyncio.start_server(
            self._serve, self._host, self._asked_port, limit=HEAD_MOST
        )
        self.port = server.sockets[0].getsockname()[1]
        self._opened.callback(server.close)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Listen no longer; a page on its way is not waited for."""
        await self._opened.aclose()

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{self._host}:{self.port}{PATH.decode()}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= AT_ONCE_MOST:
                async with asyncio.timeout(PATIENCE_S):
                    answer = await self._answer(await reader.readuntil(_END))
                async with asyncio.timeout(PATIENCE_S):
                    writer.write(answer)
                    await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            # Nobody there who could be told.
            writer.transport.abort()
        finally:
            self._open -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, head: bytes) -> bytes:
        method, _, rest = head.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if path != PATH:
            return _said(b"404 Not Found", b"text/plain", b"The figures are at /metrics.\n")
        if method not in {b"GET", b"HEAD"}:
            return _said(b"405 Method Not Allowed", b"text/plain", b"", b"Allow: GET, HEAD\r\n")
        # The figures are taken here, where they change; writing them down takes longer, elsewhere.
        page = await asyncio.to_thread(_written, list(self._collect()))
        body = page if method == b"GET" else b""
        return _said(b"200 OK", CONTENT_TYPE_LATEST.encode(), body)


def _said(status: bytes, kind: bytes, body: bytes, more: bytes = b"") -> bytes:
    described = b"Content-Type: %b\r\nContent-Length: %d\r\n" % (kind, len(body))
    ending = b"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close"
    return b"HTTP/1.1 %b\r\n%b%b%b\r\n\r\n%b" % (status, described, more, ending, body)


class _Taken(Collector):
    """Figures that were taken already, as a registry wants them."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """Return them."""
        return self._families


def _written(families: Iterable[Metric]) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Taken(families))
    return generate_latest(registry)
