"""The routes of operators: the review queue, proposals, decisions, stored webhooks."""

import re
from datetime import timedelta
from typing import Final
from uuid import UUID

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import UNSET, UnsetType

from adapters.web.answers import success
from adapters.web.asked_resolution import read_reason, read_resolution
from adapters.web.cash_outs import ONE_CASH_OUT
from adapters.web.cursors import Cursor, write_cursor
from adapters.web.exchange import Answer, WebRequest, caller_of
from adapters.web.headers import Bodies, require_json
from adapters.web.parts import BASE, WebParts
from adapters.web.queries import LARGEST_PAGE, Query, cursor_of, one_of, whole_number
from adapters.web.review_schemas import OrphansView, QueueView
from adapters.web.review_views import (
    dismissed_view,
    file_view,
    orphan_view,
    proposal_view,
    replayed_view,
    review_view,
    settled_view,
    sum_view,
)
from adapters.web.texts import WrongText
from application.callers import Caller
from application.ports import Place, QueueFilter, QueuePlace
from domain.evidence import ReviewReason
from domain.refusals import NotFound

REVIEWS: Final = f"{BASE}/reviews"
ORPHANS: Final = f"{REVIEWS}/orphans"
ONE_REVIEW: Final = f"{REVIEWS}/{{cash_out_id:str}}"
RESOLUTIONS: Final = f"{ONE_CASH_OUT}/resolutions"
_PROPOSAL: Final = f"{BASE}/resolutions/{{proposal_id:str}}"
APPROVE: Final = f"{_PROPOSAL}/approve"
REJECT: Final = f"{_PROPOSAL}/reject"
WITHDRAW: Final = f"{_PROPOSAL}/withdraw"
_DELIVERY: Final = f"{BASE}/webhooks/{{delivery_id:str}}"
REPLAY: Final = f"{_DELIVERY}/replay"
DISMISS: Final = f"{_DELIVERY}/dismiss"
USUAL_QUEUE_PAGE: Final = 50
OLDEST_MINUTES: Final = 5_256_000
"""Ten years: reviews are not older."""
QUEUE_PARAMETERS: Final = ("reason", "provider", "olderThanMinutes", "limit", "cursor")
ORPHAN_PARAMETERS: Final = ("limit", "cursor")

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


def review_routes(parts: WebParts) -> list[HTTPRouteHandler]:
    """Return the routes over these parts."""
    return [*_reading(parts), *_deciding(parts), *_webhooks(parts)]


def _reading(parts: WebParts) -> list[HTTPRouteHandler]:
    desk, clock = parts.desk, parts.clock

    @get(REVIEWS)
    async def list_reviews(request: WebRequest) -> Answer:
        caller, now = caller_of(request), clock.now()
        query = Query.of(request.scope["query_string"], QUEUE_PARAMETERS)
        known = frozenset(each.id for each in parts.providers())
        older = query.get("olderThanMinutes", whole_number(0, OLDEST_MINUTES))
        which = QueueFilter(
            reason=query.get("reason", _reason),
            provider=query.get("provider", one_of(known)),
            opened_before=None if older is None else now - timedelta(minutes=older),
        )
        limit, behind = _page(query, caller, "reviews")
        page = await desk.read(caller, which, limit, behind)
        view = QueueView(
            reviews=[
                review_view(each.cash_out, each.proposal, caller, now) for each in page.reviews
            ],
            sums=[sum_view(each) for each in await desk.read.sums(caller)],
            next_cursor=_next(page.behind, caller, "reviews"),
        )
        return success(view)

    @get(ORPHANS)
    async def list_orphans(request: WebRequest) -> Answer:
        caller, now = caller_of(request), clock.now()
        query = Query.of(request.scope["query_string"], ORPHAN_PARAMETERS)
        limit, behind = _page(query, caller, "orphans")
        page = await desk.read.orphans(caller, limit, behind)
        view = OrphansView(
            webhooks=[orphan_view(each, caller, now) for each in page.deliveries],
            next_cursor=_next(page.behind, caller, "orphans"),
        )
        return success(view)

    @get(ONE_REVIEW)
    async def get_review(request: WebRequest, cash_out_id: FromPath[str]) -> Answer:
        caller = caller_of(request)
        found = await desk.read.one(caller, _id(cash_out_id, "cash-out"))
        return success(file_view(found, caller, clock.now()))

    return [list_reviews, list_orphans, get_review]


