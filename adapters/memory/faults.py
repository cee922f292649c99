"""Faults of a store, on demand: conflicts, outages, and commits whose answer is lost."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum

from adapters.memory.units import MemoryUnit, MemoryUnits
from application.ports import Conflict, Overloaded, StorageUnavailable

_OPEN: ContextVar[int] = ContextVar("open units", default=0)


class Trouble(StrEnum):
    """What befalls one transaction."""

    NONE = "none"
    CONFLICT = "conflict"
    """At the commit, which writes nothing."""
    AWAY = "away"
    """It cannot be opened."""
    FULL = "full"
    """No room to open it."""
    ANSWER_LOST = "answer_lost"
    """It commits, and nobody learns that it did."""
    COMMIT_LOST = "commit_lost"
    """It does not commit, and nobody learns that it did not."""


_LOST = "the connection was lost during the commit"


@dataclass(slots=True)
class TroubledUnits:
    """Implements `Units` over others: the next transactions meet the troubles that wait, in order.

    opened counts transactions.
    """

    units: MemoryUnits
    troubles: deque[Trouble] = field(default_factory=deque)
    opened: int = 0

    @property
    def batches(self) -> int:
        """As many as without the troubles."""
        return self.units.batches

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[MemoryUnit]:
        """Open a transaction, or fail as the next trouble says."""
        self.opened += 1
        trouble = self.troubles.popleft() if self.troubles else Trouble.NONE
        if trouble is Trouble.AWAY:
            raise StorageUnavailable("the store is away")
        if trouble is Trouble.FULL:
            raise Overloaded
        token = _OPEN.set(_OPEN.get() + 1)
        try:
            async with self.units.begin() as unit:
                yield unit
                if trouble is Trouble.CONFLICT:
                    raise Conflict("somebody got in between")
                if trouble is Trouble.COMMIT_LOST:
                    raise StorageUnavailable(_LOST, outcome_unknown=True)
        finally:
            _OPEN.reset(token)
        if trouble is Trouble.ANSWER_LOST:
            raise StorageUnavailable(_LOST, outcome_unknown=True)


def is_inside_a_unit() -> bool:
    """Tell whether the code that asks runs inside a transaction of these."""
    return _OPEN.get() > 0
