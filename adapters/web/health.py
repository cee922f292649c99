"""Health: whether the process lives, and whether it can work."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from litestar import get
from litestar.handlers import HTTPRouteHandler

from adapters.web.answers import success
from adapters.web.auth import PUBLIC
from adapters.web.exchange import Answer, WebRequest, exchange_of
from adapters.web.parts import WebParts
from adapters.web.problems import ErrorBody, ErrorDetail
from adapters.web.schemas import (
    JSON_BYTES,
    Liveness,
    NotReady,
    ProviderReadiness,
    ReadinessView,
)
from adapters.web.views import moment
from application.ports import StoreHealth
from application.provider_health import ProviderStanding
from domain.standings import Reason

HEALTH: Final = "/health"
READY: Final = "/health/ready"
NOT_READY: Final = "NOT_READY"
_REMEMBERED: Final = timedelta(seconds=1)
"""Anybody may ask: however many do, the dependencies are asked once in this time."""
_AGAIN_S: Final = 5


def health_routes(parts: WebParts) -> list[HTTPRouteHandler]:
    """Return the routes over these parts."""
    readiness = _Readiness(parts)

    @get(HEALTH, opt={PUBLIC: True})
    async def health() -> Answer:
        alive = Liveness(
            status="ok",
            service=parts.settings.service_name,
            timestamp=moment(parts.clock.now()),
        )
        return Answer(JSON_BYTES.encode(alive))

    @get(READY, opt={PUBLIC: True})
    async def ready(request: WebRequest) -> Answer:
        found = await readiness()
        if found.status != "unavailable":
            return success(found)
        exchange_of(request).code = NOT_READY
        return Answer(
            JSON_BYTES.encode(_not_ready(found)),
            HTTPStatus.SERVICE_UNAVAILABLE,
            [(b"retry-after", b"%d" % _AGAIN_S)],
        )

    return [health, ready]


@dataclass(slots=True)
class _Readiness:
    """What the dependencies said last.

    Without the database nothing can be taken. Without the broker everything can: events wait.
    """

    parts: WebParts
    known: ReadinessView | None = None
    asked_at: timedelta = timedelta(0)
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self) -> ReadinessView:
        """Return the state of each dependency, at most a second old."""
        async with self.one_at_a_time:
            at = self.parts.clock.elapsed()
            if self.known is None or at - self.asked_at >= _REMEMBERED:
                self.known, self.asked_at = await self._ask(), at
            return self.known

    async def _ask(self) -> ReadinessView:
        store, broker = await asyncio.gather(self._store(), self._broker())
        backlog = _age(store.oldest_event, self.parts.clock.now())
        usable = store.reachable and store.schema == "current"
        worried = broker == "down" or backlog >= self.parts.settings.backlog_worry
        return ReadinessView(
            status=("degraded" if worried else "ready") if usable else "unavailable",
            database="up" if store.reachable else "down",
            schema=store.schema if store.reachable else "unknown",
            broker=broker,
            outbox_backlog_seconds=int(backlog.total_seconds()),
            providers={each.provider.id: _provider(each) for each in self.parts.health.now()},
        )

    async def _store(self) -> StoreHealth:
        try:
            async with asyncio.timeout(self.parts.settings.check_most.total_seconds()):
                return await self.parts.reader.health()
        except TimeoutError:
            return StoreHealth(reachable=False, schema="unknown")

    async def _broker(self) -> str:
        if self.parts.publisher is None:
            return "none"
        try:
            async with asyncio.timeout(self.parts.settings.check_most.total_seconds()):
                return "up" if await self.parts.publisher.healthy() else "down"
        except TimeoutError:
            return "down"


def _provider(found: ProviderStanding) -> ProviderReadiness:
    own = found.whole.state
    parked = {
        f"{each.route.country}/{each.route.currency}": each.state
        for each in found.parked
        if each.state is not own and each.reason is not Reason.SWITCHED_OFF
    }
    return ProviderReadiness(state=own, parked=parked)


def _age(oldest: datetime | None, now: datetime) -> timedelta:
    return max(timedelta(0), now - oldest) if oldest is not None else timedelta(0)


def _not_ready(found: ReadinessView) -> NotReady:
    states = {"database": found.database, "schema": found.schema, "broker": found.broker}
    details = [ErrorDetail(name, state) for name, state in states.items()]
    message = "This instance cannot take cash-outs now: its database is away or its schema is old."
    return NotReady(error=ErrorBody(NOT_READY, message, details), data=found)
