"""The courier: puts the engine's webhooks on the wire, and tells it what became of them."""

import asyncio
from collections.abc import Iterable
from typing import Final

import aiohttp

from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.deliveries import Dispatch
from adapters.sandbox.engine import Engine
from adapters.sandbox.settings import SandboxSettings

_MAX_ANSWER_BYTES: Final = 64 * 1024


class Courier:
    """Delivers due webhooks, a bounded number at a time. The engine decides what and when."""

    def __init__(self, engine: Engine, clock: SandboxClock, settings: SandboxSettings) -> None:
        self._engine = engine
        self._clock = clock
        self._base_url = settings.webhook_base_url
        self._timeout = aiohttp.ClientTimeout(total=settings.webhook_timeout_s)
        self._concurrency = settings.webhook_concurrency
        self._slots = asyncio.Semaphore(settings.webhook_concurrency)
        self._awake = asyncio.Event()
        self._awaited: dict[int, asyncio.Event] = {}

    @property
    def base_url(self) -> str | None:
        """Where webhooks go: this address, a slash and the provider's id. None holds them back."""
        return self._base_url

    @base_url.setter
    def base_url(self, url: str | None) -> None:
        self._base_url = url
        self.wake()

    def wake(self) -> None:
        """Look at the timetable again: it may have changed."""
        self._awake.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        connector = aiohttp.TCPConnector(limit=self._concurrency)
        async with (
            aiohttp.ClientSession(timeout=self._timeout, connector=connector) as session,
            asyncio.TaskGroup() as deliveries,
        ):
            while True:
                self._awake.clear()
                for dispatch in self._due():
                    await self._slots.acquire()
                    deliveries.create_task(self._deliver(session, dispatch))
                await self._rest()

    async def tried(self, numbers: Iterable[int]) -> None:
        """Wait until each of these deliveries was tried once, for at most a delivery's time-out."""
        if self._base_url is None:
            return
        untried = [n for n in numbers if not self._engine.deliveries.was_tried(n)]
        events = [self._awaited.setdefault(number, asyncio.Event()) for number in untried]
        self.wake()
        try:
            async with asyncio.timeout(self._timeout.total):
                for event in events:
                    await event.wait()
        except TimeoutError:
            # Nobody took it: the answer to the submit must not wait for ever.
            return
        finally:
            for number in untried:
                self._awaited.pop(number, None)

    def _due(self) -> list[Dispatch]:
        return [] if self._base_url is None else self._engine.due(self._clock.now())

    async def _rest(self) -> None:
        next_due = None if self._base_url is None else self._engine.next_due()
        if next_due is None:
            await self._awake.wait()
            return
        seconds = (next_due - self._clock.now()).total_seconds()
        try:
            async with asyncio.timeout(max(seconds, 0.0)):
                await self._awake.wait()
        except TimeoutError:
            # Something is due: that is what the rest was for.
            return

    async def _deliver(self, session: aiohttp.ClientSession, dispatch: Dispatch) -> None:
        url = f"{self._base_url}/{dispatch.provider}"
        try:
            posts = (self._post(session, url, dispatch) for _ in range(dispatch.copies))
            statuses = tuple(await asyncio.gather(*posts))
            self._engine.delivered(dispatch.number, statuses, self._clock.now())
        finally:
            self._slots.release()
        if dispatch.number in self._awaited:
            self._awaited[dispatch.number].set()
        self.wake()

    async def _post(
        self, session: aiohttp.ClientSession, url: str, dispatch: Dispatch
    ) -> int | None:
        headers = {"Content-Type": "application/json", **dict(dispatch.headers)}
        try:
            async with session.post(
                url, data=dispatch.body, headers=headers, allow_redirects=False
            ) as response:
                # Read, so that the connection can be used again; bounded, whoever answers.
                await response.content.read(_MAX_ANSWER_BYTES)
                return response.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            # ValueError: an address that is none. The log shows that no answer came.
            return None
