"""What the tests of providers start from: a clock, an order, a wired gateway."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from adapters.provider_kit.contract.bench import Bench
from adapters.provider_kit.contract.partner import Partner, Reply, Seen
from adapters.provider_kit.limits import CallLimits
from adapters.provider_kit.tokens import TokenStore
from adapters.provider_kit.wiring import ProviderGateway, Wiring, provider_module
from application.ports import Order
from domain.attempts import Capabilities
from domain.money import Money, currency
from domain.payee import Msisdn, NumberFormat, Payee

ORANGE = "orange_money"
AFRIMONEY = "afrimoney"
REFERENCE = "CASH-1700000000000-0042"
NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
QUICK = CallLimits.of(timedelta(seconds=1))
"""For a server that is silent: somebody waits until the time is up."""
PATIENT = CallLimits.of(timedelta(seconds=20))
"""For one that answers, on a machine that is busy."""

SECRETS = {
    "client_secret": "canary-client-secret",
    "api_key": "canary-api-key",
    "api_secret": "canary-api-secret",
    "webhook_secret": "canary-webhook-secret",
    "token": "canary-token",
}
CAPABILITIES = {
    ORANGE: Capabilities(idempotent_submit=True, lookup_by_reference=True, webhook_proves=True),
    AFRIMONEY: Capabilities(idempotent_submit=True, lookup_by_reference=True, webhook_proves=False),
}
SUBMIT_PATH = {ORANGE: "/v1/cash-out", AFRIMONEY: "/api/v1/disbursements"}
STATUS_PATH = {ORANGE: "/v1/transactions/", AFRIMONEY: "/api/v1/disbursements/"}
TOKEN_PATH = "/oauth/v3/token"


class ShiftedClock:
    """The real clocks, moved on by `ahead`; `now` begins at a fixed moment."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)
        self._began = self.elapsed()

    def now(self) -> datetime:
        """Return the present moment."""
        return NOW + self.elapsed() - self._began

    def elapsed(self) -> timedelta:
        """Return a time that only grows."""
        return timedelta(microseconds=time.monotonic_ns() // 1000) + self.ahead

    async def sleep(self, duration: timedelta) -> None:
        """Wait."""
        await asyncio.sleep(duration.total_seconds())


def order(
    minor: int = 1500,
    code: str = "XOF",
    *,
    number: str = "+2250700000789",
    country: str = "CI",
    name: str = "Awa Koné",
    reference: str = REFERENCE,
    transaction_id: str | None = None,
) -> Order:
    """Return an order to pay 1500 XOF in Côte d'Ivoire, or as told."""
    msisdn = Msisdn(number, country)
    return Order(
        cash_out_id=UUID(int=7),
        reference=reference,
        amount=Money(minor, currency(code)),
        payee=Payee(msisdn, name),
        account=msisdn.written(NumberFormat.E164_DIGITS),
        provider_transaction_id=transaction_id,
    )


def settings_at(url: str, provider: str) -> dict[str, str]:
    """Return a provider's settings by suffix, pointing at a server."""
    if provider == ORANGE:
        return {
            "API_URL": f"{url}/",
            "TOKEN_URL": url + TOKEN_PATH,
            "CLIENT_ID": "client",
            "CLIENT_SECRET": SECRETS["client_secret"],
            "WEBHOOK_SECRET": SECRETS["webhook_secret"],
        }
    return {
        "API_URL": url,
        "API_KEY": SECRETS["api_key"],
        "API_SECRET": SECRETS["api_secret"],
        "WEBHOOK_SECRET": SECRETS["webhook_secret"],
    }


def wired(
    url: str,
    provider: str,
    *,
    options: Mapping[str, object] | None = None,
    capabilities: Capabilities | None = None,
    clock: ShiftedClock | None = None,
    limits: CallLimits = QUICK,
    tokens: TokenStore | None = None,
    settings: Mapping[str, str] | None = None,
) -> Wiring:
    """Return what a gateway against a server is built from."""
    return Wiring(
        provider=provider,
        settings={**settings_at(url, provider), **(settings or {})},
        options=options or {},
        capabilities=capabilities or CAPABILITIES[provider],
        clock=clock or ShiftedClock(),
        limits=limits,
        tokens=tokens,
    )


@asynccontextmanager
async def opened(wiring: Wiring) -> AsyncIterator[ProviderGateway]:
    """Build a gateway as the service does, and close it."""
    gateway = provider_module(f"adapters.providers.{wiring.provider}").build(wiring)
    try:
        yield gateway
    finally:
        await gateway.aclose()


def bench_of(provider: str, capabilities: Capabilities | None = None) -> Bench:
    """Return a provider of ours on the bench of the contract."""
    module = provider_module(f"adapters.providers.{provider}")
    return Bench(provider, module, capabilities or CAPABILITIES[provider])


def granted(_seen: Seen | None = None, token: str = SECRETS["token"], **fields: object) -> Reply:
    """Return a token endpoint's answer."""
    return said(200, {"access_token": token, "token_type": "Bearer", "expires_in": 3600, **fields})


def said(status: int, body: object, **headers: str) -> Reply:
    """Return a JSON answer."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    content = json.dumps(body, default=_number).encode()
    return Reply(status, content, {"Content-Type": "application/json", **names})


def beside_tokens(answer: Callable[[Seen], Reply | None]) -> Callable[[Seen], Reply | None]:
    """Return an answer that grants tokens and leaves the rest to `answer`."""
    return lambda seen: granted() if seen.target == TOKEN_PATH else answer(seen)


@asynccontextmanager
async def answering(
    provider: str,
    *replies: Reply | None,
    options: Mapping[str, object] | None = None,
    capabilities: Capabilities | None = None,
) -> AsyncIterator[tuple[ProviderGateway, Partner]]:
    """Open a gateway against a server that gives these replies in turn, the last one for ever."""
    waiting = list(replies)

    def answer(_seen: Seen) -> Reply | None:
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    async with Partner(beside_tokens(answer)) as partner:
        limits = QUICK if None in replies else PATIENT
        wiring = wired(
            partner.url, provider, options=options, capabilities=capabilities, limits=limits
        )
        async with opened(wiring) as gateway:
            yield gateway, partner


def _number(value: object) -> float:
    assert isinstance(value, Decimal)
    return float(value)
