"""What is stored, and the one transaction over all of it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from application.ports.accounts import Accounts
from application.ports.audit import OperatorsLog
from application.ports.console import Figures
from application.ports.health import Health
from application.ports.statements import Statements
from domain.cash_out import Action, CashOut, Change
from domain.events import Event
from domain.evidence import Doorbell, News
from domain.limits import Counted, Slot
from domain.standings import Route

if TYPE_CHECKING:
    from application.ports.reviews import Rulings


@dataclass(frozen=True, slots=True)
class Identity:
    """By what a request may be known already: the user's idempotency key and the reference."""

    user_id: str
    key: str | None
    reference: str | None


@dataclass(frozen=True, slots=True)
class Known:
    """Cash-outs that exist already, by (user id, key) and by reference."""

    by_key: Mapping[tuple[str, str], CashOut]
    by_reference: Mapping[str, CashOut]


@dataclass(frozen=True, slots=True)
class KeyUse:
    """An idempotency key to keep for ever, with what it made."""

    user_id: str
    key: str
    cash_out_id: UUID


@dataclass(frozen=True, slots=True)
class Claimed:
    """Due cash-outs that are locked for this transaction, and the time by the store's clock.

    unreadable: due ones that this version cannot read: left alone for a while, out of the way.
    """

    now: datetime
    cash_outs: tuple[CashOut, ...]
    unreadable: tuple[UUID, ...] = ()


class UnreadableCashOuts(Exception):
    """Stored cash-outs that this version cannot read: by a later version, or by hand."""

    def __init__(self, ids: Sequence[UUID]) -> None:
        super().__init__(", ".join(map(str, ids)))


@dataclass(frozen=True, slots=True)
class Lookup:
    """How a webhook names a cash-out: the provider with our reference and perhaps its own id."""

    provider: str
    reference: str
    provider_transaction_id: str | None = None


class CashOuts(Protocol):
    """The stored cash-outs. Every method takes many and costs a fixed number of statements."""

    async def known(self, identities: Sequence[Identity]) -> Known:
        """Return what these keys and references already belong to."""
        ...

    async def add(self, changes: Sequence[Change], keys: Sequence[KeyUse]) -> None:
        """Insert new cash-outs with their keys; raise Conflict when a key or reference is taken."""
        ...

    async def lock(self, ids: Sequence[UUID]) -> dict[UUID, CashOut]:
        """Return these, attempts included, locked in id order until the transaction ends."""
        ...

    async def claim(
        self,
        provider: str,
        action: Action,
        limit: int,
        now: datetime,
        only: Sequence[Route] | None = None,
    ) -> Claimed:
        """Return and lock up to `limit` that are due, unleased and locked by nobody else.

        Oldest due first. `now` is used by stores that have no clock of their own. only: those of
        these corridors of the provider, however many of the others are due before them.
        """
        ...

    async def save(self, changes: Sequence[Change]) -> None:
        """Store changes, their attempts and their evidence.

        Raises Conflict when a cash-out's stored version is no longer `before.version`, or when a
        provider transaction id is another's.
        """
        ...

    async def find(self, lookups: Sequence[Lookup]) -> dict[Lookup, UUID]:
        """Return which cash-out each lookup means: by reference, or else by the provider's id."""
        ...

    async def owners(self, ids: Sequence[tuple[str, str]]) -> dict[tuple[str, str], UUID]:
        """Return who holds each (provider, provider transaction id)."""
        ...

    async def overdue(self, opened_before: datetime, limit: int) -> list[UUID]:
        """Return open cash-outs without a review that were accepted before a moment.

        Those that operators left to wait count from then on.
        """
        ...

    async def hasten(self, cash_out_id: UUID, now: datetime, not_asked_since: datetime) -> bool:
        """Bring the next status query of an open cash-out to `now`; tell whether that changed it.

        Only when its plan is to ask, later than `now`, and it is not leased nor asked about since.
        One statement, so that many readers at once make one query.
        """
        ...


class Limits(Protocol):
    """The counters of what users have reserved or been paid, in minor units."""

    async def lock(self, slots: Sequence[Slot]) -> dict[Slot, int]:
        """Return what is used of each slot (0 when new), locked in slot order."""
        ...

    async def write(self, counted: Mapping[Slot, Counted]) -> None:
        """Store locked counters with the caps they were checked against."""
        ...

    async def give_back(self, freed: Mapping[Slot, int]) -> None:
        """Take minor units off the counters, in slot order."""
        ...

    async def used(self, slots: Sequence[Slot]) -> dict[Slot, int]:
        """Return what is used, without locking."""
        ...


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """An event waiting to be told, at its place in the queue."""

    position: int
    event: Event


