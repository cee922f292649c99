"""The cash-out routes: take, read, list, cancel, price."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from adapters.web.answers import success
from adapters.web.cursors import Cursor, write_cursor
from adapters.web.exchange import Answer, Exchange, WebRequest, caller_of, exchange_of
from adapters.web.headers import (
    SPOKEN,
    Bodies,
    idempotency_key,
    language,
    preferred_wait,
    require_json,
)
from adapters.web.ids import read_id
from adapters.web.new_cash_out import NewCashOut, read_new_cash_out
from adapters.web.outlook import Outlook
from adapters.web.parts import BASE, WebParts
from adapters.web.problems import Detail, bad_request
from adapters.web.queries import PageAsked, read_history_query, read_quote_query
from adapters.web.rate_limit import RateLimit
from adapters.web.schemas import CashOutView, HistoryView, OwnLimitsView, Pagination
from adapters.web.views import cash_out_view, limit_line_view, quote_view
from application.ports import HistoryPage, NumberingPlan, Place, StorageUnavailable
from application.request_cash_out import Taken
from domain.cash_out import CashOut
from domain.refusals import Refusal
from domain.request import CashOutRequest

CASH_OUTS = f"{BASE}/cash-out"
ONE_CASH_OUT = f"{CASH_OUTS}/{{cash_out_id:str}}"
CANCEL = f"{ONE_CASH_OUT}/cancel"
QUOTE = f"{BASE}/quote"
LIMITS = f"{BASE}/limits"


def cash_out_routes(parts: WebParts) -> list[HTTPRouteHandler]:
    """Return the routes over these parts."""
    clock, taking, outlook = parts.clock, _Taking(parts), parts.outlook

    def view(request: WebRequest, cash_out: CashOut) -> Answer:
        liked, in_full = language(request), caller_of(request).sees_payee(cash_out)
        seen = cash_out_view(cash_out, clock.now(), liked, outlook=outlook, in_full=in_full)
        return success(seen, headers=SPOKEN[liked])

    @post(CASH_OUTS, status_code=202)
    async def request_cash_out(request: WebRequest) -> Answer:
        return await taking(request)

    @get(ONE_CASH_OUT)
    async def get_cash_out(request: WebRequest, cash_out_id: FromPath[str]) -> Answer:
        return view(request, await parts.get(caller_of(request), read_id(cash_out_id)))

    @post(CANCEL, status_code=200)
    async def cancel_cash_out(request: WebRequest, cash_out_id: FromPath[str]) -> Answer:
        return view(request, await parts.cancel(caller_of(request), read_id(cash_out_id)))

    @get(CASH_OUTS)
    async def list_cash_outs(request: WebRequest) -> Answer:
        caller, liked = caller_of(request), language(request)
        known = frozenset(each.id for each in parts.providers())
        asked = read_history_query(request.scope["query_string"], caller.user_id, known)
        if asked.cursor is None:
            page = await parts.history.page(asked.which, asked.limit, asked.page)
        else:
            page = await parts.history.behind(asked.which, asked.limit, asked.cursor.place)
        now = clock.now()
        views = [cash_out_view(each, now, liked, outlook=outlook) for each in page.cash_outs]
        return success(_history(views, page, asked), headers=SPOKEN[liked])

    @get(QUOTE)
    async def quote(request: WebRequest) -> Answer:
        asked = read_quote_query(request.scope["query_string"])
        priced = await parts.quote(
            caller_of(request), asked.provider, asked.currency, asked.amount, asked.account
        )
        return success(quote_view(priced))

    @get(LIMITS)
    async def list_limits(request: WebRequest) -> Answer:
        lines = await parts.limits(caller_of(request))
        return success(OwnLimitsView(limits=[limit_line_view(each) for each in lines]))

    return [request_cash_out, get_cash_out, cancel_cash_out, list_cash_outs, quote, list_limits]


@dataclass(slots=True)
class _Taking:
    """Takes cash-outs; knows how many callers wait for a provider's first answer."""

    parts: WebParts
    waiting: int = 0
    limit: RateLimit = field(init=False)
    bodies: Bodies = field(init=False)
    outlook: Outlook = field(init=False)

    def __post_init__(self) -> None:
        """Begin to count what users ask."""
        self.limit = RateLimit(self.parts.settings.rate_limit_per_minute, self.parts.clock)
        self.bodies = self.parts.bodies
        self.outlook = self.parts.outlook

    async def __call__(self, request: WebRequest) -> Answer:
        """Answer one POST."""
        caller = caller_of(request)
        self.limit.take(caller.user_id)
        require_json(request)
        raw = await self.bodies.read(request)
        asked = _read(request, raw, caller.user_id, self.parts.numbers)
        taken = await self.parts.request(asked)
        if isinstance(taken, Refusal):
            raise taken
        exchange_of(request).cash_out_id = taken.cash_out.id
        return await self._answer(request, taken)

    async def _answer(self, request: WebRequest, taken: Taken) -> Answer:
        cash_out, liked = taken.cash_out, language(request)
        location = f"{CASH_OUTS}/{cash_out.id}".encode("ascii")
        headers = [(b"location", location), *SPOKEN[liked]]
        if taken.replayed:
            headers.append((b"idempotent-replayed", b"true"))
        wait_s = preferred_wait(request)
        final = False
        if wait_s is not None and self.waiting < self.parts.settings.waiters_most:
            cash_out = await self._wait(cash_out, wait_s)
            headers.append((b"preference-applied", b"wait=%d" % wait_s))
            final = cash_out.ended
        now = self.parts.clock.now()
        view = cash_out_view(cash_out, now, liked, taken.warnings, self.outlook)
        status = 200 if final else 202
        return success(view, message="Cash out request initiated", status=status, headers=headers)

    async def _wait(self, cash_out: CashOut, wait_s: int) -> CashOut:
        self.waiting += 1
        try:
            return await self.parts.await_answer(cash_out, timedelta(seconds=wait_s))
        except StorageUnavailable:
            # It is taken all the same: what we know of it is the answer.
            return cash_out
        finally:
            self.waiting -= 1


