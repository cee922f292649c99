"""The console as an application: its pages, the door before them, one place for errors."""

import traceback
from functools import partial
from typing import Any, cast

import structlog
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from adapters.console.assets import asset_route
from adapters.console.cash_outs import cash_out_routes
from adapters.console.door import Door, Outside
from adapters.console.log import log_routes
from adapters.console.overview import overview_routes
from adapters.console.pages import Page, Pages
from adapters.console.parts import ConsoleParts
from adapters.console.problems import meaning_of
from adapters.console.providers import provider_routes
from adapters.console.reviews import review_routes
from adapters.console.sign_in import sign_in_routes
from adapters.console.statements import statement_routes
from adapters.console.tariffs import tariff_routes
from adapters.console.visits import PageRequest
from adapters.console.webhooks import webhook_routes


def build_console(parts: ConsoleParts) -> ASGIApp:
    """Return the console over these parts, for everything under BASE."""
    pages = Pages(parts.clock)
    routes: list[HTTPRouteHandler] = [asset_route()]
    for made in (
        sign_in_routes,
        overview_routes,
        cash_out_routes,
        review_routes,
        statement_routes,
        webhook_routes,
        provider_routes,
        tariff_routes,
        log_routes,
    ):
        routes += made(parts, pages)
    app = Litestar(
        route_handlers=routes,
        middleware=[partial(Door, parts)],
        exception_handlers={Exception: cast("Any", partial(_answer_fault, pages))},
        request_max_body_size=parts.settings.form_most,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    return Outside(cast("ASGIApp", app), parts)


def _answer_fault(pages: Pages, request: PageRequest, fault: Exception) -> Page:
    """Answer any exception with a page; log the ones that are bugs, without their values."""
    meaning = meaning_of(fault)
    trouble = meaning.trouble
    if meaning.is_bug:
        structlog.get_logger("cashout.console").error(
            "page_broke",
            request_id=request.scope.get("state", {}).get("request_id", ""),
            fault=type(fault).__name__,
            trace="".join(traceback.format_tb(fault.__traceback__)),
        )
    headers = {"retry-after": str(trouble.retry_after_s)} if trouble.retry_after_s else None
    visit = request.scope.get("state", {}).get("visit")
    return pages.page("trouble.html", visit, trouble.status, headers, trouble=trouble)
