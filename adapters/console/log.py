"""The operators' log: what people did, newest first."""

import re

from litestar import get
from litestar.handlers import HTTPRouteHandler

from adapters.console.pages import Page, Pages
from adapters.console.parts import BASE, ConsoleParts
from adapters.console.visits import PageRequest, visit_of

SHOWN = 50
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
            "log.html", visit_of(request), entries=found[:SHOWN], more=more, before=before
        )

    return [log]