def _deciding(parts: WebParts) -> list[HTTPRouteHandler]:
    desk, bodies = parts.desk, parts.bodies

    @post(RESOLUTIONS, status_code=201)
    async def propose_resolution(request: WebRequest, cash_out_id: FromPath[str]) -> Answer:
        caller = caller_of(request)
        require_json(request)
        asked = read_resolution(await bodies.read(request))
        proposal = await desk.propose(caller, _id(cash_out_id, "cash-out"), asked)
        message = "Proposed. Somebody else has to approve it."
        if not desk.four_eyes:
            message = "Proposed. It has to be approved."
        return success(proposal_view(proposal), message=message, status=201)

    @post(APPROVE, status_code=200)
    async def approve_resolution(request: WebRequest, proposal_id: FromPath[str]) -> Answer:
        caller, why = caller_of(request), await _why(request, bodies, required=False)
        settled = await desk.approve(caller, _id(proposal_id, "proposal"), why)
        return success(settled_view(settled))

    @post(REJECT, status_code=200)
    async def reject_resolution(request: WebRequest, proposal_id: FromPath[str]) -> Answer:
        caller, why = caller_of(request), await _why(request, bodies, required=True)
        proposal = await desk.reject(caller, _id(proposal_id, "proposal"), why)
        return success(proposal_view(proposal))

    @post(WITHDRAW, status_code=200)
    async def withdraw_resolution(request: WebRequest, proposal_id: FromPath[str]) -> Answer:
        caller, why = caller_of(request), await _why(request, bodies, required=False)
        proposal = await desk.withdraw(caller, _id(proposal_id, "proposal"), why)
        return success(proposal_view(proposal))

    return [propose_resolution, approve_resolution, reject_resolution, withdraw_resolution]


def _webhooks(parts: WebParts) -> list[HTTPRouteHandler]:
    desk, bodies = parts.desk, parts.bodies

    @post(REPLAY, status_code=200)
    async def replay_webhook(request: WebRequest, delivery_id: FromPath[str]) -> Answer:
        replayed = await desk.replay(caller_of(request), _id(delivery_id, "webhook"))
        return success(replayed_view(replayed))

    @post(DISMISS, status_code=200)
    async def dismiss_webhook(request: WebRequest, delivery_id: FromPath[str]) -> Answer:
        caller, why = caller_of(request), await _why(request, bodies, required=True)
        dismissal = await desk.dismiss(caller, _id(delivery_id, "webhook"), why)
        return success(dismissed_view(dismissal))

    return [replay_webhook, dismiss_webhook]


async def _why(request: WebRequest, bodies: Bodies, *, required: bool) -> str:
    raw = await bodies.read(request)
    if raw or required:
        require_json(request)
    return read_reason(raw, required=required)


def _page(query: Query, caller: Caller, what: str) -> tuple[int, QueuePlace | None]:
    """Return how much is asked for, and behind what; raise Problem BAD_REQUEST with every fault."""
    limit = query.get("limit", whole_number(1, LARGEST_PAGE))
    cursor = query.get("cursor", lambda text: cursor_of(text, _scope(caller, what)))
    query.check()
    place = QueuePlace(cursor.place.created_at, cursor.place.id) if cursor else None
    return limit or USUAL_QUEUE_PAGE, place


def _next(behind: QueuePlace | None, caller: Caller, what: str) -> str | UnsetType:
    if behind is None:
        return UNSET
    return write_cursor(Cursor(Place(behind.at, behind.id), 1), _scope(caller, what))


def _scope(caller: Caller, what: str) -> str:
    """Return whose a cursor is, and of which list: in another it means nothing."""
    return f"{what} of {caller.user_id}"


def _reason(text: str) -> ReviewReason:
    try:
        return ReviewReason(text)
    except ValueError:
        raise WrongText(f"Use one of: {', '.join(ReviewReason)}.") from None


def _id(text: str, what: str) -> UUID:
    """Return the id; raise NotFound for what cannot be one, as for one that is nobody's."""
    if not _UUID.fullmatch(text):
        raise NotFound(what)
    return UUID(text)
