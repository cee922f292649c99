"""The operators' log: what people did, newest first."""

import re
from collections.abc import Mapping
from typing import Final

from litestar import get
from litestar.handlers import HTTPRouteHandler

from adapters.console.pages import Page, Pages
from adapters.console.parts import BASE, ConsoleParts
from adapters.console.visits import PageRequest, visit_of
from application.ports import AuditEntry

SHOWN = 50
_OF_A_CASH_OUT: Final = f"{BASE}/cash-outs/{{}}"
_PAGES: Final[Mapping[str, str]] = {
    "cash_out.cancelled": _OF_A_CASH_OUT,
    "number.seen": _OF_A_CASH_OUT,
    "review.proposed": _OF_A_CASH_OUT,
    "review.approved": _OF_A_CASH_OUT,
    "review.rejected": _OF_A_CASH_OUT,
    "review.withdrawn": _OF_A_CASH_OUT,
    "statement.reconciled": f"{BASE}/statements/{{}}",
    "provider.closed": f"{BASE}/providers",
    "provider.opened": f"{BASE}/providers",
    "configuration.changed": f"{BASE}/tariffs",
}
"""Where the subject of an action has a page of its own. What is not here has none."""
_PLACE = re.compile(r"\d{1,9}", re.ASCII)


def log_routes(parts: ConsoleParts, pages: Pages) -> list[HTTPRouteHandler]:
    """Return the route."""

    @get(f"{BASE}/log")
    async def log(request: PageRequest) -> Page:
        given = request.query_params.get("before", "")
        before = int(given) if _PLACE.fullmatch(given) else None
        found = await parts.log.newest(SHOWN + 1, before=before)
        more = found[SHOWN - 1].sequence if len(found) > SHOWN else None
        return pages.page(
            "log.html",
            visit_of(request),
            entries=[(each, page_of(each.entry)) for each in found[:SHOWN]],
            more=more,
            before=before,
        )

    return [log]


def page_of(entry: AuditEntry) -> str:
    """Return the path of the page about what was done something to; empty where there is none."""
    return _PAGES.get(entry.action, "").format(entry.subject)
