"""Transactions over the store in memory: one at a time, all or nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.memory.accounts import MemoryAccounts
from adapters.memory.audit import MemoryOperatorsLog
from adapters.memory.cash_outs import MemoryCashOuts
from adapters.memory.figures import MemoryFigures
from adapters.memory.health import MemoryHealth
from adapters.memory.inbox import MemoryInbox, MemoryLeases
from adapters.memory.limits import MemoryLimits
from adapters.memory.outbox import MemoryOutbox
from adapters.memory.rulings import MemoryRulings
from adapters.memory.statements import MemoryStatements
from adapters.memory.store import MemoryStore, Staging
from application.ports import Conflict, Overloaded

MOST_WAITING = 10_000


class MemoryUnit:
    """One transaction: implements `Unit`."""

    def __init__(self, staging: Staging) -> None:
        self.cash_outs = MemoryCashOuts(staging)
        self.limits = MemoryLimits(staging)
        self.outbox = MemoryOutbox(staging)
        self.inbox = MemoryInbox(staging)
        self.leases = MemoryLeases(staging)
        self.health = MemoryHealth(staging)
        self.accounts = MemoryAccounts(staging)
        self.figures = MemoryFigures(staging)
        self.audit = MemoryOperatorsLog(staging)
        self.rulings = MemoryRulings(staging)
        self.statements = MemoryStatements(staging)


class MemoryUnits:
    """Implements `Units`. Several may share one store, as processes share a database."""

    def __init__(self, store: MemoryStore, *, most_waiting: int = MOST_WAITING) -> None:
        self._store = store
        self._most_waiting = most_waiting

    @property
    def batches(self) -> int:
        """One transaction after the other."""
        return 1

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[MemoryUnit]:
        """Open a transaction; raise Overloaded when too many wait for theirs."""
        store = self._store
        if store.queued >= self._most_waiting:
            raise Overloaded
        store.queued += 1
        try:
            await store.one_at_a_time.acquire()
        finally:
            store.queued -= 1
        try:
            staging = Staging(store)
            yield MemoryUnit(staging)
            if staging.broken:
                raise Conflict("a conflict was met and nothing is written")
            staging.commit()
        finally:
            store.one_at_a_time.release()
