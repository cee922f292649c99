"""The service that races: the container's use cases over a real database, on the race's clock."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from adapters.memory.events import LocalEvents
from adapters.memory.gateway import MemoryProvider
from adapters.memory.signals import Signals
from adapters.sql.audit import SqlAuditReader
from adapters.sql.console_reader import SqlConsoleReader
from adapters.sql.database import open_database
from adapters.sql.read_model import SqlReader
from adapters.sql.rulings import SqlReviewReader
from adapters.sql.unit_of_work import SqlUnits
from application.ports import Gateway
from application.record_news import Arrival, Recorded
from domain.cash_out import CashOut
from domain.evidence import News, Source
from domain.record import Report
from domain.states import Status
from entrypoints.container import Container, Service
from entrypoints.settings import read_settings
from tests.contracts.stores import PATIENT
from tests.fire.clock import RaceClock
from tests.fire.tariff import MARKETS, raced_for


@asynccontextmanager
async def standing(url: str, folder: Path, clock: RaceClock) -> AsyncIterator[Service]:
    """Open the service without workers or sockets; everything it decides goes through the store."""
    settings = read_settings({"DATABASE_URL": url, "CASHOUT_DATA_DIR": str(folder)})
    settings = replace(settings, configuration=raced_for(settings.configuration))
    database, signals = open_database(url, PATIENT), Signals(clock)
    gateways: dict[str, Gateway] = {m.provider: MemoryProvider() for m in MARKETS}
    container = Container(
        settings=settings,
        units=SqlUnits(database, clock),
        reader=SqlReader(database),
        review_reader=SqlReviewReader(database),
        log=SqlAuditReader(database),
        console=SqlConsoleReader(database),
        gateways=gateways,
        publisher=LocalEvents(),
        nudge=signals,
        signals=signals,
        clock=clock,
    )
    service = container.service()
    try:
        yield service
        await service.request.finish()
        await service.record.finish()
    finally:
        await database.close()


async def hear(service: Service, cash_out: CashOut, status: Status) -> Recorded:
    """Record that the provider was asked and says this of a cash-out."""
    news = News(status.upper(), status, f"T-{cash_out.id.hex}", cash_out.reference)
    report = Report(Source.STATUS_QUERY, news)
    return await service.record(Arrival(cash_out.provider, report, cash_out.id))
