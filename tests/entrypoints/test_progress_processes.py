"""Progress over processes: what one writes the other streams; SIGTERM ends streams politely."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.entrypoints.orders import ask, order, signed_in
from tests.entrypoints.twins import Twins, twins_over
from tests.servers import PostgresServer

pytestmark = pytest.mark.anyio

WITHIN_S = 10
USER = "user-progress"


@pytest.fixture(name="twins")
async def two_processes(tmp_path: Path, postgres_server: PostgresServer) -> AsyncIterator[Twins]:
    """Two API processes which hear nothing of each other."""
    async with twins_over(postgres_server, tmp_path) as twins:
        yield twins


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
