"""The inbox: webhooks as they came, what became of them, and having one judged again."""

from typing import Final

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from adapters.console.cash_out_page import path_of
from adapters.console.cash_outs import named
from adapters.console.door import NEEDS
from adapters.console.pages import Page, Pages, see_other
from adapters.console.parts import BASE, ConsoleParts
from adapters.console.places import read_place
from adapters.console.visits import PageRequest, visit_of
from application.callers import Permission
from application.stored_webhooks import Replay
from domain.refusals import Forbidden, Refusal

INBOX: Final = f"{BASE}/webhooks"
SHOWN: Final = 50
_ORPHANS: Final = 20
_DONE: Final = {
    Replay.JUDGED.value: "Judged. What it said is in the evidence of its cash-out.",
    Replay.ALREADY_JUDGED.value: "It had been judged before: once is enough.",
    Replay.STILL_NOBODYS.value: "There is still no cash-out that it speaks of.",
    "dismissed": "Put aside. It is kept, and no case any more.",
}


def webhook_routes(parts: ConsoleParts, pages: Pages) -> list[HTTPRouteHandler]:
    """Return the routes."""

    async def inbox(request: PageRequest, fault: str = "", status: int = 200) -> Page:
        visit, asked = visit_of(request), request.query_params
        behind = read_place(asked.get("behind", ""))
        orphans = await parts.desk.read.orphans(visit.caller, _ORPHANS, behind)
        return pages.page(
            "webhooks.html",
            visit,
            status,
            received=await parts.console.webhooks(SHOWN),
            orphans=orphans.deliveries,
            behind=orphans.behind,
            most=SHOWN,
            fault=fault,
            done=_DONE.get(asked.get("done", ""), ""),
        )

    @get(INBOX)
    async def webhooks(request: PageRequest) -> Page:
        return await inbox(request)

    @post(f"{INBOX}/{{given:str}}/replay", opt={NEEDS: Permission.REPLAY})
    async def replay(request: PageRequest, given: FromPath[str]) -> Page:
        try:
            replayed = await parts.desk.replay(visit_of(request).caller, named(given))
        except Forbidden:
            raise
        except Refusal as refused:
            return await inbox(request, refused.message, 422)
        if replayed.outcome is Replay.JUDGED and replayed.cash_out is not None:
            return see_other(f"{path_of(replayed.cash_out.id)}?done={replayed.outcome.value}")
        return see_other(f"{INBOX}?done={replayed.outcome.value}")

    @post(f"{INBOX}/{{given:str}}/dismiss", opt={NEEDS: Permission.REPLAY})
    async def dismiss(request: PageRequest, given: FromPath[str]) -> Page:
        visit = visit_of(request)
        try:
            why = visit.form.get("reason", "").strip()
            await parts.desk.dismiss(visit.caller, named(given), why)
        except Forbidden:
            raise
        except Refusal as refused:
            return await inbox(request, refused.message, 422)
        return see_other(f"{INBOX}?done=dismissed")

    return [webhooks, replay, dismiss]
