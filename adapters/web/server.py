"""The API on a socket: inside another program, in a test, or as the whole of a process."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

import uvicorn
from litestar import Litestar

from adapters.web.deadlines import ConnectionLimits, DeadlineProtocol, protocol

GRACE_S: Final = 30
"""How long requests in flight may take to end once the server is being stopped."""
_START_S: Final = 10.0
_BACKLOG: Final = 2_048
_LEFT_OVER_S: Final = 1.0


class _Guest(uvicorn.Server):
    """uvicorn without its hold on signals: they are for whoever runs the process.

    Left alone it raises a caught SIGTERM again after stopping, which kills a process before it
    has cleaned up.
    """

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing."""
        yield


class ApiServer:
    """Serves an application while its `async with` block runs.

    port 0 takes a free one. Raises OSError when the port is taken, and whatever the application's
    lifespan raises. Serving runs on the loop that is running.
    """

    def __init__(
        self,
        app: Litestar,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        limits: ConnectionLimits | None = None,
        grace_s: int = GRACE_S,
    ) -> None:
        self._app = app
        self._host = host
        self._port = port
        self._limits = limits or ConnectionLimits()
        self._grace_s = grace_s
        self._open = contextlib.AsyncExitStack()
        self._server: _Guest | None = None
        self._serving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as opening:
            # Before anything is opened: a taken port is the likeliest fault.
            listener = _listener(self._host, self._port)
            opening.callback(listener.close)
            self._port = listener.getsockname()[1]
            await opening.enter_async_context(self._app.lifespan())
            self._server = self._make_server()
            self._serving = asyncio.create_task(
                self._server.serve(sockets=[listener]), name="http server"
            )
            opening.push_async_callback(self.shutdown)
            await self._started(self._server, self._serving)
            self._open = opening.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._open.aclose()

    @property
    def url(self) -> str:
        """Where it listens, without a final slash."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._server.server_state.connections) if self._server else 0

    async def wait_closed(self) -> None:
        """Return when the server has stopped, by `shutdown` or by itself; raise what broke it."""
        if self._serving is not None:
            await asyncio.shield(self._serving)

    async def shutdown(self, grace_s: int | None = None) -> None:
        """Accept nothing more, let what is in flight end within the grace period, then close.

        The application's lifespan ends with the `async with` block, not here.
        """
        if self._server is None or self._serving is None:
            return
        self._server.config.timeout_graceful_shutdown = (
            self._grace_s if grace_s is None else grace_s
        )
        self._server.should_exit = True
        await asyncio.wait({self._serving})
        await _let_go_of_the_rest(self._server)

    def _make_server(self) -> _Guest:
        return _Guest(
            uvicorn.Config(
                self._app,
                http=protocol(self._limits),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=self._limits.idle_s,
                timeout_graceful_shutdown=self._grace_s,
            )
        )

    async def _started(self, server: _Guest, serving: asyncio.Task[None]) -> None:
        async with asyncio.timeout(_START_S):
            # uvicorn tells of its start by an attribute alone.
            while not server.started and not serving.done():  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        if serving.done():
            await serving


def _listener(host: str, port: int) -> socket.socket:
    family, kind, proto, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, proto)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)  # noqa: FBT003 -- the standard library takes it by position
    return listener


async def _let_go_of_the_rest(server: _Guest) -> None:
    """Cut the connections that outlived the grace period, and wait for their requests to end."""
    for connection in list(server.server_state.connections):
        if isinstance(connection, DeadlineProtocol):
            connection.transport.abort()
    left = set(server.server_state.tasks)
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=_LEFT_OVER_S)
