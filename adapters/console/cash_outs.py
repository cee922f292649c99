"""Cash-outs: lists, search, and the page of one with all that is known of it."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from adapters.console.door import NEEDS
from adapters.console.pages import Page, Pages, see_other
from adapters.console.parts import BASE, ConsoleParts
from adapters.console.search import LONGEST, SHOWN, search
from adapters.console.visits import PageRequest, visit_of
from application.callers import Permission
from application.ports import SCANNED_MOST, AuditEntry
from domain.cash_out import CashOut
from domain.refusals import NotFound

LIST: Final = f"{BASE}/cash-outs"
_LOGGED: Final = 20


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
    providers = list(parts.catalogue.providers)

    @get(LIST)
    async def cash_outs(request: PageRequest) -> Page:
        asked = request.query_params
        typed = asked.get("q", "").strip()[:LONGEST]
        if typed:
            found = await search(parts.console, providers, typed)
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
        return await shown(request, await stored(given), in_full=False)

    @post(f"{LIST}/{{given:str}}/number", opt={NEEDS: Permission.SEE_NUMBERS})
    async def number(request: PageRequest, given: FromPath[str]) -> Page:
        found = await stored(given)
        visit = visit_of(request)
        async with parts.units.begin() as unit:
            await unit.audit.append(
                AuditEntry(parts.clock.now(), visit.caller.name, "number.seen", str(found.id))
            )
        return await shown(request, found, in_full=True)

    async def stored(given: str) -> CashOut:
        identity = _uuid(given)
        found = await parts.reader.cash_out(identity) if identity is not None else None
        if found is None:
            raise NotFound
        return found

    async def shown(request: PageRequest, found: CashOut, *, in_full: bool) -> Page:
        return pages.page(
            "cash_out.html",
            visit_of(request),
            one=found,
            in_full=in_full,
            evidence=await parts.reader.evidence(found.id),
            events=await parts.console.events(found.id),
            logged=await parts.log.about(str(found.id), _LOGGED),
            provider=parts.catalogue.providers.get(found.provider),
        )

    return [cash_outs, cash_out, number]


def path_of(cash_out_id: UUID) -> str:
    """Return the path of a cash-out's page."""
    return f"{LIST}/{cash_out_id}"


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
