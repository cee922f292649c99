"""A service on its feet inside this process: database, worker and API on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from adapters.sql.schema import migrate
from adapters.web.server import ApiServer
from entrypoints.api import open_api
from entrypoints.container import Service
from entrypoints.lifespan import at_work, open_service
from entrypoints.observing import Observers
from entrypoints.settings import Settings

WEBHOOKS = "/api/payments/webhook"


@dataclass(frozen=True, slots=True)
class Standing:
    """A running service; url: its API's, without a final slash; work: ends early only by a bug."""

    service: Service
    url: str
    work: asyncio.Task[None]


@asynccontextmanager
async def standing(settings: Settings) -> AsyncIterator[Standing]:
    """Migrate the database, then run worker and API; at the end, finish what is in flight.

    Raises SettingsRefused, StorageUnavailable, or OSError when the port is taken.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    await migrate(settings.database_url)
    async with AsyncExitStack() as opened:
        service = await opened.enter_async_context(open_service(settings, Observers(settings)))
        app = await opened.enter_async_context(open_api(service))
        work = await opened.enter_async_context(at_work(service))
        server = await opened.enter_async_context(ApiServer(app, settings.host, settings.port))
        opened.callback(service.follow.stop)
        yield Standing(service, server.url, work)
