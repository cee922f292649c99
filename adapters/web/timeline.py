"""The route of the timeline: safe for its owner, everything for operators."""

from typing import Final

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from adapters.web.answers import success
from adapters.web.cash_outs import ONE_CASH_OUT
from adapters.web.exchange import Answer, WebRequest, caller_of
from adapters.web.headers import SPOKEN, language
from adapters.web.ids import read_id
from adapters.web.parts import WebParts
from adapters.web.timeline_views import timeline_view

TIMELINE: Final = f"{ONE_CASH_OUT}/timeline"


def timeline_routes(parts: WebParts) -> list[HTTPRouteHandler]:
    """Return the route over these parts."""

    @get(TIMELINE)
    async def explain_cash_out(request: WebRequest, cash_out_id: FromPath[str]) -> Answer:
        caller, liked = caller_of(request), language(request)
        timeline = await parts.explain(caller, read_id(cash_out_id))
        in_full = caller.sees_payee(timeline.cash_out)
        view = timeline_view(timeline, liked, in_full=in_full)
        return success(view, headers=SPOKEN[liked])

    return [explain_cash_out]
