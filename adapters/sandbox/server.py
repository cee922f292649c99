"""The sandbox on a socket: in a test, inside `cashout dev`, or by itself."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

import uvicorn

from adapters.sandbox.app import BASE_PATHS, Running, create_app
from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.connections import ExposedProtocol
from adapters.sandbox.control import PREFIX
from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY
from adapters.sandbox.engine import Engine
from adapters.sandbox.ledger import Ledger
from adapters.sandbox.ledger_file import LedgerFile, LedgerFileRefused
from adapters.sandbox.orange_money import TOKEN_PATH
from adapters.sandbox.settings import SandboxSettings, refuse_in_production
from adapters.sandbox.trying import Till
from adapters.sandbox.webhooks import Courier

_START_S: Final = 10.0
_GRACE_S: Final = 2
# Longer than any client keeps an idle connection: the server must not be the one that closes it.
_KEEP_ALIVE_S: Final = 600
_BACKLOG: Final = 2048


class _QuietServer(uvicorn.Server):
    """uvicorn without its hold on signals: it is a guest in somebody's event loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Sandbox:
    """A running sandbox, as an async context manager.

    Raises `SandboxInProduction` when made in production, `OSError` when its port is taken, and
    `LedgerFileRefused` when its file is in use or not a sandbox's.
    """

    def __init__(
        self, settings: SandboxSettings | None = None, clock: SandboxClock | None = None
    ) -> None:
        self.settings = settings or SandboxSettings()
        refuse_in_production(self.settings.app_env)
        self.clock = clock or SandboxClock()
        file = self.settings.ledger_file
        self._ledger_file = None if file is None else LedgerFile(file)
        self.engine = Engine(self.settings, book=self._ledger_file)
        if self._ledger_file is not None:
            self._restore_from(self._ledger_file)
        self._courier = Courier(self.engine, self.clock, self.settings)
        self._running = Running(self.engine, self.clock, self._courier)
        self._port = 0
        self._open = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        listener = _listener(self.settings.host, self.settings.port)
        self._port = listener.getsockname()[1]
        server = _QuietServer(
            uvicorn.Config(
                create_app(self._running),
                http=ExposedProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )
        async with contextlib.AsyncExitStack() as opening:
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            opening.push_async_callback(self._stop, server, serving)
            await _started(server, serving)
            delivering = asyncio.create_task(self._courier.run())
            opening.push_async_callback(_cancelled, delivering)
            self._open = opening.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._open.aclose()
        finally:
            if self._ledger_file is not None:
                self._ledger_file.close()

    @property
    def base_url(self) -> str:
        """Where it listens, without a final slash."""
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        return f"http://{host}:{self._port}"

    @property
    def orange_money_url(self) -> str:
        """Orange Money's API, as `ORANGE_MONEY_API_URL`."""
        return self.base_url + BASE_PATHS[ORANGE_MONEY]

    @property
    def orange_money_token_url(self) -> str:
        """Orange Money's token address, as `ORANGE_MONEY_TOKEN_URL`."""
        return self.orange_money_url + TOKEN_PATH

    @property
    def afrimoney_url(self) -> str:
        """AfriMoney's API, as `AFRIMONEY_API_URL`."""
        return self.base_url + BASE_PATHS[AFRIMONEY]

    @property
    def control_url(self) -> str:
        """The control plane; opened in a browser it explains itself."""
        return self.base_url + PREFIX

    @property
    def webhook_base_url(self) -> str | None:
        """Where webhooks go: this address, a slash and the provider's id. None holds them back."""
        return self._courier.base_url

    @webhook_base_url.setter
    def webhook_base_url(self, url: str | None) -> None:
        self._courier.base_url = url

    @property
    def till(self) -> Till:
        """Who pays for what is tried on the page: put a payer there, and the page has buttons."""
        return self._running.till

    @property
    def ledger(self) -> Ledger:
        """What was paid up to now."""
        self.engine.settle(self.clock.now())
        return self.engine.ledger

    def environment(self) -> dict[str, str]:
        """Return the settings that point the service at this sandbox, by their names."""
        settings = self.settings
        return {
            "ORANGE_MONEY_API_URL": self.orange_money_url,
            "ORANGE_MONEY_TOKEN_URL": self.orange_money_token_url,
            "ORANGE_MONEY_CLIENT_ID": settings.orange_money_client_id,
            "ORANGE_MONEY_CLIENT_SECRET": settings.orange_money_client_secret,
            "ORANGE_MONEY_WEBHOOK_SECRET": settings.orange_money_webhook_secret,
            "AFRIMONEY_API_URL": self.afrimoney_url,
            "AFRIMONEY_API_KEY": settings.afrimoney_api_key,
            "AFRIMONEY_API_SECRET": settings.afrimoney_api_secret,
            "AFRIMONEY_WEBHOOK_SECRET": settings.afrimoney_webhook_secret,
        }

    def _restore_from(self, file: LedgerFile) -> None:
        try:
            self.engine.transactions.restore(file.read())
        except LedgerFileRefused:
            file.close()
            raise

    async def _stop(self, server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
        self._running.stopping.set()
        server.should_exit = True
        await serving


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY: without it each answer waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)  # noqa: FBT003 - the standard library takes it by position
    return listener


async def _started(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    async with asyncio.timeout(_START_S):
        # uvicorn tells of its start by an attribute alone.
        while not server.started and not serving.done():  # noqa: ASYNC110
            await asyncio.sleep(0.002)
    if serving.done():
        await serving


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
