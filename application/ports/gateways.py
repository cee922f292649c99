"""Providers' doors."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.evidence import Doorbell, News, NoAnswer, NotFound, Outcome
from domain.money import Money
from domain.payee import Payee


@dataclass(frozen=True, slots=True)
class Order:
    """What a gateway needs to pay one cash-out or ask about it."""

    cash_out_id: UUID
    reference: str
    amount: Money
    payee: Payee
    account: str
    """The payee's number as this corridor wants it written."""
    attempt: int = 1
    provider_transaction_id: str | None = None
    trace: str | None = None
    """The cash-out's; it is not for the provider."""


@dataclass(frozen=True, slots=True)
class Authentic:
    """A webhook whose signature holds. replay_key: see Delivery."""

    news: News | Doorbell
    replay_key: str | None = None


@dataclass(frozen=True, slots=True)
class Unauthentic:
    """A webhook that is not provably the provider's; `reason` is for our log only."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An authentic webhook that is not JSON or lacks required fields."""

    missing: tuple[str, ...] = ()


WebhookReading = Authentic | Unauthentic | Unreadable


class Gateway(Protocol):
    """A provider's door. None of its methods raises for an answer, good or bad."""

    async def disburse(self, order: Order) -> Outcome:
        """Have the provider pay. Called once per committed attempt."""
        ...

    async def look_up(self, order: Order) -> News | NotFound | NoAnswer:
        """Ask what became of an order, by the provider's id or by our reference."""
        ...

    def read_webhook(
        self, headers: Sequence[tuple[str, str]], raw: bytes, now: datetime
    ) -> WebhookReading:
        """Verify a webhook over its raw bytes, then read it. Header names are case-insensitive."""
        ...

    async def check(self) -> str | None:
        """Check that the provider can be reached with our credentials; return what is wrong."""
        ...