def _read(request: WebRequest, raw: bytes, user_id: str, numbers: NumberingPlan) -> CashOutRequest:
    faults: list[Detail] = []
    key = idempotency_key(request, faults)
    body = read_new_cash_out(raw, faults)
    if body is None or faults:
        raise bad_request(faults)
    return _asked(body, user_id, key, numbers, exchange_of(request))


def _asked(
    body: NewCashOut, user_id: str, key: str | None, numbers: NumberingPlan, exchange: Exchange
) -> CashOutRequest:
    return CashOutRequest(
        user_id=user_id,
        wallet_id=body.wallet_id,
        amount=body.amount,
        currency=body.currency,
        provider=body.provider,
        account=body.provider_account_id,
        name=body.provider_account_name,
        msisdn=numbers.read(body.provider_account_id),
        reference=None if body.reference is msgspec.UNSET else body.reference,
        key=key,
        trace=exchange.trace,
        cause=exchange.request_id,
    )


def _history(views: Sequence[CashOutView], page: HistoryPage, asked: PageAsked) -> HistoryView:
    cursor: str | msgspec.UnsetType = msgspec.UNSET
    if page.more and page.cash_outs:
        last = page.cash_outs[-1]
        place = Place(last.created_at, last.id)
        cursor = write_cursor(Cursor(place, asked.page + 1), asked.which.user_id)
    return HistoryView(
        cash_outs=list(views),
        pagination=Pagination(
            total_items=page.total,
            total_pages=-(-page.total // asked.limit),
            current_page=asked.page,
            items_per_page=asked.limit,
            next_cursor=cursor,
        ),
    )