class Outbox(Protocol):
    """Events to be told, written with the change they tell of."""

    async def add(self, events: Sequence[Event]) -> None:
        """Append events, in order."""
        ...

    async def waiting(self, limit: int) -> list[OutboxEntry]:
        """Return the oldest events that have not been acknowledged, in order."""
        ...

    async def mark_sent(self, positions: Sequence[int], at: datetime) -> None:
        """Mark events as acknowledged by the broker."""
        ...

    async def wait_again(self, since: datetime, until: datetime) -> int:
        """Have acknowledged events wait again that happened from `since` to before `until`.

        Returns how many; they are told in their old order.
        """
        ...

    async def prune(self, sent_before: datetime, largest: int) -> int:
        """Of the `largest` oldest events, remove those acknowledged before; return how many.

        What is kept of a cash-out has no holes: none goes while an earlier one stays.
        """
        ...

    async def oldest_waiting(self) -> datetime | None:
        """Return when the oldest unacknowledged event happened."""
        ...

    async def after(self, position: int, limit: int) -> list[OutboxEntry]:
        """Return events behind a position, acknowledged or not: for following them live."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook as it arrived.

    digest: hex SHA-256 of the raw body. replay_key: what its signature can be recognised by, None
    where the signature covers the body. finding and lookup: what it says and of which cash-out,
    both None when it could not be read. It was verified on arrival, so this is what is judged
    when its cash-out appears only later. cash_out_id: whom it is for, None where nobody is known.
    """

    id: UUID
    provider: str
    digest: str
    received_at: datetime
    raw: bytes = field(repr=False)
    replay_key: str | None = None
    finding: News | Doorbell | None = None
    lookup: Lookup | None = None
    cash_out_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the inbox says of a delivery.

    fresh: the first of its kind (provider and digest). replayed: its signature came with another
    body before; such a delivery is not kept. cash_out_id: whom an equal one was for, if known.
    """

    delivery_id: UUID
    fresh: bool
    replayed: bool = False
    cash_out_id: UUID | None = None


class Inbox(Protocol):
    """Webhooks as received, deduplicated by provider and digest."""

    async def store(self, deliveries: Sequence[Delivery], since: datetime) -> list[Receipt]:
        """Keep deliveries; replay keys are compared with those received after `since`."""
        ...

    async def match(self, matches: Mapping[UUID, UUID]) -> None:
        """Note which cash-out each delivery was for that was kept without one."""
        ...

    async def orphans(self, received_after: datetime, limit: int) -> list[Delivery]:
        """Return readable deliveries with no cash-out noted although theirs exists by now."""
        ...

    async def prune(self, received_before: datetime, largest: int) -> int:
        """Remove the oldest deliveries that have a cash-out noted; return how many."""
        ...


class Leases(Protocol):
    """Named leases for work that one process does at a time."""

    async def take(self, name: str, holder: UUID, now: datetime, until: datetime) -> bool:
        """Take or prolong a lease; tell whether `holder` has it now."""
        ...

    async def release(self, name: str, holder: UUID) -> None:
        """Give it up, if held."""
        ...


class Unit(Protocol):
    """One transaction over everything that is stored."""

    @property
    def rulings(self) -> "Rulings":
        """What operators proposed and decided about reviews."""
        ...

    @property
    def cash_outs(self) -> CashOuts:
        """The cash-outs."""
        ...

    @property
    def limits(self) -> Limits:
        """The limit counters."""
        ...

    @property
    def outbox(self) -> Outbox:
        """The events to be told."""
        ...

    @property
    def inbox(self) -> Inbox:
        """The webhooks received."""
        ...

    @property
    def leases(self) -> Leases:
        """The named leases."""
        ...

    @property
    def health(self) -> Health:
        """The health of providers."""
        ...

    @property
    def accounts(self) -> Accounts:
        """The operators' accounts and sessions."""
        ...

    @property
    def figures(self) -> Figures:
        """The figures of the console's overview."""
        ...

    @property
    def audit(self) -> OperatorsLog:
        """What people did."""
        ...

    @property
    def statements(self) -> Statements:
        """Providers' statements, and where they disagree with us."""
        ...


class Units(Protocol):
    """Opens transactions. No provider or broker is called while one is open."""

    @property
    def batches(self) -> int:
        """How many batches are best under way at once: one where there is a single writer."""
        ...

    def begin(self) -> AbstractAsyncContextManager[Unit]:
        """Open a transaction that commits on a clean exit and rolls back on an exception.

        Raises Conflict, StorageUnavailable or Overloaded (no connection free in time).
        """
        ...
