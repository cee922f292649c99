"""The application: routes, the door before them, one place for errors, the edge around all."""

import traceback
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Any, Self, cast

import structlog
from litestar import Litestar, route
from litestar.events import BaseEventEmitterBackend
from litestar.handlers import HTTPRouteHandler

from adapters.web.answers import refusal
from adapters.web.auth import PUBLIC
from adapters.web.cash_outs import cash_out_routes
from adapters.web.catalogue import provider_routes
from adapters.web.cors import Cors
from adapters.web.documentation import documentation_routes
from adapters.web.door import Door
from adapters.web.edge import Edge
from adapters.web.exchange import Answer, WebRequest, exchange_of
from adapters.web.headers import ClientGone
from adapters.web.health import health_routes
from adapters.web.parts import Lifespan, WebParts, WebSettings
from adapters.web.problems import allowed_with_head, tell
from adapters.web.progress import progress_routes
from adapters.web.reviews import review_routes
from adapters.web.statements import STATEMENTS, statement_routes
from adapters.web.steering import steering_routes
from adapters.web.timeline import timeline_routes
from adapters.web.webhooks import webhook_routes
from application.masking import message

__all__ = ["Lifespan", "WebParts", "WebSettings", "build_app"]


Api = Litestar
"""The HTTP API as an application that a server can run."""


def build_app(parts: WebParts) -> Api:
    """Return the HTTP API over these parts. Nothing is opened until its lifespan begins."""
    settings = parts.settings
    routes = [
        *health_routes(parts),
        *provider_routes(parts),
        *steering_routes(parts),
        *cash_out_routes(parts),
        *progress_routes(parts),
        *timeline_routes(parts),
        *webhook_routes(parts),
        *review_routes(parts),
        *statement_routes(parts),
        *documentation_routes(parts),
    ]
    app = Litestar(
        route_handlers=[*_options(routes), *routes],
        middleware=[partial(Door, parts.auth)],
        # Answers are no Response of the framework, which asks them for to_asgi_response alone.
        exception_handlers={Exception: cast("Any", _answer_fault)},
        event_emitter_backend=_NoEvents,
        lifespan=[_Opening(parts.lifespans)],
        request_max_body_size=settings.body_most,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    # Around everything, so that it also holds for what never finds a route.
    app.asgi_handler = Edge(
        app.asgi_handler,
        clock=parts.clock,
        cors=Cors.of(settings.cors_origins),
        body_most=settings.body_most,
        large={f"{STATEMENTS}/": settings.statement_most},
        requests_most=settings.requests_most,
        production=settings.production,
        watch=parts.watch,
    )
    return app


def _answer_fault(request: WebRequest, fault: Exception) -> Answer:
    """Answer any exception; log the ones that are bugs, once, without values of variables."""
    told, exchange = tell(fault), exchange_of(request)
    exchange.code = told.problem.code
    if told.is_bug:
        structlog.get_logger("cashout.web").error(
            "request_broke",
            request_id=exchange.request_id,
            fault=type(fault).__name__,
            says=message(str(fault)),
            trace="".join(traceback.format_tb(fault.__traceback__)),
        )
    if isinstance(fault, ClientGone):
        exchange.code = "CLIENT_GONE"
    return refusal(told.problem)


def _options(routes: Sequence[HTTPRouteHandler]) -> list[HTTPRouteHandler]:
    """Return what answers OPTIONS at each path.

    The framework's own answer knows only the first of several handlers that share a path.
    """
    methods: dict[str, set[str]] = {}
    for each in routes:
        for path in each.paths:
            methods.setdefault(path, {"OPTIONS"}).update(each.http_methods)
    return [_options_of(path, allowed_with_head(found)) for path, found in methods.items()]


def _options_of(path: str, allowed: str) -> HTTPRouteHandler:
    @route(path, http_method=["OPTIONS"], status_code=200, opt={PUBLIC: True})
    async def options() -> Answer:
        return Answer(b"", 204, [(b"allow", allowed.encode())])

    return options


class _NoEvents(BaseEventEmitterBackend):
    """In place of the framework's own events: their task group wraps whatever a lifespan raises."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def emit(self, event_id: str, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 -- its own
        """Tell nobody: there are no listeners."""


class _Opening:
    """Opens what the API needs, in order, and closes it in reverse."""

    def __init__(self, lifespans: Sequence[Lifespan]) -> None:
        self._lifespans = lifespans

    @asynccontextmanager
    async def __call__(self, _: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as opened:
            for lifespan in self._lifespans:
                await opened.enter_async_context(lifespan())
            yield
