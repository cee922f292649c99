"""The inbox: webhooks as they came, and what became of them."""

from litestar import get
from litestar.handlers import HTTPRouteHandler

from adapters.console.pages import Page, Pages
from adapters.console.parts import BASE, ConsoleParts
from adapters.console.visits import PageRequest, visit_of

SHOWN = 50


def webhook_routes(parts: ConsoleParts, pages: Pages) -> list[HTTPRouteHandler]:
    """Return the route."""

    @get(f"{BASE}/webhooks")
    async def webhooks(request: PageRequest) -> Page:
        found = await parts.console.webhooks(SHOWN)
        return pages.page("webhooks.html", visit_of(request), received=found, most=SHOWN)

    return [webhooks]
