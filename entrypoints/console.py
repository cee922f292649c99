"""The console beside the API: imported only where it is switched on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from adapters.console.app import build_console
from adapters.console.parts import BASE, ConsoleParts, ConsoleSettings
from adapters.web.app import Api
from adapters.web.beside import mount
from entrypoints.container import Service

_LAST_S: Final = 5.0
"""How long what was noted last may take to be written, when the process ends."""


@asynccontextmanager
async def console_beside(app: Api, service: Service) -> AsyncIterator[None]:
    """Mount the console on the API; keep its figures and write its refusals while the body runs."""
    mount(app, BASE, build_console(_parts(service)))
    keeping = asyncio.create_task(service.keep_figures.run(), name="figures")
    refusals = service.sign_in.refusals
    writing = asyncio.create_task(refusals.run(), name="refused sign-ins")
    try:
        yield
    finally:
        keeping.cancel()
        refusals.stop()
        await asyncio.wait({keeping, writing}, timeout=_LAST_S)
        writing.cancel()
        for task in (keeping, writing):
            with contextlib.suppress(asyncio.CancelledError):
                await task


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
