"""Reconciliation: runs of providers' statements, and the breaks between their books and ours."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from adapters.console.cash_outs import named
from adapters.console.door import BRINGS_FILE, NEEDS
from adapters.console.pages import Page, Pages, see_other
from adapters.console.parts import BASE, ConsoleParts
from adapters.console.places import place_text, read_place
from adapters.console.visits import PageRequest, visit_of
from application.callers import Permission
from application.ports import QueuePlace
from application.ports.statements import BreakFilter, BreakPlace
from domain.breaks import LONGEST_NOTE, Age, BreakState
from domain.refusals import Forbidden, Refusal
from domain.runs import Period
from domain.statement_refusals import InvalidStatement

RUNS: Final = f"{BASE}/statements"
BREAKS: Final = f"{BASE}/breaks"
SHOWN: Final = 50
_MALFORMED: Final = 20
_DAY: Final = timedelta(days=1)
_OPEN: Final = BreakFilter(state=BreakState.OPEN)
_EXPLAINED: Final = "Explained. The books still disagree; a later statement may agree."


@dataclass(frozen=True, slots=True)
class _Breaks:
    """Shows a page of breaks, whatever else its template shows."""

    parts: ConsoleParts
    pages: Pages

    async def __call__(
        self,
        request: PageRequest,
        template: str,
        which: BreakFilter,
        status: int = 200,
        **facts: Any,  # noqa: ANN401 -- whatever its template shows besides
    ) -> Page:
        visit, asked = visit_of(request), request.query_params
        place = read_place(asked.get("behind", ""))
        behind = BreakPlace(place.at, place.id) if place is not None else None
        found = await self.parts.statements.breaks(visit.caller, which, SHOWN + 1, behind)
        last = found[SHOWN - 1] if len(found) > SHOWN else None
        done = _EXPLAINED if asked.get("done") == "explained" else ""
        told: dict[str, Any] = {"fault": "", "done": done, **facts}
        return self.pages.page(
            template,
            visit,
            status,
            breaks=found[:SHOWN],
            more=place_text(QueuePlace(last.at, last.id)) if last is not None else "",
            longest=LONGEST_NOTE,
            **told,
        )


@dataclass(frozen=True, slots=True)
class _Runs:
    """Shows the newest runs, and the form that brings in a statement."""

    parts: ConsoleParts
    pages: Pages

    async def __call__(self, request: PageRequest, fault: str = "", status: int = 200) -> Page:
        visit, reads = visit_of(request), self.parts.statements
        ageing = await reads.ageing(visit.caller)
        named = self.parts.catalogue.providers
        read = sorted(self.parts.receive.files.providers() & named.keys())
        return self.pages.page(
            "statements.html",
            visit,
            status,
            runs=await reads.runs(visit.caller, SHOWN),
            ageing=[(age.value, ageing.get(age, 0)) for age in Age],
            providers=[(each, named[each].name) for each in read],
            most=self.parts.settings.statement_most,
            fault=fault,
        )


def statement_routes(parts: ConsoleParts, pages: Pages) -> list[HTTPRouteHandler]:
    """Return the routes."""
    reads, listed, all_runs = parts.statements, _Breaks(parts, pages), _Runs(parts, pages)

    @get(RUNS)
    async def runs(request: PageRequest) -> Page:
        return await all_runs(request)

    @get(f"{RUNS}/{{given:str}}")
    async def run(request: PageRequest, given: FromPath[str]) -> Page:
        visit, identity = visit_of(request), named(given)
        shown = await reads.run(visit.caller, identity)
        malformed = await reads.malformed(visit.caller, identity, _MALFORMED)
        which = BreakFilter(run_id=identity)
        return await listed(request, "run.html", which, shown=shown, malformed=malformed)

    @get(BREAKS)
    async def breaks(request: PageRequest) -> Page:
        return await listed(request, "breaks.html", _OPEN)

    return [runs, run, breaks, _receive_route(parts, all_runs), _explain_route(parts, listed)]


def _receive_route(parts: ConsoleParts, all_runs: _Runs) -> HTTPRouteHandler:
    @post(RUNS, opt={NEEDS: Permission.RECONCILE, BRINGS_FILE: True})
    async def receive(request: PageRequest) -> Page:
        visit = visit_of(request)
        asked, upload = visit.form, visit.upload
        try:
            if upload is None or not upload.name:
                raise InvalidStatement("Choose the file of the statement.")
            period = _period(asked.get("from", ""), asked.get("until", ""))
            provider = asked.get("provider", "")
            begun = await parts.receive(visit.caller, provider, upload.name, upload.pieces, period)
        except Forbidden:
            raise
        except Refusal as refused:
            return await all_runs(request, refused.message, HTTPStatus.UNPROCESSABLE_ENTITY)
        return see_other(f"{RUNS}/{begun.id}")

    return receive


def _period(since: str, until: str) -> Period | None:
    """Return the whole days that two fields name, None without any; raise InvalidStatement."""
    if not since and not until:
        return None
    try:
        first, last = (datetime.strptime(text, "%Y-%m-%d") for text in (since, until))  # noqa: DTZ007 -- the zone follows
        return Period(first.replace(tzinfo=UTC), last.replace(tzinfo=UTC) + _DAY)
    except (ValueError, OverflowError):
        raise InvalidStatement("Give the first and the last day, or neither.") from None


def _explain_route(parts: ConsoleParts, listed: _Breaks) -> HTTPRouteHandler:
    @post(f"{BREAKS}/{{given:str}}/explain", opt={NEEDS: Permission.RECONCILE})
    async def explain(request: PageRequest, given: FromPath[str]) -> Page:
        visit = visit_of(request)
        run_id = visit.form.get("run", "")
        back = f"{RUNS}/{named(run_id)}" if run_id else BREAKS
        try:
            await parts.explain_break(visit.caller, named(given), visit.form.get("note", ""))
        except Forbidden:
            raise
        except Refusal as refused:
            return await listed(request, "breaks.html", _OPEN, 422, fault=refused.message)
        return see_other(f"{back}?done=explained")

    return explain
