"""Who looks at a process from outside: what the settings switch on, and nothing else is imported.

Figures and traces are decorators over ports, put around them where the process is wired.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import structlog

from adapters.journal import StructuredJournal
from adapters.sql.database import Database
from adapters.sql.surveyor import SqlSurveyor
from application.ports import (
    Clock,
    Conflict,
    Gateway,
    Journal,
    Overloaded,
    Publisher,
    StorageUnavailable,
)
from application.ports.observing import (
    UNWATCHED,
    Answering,
    RequestSpan,
    RequestWatch,
    Tracing,
)
from application.survey import TakeSurvey
from entrypoints.settings import SERVICE, Settings, SettingsRefused

if TYPE_CHECKING:
    from adapters.metrics.catalogue import Figures
    from adapters.metrics.figures import Closed
    from adapters.traces.exporting import Exporting
    from adapters.traces.tracing import OtelTracing
    from entrypoints.container import Service


class Observers:
    """Those of one process; by default there are none."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings
        self._figures: Figures | None = None
        self._exporting: Exporting | None = None
        self.journal: Journal = StructuredJournal()
        self.watch: RequestWatch = UNWATCHED
        self.tracing: Tracing = UNWATCHED
        if settings is not None and settings.observing.metrics_port is not None:
            self._count(settings)
        if settings is not None and settings.observing.traces_url:
            self._trace(settings.observing.traces_url)

    def _count(self, settings: Settings) -> None:
        from adapters.metrics.catalogue import Figures  # noqa: PLC0415
        from adapters.metrics.counting import (  # noqa: PLC0415
            MeteredJournal,
            RequestMeter,
            begin_at_zero,
        )

        self._figures = Figures()
        begin_at_zero(self._figures, settings.providers)
        self.journal = MeteredJournal(self._figures, self.journal, _providers(settings))
        self.watch = RequestMeter(self._figures)

    def _trace(self, url: str) -> None:
        from adapters.traces.exporting import Exporting  # noqa: PLC0415
        from adapters.traces.tracing import OtelTracing  # noqa: PLC0415

        self._exporting = Exporting(url, service=SERVICE, version=version("cashout"))
        tracing = OtelTracing(self._exporting.tracer())
        self.tracing = tracing
        self.watch = Traced(tracing, self.watch)

    def gateways(self, found: Mapping[str, Gateway], clock: Clock) -> dict[str, Gateway]:
        """Return the providers' doors as they are to be used."""
        doors = dict(found)
        if self._figures is not None:
            from adapters.metrics.counting import MeteredGateway  # noqa: PLC0415

            for provider, gateway in doors.items():
                doors[provider] = MeteredGateway(self._figures, provider, gateway, clock)
        if self._exporting is not None:
            from adapters.traces.doors import TracedGateway  # noqa: PLC0415

            for provider, gateway in doors.items():
                doors[provider] = TracedGateway(self._exporting.tracer(), provider, gateway)
        return doors

    def publisher(self, inner: Publisher) -> Publisher:
        """Return the broker's door as it is to be used."""
        if self._figures is not None:
            from adapters.metrics.counting import MeteredPublisher  # noqa: PLC0415

            inner = MeteredPublisher(self._figures, inner)
        if self._exporting is not None:
            from adapters.traces.doors import TracedPublisher  # noqa: PLC0415

            inner = TracedPublisher(self._exporting.tracer(), inner)
        return inner

    @asynccontextmanager
    async def watching(self, service: "Service", database: Database) -> AsyncIterator[None]:
        """Watch an open service; raise SettingsRefused where the port for it cannot be had."""
        async with AsyncExitStack() as opened:
            if self._figures is not None:
                await opened.enter_async_context(_metrics(self._figures, service, database))
            yield

    async def close(self) -> None:
        """Send the spans that wait; the last thing that a process does."""
        if self._exporting is not None:
            await asyncio.to_thread(self._exporting.close)


class Traced:
    """Sees requests twice: `tracing` follows each, `counting` counts them all."""

    def __init__(self, tracing: "OtelTracing", counting: RequestWatch) -> None:
        self._tracing = tracing
        self._counting = counting

    def begin(self, method: str, trace: str | None) -> RequestSpan | None:
        """Begin the span of a request."""
        return self._tracing.begin(method, trace)

    def answered(self, answering: Answering) -> None:
        """Count it; its span is ended by who has it."""
        self._counting.answered(answering)


@asynccontextmanager
async def _metrics(
    figures: "Figures", service: "Service", database: Database
) -> AsyncIterator[None]:
    from adapters.metrics.process import Process  # noqa: PLC0415
    from adapters.metrics.server import Exposition  # noqa: PLC0415
    from adapters.metrics.watching import Surveying, watch_the_loop  # noqa: PLC0415

    settings, clock = service.settings, service.clock
    process = Process(
        figures,
        version=version("cashout"),
        lanes=service.lanes,
        doors={"take": service.request, "record": service.record},
        clock=clock,
        pool=lambda: database.use,
        data=settings.data_dir if settings.is_sqlite else None,
    )
    every = settings.observing.survey
    look = TakeSurvey(service.units, SqlSurveyor(database), clock, uuid4(), every)
    surveying = Surveying(figures, look, every, clock)
    page = Exposition(
        process.collect, settings.observing.metrics_host, settings.observing.metrics_port or 0
    )
    async with AsyncExitStack() as opened:
        await opened.enter_async_context(_listening(page))
        structlog.get_logger("cashout").info("metrics", port=page.port)
        opened.push_async_callback(_leave, look)
        loops = (
            watch_the_loop(figures, clock),
            surveying.run(service.journal, _providers(settings)),
        )
        for loop in loops:
            await opened.enter_async_context(_beside(loop))
        yield


@asynccontextmanager
async def _listening(page: Any) -> AsyncIterator[None]:  # noqa: ANN401 -- imported only where it is on
    async with AsyncExitStack() as opened:
        try:
            await opened.enter_async_context(page)
        except OSError as fault:
            line = f"METRICS_HOST and METRICS_PORT: nobody can listen there: {fault.strerror}"
            raise SettingsRefused((line,)) from None
        yield


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _leave(look: TakeSurvey) -> None:
    """Let another process survey at once; without a database it does when the lease is over."""
    with contextlib.suppress(Conflict, Overloaded, StorageUnavailable):
        await look.stop()


def _providers(settings: Settings) -> "Closed":
    from adapters.metrics.figures import Closed  # noqa: PLC0415

    return Closed(settings.configuration.providers)
