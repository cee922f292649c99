"""Progress over processes: what one writes the other streams; SIGTERM ends streams politely."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from adapters.sql.schema import migrate
from tests.entrypoints.orders import a_client, ask, in_a_hurry, order, signed_in
from tests.processes import api_process
from tests.server_process import ServerProcess
from tests.servers import PostgresServer, free_port

pytestmark = pytest.mark.anyio

WITHIN_S = 10
USER = "user-progress"


@dataclass(frozen=True, slots=True)
class Twins:
    """Two API processes over one database, which hear nothing of each other, and their clients."""

    processes: tuple[ServerProcess, ServerProcess]
    clients: tuple[httpx.AsyncClient, httpx.AsyncClient]


@pytest.fixture(name="twins")
async def two_processes(tmp_path: Path, postgres_server: PostgresServer) -> AsyncIterator[Twins]:
    name = postgres_server.create_database()
    await migrate(postgres_server.dsn(name))
    nowhere = f"http://127.0.0.1:{free_port()}"
    environment = in_a_hurry(
        DATABASE_URL=postgres_server.dsn(name),
        WORKERS_IN_API="false",
        ORANGE_MONEY_API_URL=nowhere,
        ORANGE_MONEY_TOKEN_URL=f"{nowhere}/token",
        ORANGE_MONEY_CLIENT_ID="client",
        ORANGE_MONEY_CLIENT_SECRET="client-secret",
        ORANGE_MONEY_WEBHOOK_SECRET="webhook-secret",
    )
    async with AsyncExitStack() as stack:
        started = []
        for number in (1, 2):
            folder = tmp_path / str(number)
            folder.mkdir()
            process, url = api_process(folder, environment)
            stack.callback(process.stop)
            await asyncio.to_thread(process.start)
            started.append((process, await stack.enter_async_context(a_client(url))))
        (first, here), (second, there) = started
        yield Twins((first, second), (here, there))


async def test_what_one_process_writes_the_other_one_streams(twins: Twins) -> None:
    here, there = twins.clients
    made = (await ask(here, USER, order())).json()["data"]["cashOutId"]
    path, mine = f"/api/payments/cash-out/{made}/events", signed_in(USER)
    async with (
        asyncio.timeout(WITHIN_S),
        there.stream("GET", path, headers=mine) as told,
    ):
        events = []
        async for line in told.aiter_lines():
            if line.startswith("event: "):
                events.append(line.removeprefix("event: "))
                if events == ["status"]:
                    cancel = f"/api/payments/cash-out/{made}/cancel"
                    answer = await here.post(cancel, headers=signed_in(USER))
                    assert answer.status_code == 200, answer.text
        # The stream has ended by itself, with the ending.
        assert events == ["status", "cash_out.cancelled"]


async def test_sigterm_ends_an_open_stream_politely_and_the_process_at_once(twins: Twins) -> None:
    here, _ = twins.clients
    process, _ = twins.processes
    made = (await ask(here, USER, order())).json()["data"]["cashOutId"]
    path, mine = f"/api/payments/cash-out/{made}/events", signed_in(USER)
    async with asyncio.timeout(WITHIN_S), here.stream("GET", path, headers=mine) as told:
        lines: list[str] = []
        began = time.monotonic()
        async for line in told.aiter_lines():
            lines.append(line)
            if line.startswith("data: "):
                began = time.monotonic()
                process.send(process.stop_signal)
        # A stream that is cut would raise here: this one was ended, chunk by chunk.
        assert ": the end" in lines
    assert await asyncio.to_thread(process.exit_code) == 0
    # The grace period is for what is in flight, and a stream is not kept for all of it.
    assert time.monotonic() - began < WITHIN_S
