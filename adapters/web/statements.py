"""The routes of reconciliation: statements are sent in, runs and breaks are read and explained."""

import re
from http import HTTPStatus
from typing import Final
from uuid import UUID

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import UNSET

from adapters.web.answers import success
from adapters.web.asked_resolution import read_reason
from adapters.web.cursors import Cursor, write_cursor
from adapters.web.exchange import Answer, WebRequest, caller_of
from adapters.web.headers import all_of, require_json
from adapters.web.large_bodies import LargeBodies
from adapters.web.parts import BASE, WebParts
from adapters.web.problems import Problem, bad_request
from adapters.web.queries import (
    LARGEST_PAGE,
    Query,
    cursor_of,
    from_moment,
    one_of,
    to_moment,
    whole_number,
)
from adapters.web.statement_views import (
    MalformedView,
    RunsView,
    RunWithBreaksView,
    break_view,
    new_run_view,
    run_view,
)
from adapters.web.texts import Visible
from application.callers import Caller, Permission
from application.ports import Place
from application.ports.statements import BreakFilter, BreakPlace, RunPlace
from application.statement_desk import StatementDesk
from application.statement_export import csv_of
from domain.breaks import Break, BreakState
from domain.refusals import InvalidProvider, NotFound
from domain.runs import Period
from domain.statements import BreakKind

STATEMENTS: Final = f"{BASE}/statements"
ONE_STATEMENT: Final = f"{STATEMENTS}/{{which:str}}"
"""Sent to, it is a provider's id; read, the id of a run."""
EXPLAIN: Final = f"{BASE}/breaks/{{break_id:str}}/explanation"
CSV: Final = "text/csv"
USUAL_PAGE: Final = 50
LONGEST_NAME: Final = 200
UPLOAD_PARAMETERS: Final = ("from", "until", "name")
RUN_PARAMETERS: Final = ("provider", "limit", "cursor")
BREAK_PARAMETERS: Final = ("state", "kind", "limit", "cursor")
_FIRST_MALFORMED: Final = 100
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


def statement_routes(parts: WebParts) -> list[HTTPRouteHandler]:
    """Return the routes over these parts."""
    return [_receiving(parts), *_reading(parts), _explaining(parts)]


def _receiving(parts: WebParts) -> HTTPRouteHandler:
    desk, settings = parts.statements, parts.settings
    bodies = LargeBodies(settings.statement_most, settings.statement_s)

    @post(ONE_STATEMENT, status_code=202)
    async def receive_statement(request: WebRequest, which: FromPath[str]) -> Answer:
        caller = caller_of(request)
        caller.must(Permission.RECONCILE)
        bodies.check(request, CSV)
        query = Query.of(request.scope["query_string"], UPLOAD_PARAMETERS)
        period = _period(query)
        name = query.get("name", Visible(LONGEST_NAME)) or "upload.csv"
        query.check()
        try:
            run = await desk.receive(caller, which, name, bodies.pieces(request), period)
        except InvalidProvider as refusal:
            raise Problem(
                HTTPStatus.NOT_FOUND, refusal.code, "No statements of such a provider are read."
            ) from None
        location = f"{STATEMENTS}/{run.id}".encode("ascii")
        return success(new_run_view(run), status=202, headers=[(b"location", location)])

    return receive_statement


