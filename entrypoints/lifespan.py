"""Opening and closing: everything that holds a socket, a file or a task."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import structlog

from adapters.memory.events import LocalEvents
from adapters.memory.signals import Signals
from adapters.provider_kit.limits import CallLimits
from adapters.provider_kit.tokens import Token, TokenStore
from adapters.provider_kit.wiring import Misconfigured, Wiring, provider_module
from adapters.sql.audit import SqlAuditReader
from adapters.sql.console_reader import SqlConsoleReader
from adapters.sql.database import Database, open_database
from adapters.sql.read_model import SqlReader
from adapters.sql.rulings import SqlReviewReader
from adapters.sql.unit_of_work import SqlUnits
from adapters.system import SystemClock
from application.ports import (
    Conflict,
    Gateway,
    Nudge,
    Overloaded,
    Publisher,
    StorageUnavailable,
)
from entrypoints.container import Container, Service
from entrypoints.observing import Observers
from entrypoints.settings import Settings, SettingsRefused

if TYPE_CHECKING:
    from adapters.nats.connection import NatsConnection


@asynccontextmanager
async def open_service(
    settings: Settings, observers: Observers | None = None
) -> AsyncIterator[Service]:
    """Open everything that the settings name and yield the use cases; close all at the end.

    Nothing is read or sent by opening: a database or broker that is away is met on first use.
    Raises SettingsRefused when a provider cannot be built from its settings, or when there is no
    showing figures where the settings say so. observers: who looks at it, None for nobody.
    """
    observers = observers or Observers()
    clock = SystemClock()
    signals = Signals(clock)
    async with AsyncExitStack() as opened:
        opened.push_async_callback(observers.close)
        database = open_store(settings)
        opened.push_async_callback(database.close)
        broker = await _broker(settings, opened)
        publisher, nudge = await _telling(settings, signals, broker, opened)
        container = Container(
            settings=settings,
            units=SqlUnits(database),
            reader=SqlReader(database),
            review_reader=SqlReviewReader(database),
            log=SqlAuditReader(database),
            console=SqlConsoleReader(database),
            gateways=observers.gateways(await _gateways(settings, clock, broker, opened), clock),
            publisher=observers.publisher(publisher),
            nudge=nudge,
            signals=signals,
            clock=clock,
            journal=observers.journal,
            tracing=observers.tracing,
            watch=observers.watch,
        )
        service = container.service()
        opened.callback(container.passwords().close)
        opened.push_async_callback(service.record.finish)
        opened.push_async_callback(service.request.finish)
        opened.push_async_callback(service.follow.finish)
        opened.push_async_callback(service.statements.receive.stop)
        await opened.enter_async_context(observers.watching(service, database))
        yield service


def open_store(settings: Settings) -> Database:
    """Open the database that the settings name; for a file, its folder is made.

    Raises SettingsRefused when there cannot be such a folder.
    """
    if settings.is_sqlite:
        try:
            settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as fault:
            line = f"CASHOUT_DATA_DIR: the folder cannot be made: {fault.strerror}"
            raise SettingsRefused((line,)) from None
    return open_database(settings.database_url)


async def _broker(settings: Settings, opened: AsyncExitStack) -> "NatsConnection | None":
    if not settings.nats_url:
        return None
    # nats-py takes half a second to import: only those pay who use it.
    from adapters.nats.connection import NatsConnection  # noqa: PLC0415

    connection = NatsConnection(settings.nats_url)
    opened.push_async_callback(connection.close)
    return connection


async def _telling(
    settings: Settings, signals: Signals, broker: "NatsConnection | None", opened: AsyncExitStack
) -> tuple[Publisher, Nudge]:
    if broker is None:
        return LocalEvents(), signals
    from adapters.nats.nudge import NatsNudge  # noqa: PLC0415
    from adapters.nats.publisher import JetStreamPublisher  # noqa: PLC0415
    from adapters.nats.stream_settings import StreamSettings  # noqa: PLC0415

    nudge = NatsNudge(broker, signals)
    await opened.enter_async_context(_background(nudge.run()))
    return JetStreamPublisher(broker, StreamSettings(replicas=settings.nats_replicas)), nudge


async def _gateways(
    settings: Settings, clock: SystemClock, broker: "NatsConnection | None", opened: AsyncExitStack
) -> dict[str, Gateway]:
    catalogue = settings.configuration.catalogue(production=settings.production, available={})
    limits = CallLimits.of(settings.patience.call)
    tokens: TokenStore | None = None
    if broker is not None and settings.nats_shared_tokens:
        from adapters.nats.tokens import NatsTokens  # noqa: PLC0415

        tokens = NatsTokens(broker, Token, replicas=settings.nats_replicas)
    gateways: dict[str, Gateway] = {}
    faults: list[str] = []
    for provider_id, values in settings.providers.items():
        table = settings.configuration.providers[provider_id]
        wiring = Wiring(
            provider=provider_id,
            settings=values,
            capabilities=catalogue.providers[provider_id].capabilities,
            clock=clock,
            options=table.options,
            limits=limits,
            tokens=tokens,
        )
        try:
            gateway = provider_module(table.module).build(wiring)
        except Misconfigured as refused:
            faults += refused.faults
            continue
        opened.push_async_callback(gateway.aclose)
        gateways[provider_id] = gateway
    if faults:
        raise SettingsRefused(tuple(faults))
    return gateways


@asynccontextmanager
async def _background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def watching_health(service: Service) -> AsyncIterator[None]:
    """Keep what this process knows of providers fresh, where no worker of its own does."""
    async with _background(service.watch_health.run()):
        yield


async def note_configuration(service: Service) -> None:
    """Note a changed configuration in the operators' log; after a fault the next start does."""
    try:
        await service.note_configuration()
    except (Conflict, Overloaded, StorageUnavailable) as fault:
        structlog.get_logger("cashout").warning("configuration_not_noted", why=str(fault))


@asynccontextmanager
async def at_work(service: Service) -> AsyncIterator[asyncio.Task[None]]:
    """Run the background work beside the body; at its end, finish what is in flight and drain.

    Yields the worker's task, which ends early only by a bug: who holds it should end then too.
    """
    task = asyncio.create_task(service.worker.run(), name="worker")
    try:
        yield task
    finally:
        service.worker.stop()
        await task
