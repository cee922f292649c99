"""The real server process under attack: its memory, its descriptors, and a good client beside."""

import asyncio
import contextlib
import resource
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from adapters.sql.schema import migrate
from tests.entrypoints.orders import a_client, ask, in_a_hurry
from tests.processes import api_process
from tests.servers import free_port

MEMORY_MOST_MB = 60
"""What an attack may add to the server's memory."""
ANSWER_MOST_S = 5.0
"""What it may add to a good client's waiting; generous, for a machine that runs other tests."""
FILES = 4_096
_PAUSE_S = 0.1
_LEFT_OVER = 4
"""Descriptors that a pool may have opened meanwhile."""


@dataclass(slots=True)
class Besieged:
    """`cashout serve` over SQLite, as it is run in production, and how it was before an attack."""

    pid: int
    port: int
    url: str
    client: httpx.AsyncClient
    waits: list[float] = field(default_factory=list)
    highest_mb: float = 0.0

    @property
    def memory_mb(self) -> float:
        """Return what the process has resident."""
        asked = ["ps", "-o", "rss=", "-p", str(self.pid)]
        return int(subprocess.run(asked, check=True, capture_output=True).stdout) / 1_024

    @property
    def files(self) -> int:
        """Return how many descriptors the process has open."""
        folder = Path(f"/proc/{self.pid}/fd")
        if folder.is_dir():
            return len(list(folder.iterdir()))
        asked = ["lsof", "-p", str(self.pid)]
        return len(subprocess.run(asked, check=True, capture_output=True).stdout.splitlines())

    async def serve_a_good_client(self) -> None:
        """Ask for cash-outs and for /health by turns, each over a new connection, for ever."""
        number = 0
        while True:
            began = time.monotonic()
            async with a_client(self.url) as client:
                if number % 3:
                    answer = await client.get("/health")
                    assert answer.status_code == 200
                else:
                    answer = await ask(client, "user-good")
                    assert answer.status_code in {202, 422}, answer.text
            self.waits.append(time.monotonic() - began)
            self.highest_mb = max(self.highest_mb, self.memory_mb)
            number += 1
            await asyncio.sleep(_PAUSE_S)


@asynccontextmanager
async def besieged(folder: Path) -> AsyncIterator[Besieged]:
    """Start the server over an empty database, warm; raise the bound on descriptors for both."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    url = f"sqlite+aiosqlite:///{folder / 'store.db'}"
    await migrate(url)
    nowhere = f"http://127.0.0.1:{free_port()}"
    environment = in_a_hurry(
        DATABASE_URL=url,
        WORKERS_IN_API="false",
        LOG_LEVEL="warning",
        ORANGE_MONEY_API_URL=nowhere,
        ORANGE_MONEY_TOKEN_URL=f"{nowhere}/token",
        ORANGE_MONEY_CLIENT_ID="client",
        ORANGE_MONEY_CLIENT_SECRET="client-secret",
        ORANGE_MONEY_WEBHOOK_SECRET="webhook-secret",
    )
    process, address = api_process(folder, environment)
    try:
        await asyncio.to_thread(process.start)
        async with a_client(address) as client:
            for path in ("/health/ready", "/schema/openapi.json", "/health"):
                assert (await client.get(path)).status_code == 200
            assert (await ask(client, "user-good")).status_code == 202
            port = int(address.rpartition(":")[2])
            yield Besieged(process.pid, port, address, client)
    finally:
        await asyncio.to_thread(process.stop)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def endured(server: Besieged, attack: Callable[[int], Awaitable[None]]) -> None:
    """Attack, and check what has to hold meanwhile and afterwards; raise AssertionError."""
    files, memory = server.files, server.memory_mb
    server.waits, server.highest_mb = [], memory
    good = asyncio.create_task(server.serve_a_good_client())
    try:
        await attack(server.port)
    finally:
        # The attack may be over before the good client's turn was.
        while len(server.waits) < 3 and not good.done():  # noqa: ASYNC110 -- a list does not tell
            await asyncio.sleep(_PAUSE_S)
        good.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await good
    assert max(server.waits) < ANSWER_MOST_S, server.waits
    grown = server.highest_mb - memory
    assert grown < MEMORY_MOST_MB, f"{grown:.0f} MB more than before"
    async with asyncio.timeout(15):
        while server.files > files + _LEFT_OVER:  # noqa: ASYNC110 -- the kernel does not tell
            await asyncio.sleep(_PAUSE_S)
