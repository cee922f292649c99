"""The providers route."""

from litestar import get
from litestar.handlers import HTTPRouteHandler

from adapters.web.answers import success
from adapters.web.exchange import Answer, WebRequest
from adapters.web.parts import BASE, WebParts
from adapters.web.schemas import ProvidersView
from adapters.web.views import provider_view

PROVIDERS = f"{BASE}/providers"


def provider_routes(parts: WebParts) -> list[HTTPRouteHandler]:
    """Return the routes over these parts."""

    @get(PROVIDERS)
    async def list_providers(request: WebRequest) -> Answer:  # noqa: ARG001
        now = parts.clock.now()
        return success(
            ProvidersView(providers=[provider_view(each, now) for each in parts.providers()])
        )

    return [list_providers]
