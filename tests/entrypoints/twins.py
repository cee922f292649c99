"""Two API processes over one PostgreSQL database, for what has to hold across both."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from adapters.sql.schema import migrate
from tests.entrypoints.orders import a_client, in_a_hurry
from tests.processes import api_process
from tests.server_process import ServerProcess
from tests.servers import PostgresServer, free_port


@dataclass(frozen=True, slots=True)
class Twins:
    """Two API processes, their clients, and the database that both stand on."""

    processes: tuple[ServerProcess, ServerProcess]
    clients: tuple[httpx.AsyncClient, httpx.AsyncClient]
    postgres: PostgresServer
    database: str

    def count(self, where: str) -> int:
        """Return how many cash-outs there are of which this SQL condition is true."""
        query = f"SELECT count(*) FROM cash_outs WHERE {where}"  # noqa: S608 -- our own words
        return int(self.postgres.execute(query, self.database))


@asynccontextmanager
async def twins_over(postgres: PostgresServer, folder: Path) -> AsyncIterator[Twins]:
    """Run both without workers, and with a provider that nobody listens for."""
    name = postgres.create_database()
    await migrate(postgres.dsn(name))
    nowhere = f"http://127.0.0.1:{free_port()}"
    environment = in_a_hurry(
        DATABASE_URL=postgres.dsn(name),
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
            own = folder / f"api-{number}"
            own.mkdir()
            process, url = api_process(own, environment)
            stack.callback(process.stop)
            await asyncio.to_thread(process.start)
            started.append((process, await stack.enter_async_context(a_client(url))))
        (first, here), (second, there) = started
        yield Twins((first, second), (here, there), postgres, name)
