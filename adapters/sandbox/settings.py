"""What a sandbox is told: where it listens, the keys it believes, its pace, its faithfulness."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, in seconds; a pair is the range that the seed draws from."""

    answer_s: tuple[float, float]
    settle_s: tuple[float, float]
    slow_s: float
    late_s: float
    refill_s: float
    retry_base_s: float
    retry_cap_s: float


PACES: Final[Mapping[str, Pace]] = MappingProxyType(
    {
        "instant": Pace(
            answer_s=(0.0, 0.0),
            settle_s=(0.02, 0.02),
            slow_s=0.4,
            late_s=0.6,
            refill_s=0.3,
            retry_base_s=0.05,
            retry_cap_s=2.0,
        ),
        "realistic": Pace(
            answer_s=(0.06, 0.35),
            settle_s=(0.3, 0.9),
            slow_s=8.0,
            late_s=3.0,
            refill_s=15.0,
            retry_base_s=1.0,
            retry_cap_s=30.0,
        ),
    },
)


@dataclass(frozen=True, slots=True)
class Fidelity:
    """What a provider promises: to execute a reference once, to find it by our reference."""

    idempotent: bool = True
    lookup_by_reference: bool = True


_FAITHFUL: Final[Mapping[str, Fidelity]] = MappingProxyType(
    {ORANGE_MONEY: Fidelity(), AFRIMONEY: Fidelity()}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """All that a sandbox can be told.

    Port 0 takes a free one; the keys are public and of no use elsewhere.
    """

    host: str = "127.0.0.1"
    port: int = 0
    app_env: str = "development"
    webhook_base_url: str | None = None
    """Webhooks go to this address, a slash and the provider's id; None holds them back."""

    ledger_file: Path | None = None
    """Where transactions and payouts are kept over a restart; None keeps them in memory."""

    orange_money_client_id: str = "sandbox-orange-client"
    orange_money_client_secret: str = field(default="sandbox-orange-client-secret-0001", repr=False)
    orange_money_webhook_secret: str = field(
        default="sandbox-orange-webhook-secret-0001", repr=False
    )
    afrimoney_api_key: str = field(default="sandbox-afrimoney-key", repr=False)
    afrimoney_api_secret: str = field(default="sandbox-afrimoney-api-secret-0001", repr=False)
    afrimoney_webhook_secret: str = field(
        default="sandbox-afrimoney-webhook-secret-0001", repr=False
    )
    afrimoney_webhook_key: Literal["api_secret", "webhook_secret"] = "api_secret"

    profile: Literal["instant", "realistic"] = "instant"
    seed: int = 0
    fidelity: Mapping[str, Fidelity] = field(default_factory=lambda: _FAITHFUL)
    plus_sign: bool = False
    """True: payees are written +E.164. False: E.164 digits alone. The other form is refused."""

    hang_s: float = 60.0
    token_lifetime_s: int = 3600
    timestamp_window_s: int = 300
    webhook_timeout_s: float = 10.0
    webhook_attempts: int = 12
    webhook_concurrency: int = 32
    max_transactions: int = 500_000
    max_deliveries_kept: int = 20_000
    max_body_bytes: int = 64 * 1024

    @property
    def pace(self) -> Pace:
        """Return the durations of the chosen profile."""
        return PACES[self.profile]

    @property
    def afrimoney_signing_key(self) -> str:
        """Return the key that AfriMoney's webhooks are signed with."""
        by_webhook_secret = self.afrimoney_webhook_key == "webhook_secret"
        return self.afrimoney_webhook_secret if by_webhook_secret else self.afrimoney_api_secret


class SandboxInProduction(Exception):
    """The sandbox was asked to run where real money moves."""


def refuse_in_production(app_env: str) -> None:
    """Raise `SandboxInProduction` when the environment is production, however it is written."""
    if app_env.strip().casefold() in {"production", "prod", "live"}:
        message = "the sandbox pretends to pay: it does not start when APP_ENV is production"
        raise SandboxInProduction(message)
