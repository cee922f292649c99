"""The bench: a provider's module, wired to a partner on this machine that answers as it is told."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

from adapters.provider_kit.contract.partner import Answering, Partner, Reply, Seen
from adapters.provider_kit.limits import CallLimits
from adapters.provider_kit.wiring import ProviderGateway, ProviderModule, Wiring
from application.ports import Clock, Order
from domain.attempts import Capabilities
from domain.money import Money, currency
from domain.payee import Msisdn, NumberFormat, Payee

PATIENCE: Final = timedelta(seconds=1)
"""How long a call may take on the bench: a partner that says nothing costs so much."""
NAME: Final = "Awa Koné-Diabaté"
NUMBER: Final = "+23277000789"
_TOKEN: Final = b'{"access_token": "%s", "token_type": "Bearer", "expires_in": 3600}'


class MachineClock:
    """The machine's clocks: implements `Clock`."""

    def now(self) -> datetime:
        """Return the present moment."""
        return datetime.now(UTC)

    def elapsed(self) -> timedelta:
        """Return a time that only grows."""
        return timedelta(seconds=asyncio.get_running_loop().time())

    async def sleep(self, duration: timedelta) -> None:
        """Wait."""
        await asyncio.sleep(duration.total_seconds())


@dataclass(slots=True)
class Bench:
    """A provider to be tried. options and capabilities: as its configuration entry has them.

    secrets: what its secret settings hold here, and the token that it is granted; nobody else may
    ever see them.
    """

    provider: str
    module: ProviderModule
    capabilities: Capabilities
    options: Mapping[str, object] = field(default_factory=dict)
    clock: Clock = field(default_factory=MachineClock)
    secrets: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Draw secrets that would be recognised anywhere."""
        hidden = [each.suffix for each in self.module.SETTINGS if each.secret]
        self.secrets = {name: f"secret-{secrets.token_hex(16)}" for name in (*hidden, "granted")}

    def settings_at(self, url: str) -> dict[str, str]:
        """Return a value for each of its settings, by suffix; every address is this one."""
        return {
            each.suffix: url if each.url else self.secrets.get(each.suffix, "bench")
            for each in self.module.SETTINGS
        }

    def wiring(
        self, settings: Mapping[str, str], capabilities: Capabilities | None = None
    ) -> Wiring:
        """Return what the provider is built from."""
        return Wiring(
            provider=self.provider,
            settings=settings,
            capabilities=capabilities or self.capabilities,
            clock=self.clock,
            options=self.options,
            limits=CallLimits.of(PATIENCE),
        )

    @asynccontextmanager
    async def at(self, url: str) -> AsyncIterator[ProviderGateway]:
        """Build the gateway with this address, and close it."""
        gateway = self.module.build(self.wiring(self.settings_at(url)))
        try:
            yield gateway
        finally:
            await gateway.aclose()

    @asynccontextmanager
    async def facing(self, answer: Answering) -> AsyncIterator[tuple[ProviderGateway, Partner]]:
        """Build the gateway against a partner that grants tokens and else answers like this."""

        def answered(seen: Seen) -> Reply | object | None:
            return self._granted() if _asks_for_a_token(seen) else answer(seen)

        async with Partner(answered) as partner, self.at(partner.url) as gateway:  # type: ignore[arg-type]
            yield gateway, partner

    def _granted(self) -> Reply:
        body = _TOKEN % self.secrets["granted"].encode()
        return Reply(200, body, {"Content-Type": "application/json"})


def submits(partner: Partner) -> list[Seen]:
    """Return the requests that a partner got, without those for tokens."""
    return [seen for seen in partner.seen if not _asks_for_a_token(seen)]


def order(minor: int = 1050, *, transaction_id: str | None = None) -> Order:
    """Return a new order, of 10.50 SLE or as told."""
    msisdn = Msisdn(NUMBER, "SL")
    identity = uuid4()
    return Order(
        cash_out_id=identity,
        reference=f"CASH-{identity.hex[:24].upper()}",
        amount=Money(minor, currency("SLE")),
        payee=Payee(msisdn, NAME),
        account=msisdn.written(NumberFormat.E164_DIGITS),
        provider_transaction_id=transaction_id,
    )


def _asks_for_a_token(seen: Seen) -> bool:
    return b"grant_type=" in seen.body
