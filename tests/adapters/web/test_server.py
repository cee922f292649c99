"""The API over real sockets: slow, greedy, half-gone and malformed clients, and stopping."""

import asyncio
import contextlib
import json
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from adapters.web.deadlines import ConnectionLimits
from adapters.web.server import ApiServer
from domain.request import CashOutRequest
from tests.adapters.web.house import BODY, CASH_OUTS, house, signed_in
from tests.adapters.web.sockets import (
    HASTY,
    closed_within,
    connected,
    head,
    problem_of,
    serving,
)

pytestmark = pytest.mark.anyio


async def test_a_cash_out_is_taken_over_a_socket_and_the_banner_is_missing() -> None:
    async with serving() as (server, api), httpx.AsyncClient(base_url=server.url) as client:
        answer = await client.post(CASH_OUTS, json=BODY, headers=signed_in())
        assert answer.status_code == 202
        assert "server" not in answer.headers
        assert len(api.store.cash_outs) == 1


async def test_idle_and_slow_heads_are_cut_while_others_are_served() -> None:
    async with serving(HASTY) as (server, _), contextlib.AsyncExitStack() as stack:
        slow = [await stack.enter_async_context(connected(server)) for _ in range(50)]
        for number, (_, writer) in enumerate(slow):
            if number % 2:
                writer.write(b"GET /health HT")
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=server.url))
        began = time.monotonic()
        assert (await client.get("/health")).status_code == 200
        assert time.monotonic() - began < 0.3
        ends = [closed_within(reader, 2) for reader, _ in slow]
        assert set(await asyncio.gather(*ends)) == {b""}


async def test_a_head_that_drips_is_cut() -> None:
    async with serving(HASTY) as (server, _), connected(server) as (reader, writer):
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            for byte in b"GET /health HTTP/1.1\r\nX-Long: " + b"a" * 1000:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.02)
                if reader.at_eof():
                    break
        assert time.monotonic() - began < 2


async def test_a_body_that_does_not_come_is_cut() -> None:
    async with serving(HASTY) as (server, api), connected(server) as (reader, writer):
        writer.write(head("Content-Type: application/json", "Content-Length: 100") + b'{"a":')
        assert await closed_within(reader, 2) == b""
        assert not any(api.written)


async def test_empty_lines_do_not_keep_a_connection() -> None:
    async with serving(HASTY) as (server, _), connected(server) as (reader, writer):
        writer.write(head(path="/health", method="GET"))
        await reader.readuntil(b"}")
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof() and time.monotonic() - began < 3:
                writer.write(b"\r\n")
                await writer.drain()
                await asyncio.sleep(0.05)
        assert time.monotonic() - began < 2


async def test_a_connection_serves_many_requests_and_ends_when_it_is_idle() -> None:
    async with serving(HASTY) as (server, _), connected(server) as (reader, writer):
        for _ in range(3):
            writer.write(head(path="/health", method="GET"))
            assert b"200 OK" in await reader.readuntil(b"}")
            await asyncio.sleep(0.4)
        assert await closed_within(reader, 3) == b""


async def test_pipelined_requests_are_all_answered() -> None:
    async with serving(HASTY) as (server, _), connected(server) as (reader, writer):
        writer.write(head(path="/health", method="GET") * 3)
        for _ in range(3):
            assert b"200 OK" in await reader.readuntil(b"}")


async def test_chunks_over_the_limit_are_413_and_the_rest_is_not_waited_for() -> None:
    async with serving(HASTY) as (server, api), connected(server) as (reader, writer):
        writer.write(head("Content-Type: application/json", "Transfer-Encoding: chunked"))
        chunk = b"2000\r\n" + b" " * 0x2000 + b"\r\n"
        with contextlib.suppress(ConnectionError):
            for _ in range(12):
                writer.write(chunk)
                await writer.drain()
        assert problem_of(await closed_within(reader, 2)) == (413, "PAYLOAD_TOO_LARGE")
        assert not any(api.written)


