"""Cash-outs: lists, search, and the page of one with all that is known of it."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from uuid import UUID

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from adapters.console.cash_out_page import LIST, CashOutPage, Fault, path_of
from adapters.console.door import NEEDS
from adapters.console.pages import Page, Pages, see_other
from adapters.console.parts import ConsoleParts
from adapters.console.search import LONGEST, SHOWN, search
from adapters.console.visits import PageRequest, visit_of
from application.callers import Permission
from application.ports import SCANNED_MOST, AuditEntry
from domain.refusals import NotFound, TooLateToCancel


@dataclass(frozen=True, slots=True)
class Shown:
    """Which list: its name in the address, its title and what it is empty of."""

    name: str
    title: str
    empty: str


LISTS: Final = (
    Shown("latest", "Latest", "There are no cash-outs yet."),
    Shown("open", "Open, the oldest first", "Nothing is open: everything has a proven ending."),
)


def cash_out_routes(parts: ConsoleParts, pages: Pages) -> list[HTTPRouteHandler]:
    """Return the routes."""
    providers, shown = list(parts.catalogue.providers), CashOutPage(parts, pages)

    @get(LIST)
    async def cash_outs(request: PageRequest) -> Page:
        asked = request.query_params
        typed = asked.get("q", "").strip()[:LONGEST]
        if typed:
            numbers = visit_of(request).may(Permission.SEE_NUMBERS)
            found = await search(parts.console, providers, typed, numbers=numbers)
            exact = [row for each in found if each.exact for row in each.rows]
            if len(exact) == 1:
                return see_other(path_of(exact[0].id))
            return pages.page(
                "search.html", visit_of(request), typed=typed, found=found, scanned=SCANNED_MOST
            )
        chosen = next((each for each in LISTS if each.name == asked.get("show")), LISTS[0])
        if chosen.name == "open":
            rows = list(await parts.console.longest_open(SHOWN))
            more = None
        else:
            rows = list(await parts.console.latest(SHOWN + 1, _uuid(asked.get("before", ""))))
            more = rows[SHOWN - 1].id if len(rows) > SHOWN else None
        return pages.page(
            "cash_outs.html",
            visit_of(request),
            lists=LISTS,
            chosen=chosen,
            rows=rows[:SHOWN],
            more=more,
        )

    @get(f"{LIST}/{{given:str}}")
    async def cash_out(request: PageRequest, given: FromPath[str]) -> Page:
        return await shown(request, named(given))

    @post(f"{LIST}/{{given:str}}/number", opt={NEEDS: Permission.SEE_NUMBERS})
    async def number(request: PageRequest, given: FromPath[str]) -> Page:
        visit, identity = visit_of(request), named(given)
        page = await shown(request, identity, in_full=True)
        async with parts.units.begin() as unit:
            await unit.audit.append(
                AuditEntry(parts.clock.now(), visit.caller.name, "number.seen", str(identity))
            )
        return page

    @post(f"{LIST}/{{given:str}}/cancel", opt={NEEDS: Permission.CANCEL_ANY})
    async def cancel(request: PageRequest, given: FromPath[str]) -> Page:
        visit, identity = visit_of(request), named(given)
        try:
            await parts.cancel(visit.caller, identity)
        except TooLateToCancel as late:
            status = HTTPStatus.CONFLICT
            return await shown(request, identity, faults=[Fault("", late.message)], status=status)
        return see_other(f"{path_of(identity)}?done=cancelled")

    return [cash_outs, cash_out, number, cancel]


def named(text: str) -> UUID:
    """Return the id that an address names; raise NotFound."""
    identity = _uuid(text)
    if identity is None:
        raise NotFound
    return identity


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
