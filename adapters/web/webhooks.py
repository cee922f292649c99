"""The webhook route: raw bytes in, verified before anything reads them."""

from http import HTTPStatus

from litestar import post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from adapters.web.answers import success
from adapters.web.auth import PUBLIC
from adapters.web.exchange import Answer, WebRequest, exchange_of
from adapters.web.headers import header_pairs
from adapters.web.parts import BASE, WebParts
from adapters.web.problems import Problem
from adapters.web.schemas import WebhookView
from application.record_news import Recorded
from domain.refusals import InvalidProvider

WEBHOOK = f"{BASE}/webhook/{{provider:str}}"
UNKNOWN_TRANSACTION = "Transaction not found in system"


def webhook_routes(parts: WebParts) -> list[HTTPRouteHandler]:
    """Return the routes over these parts."""
    bodies = parts.bodies

    @post(WEBHOOK, status_code=200, opt={PUBLIC: True})
    async def receive_webhook(request: WebRequest, provider: FromPath[str]) -> Answer:
        raw = await bodies.read(request)
        try:
            exchange = exchange_of(request)
            recorded = await parts.receive(
                provider, header_pairs(request), raw, cause=exchange.request_id
            )
        except InvalidProvider as refusal:
            # Here the provider is the address, not a field: this one leads nowhere.
            raise Problem(
                HTTPStatus.NOT_FOUND, refusal.code, "There is no such provider here."
            ) from None
        exchange.cash_out_id = recorded.cash_out.id if recorded.cash_out else None
        return success(_view(recorded))

    return [receive_webhook]


def _view(recorded: Recorded) -> WebhookView:
    if recorded.cash_out is None:
        return WebhookView(message=UNKNOWN_TRANSACTION)
    return WebhookView(cash_out_id=str(recorded.cash_out.id), status=recorded.cash_out.status)
