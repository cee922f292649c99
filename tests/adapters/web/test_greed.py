"""Clients that take more than their share of memory, of answers or of time."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.web.deadlines import ConnectionLimits
from adapters.web.server import ApiServer
from domain.request import CashOutRequest
from tests.adapters.web.house import BODY, house
from tests.adapters.web.sockets import (
    HASTY,
    a_cash_out,
    closed_within,
    connected,
    head,
    open_for,
    problem_of,
    serving,
    statuses,
)

pytestmark = pytest.mark.anyio

HEALTH = b"GET /health HTTP/1.1\r\nHost: api.test\r\n\r\n"
CHUNKED = head("Content-Type: application/json", "Transfer-Encoding: chunked")


@pytest.mark.parametrize(
    "lines",
    [b"X-Many: 1\r\n" * 10_000, b"X-Long: " + b"a" * 100_000 + b"\r\n"],
    ids=["many headers", "a long header"],
)
async def test_a_large_head_is_refused_also_when_it_comes_in_one_piece(lines: bytes) -> None:
    async with serving(HASTY) as (server, _), connected(server) as (reader, writer):
        writer.write(b"GET /health HTTP/1.1\r\nHost: api.test\r\n" + lines + b"\r\n")
        assert problem_of(await closed_within(reader, 5)) == (400, "BAD_REQUEST")


async def test_a_head_just_below_the_bound_is_read_whatever_body_comes_with_it() -> None:
    raw = json.dumps(BODY).encode() + b" " * 60_000
    lines = ("Content-Type: application/json", f"Content-Length: {len(raw)}", "X: " + "a" * 15_000)
    async with serving(HASTY) as (server, _), connected(server) as (reader, writer):
        writer.write(head(*lines) + raw)
        assert statuses(await open_for(reader, 0.5)) == [202]


@pytest.mark.parametrize(
    "endless",
    [b"X-Trailer: 1\r\n" * 1_000, b"a" * 20_000],
    ids=["many trailers", "a trailer without end"],
)
async def test_trailers_without_end_are_cut(endless: bytes) -> None:
    """They are bounded in bytes, not by the deadline alone."""
    limits = ConnectionLimits(body_s=60)
    async with serving(limits) as (server, _), connected(server) as (reader, writer):
        writer.write(CHUNKED + b"0\r\nX-First: ")
        sent = 0
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof() and sent < 20_000_000:
                writer.write(endless)
                await writer.drain()
                sent += len(endless)
                await asyncio.sleep(0)
        assert sent < 20_000_000


async def test_a_body_of_chunk_extensions_is_cut() -> None:
    limits = ConnectionLimits(body_s=60)
    async with serving(limits) as (server, api), connected(server) as (reader, writer):
        writer.write(CHUNKED)
        sent = 0
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof() and sent < 20_000_000:
                writer.write(b"1;" + b"a" * 60_000 + b"\r\nx\r\n")
                await writer.drain()
                sent += 60_000
                await asyncio.sleep(0)
        assert sent < 20_000_000
        assert not any(api.written)


async def test_a_body_in_chunks_of_one_byte_is_a_body() -> None:
    raw = json.dumps(BODY).encode()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in raw)
    async with serving(HASTY) as (server, _), connected(server) as (reader, writer):
        writer.write(CHUNKED + chunks + b"0\r\n\r\n")
        assert statuses(await open_for(reader, 0.5)) == [202]


async def test_a_flood_of_requests_that_waits_for_no_answer_is_let_go() -> None:
    """A few are answered in their order, then the client is told that this is too much."""
    async with serving() as (server, _), connected(server) as (reader, writer):
        with contextlib.suppress(ConnectionError):
            writer.write(HEALTH * 1_000)
            await writer.drain()
        came = statuses(await closed_within(reader, 5))
        assert came == [200] * (len(came) - 1) + [503]
        assert 3 <= len(came) < 100


async def test_a_flood_does_not_hold_up_others() -> None:
    async with serving() as (server, _), connected(server) as (_, writer):
        flood = asyncio.create_task(_flood(writer))
        async with connected(server) as (reader, good):
            for _ in range(20):
                good.write(HEALTH)
                began = time.monotonic()
                await reader.readuntil(b"}")
                assert time.monotonic() - began < 2
        flood.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await flood


async def _flood(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(HEALTH * 10_000)
        await writer.drain()


@asynccontextmanager
async def slowly(begun: asyncio.Event, go_on: asyncio.Event) -> AsyncIterator[ApiServer]:
    """Serve an API that takes cash-outs only once it is told to go on."""
    async with house() as kept:
        take = kept.parts.request

        async def slow(asked: CashOutRequest) -> object:
            begun.set()
            await go_on.wait()
            return await take(asked)

        async with serving(request=slow) as (server, _):
            yield server


@pytest.mark.parametrize(
    "broken",
    [b"rubbish\r\n\r\n", CHUNKED + b"rubbish\r\n"],
    ids=["a broken head", "a broken body"],
)
@pytest.mark.parametrize("apart", [False, True], ids=["at once", "later"])
async def test_a_broken_request_does_not_answer_for_the_one_before_it(
    broken: bytes, apart: bool
) -> None:
    """The first was taken: told 400, its client would believe that it was not."""
    begun, go_on = asyncio.Event(), asyncio.Event()
    async with slowly(begun, go_on) as server, connected(server) as (reader, writer):
        writer.write(a_cash_out() if apart else a_cash_out() + broken)
        await begun.wait()
        if apart:
            writer.write(broken)
            await asyncio.sleep(0.05)
        go_on.set()
        assert statuses(await closed_within(reader, 5)) == [202, 400]


async def test_who_reads_nothing_is_let_go() -> None:
    """Also when the server has nothing left to say: an answer that is never fetched is dropped."""
    async with serving(HASTY) as (server, _):
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            deaf.connect(("127.0.0.1", server.port))
            while not unsent(server):
                deaf.send(head(path="/schema/openapi.json", method="GET"))
                await asyncio.sleep(0.02)
            async with asyncio.timeout(10):
                while server.connections:  # noqa: ASYNC110 -- the server does not tell
                    await asyncio.sleep(0.05)


def unsent(server: ApiServer) -> int:
    """Return how many bytes of answers wait in this process for their readers."""
    assert server._server is not None
    transports = [each.transport for each in server._server.server_state.connections]
    return sum(each.get_write_buffer_size() for each in transports)
