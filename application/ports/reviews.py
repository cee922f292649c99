"""Reviews: what waits for operators, and what they proposed and decided."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from application.ports.storage import Delivery
from domain.cash_out import CashOut
from domain.evidence import ReviewReason
from domain.money import Money
from domain.rulings import Proposal

MOST_LISTED = 100
"""The most that one page of a queue shows."""
MOST_PROPOSALS = 100
"""The most proposals of one cash-out that are shown, the newest."""
MOST_COUNTED = 10_000
"""How many open reviews are looked at for the sums."""


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which reviews. opened_before: only those that were raised before this moment."""

    reason: ReviewReason | None = None
    provider: str | None = None
    opened_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """Where a page begins in a queue, oldest first: behind this moment and id."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class OpenReview:
    """A cash-out that waits for operators, and the proposal that waits for approval, if any."""

    cash_out: CashOut
    proposal: Proposal | None = None


@dataclass(frozen=True, slots=True)
class ReviewSum:
    """Open reviews of one reason, provider and currency. at_risk: their amounts together."""

    reason: ReviewReason
    provider: str
    count: int
    at_risk: Money
    oldest_at: datetime


@dataclass(frozen=True, slots=True)
class Dismissal:
    """An orphaned webhook that was put aside, by whom and why."""

    delivery_id: UUID
    at: datetime
    operator: str
    reason: str


@dataclass(frozen=True, slots=True)
class KeptDelivery:
    """A stored webhook as operators see it. dismissal: None unless it was put aside."""

    delivery: Delivery
    dismissal: Dismissal | None = field(default=None)


class Rulings(Protocol):
    """Proposals inside a transaction that has their cash-out locked: one changes them at a time."""

    async def add(self, proposal: Proposal) -> None:
        """Store a new proposal; raise Conflict when one waits for its cash-out already."""
        ...

    async def get(self, proposal_id: UUID) -> Proposal | None:
        """Return one, or None."""
        ...

    async def open_of(self, cash_out_id: UUID) -> Proposal | None:
        """Return the proposal that waits for this cash-out, or None."""
        ...

    async def decide(self, proposal: Proposal) -> None:
        """Store what became of a proposal; raise Conflict when it does not wait any more."""
        ...

    async def delivery(self, delivery_id: UUID) -> KeptDelivery | None:
        """Return a stored webhook, or None."""
        ...

    async def judged(self, cash_out_id: UUID, digest: str) -> bool:
        """Tell whether a webhook with this body was judged for a cash-out."""
        ...

    async def dismiss(self, dismissal: Dismissal) -> None:
        """Put a webhook aside; does nothing when that was done before."""
        ...


class ReviewReader(Protocol):
    """Reads that need no transaction: each costs what is open or shown.

    Raises StorageUnavailable or Overloaded.
    """

    async def queue(
        self, which: QueueFilter, limit: int, behind: QueuePlace | None = None
    ) -> list[OpenReview]:
        """Return open reviews, the oldest first. A place is when it was raised, and its id."""
        ...

    async def sums(self) -> list[ReviewSum]:
        """Return what is open by reason, provider and currency, of the MOST_COUNTED oldest."""
        ...

    async def proposals(self, cash_out_id: UUID) -> list[Proposal]:
        """Return the proposals of a cash-out, the newest first."""
        ...

    async def orphans(
        self, received_before: datetime, limit: int, behind: QueuePlace | None = None
    ) -> list[Delivery]:
        """Return readable webhooks of nobody's that were not put aside, the oldest first.

        A place is when it was received, and its id.
        """
        ...


__all__ = [
    "MOST_COUNTED",
    "MOST_LISTED",
    "MOST_PROPOSALS",
    "Dismissal",
    "KeptDelivery",
    "OpenReview",
    "Proposal",
    "QueueFilter",
    "QueuePlace",
    "ReviewReader",
    "ReviewSum",
    "Rulings",
]
