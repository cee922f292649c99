"""Reads that need no transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from application.ports.storage import OutboxEntry
from domain.cash_out import CashOut
from domain.limits import Slot
from domain.states import Status


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


@dataclass(frozen=True, slots=True)
class StoredEvidence:
    """A piece of evidence as it can be shown: without the raw body.

    told: the types of the events that it caused, events: how many there were after it, None in
    pieces from before there were chains, which have no hash either.
    """

    sequence: int
    source: str
    at: datetime
    verdict: str
    kind: str
    word: str
    status: str | None
    detail: str
    attempt: int | None
    digest: str = ""
    entered: str | None = None
    told: tuple[str, ...] = ()
    events: int | None = None
    hash: str = ""


class Reader(Protocol):
    """Reads that need no transaction of ours. Raises StorageUnavailable."""

    async def cash_out(self, cash_out_id: UUID) -> CashOut | None:
        """Return one cash-out with its attempts."""
        ...

    async def newer(self, seen: Mapping[UUID, int]) -> list[CashOut]:
        """Return those of these cash-outs whose version is past the one that was seen.

        One statement for as many as one is given; no version is told from a stale copy.
        """
        ...

    async def history(
        self, which: HistoryFilter, limit: int, *, page: int = 1, behind: Place | None = None
    ) -> HistoryPage:
        """Return a page by number, or the page behind a place."""
        ...

    async def evidence(self, cash_out_id: UUID) -> list[StoredEvidence]:
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
