"""The real API over the adapters in memory, without a socket."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
from litestar import Litestar

from adapters.memory.events import LocalEvents
from adapters.memory.manual_time import ManualClock, SeededChance
from adapters.memory.reader import MemoryReader
from adapters.memory.rulings import MemoryReviewReader
from adapters.memory.signals import Signals
from adapters.memory.store import MemoryStore
from adapters.memory.units import MemoryUnits
from adapters.phones import PhoneNumbers
from adapters.statements.files import CsvStatements
from adapters.web.app import WebParts, WebSettings, build_app
from adapters.web.auth import SecretTokens, TokenVerifier, issue_token
from application.board import Board
from application.cancel_cash_out import CancelCashOut
from application.check_status import CheckStatus
from application.explain import Explain
from application.follow_cash_outs import FollowCashOuts
from application.group_commit import GroupCommit
from application.housekeeping import PruneBoxes, RaiseReviews, RematchOrphans
from application.interrupted_runs import TellInterrupted
from application.lanes import Lane
from application.ports import Publisher, Reader
from application.provider_health import ProviderHealth
from application.queries import (
    AwaitAnswer,
    GetCashOut,
    History,
    ListLimits,
    ListProviders,
    QuoteCashOut,
)
from application.receive_webhook import ReceiveWebhook
from application.reconcile import ReconcileRules
from application.record_news import RecordNews
from application.relay_events import RelayEvents
from application.request_cash_out import RequestCashOut
from application.review_desk import open_desk
from application.statement_desk import StatementDesk, open_statement_desk
from application.steer_providers import SteerProviders
from application.submit_cash_out import SubmitCashOut
from application.worker import Worker
from domain.corridors import Catalogue, Policy
from entrypoints.configuration import SHIPPED, read_configuration
from tests.adapters.web.partner import Partner

SECRET = b"a-token-secret-of-the-tests-0123456789"
START = datetime(2026, 11, 23, 10, 15, 30, tzinfo=UTC)
CASH_OUTS = "/api/payments/cash-out"
QUOTE = "/api/payments/quote"
PROVIDERS = "/api/payments/providers"
WEBHOOK = "/api/payments/webhook/orange_money"
BODY: dict[str, Any] = {
    "walletId": "wallet-1",
    "amount": 1500,
    "currency": "XOF",
    "provider": "orange_money",
    "providerAccountId": "+2250700000789",
    "providerAccountName": "Awa Koné",
}


def token(
    user: str = "user-1", role: str = "user", *, lifetime: timedelta = timedelta(hours=1)
) -> str:
    return issue_token(SECRET, user, role, lifetime, now=START)


def signed_in(user: str = "user-1", role: str = "user", **headers: str) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"Authorization": f"Bearer {token(user, role)}", **named}


@dataclass
class House:
    """Everything that a test looks at or turns."""

    store: MemoryStore
    clock: ManualClock
    partner: Partner
    worker: Worker
    parts: WebParts
    app: Litestar
    client: httpx.AsyncClient

    async def post(
        self, body: dict[str, Any] | None = None, *, user: str = "user-1", **headers: str
    ) -> httpx.Response:
        return await self.client.post(
            CASH_OUTS, json=BODY if body is None else body, headers=signed_in(user, **headers)
        )

    async def post_raw(self, raw: bytes, **headers: str) -> httpx.Response:
        named = {"content_type": "application/json", **headers}
        return await self.client.post(CASH_OUTS, content=raw, headers=signed_in(**named))

    async def get(
        self,
        path: str,
        user: str = "user-1",
        role: str = "user",
        params: Any = None,  # noqa: ANN401 -- whatever httpx takes
        **headers: str,
    ) -> httpx.Response:
        return await self.client.get(path, params=params, headers=signed_in(user, role, **headers))

    async def asked(self, **headers: str) -> "asyncio.Task[httpx.Response]":
        """Begin a POST and return once its cash-out is stored."""
        before = len(self.store.cash_outs)
        post = asyncio.create_task(self.post(BODY, **headers))
        while len(self.store.cash_outs) == before and not post.done():  # noqa: ASYNC110
            await asyncio.sleep(0)
        return post

    async def made(self, *, user: str = "user-1", **changes: Any) -> str:  # noqa: ANN401
        answer = await self.post({**BODY, **changes}, user=user)
        assert answer.status_code == 202, answer.text
        made: str = answer.json()["data"]["cashOutId"]
        return made

    @property
    def written(self) -> tuple[int, ...]:
        """How much there is of everything that a refused request must not add to."""
        store = self.store
        return (
            len(store.cash_outs),
            len(store.keys),
            len(store.events),
            len(store.counters),
            len(store.deliveries),
            sum(each.version for each in store.cash_outs.values()),
        )


@asynccontextmanager
async def house(
    settings: WebSettings | None = None,
    *,
    auth: TokenVerifier | None = None,
    publisher: Publisher | None = None,
    reader: Reader | None = None,
    **changes: Any,  # noqa: ANN401 -- any other part
) -> AsyncIterator[House]:
    """Open the API; a test may put other parts in."""
    store, clock, partner = MemoryStore(), ManualClock(START), Partner()
    units, signals, chance = MemoryUnits(store), Signals(clock), SeededChance(1)
    reads = reader or MemoryReader(store)
    available = {"orange_money": True, "afrimoney": True}
    catalogue = read_configuration(SHIPPED).catalogue(production=False, available=available)
    policy = Policy()
    board = Board()
    lanes = {"orange_money": Lane(catalogue.providers["orange_money"], partner, board=board)}
    decide = RequestCashOut(units, catalogue, clock, chance, signals)
    news = RecordNews(units, catalogue, policy, clock, signals)
    record = GroupCommit(news)
    worker = Worker(
        lanes=lanes,
        submit=SubmitCashOut(units, record, policy, clock, chance),
        check=CheckStatus(units, record, policy, clock, chance),
        relay=RelayEvents(units, LocalEvents(), clock, chance.token()),
        rematch=RematchOrphans(units, record, clock, chance),
        reviews=RaiseReviews(units, record, policy, clock),
        prune=PruneBoxes(units, clock),
        interrupted=TellInterrupted(units, clock, chance),
        clock=clock,
        nudge=signals,
        waiting=signals,
    )
    get = GetCashOut(reads, units, clock, policy, signals)
    follow = FollowCashOuts(get, reads, clock, signals)
    parts = WebParts(
        request=GroupCommit(decide),
        get=get,
        follow=follow,
        explain=Explain(reads, MemoryReviewReader(store), catalogue, policy, clock),
        await_answer=AwaitAnswer(reads, clock, signals),
        history=History(reads),
        quote=QuoteCashOut(reads, catalogue, PhoneNumbers(), clock),
        limits=ListLimits(reads, catalogue, clock),
        cancel=CancelCashOut(units, clock, signals),
        providers=ListProviders(catalogue),
        health=ProviderHealth(board, units, catalogue, clock),
        steer=SteerProviders(units, catalogue, board, clock, signals),
        receive=ReceiveWebhook(lanes, record, clock, chance),
        desk=open_desk(units, reads, MemoryReviewReader(store), clock, chance, news),
        statements=a_statement_desk(units, news, catalogue, clock, chance),
        reader=reads,
        numbers=PhoneNumbers(),
        clock=clock,
        auth=auth or SecretTokens(SECRET, clock),
        publisher=publisher,
        settings=settings or WebSettings(),
    )
    parts = replace(parts, **changes)
    app = build_app(parts)
    transport = httpx.ASGITransport(cast("Any", app))
    async with (
        app.lifespan(),
        httpx.AsyncClient(transport=transport, base_url="http://api.test") as client,
    ):
        yield House(store, clock, partner, worker, parts, app, client)
        await parts.follow.finish()


def check_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Assert that an answer is an error in the envelope; return its `error`."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    told = answer.json()
    assert set(told) - {"data"} == {"success", "error"}
    assert told["success"] is False
    error: dict[str, Any] = told["error"]
    assert error["code"] == code, error
    assert len(error["message"]) > 10
    assert "Traceback" not in answer.text
    assert set(error) <= {"code", "message", "details"}
    return error


def fields(error: dict[str, Any]) -> list[str]:
    """Return which fields an error complains about."""
    return [each["field"] for each in error.get("details", [])]


def rows(*table: Sequence[Any]) -> Sequence[Sequence[Any]]:
    """Return a table as it is: it reads better than a list of tuples of tuples."""
    return table


def a_statement_desk(
    units: MemoryUnits,
    news: RecordNews,
    catalogue: Catalogue,
    clock: ManualClock,
    chance: SeededChance,
) -> StatementDesk:
    """Return the desk for providers' statements, written as the sandbox writes them."""
    folder = Path(tempfile.gettempdir())
    files = CsvStatements(read_configuration(SHIPPED).statements(), folder)
    rules = ReconcileRules(margin=timedelta(0))
    return open_statement_desk(units, news, catalogue, clock, chance, files=files, rules=rules)
