"""What the HTTP API is made of: the use cases behind it and its settings."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from adapters.web.auth import TokenVerifier
from adapters.web.headers import Bodies
from adapters.web.outlook import Outlook
from application.cancel_cash_out import CancelCashOut
from application.explain import Explain
from application.follow_cash_outs import FollowCashOuts
from application.ports import Clock, NumberingPlan, Publisher, Reader
from application.ports.observing import UNWATCHED, RequestWatch
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
from application.request_cash_out import Taken
from application.review_desk import ReviewDesk
from application.statement_desk import StatementDesk
from application.steer_providers import SteerProviders
from domain.refusals import Refusal
from domain.request import CashOutRequest

BASE: Final = "/api/payments"
SERVICE_NAME: Final = "payment-integration-service"
VERSION: Final = "1.0.0"
"""Of the HTTP contract, not of this software."""

Lifespan = Callable[[], AbstractAsyncContextManager[None]]
"""Something that is open while the API is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """Settings of the HTTP API; every field but the first two is a written-out limit.

    production: answers tell browsers to insist on TLS. cors_origins: like
    `https://app.example.com`. rate_limit_per_minute: POSTs per user, 0 for no limit. body_most:
    bytes. requests_most: in flight, before new ones are answered 503. waiters_most: of those, how
    many may wait for a provider (`Prefer: wait`). backlog_worry: age of the oldest untold event
    from which readiness says degraded. check_most: how long a readiness check may take.
    statement_most, statement_s: bytes of a provider's statement, and seconds for it to arrive.
    stream_heartbeat: the pause in which a stream of progress says at least a comment; stream_stall,
    longer than that: how long a part of it may wait for its reader; stream_longest: until it ends
    and its reader comes back.
    """

    production: bool = False
    cors_origins: tuple[str, ...] = ()
    service_name: str = SERVICE_NAME
    rate_limit_per_minute: int = 600
    body_most: int = 65_536
    requests_most: int = 2_000
    waiters_most: int = 500
    backlog_worry: timedelta = timedelta(minutes=5)
    check_most: timedelta = timedelta(seconds=2)
    statement_most: int = 256 * 1024 * 1024
    statement_s: float = 300.0
    stream_heartbeat: timedelta = timedelta(seconds=15)
    stream_stall: timedelta = timedelta(seconds=30)
    stream_longest: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebParts:
    """Everything the routes need.

    request: takes one cash-out (a group commit over RequestCashOut). publisher: None where there
    is no broker to ask after. lifespans: entered in order before the first request, left in
    reverse after the last.
    """

    request: Callable[[CashOutRequest], Awaitable[Taken | Refusal]]
    get: GetCashOut
    await_answer: AwaitAnswer
    history: History
    quote: QuoteCashOut
    limits: ListLimits
    follow: FollowCashOuts
    explain: Explain
    cancel: CancelCashOut
    providers: ListProviders
    health: ProviderHealth
    steer: SteerProviders
    receive: ReceiveWebhook
    desk: ReviewDesk
    statements: StatementDesk
    reader: Reader
    numbers: NumberingPlan
    clock: Clock
    auth: TokenVerifier
    publisher: Publisher | None = None
    watch: RequestWatch = UNWATCHED
    settings: WebSettings = WebSettings()
    lifespans: Sequence[Lifespan] = ()

    @property
    def outlook(self) -> Outlook:
        """What tells users about providers that are slow or closed."""
        return Outlook(self.health.board, self.health.catalogue)

    @property
    def bodies(self) -> Bodies:
        """What reads request bodies."""
        return Bodies(self.settings.body_most)
