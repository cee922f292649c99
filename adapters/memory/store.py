"""The store in memory: committed tables, and staged ones that a transaction writes into."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from application.ports import Account, Delivery, Dismissal, Figure, LoggedEntry, Session
from application.ports.statements import Malformed, StoredLine
from domain.breaks import Break
from domain.cash_out import CashOut
from domain.events import Event, EventType
from domain.evidence import Evidence
from domain.health import ProcessReport
from domain.limits import Counted, Slot
from domain.measures import Tally
from domain.rulings import Proposal
from domain.runs import Run
from domain.standings import Route, Standing

Key = TypeVar("Key")
Value = TypeVar("Value")
Measured = tuple[Route, datetime]
FigureKey = tuple[datetime, str, str, EventType, int]


@dataclass(frozen=True, slots=True)
class Kept:
    """A delivery in the inbox, and the cash-out that it was for."""

    delivery: Delivery
    cash_out_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """The latest kept body under a replay key."""

    digest: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """A named lease."""

    holder: UUID
    until: datetime


@dataclass(slots=True)
class MemoryStore:
    """What is committed. It outlives the units and readers over it, as a database does a process.

    planned, open, waiting and unmatched are indexes: the keys of rows that have work to be found.
    last_position: of the newest event ever. unreadable: cash-outs that this version of the program
    cannot read, as a later one may write.
    """

    cash_outs: dict[UUID, CashOut] = field(default_factory=dict)
    by_reference: dict[str, UUID] = field(default_factory=dict)
    by_provider_id: dict[tuple[str, str], UUID] = field(default_factory=dict)
    keys: dict[tuple[str, str], UUID] = field(default_factory=dict)
    planned: dict[UUID, bool] = field(default_factory=dict)
    open: dict[UUID, bool] = field(default_factory=dict)
    evidence: dict[UUID, tuple[Evidence, ...]] = field(default_factory=dict)
    counters: dict[Slot, Counted] = field(default_factory=dict)
    events: dict[int, Event] = field(default_factory=dict)
    told: dict[tuple[UUID, int], int] = field(default_factory=dict)
    last_position: int = 0
    waiting: dict[int, bool] = field(default_factory=dict)
    sent: dict[int, datetime] = field(default_factory=dict)
    deliveries: dict[UUID, Kept] = field(default_factory=dict)
    by_digest: dict[tuple[str, str], UUID] = field(default_factory=dict)
    by_replay_key: dict[tuple[str, str], Signed] = field(default_factory=dict)
    unmatched: dict[UUID, bool] = field(default_factory=dict)
    leases: dict[str, Held] = field(default_factory=dict)
    operators_log: dict[int, LoggedEntry] = field(default_factory=dict)
    proposals: dict[UUID, Proposal] = field(default_factory=dict)
    proposals_of: dict[UUID, tuple[UUID, ...]] = field(default_factory=dict)
    dismissed: dict[UUID, Dismissal] = field(default_factory=dict)
    runs: dict[UUID, Run] = field(default_factory=dict)
    lines: dict[tuple[UUID, str], StoredLine] = field(default_factory=dict)
    malformed: dict[tuple[UUID, int], Malformed] = field(default_factory=dict)
    breaks: dict[UUID, Break] = field(default_factory=dict)
    break_keys: dict[str, UUID] = field(default_factory=dict)
    found: dict[tuple[UUID, UUID], bool] = field(default_factory=dict)
    operators: dict[str, Account] = field(default_factory=dict)
    operator_sessions: dict[str, Session] = field(default_factory=dict)
    figures: dict[FigureKey, Figure] = field(default_factory=dict)
    figures_place: dict[str, int] = field(default_factory=dict)
    measured: dict[Measured, Tally] = field(default_factory=dict)
    standings: dict[Route, Standing] = field(default_factory=dict)
    reports: dict[UUID, ProcessReport] = field(default_factory=dict)
    unreadable: set[UUID] = field(default_factory=set)
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    queued: int = 0


class Staged(Generic[Key, Value]):
    """A table as one transaction sees it: what is committed under what it has written so far.

    Costs what is written, not what is stored.
    """

    __slots__ = ("_committed", "_written")

    def __init__(self, committed: dict[Key, Value]) -> None:
        self._committed = committed
        self._written: dict[Key, Value | None] = {}

    def get(self, key: Key) -> Value | None:
        """Return the row, or None."""
        return self._written[key] if key in self._written else self._committed.get(key)

    def put(self, key: Key, value: Value) -> None:
        """Write a row."""
        self._written[key] = value

    def remove(self, key: Key) -> None:
        """Take a row away, if it is there."""
        self._written[key] = None

    def __iter__(self) -> Iterator[Key]:
        """Yield every key: the committed ones in the order they came, then the new ones."""
        for key in self._committed:
            if key not in self._written or self._written[key] is not None:
                yield key
        for key, added in self._written.items():
            if added is not None and key not in self._committed:
                yield key

    @property
    def written(self) -> Mapping[Key, Value | None]:
        """What this transaction has written so far; None where it took a row away."""
        return self._written

    def commit(self) -> None:
        """Make what was written visible to all."""
        for key, value in self._written.items():
            if value is None:
                self._committed.pop(key, None)
            else:
                self._committed[key] = value
        self._written = {}


class Table(Generic[Key, Value]):
    """A table of a transaction, staged when it is first used: most use a few of them."""

    def __init__(self, of: Callable[[MemoryStore], dict[Key, Value]]) -> None:
        self._of = of
        self._name = ""

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, staging: "Staging", _owner: type) -> Staged[Key, Value]:
        """Return it staged; from then on the transaction has it by itself."""
        staged = Staged(self._of(staging.store))
        vars(staging)[self._name] = staged
        return staged


class Staging:
    """All tables as one transaction sees them."""

    cash_outs = Table(lambda store: store.cash_outs)
    by_reference = Table(lambda store: store.by_reference)
    by_provider_id = Table(lambda store: store.by_provider_id)
    keys = Table(lambda store: store.keys)
    planned = Table(lambda store: store.planned)
    open = Table(lambda store: store.open)
    evidence = Table(lambda store: store.evidence)
    counters = Table(lambda store: store.counters)
    events = Table(lambda store: store.events)
    told = Table(lambda store: store.told)
    waiting = Table(lambda store: store.waiting)
    sent = Table(lambda store: store.sent)
    deliveries = Table(lambda store: store.deliveries)
    by_digest = Table(lambda store: store.by_digest)
    by_replay_key = Table(lambda store: store.by_replay_key)
    unmatched = Table(lambda store: store.unmatched)
    leases = Table(lambda store: store.leases)
    operators_log = Table(lambda store: store.operators_log)
    proposals = Table(lambda store: store.proposals)
    proposals_of = Table(lambda store: store.proposals_of)
    dismissed = Table(lambda store: store.dismissed)
    runs = Table(lambda store: store.runs)
    lines = Table(lambda store: store.lines)
    malformed = Table(lambda store: store.malformed)
    breaks = Table(lambda store: store.breaks)
    break_keys = Table(lambda store: store.break_keys)
    found = Table(lambda store: store.found)
    operators = Table(lambda store: store.operators)
    operator_sessions = Table(lambda store: store.operator_sessions)
    figures = Table(lambda store: store.figures)
    figures_place = Table(lambda store: store.figures_place)
    measured = Table(lambda store: store.measured)
    standings = Table(lambda store: store.standings)
    reports = Table(lambda store: store.reports)

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.next_position = store.last_position + 1
        self.unreadable = frozenset(store.unreadable)
        self.broken = False

    @property
    def has_written(self) -> bool:
        """Tell whether there is anything to commit."""
        return any(table.written for table in vars(self).values() if isinstance(table, Staged))

    def commit(self) -> None:
        """Make everything visible at once: nothing is awaited in between."""
        for table in vars(self).values():
            if isinstance(table, Staged):
                table.commit()
        self.store.last_position = max(self.store.last_position, self.next_position - 1)
