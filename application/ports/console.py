"""Reads for operators: what is open, what is at risk, what was told, what came in.

Each costs what is open or what is shown, never what is stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from application.ports.accounts import SignedIn
from domain.events import Event, EventType
from domain.evidence import ReviewReason
from domain.money import Money
from domain.payee import Msisdn
from domain.states import Status

SLICE = timedelta(minutes=5)
"""The span of time that one row of the figures is about."""
TOOK_MOST_MS: tuple[int, ...] = (
    250, 500, 1_000, 2_000, 3_000, 5_000, 8_000, 13_000, 21_000, 34_000, 60_000, 120_000, 300_000,
    900_000, 3_600_000, 14_400_000, 86_400_000,
)  # fmt: skip
"""Bounds, in milliseconds, of how long completions are said to have taken; 0 means longer."""
OPEN_COUNTED_MOST = 50_000
"""How many open cash-outs are looked at for the overview."""
SCANNED_MOST = 20_000
"""How many of the latest cash-outs are looked through for the end of a number."""
UNTOLD_COUNTED_MOST = 10_000
"""How many untold events are counted."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What happened in one slice of time: `count` events of a type and the amounts they are about.

    took_ms: of completions, the bound from TOOK_MOST_MS within which they were; 0 for longer, and
    for every other type.
    """

    began_at: datetime
    provider: str
    currency: str
    type: EventType
    took_ms: int
    count: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Open:
    """Open cash-outs of one provider, currency and state that are of one age.

    age: `minute` for younger than one, then `hour`, `day`, `older`. in_review: a human is called.
    """

    provider: str
    currency: str
    status: Status
    age: str
    in_review: bool
    count: int
    amount_minor: int
    oldest_at: datetime


@dataclass(frozen=True, slots=True)
class Untold:
    """Events that wait to be told: how many, up to UNTOLD_COUNTED_MOST, and since when."""

    count: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A cash-out as lists show it."""

    id: UUID
    created_at: datetime
    updated_at: datetime
    status: Status
    provider: str
    amount: Money
    msisdn: Msisdn
    user_id: str
    reference: str
    review: ReviewReason | None
    contradicted: bool


@dataclass(frozen=True, slots=True)
class Told:
    """An event of a cash-out; sent_at: when the broker acknowledged it."""

    position: int
    event: Event
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Received:
    """A webhook in the inbox: without its body. readable: it could be read when it came."""

    id: UUID
    provider: str
    received_at: datetime
    readable: bool
    reference: str | None
    provider_transaction_id: str | None
    cash_out_id: UUID | None


class ConsoleReader(Protocol):
    """Reads that need no transaction. Raises StorageUnavailable or Overloaded."""

    async def signed_in(self, digest: str) -> SignedIn | None:
        """Return the session of a token's digest and its account, however old they are."""
        ...

    async def figures(self, since: datetime, until: datetime) -> Sequence[Figure]:
        """Return the figures of all slices that began from `since` to before `until`, in order."""
        ...

    async def open_now(self, now: datetime) -> Sequence[Open]:
        """Return what is open, of at most OPEN_COUNTED_MOST cash-outs."""
        ...

    async def untold(self) -> Untold:
        """Return what waits in the outbox."""
        ...

    async def latest(self, limit: int, before: UUID | None = None) -> Sequence[Listed]:
        """Return the newest cash-outs, or the newest of those with smaller ids."""
        ...

    async def longest_open(self, limit: int) -> Sequence[Listed]:
        """Return open cash-outs, the oldest first."""
        ...

    async def by_id(self, ids: Sequence[UUID]) -> Sequence[Listed]:
        """Return those of these that exist, newest first."""
        ...

    async def by_reference(self, reference: str) -> Sequence[Listed]:
        """Return the cash-out of a reference, or nothing."""
        ...

    async def by_provider_id(self, providers: Sequence[str], given: str) -> Sequence[Listed]:
        """Return the cash-outs that these providers know by this id."""
        ...

    async def of_user(self, user_id: str, limit: int) -> Sequence[Listed]:
        """Return a user's newest cash-outs."""
        ...

    async def to_number(self, ending: str, limit: int) -> Sequence[Listed]:
        """Return cash-outs to numbers that end in these digits, newest first.

        Looks through everything that is open and the latest SCANNED_MOST, and no further.
        """
        ...

    async def events(self, cash_out_id: UUID) -> Sequence[Told]:
        """Return the events of a cash-out that are still kept, in order."""
        ...

    async def cash_out_of_event(self, event_id: UUID) -> UUID | None:
        """Return whose event it is, None where it is not kept."""
        ...

    async def webhooks(self, limit: int) -> Sequence[Received]:
        """Return the webhooks that were received last, newest first."""
        ...


class Figures(Protocol):
    """The figures of the overview, added up from the events that are written anyway."""

    async def fold(self, limit: int) -> int:
        """Add up to `limit` further events to the figures; return how many were added.

        0 also while another process does so. Events are added once each, in their order.
        """
        ...

    async def prune(self, began_before: datetime) -> int:
        """Forget slices of before a moment; return how many rows."""
        ...
