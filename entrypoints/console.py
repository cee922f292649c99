"""The console beside the API: imported only where it is switched on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.console.app import build_console
from adapters.console.parts import BASE, ConsoleParts, ConsoleSettings
from adapters.web.app import Api
from adapters.web.beside import mount
from entrypoints.container import Service


@asynccontextmanager
async def console_beside(app: Api, service: Service) -> AsyncIterator[None]:
    """Mount the console on the API and keep its figures while the body runs."""
    mount(app, BASE, build_console(_parts(service)))
    keeping = asyncio.create_task(service.keep_figures.run(), name="figures")
    try:
        yield
    finally:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping


def _parts(service: Service) -> ConsoleParts:
    settings = service.settings
    return ConsoleParts(
        sign_in=service.sign_in,
        console=service.console,
        reader=service.reader,
        log=service.log,
        explain=service.explain,
        desk=service.desk,
        cancel=service.cancel,
        statements=service.statements.read,
        receive=service.statements.receive,
        explain_break=service.statements.explain,
        health=service.provider_health,
        steer=service.steer,
        units=service.units,
        catalogue=service.catalogue,
        policy=service.policy,
        clock=service.clock,
        watch=service.watch,
        settings=ConsoleSettings(
            trusted_proxies=settings.trusted_proxies,
            secure=settings.console_is_secure,
            origin=settings.console_url.rstrip("/"),
            statement_most=settings.configuration.reconciliation.file_most,
        ),
    )
