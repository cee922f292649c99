"""Raw connections to the API: what a client can write that no HTTP library would."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from adapters.web.deadlines import ConnectionLimits
from adapters.web.server import ApiServer
from tests.adapters.web.house import BODY, CASH_OUTS, House, house, signed_in

HASTY = ConnectionLimits(head_s=0.3, body_s=0.3, answer_s=1.0, idle_s=1, head_most=16_384)
"""Deadlines for tests."""


@asynccontextmanager
async def serving(
    limits: ConnectionLimits | None = None,
    **changes: Any,  # noqa: ANN401 -- other parts of the house
) -> AsyncIterator[tuple[ApiServer, House]]:
    """Serve the API over memory on a socket."""
    async with house(**changes) as api, ApiServer(api.app, limits=limits) as server:
        yield server, api


@asynccontextmanager
async def connected(
    server: ApiServer,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect, and hang up at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def closed_within(reader: asyncio.StreamReader, seconds: float) -> bytes:
    """Return what still came; fail unless the server hangs up in time."""
    async with asyncio.timeout(seconds):
        with contextlib.suppress(ConnectionError):
            return await reader.read()
        return b""


async def open_for(reader: asyncio.StreamReader, seconds: float) -> bytes:
    """Return what came until the server hung up or the time was over."""
    came = b""
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(seconds):
            while more := await reader.read(65_536):
                came += more
    return came


def head(*lines: str, path: str = CASH_OUTS, method: str = "POST") -> bytes:
    """Return the head of a signed-in request."""
    named = [f"{name}: {value}" for name, value in signed_in().items()]
    all_lines = [f"{method} {path} HTTP/1.1", "Host: api.test", *named, *lines]
    return ("\r\n".join(all_lines) + "\r\n\r\n").encode()


def a_cash_out() -> bytes:
    """Return a whole request that is taken wherever it is read as one."""
    raw = json.dumps(BODY).encode()
    return head("Content-Type: application/json", f"Content-Length: {len(raw)}") + raw


def statuses(raw: bytes) -> list[int]:
    """Return the status of each answer on a connection, in order."""
    return [int(answer[:3]) for answer in raw.split(b"HTTP/1.1 ")[1:]]


def problem_of(raw: bytes) -> tuple[int, str]:
    """Return status and code of an answer as it came over the wire."""
    start, _, body = raw.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in start
    assert b"x-request-id: " in start
    assert b"x-content-type-options: nosniff" in start
    assert b"server:" not in start.lower()
    return int(start.split(b" ")[1]), json.loads(body)["error"]["code"]
