"""The worker process: the background work, without an API beside it."""

import asyncio
from contextlib import AsyncExitStack

import structlog

from entrypoints.lifespan import at_work, note_configuration, open_service
from entrypoints.observing import Observers
from entrypoints.schema_gate import require_current_schema
from entrypoints.settings import Settings
from entrypoints.signals import stop_signal


async def run_worker(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; then finish what is in flight, inside the grace period.

    Raises SettingsRefused for an old schema or a provider that cannot be built.
    """
    asked_to_stop = stop_signal()
    await require_current_schema(settings)
    async with AsyncExitStack() as opened:
        service = await opened.enter_async_context(open_service(settings, Observers(settings)))
        await note_configuration(service)
        stop = asyncio.create_task(asked_to_stop.wait())
        worker = await opened.enter_async_context(at_work(service))
        log = structlog.get_logger("cashout")
        log.info("working", providers=sorted(service.lanes))
        await asyncio.wait({stop, worker}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        log.info("stopping", in_flight=service.worker.in_flight)
