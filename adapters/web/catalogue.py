"""The providers route."""

from litestar import get
from litestar.handlers import HTTPRouteHandler

from adapters.web.answers import success
from adapters.web.exchange import Answer, WebRequest
from adapters.web.headers import SPOKEN, language
from adapters.web.parts import BASE, WebParts
from adapters.web.schemas import ProvidersView
from adapters.web.views import provider_view

PROVIDERS = f"{BASE}/providers"


def provider_routes(parts: WebParts) -> list[HTTPRouteHandler]:
    """Return the routes over these parts."""

    @get(PROVIDERS)
    async def list_providers(request: WebRequest) -> Answer:
        now, liked, board = parts.clock.now(), language(request), parts.health.board
        views = [provider_view(each, now, board, liked) for each in parts.providers()]
        return success(ProvidersView(providers=views), headers=SPOKEN[liked])

    return [list_providers]
