"""Telling others: the broker, the workers of this process, and the log."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from application.ports.storage import OutboxEntry
from domain.cash_out import Change
from domain.events import Event


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
    MATCH = "match"
    """Webhooks that wait for their cash-out."""
    TIDY = "tidy"
    HEALTH = "health"


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


class Hearing(Protocol):
    """Hears hints about single cash-outs for as long as one likes: the other end of Nudge too."""

    def hear(self, cash_out_id: UUID, told: Callable[[], None]) -> Callable[[], None]:
        """Have `told` called whenever this cash-out may have changed.

        Returns what ends it. A hint may be lost: who hears looks by itself as well. `told` must
        neither wait nor raise.
        """
        ...