def _reading(parts: WebParts) -> list[HTTPRouteHandler]:
    desk, clock = parts.statements, parts.clock

    @get(STATEMENTS)
    async def list_statements(request: WebRequest) -> Answer:
        caller = caller_of(request)
        query = Query.of(request.scope["query_string"], RUN_PARAMETERS)
        known = frozenset(each.id for each in parts.providers())
        provider = query.get("provider", one_of(known))
        limit, place = _page(query, caller, "statements")
        behind = RunPlace(place.created_at, place.id) if place else None
        found = await desk.read.runs(caller, limit, provider=provider, behind=behind)
        cursor: str | None = None
        if len(found) == limit:
            last = found[-1].run
            cursor = _cursor(Place(last.started_at, last.id), caller, "statements")
        views = [run_view(each) for each in found]
        return success(RunsView(runs=views, next_cursor=cursor or UNSET))

    @get(ONE_STATEMENT)
    async def get_statement(request: WebRequest, which: FromPath[str]) -> Answer:
        caller, now = caller_of(request), clock.now()
        shown = await desk.read.run(caller, _id(which, "run"))
        query = Query.of(request.scope["query_string"], BREAK_PARAMETERS)
        wanted = BreakFilter(
            run_id=shown.run.id,
            state=query.get("state", _state),
            kind=query.get("kind", _kind),
        )
        limit, place = _page(query, caller, f"breaks of {which}")
        if any(CSV in each for each in all_of(request, b"accept")):
            return await _csv(desk, caller, wanted, parts)
        behind = BreakPlace(place.created_at, place.id) if place else None
        found = await desk.read.breaks(caller, wanted, limit, behind)
        malformed = await desk.read.malformed(caller, shown.run.id, _FIRST_MALFORMED)
        cursor: str | None = None
        if len(found) == limit:
            cursor = _cursor(Place(found[-1].at, found[-1].id), caller, f"breaks of {which}")
        view = RunWithBreaksView(
            run=run_view(shown),
            breaks=[break_view(each, now) for each in found],
            malformed=[MalformedView(line=each.number, reason=each.reason) for each in malformed],
            next_cursor=cursor or UNSET,
        )
        return success(view, headers=_VARIES)

    return [list_statements, get_statement]


def _explaining(parts: WebParts) -> HTTPRouteHandler:
    desk, bodies, clock = parts.statements, parts.bodies, parts.clock

    @post(EXPLAIN, status_code=200)
    async def explain_break(request: WebRequest, break_id: FromPath[str]) -> Answer:
        caller = caller_of(request)
        caller.must(Permission.RECONCILE)
        require_json(request)
        reason = read_reason(await bodies.read(request), required=True)
        explained = await desk.explain(caller, _id(break_id, "break"), reason)
        return success(break_view(explained, clock.now()))

    return explain_break


_VARIES: Final = ((b"vary", b"Accept"),)


async def _csv(desk: StatementDesk, caller: Caller, which: BreakFilter, parts: WebParts) -> Answer:
    """Return all breaks that are meant as CSV: a run has no more than it puts up with."""
    now, lines = parts.clock.now(), list[str]()
    place: BreakPlace | None = None
    page: list[Break] = await desk.read.breaks(caller, which, LARGEST_PAGE)
    lines += csv_of(page, now)
    while len(page) == LARGEST_PAGE:
        place = BreakPlace(page[-1].at, page[-1].id)
        page = await desk.read.breaks(caller, which, LARGEST_PAGE, place)
        lines += csv_of(page, now, header=False)
    named = (b"content-disposition", b'attachment; filename="breaks.csv"')
    body = "".join(lines).encode()
    return Answer(body, headers=(named, *_VARIES), media_type=b"text/csv; charset=utf-8")


def _period(query: Query) -> Period | None:
    since, until = query.get("from", from_moment), query.get("until", to_moment)
    if ("from" in query.values) != ("until" in query.values):
        query.faults.append(("until", "Give from and until, or neither."))
    query.check()
    if since is None or until is None:
        return None
    if since >= until:
        raise bad_request([("until", "Must not be before from.")])
    return Period(since, until)


def _page(query: Query, caller: Caller, what: str) -> tuple[int, Place | None]:
    limit = query.get("limit", whole_number(1, LARGEST_PAGE))
    cursor = query.get("cursor", lambda text: cursor_of(text, _scope(caller, what)))
    query.check()
    return limit or USUAL_PAGE, cursor.place if cursor else None


def _cursor(place: Place, caller: Caller, what: str) -> str:
    return write_cursor(Cursor(place, 1), _scope(caller, what))


def _scope(caller: Caller, what: str) -> str:
    return f"{what} of {caller.user_id}"


def _state(text: str) -> BreakState:
    return BreakState(one_of(frozenset(BreakState))(text))


def _kind(text: str) -> BreakKind:
    return BreakKind(one_of(frozenset(BreakKind))(text))


def _id(text: str, what: str) -> UUID:
    if not _UUID.fullmatch(text):
        raise NotFound(what)
    return UUID(text)
