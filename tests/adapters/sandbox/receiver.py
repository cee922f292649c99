"""A webhook receiver on a real socket, which answers as it is told and remembers everything."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One webhook as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Receiver:
    """What arrived, and the statuses still to be answered with (200 when there are none)."""

    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    statuses: deque[int] = field(default_factory=deque)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        """Take one webhook."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.heard.append(Heard(request.path, headers, await request.read()))
        self.news.set()
        return web.Response(status=self.statuses.popleft() if self.statuses else 200)

    async def until(self, count: int) -> list[Heard]:
        """Wait until that many have arrived, and return them."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.heard) < count:
                self.news.clear()
                await self.news.wait()
        return self.heard


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Listen on a free port of the loopback."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{tail:.*}", receiver.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    receiver.url = f"http://127.0.0.1:{port}/api/payments/webhook"
    try:
        yield receiver
    finally:
        await runner.cleanup()
