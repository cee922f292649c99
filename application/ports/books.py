"""The books: all that is stored, read at one moment, to see whether it agrees with itself."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.limits import Slot
from domain.verification import Folder


@dataclass(frozen=True, slots=True)
class Span:
    """Cash-outs that stand beside each other in the order of their ids, both ends included."""

    first: UUID
    last: UUID
    count: int


@dataclass(frozen=True, slots=True)
class Shelf:
    """The folders of a span. unreadable: those that this version cannot read."""

    folders: Sequence[Folder]
    unreadable: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True)
class WrongCounter:
    """A limit counter that is not what is in it, or not within its cap, all in minor units.

    cap: the one that it was last reserved within; 0 where there is no counter.
    """

    slot: Slot
    used: int
    counted: int
    cap: int


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """An idempotency key of a user that leads to a cash-out of somebody else, or to none."""

    user_id: str
    key: str
    cash_out_id: UUID


@dataclass(frozen=True, slots=True)
class KeptEntry:
    """An entry of the operators' log as it is stored, its facts as they are written."""

    sequence: int
    at: datetime
    operator: str
    action: str
    subject: str
    facts: str
    previous: str
    hash: str


class Snapshot(Protocol):
    """What is stored as it was at one moment, whatever is written meanwhile.

    Raises StorageUnavailable.
    """

    @property
    def key(self) -> str:
        """By what another process can open the same moment; empty where none can."""
        ...

    async def spans(self, size: int) -> list[Span]:
        """Return all cash-outs in spans of so many, in the order of their ids."""
        ...

    async def chained_since(self) -> datetime | None:
        """Return when the first cash-out was taken whose first piece has a link."""
        ...

    async def shelf(self, span: Span) -> Shelf:
        """Return all that is stored of the cash-outs of a span, in the order of their ids."""
        ...

    async def wrong_counters(self, limit: int) -> list[WrongCounter]:
        """Return counters that are not the sum of what is in them, or not within their cap."""
        ...

    async def foreign_keys(self, limit: int) -> list[ForeignKey]:
        """Return idempotency keys that do not lead to a cash-out of their user."""
        ...

    async def stray_events(self, limit: int) -> list[UUID]:
        """Return the ids of cash-outs that events tell of and that do not exist."""
        ...

    async def changed_deliveries(self, limit: int) -> list[UUID]:
        """Return the ids of kept webhooks whose body is not the one of their digest."""
        ...

    async def entries(self, after: int, limit: int) -> list[KeptEntry]:
        """Return entries of the operators' log behind a sequence, in order."""
        ...


class Books(Protocol):
    """Opens snapshots."""

    def open(self, key: str = "") -> AbstractAsyncContextManager[Snapshot]:
        """Open the present moment, or the one of a snapshot that is open elsewhere."""
        ...
