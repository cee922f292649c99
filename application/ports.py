"""Every port of the service, on one page. Use cases depend on these and on the domain only.

All times are aware datetimes in UTC; all durations are timedeltas; all money is domain Money.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from domain.cash_out import Action, CashOut, Change
from domain.events import Event
from domain.evidence import Doorbell, News, NoAnswer, NotFound, Outcome
from domain.limits import Counted, Slot
from domain.money import Money
from domain.payee import Msisdn, Payee
from domain.states import Status

# --- faults of the infrastructure ---------------------------------------------------------------


class Conflict(Exception):
    """Another transaction got there first; nothing was written. Decide again from fresh data."""


class StorageUnavailable(Exception):
    """The store cannot be used now. outcome_unknown: raised by a commit that may have happened."""

    def __init__(self, message: str, *, outcome_unknown: bool = False) -> None:
        """Take a message that is safe to log and whether the commit's fate is open."""
        super().__init__(message)
        self.outcome_unknown = outcome_unknown


class Overloaded(Exception):
    """A bounded queue is full; nothing was done. retry_after_s: when to try again, in seconds."""

    def __init__(self, retry_after_s: int = 1) -> None:
        """Take the seconds after which trying again makes sense."""
        super().__init__("too much is waiting")
        self.retry_after_s = retry_after_s


# --- time, ids, chance --------------------------------------------------------------------------


class Clock(Protocol):
    """Time: `now` is the wall clock in UTC, `elapsed` never jumps and is for durations."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...

    def elapsed(self) -> timedelta:
        """Return the time since some fixed moment of this process; it only grows."""
        ...

    async def sleep(self, duration: timedelta) -> None:
        """Wait this long."""
        ...


class Chance(Protocol):
    """Everything that is not determined: ids, references, jitter."""

    def cash_out_id(self) -> UUID:
        """Return a new time-ordered id (UUIDv7)."""
        ...

    def token(self) -> UUID:
        """Return a new random token for a lease."""
        ...

    def reference(self) -> str:
        """Return a new unique reference, as the provider will see it."""
        ...

    def permille(self) -> int:
        """Return an evenly spread integer from -1000 to 1000, for jitter."""
        ...


class NumberingPlan(Protocol):
    """What the world knows about phone numbers."""

    def read(self, text: str) -> Msisdn | None:
        """Return the mobile number written in `text` (+, spaces or 00 allowed), or None."""
        ...


# --- storage ------------------------------------------------------------------------------------


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

    async def claim(self, provider: str, action: Action, limit: int, now: datetime) -> Claimed:
        """Return and lock up to `limit` that are due, unleased and locked by nobody else.

        Oldest due first. `now` is used by stores that have no clock of their own.
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
        """Return open cash-outs without a review that were accepted before a moment."""
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
        """Of the `largest` oldest events, remove those acknowledged before; return how many."""
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


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Whose cash-outs, and which. `start` is included, `end` is not."""

    user_id: str
    status: Status | None = None
    provider: str | None = None
    wallet_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins in a history sorted newest first: behind this cash-out."""

    created_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """One page, newest first. total: see `queries.total`. more: there is another page."""

    cash_outs: tuple[CashOut, ...]
    total: int
    more: bool


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """reachable; schema: `current`, `old`, `new` or `missing`; oldest event not yet told."""

    reachable: bool
    schema: str
    oldest_event: datetime | None = None


class Reader(Protocol):
    """Reads that need no transaction of ours. Raises StorageUnavailable."""

    async def cash_out(self, cash_out_id: UUID) -> CashOut | None:
        """Return one cash-out with its attempts."""
        ...

    async def history(
        self, which: HistoryFilter, limit: int, *, page: int = 1, behind: Place | None = None
    ) -> HistoryPage:
        """Return a page by number, or the page behind a place."""
        ...

    async def evidence(self, cash_out_id: UUID) -> list["StoredEvidence"]:
        """Return everything that was learnt about a cash-out, in order."""
        ...

    async def used(self, slots: Sequence[Slot]) -> dict[Slot, int]:
        """Return what is used of limit counters."""
        ...

    async def events_after(self, position: int, limit: int) -> list[OutboxEntry]:
        """Return events behind a position in the outbox; from the newest when negative."""
        ...

    async def health(self) -> StoreHealth:
        """Return the state of the store; never raises."""
        ...


@dataclass(frozen=True, slots=True)
class StoredEvidence:
    """A piece of evidence as it can be shown: without the raw body."""

    sequence: int
    source: str
    at: datetime
    verdict: str
    kind: str
    word: str
    status: str | None
    detail: str
    attempt: int | None


# --- providers ----------------------------------------------------------------------------------


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


# --- telling others -----------------------------------------------------------------------------


class Publisher(Protocol):
    """The broker, or what stands in for it inside one process."""

    async def publish(self, entries: Sequence[OutboxEntry]) -> list[int]:
        """Publish events, in order per cash-out; return the positions that were acknowledged.

        Never raises for a broker that is away: it acknowledges nothing then.
        """
        ...

    async def healthy(self) -> bool:
        """Tell whether the broker can be reached."""
        ...


class EventStream(Protocol):
    """Events as others see them, live."""

    def follow(self, *, since_start: bool = False) -> AsyncIterator[Event]:
        """Yield events as they are published."""
        ...


class Work(StrEnum):
    """The kinds of background work that can be hinted at."""

    SUBMIT = "submit"
    ASK = "ask"
    RELAY = "relay"
    TIDY = "tidy"


class Nudge(Protocol):
    """A hint that there is work. Losing one costs time and nothing else."""

    def work(self, *kinds: Work) -> None:
        """Tell the workers that something of these kinds is due."""
        ...

    def changed(self, ids: Sequence[UUID]) -> None:
        """Tell those who wait for these cash-outs that they have changed."""
        ...


class Journal(Protocol):
    """Where a person reads what the service does: one line per change, nothing personal in it."""

    def changed(self, changes: Sequence[Change]) -> None:
        """Tell of changes that have been committed."""
        ...

    def fault(self, where: str, fault: BaseException) -> None:
        """Tell of a fault that the service gets over by itself."""
        ...


class Silence:
    """The journal that nobody reads."""

    def changed(self, changes: Sequence[Change]) -> None:
        """Say nothing."""

    def fault(self, where: str, fault: BaseException) -> None:
        """Say nothing."""


SILENCE = Silence()


class Waiting(Protocol):
    """Waits for hints: the other end of Nudge inside one process."""

    async def for_work(self, kind: Work, longest: timedelta) -> None:
        """Return when nudged for this kind, or after the longest wait.

        A nudge that came since the last wait of the same waiter counts: none is missed.
        """
        ...

    async def for_change(self, cash_out_id: UUID, longest: timedelta) -> None:
        """Return when this cash-out may have changed, or after the longest wait."""
        ...