async def test_a_declared_length_over_the_limit_is_413_at_once() -> None:
    async with serving(HASTY) as (server, _), connected(server) as (reader, writer):
        writer.write(head("Content-Type: application/json", "Content-Length: 70000"))
        assert problem_of(await closed_within(reader, 2)) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize(
    "raw",
    [
        b"rubbish\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /health HTTP/1.1\r\nX: a\x00b\r\n\r\n",
        b"POST /health HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        b"POST /health HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /health HTTP/1.1\r\nX-Long: " + b"a" * 20_000,
        b"GET /" + b"a" * 20_000,
        b"GET /health HTTP/1.1\r\n" + b"X-Many: 1\r\n" * 2_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=lambda raw: repr(raw[:60]),
)
async def test_what_is_no_sound_http_is_400_in_the_envelope(raw: bytes) -> None:
    async with serving(HASTY) as (server, _), connected(server) as (reader, writer):
        writer.write(raw)
        assert problem_of(await closed_within(reader, 2)) == (400, "BAD_REQUEST")


async def test_an_upgrade_is_not_made() -> None:
    async with serving(HASTY) as (server, _), connected(server) as (reader, writer):
        writer.write(
            head("Connection: upgrade", "Upgrade: websocket", path="/health", method="GET")
        )
        assert b"101" not in (await reader.readuntil(b"\r\n"))


async def test_connections_over_the_bound_are_told_to_come_back() -> None:
    limits = ConnectionLimits(connections_most=2)
    async with serving(limits) as (server, _), contextlib.AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(connected(server))
        while server.connections < 2:  # noqa: ASYNC110 -- the server does not tell
            await asyncio.sleep(0.01)
        reader, _ = await stack.enter_async_context(connected(server))
        assert problem_of(await closed_within(reader, 2)) == (503, "OVERLOADED")


async def test_a_client_that_hangs_up_before_the_answer_has_its_cash_out_all_the_same() -> None:
    begun, hold = asyncio.Event(), asyncio.Event()

    async with house() as kept:
        take = kept.parts.request

        async def slow(asked: CashOutRequest) -> object:
            begun.set()
            await hold.wait()
            return await take(asked)

        async with serving(request=slow) as (server, _):
            async with connected(server) as (_, writer):
                raw = json.dumps(BODY).encode()
                writer.write(
                    head("Content-Type: application/json", f"Content-Length: {len(raw)}") + raw
                )
                await begun.wait()
            hold.set()
            async with asyncio.timeout(2):
                while not kept.store.cash_outs:  # noqa: ASYNC110 -- a store does not tell
                    await asyncio.sleep(0.01)


async def test_a_client_that_hangs_up_within_its_body_leaves_nothing() -> None:
    async with serving() as (server, api):
        async with connected(server) as (_, writer):
            writer.write(head("Content-Type: application/json", "Content-Length: 100") + b'{"a":')
            await writer.drain()
            await asyncio.sleep(0.05)
        async with asyncio.timeout(2):
            while server.connections:  # noqa: ASYNC110 -- the server does not tell
                await asyncio.sleep(0.01)
        assert not any(api.written)


# --- stopping -------------------------------------------------------------------------------------


async def test_what_is_in_flight_ends_before_the_server_does() -> None:
    begun = asyncio.Event()

    async def slow(asked: CashOutRequest) -> object:
        begun.set()
        await asyncio.sleep(0.3)
        raise RuntimeError(asked.currency)

    async with (
        serving(request=slow) as (server, _),
        httpx.AsyncClient(base_url=server.url) as client,
    ):
        post = asyncio.create_task(client.post(CASH_OUTS, json=BODY, headers=signed_in()))
        await begun.wait()
        await server.shutdown(5)
        assert (await post).status_code == 500
        await server.wait_closed()
        with pytest.raises(httpx.ConnectError):
            await client.get("/health")


async def test_after_the_grace_period_connections_are_cut() -> None:
    async def endless(_: CashOutRequest) -> object:
        await asyncio.Event().wait()
        raise AssertionError

    async with (
        serving(request=endless) as (server, _),
        httpx.AsyncClient(base_url=server.url) as client,
    ):
        post = asyncio.create_task(client.post(CASH_OUTS, json=BODY, headers=signed_in()))
        while not server.connections:  # noqa: ASYNC110 -- the server does not tell
            await asyncio.sleep(0.01)
        began = time.monotonic()
        await server.shutdown(0)
        assert time.monotonic() - began < 2
        with contextlib.suppress(httpx.TransportError):
            assert (await post).status_code == 500


async def test_signals_stay_with_whoever_runs_the_process() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    async with serving():
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


async def test_a_taken_port_is_an_oserror_and_nothing_was_opened() -> None:
    opened = []

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        opened.append("in")
        yield
        opened.append("out")

    async with house() as api:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(OSError, match="in use"):
                await ApiServer(api.app, port=port).__aenter__()
    async with house(lifespans=(lifespan,)) as api:
        assert opened == ["in"]
        async with ApiServer(api.app) as server:
            assert opened == ["in", "in"]
            assert server.url == f"http://127.0.0.1:{server.port}"
        assert opened == ["in", "in", "out"]
    assert opened == ["in", "in", "out", "out"]


async def test_a_lifespan_that_fails_stops_the_start_with_its_own_fault() -> None:
    broken = [False]

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        if broken[0]:
            raise LookupError("no database")
        yield

    async with house(lifespans=(lifespan,)) as api:
        broken[0] = True
        with pytest.raises(LookupError, match="no database"):
            await ApiServer(api.app).__aenter__()


async def test_a_server_that_never_started_can_be_stopped() -> None:
    async with house() as api:
        server = ApiServer(api.app, host="::1", port=9)
        await server.shutdown()
        await server.wait_closed()
        assert (server.url, server.connections) == ("http://[::1]:9", 0)
