"""Row locks: many transactions at once, as PostgreSQL has them, over the tables in memory.

Reads see what is committed. Whoever writes a row, or locks it for that, keeps others off it until
its transaction ends; a circle of waiting ends with a conflict for the one who closed it.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Final, Protocol
from uuid import UUID

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
from application.ports import (
    AuditEntry,
    Claimed,
    Conflict,
    Delivery,
    KeyUse,
    LoggedEntry,
    Receipt,
    StorageUnavailable,
)
from domain.cash_out import Action, CashOut, Change
from domain.events import Event
from domain.limits import Counted, Slot
from domain.measures import Bucket
from domain.standings import Route, Standing
from entrypoints.simulation.loop import Owner, a_turn

_ALL: Final = 100_000
Row = tuple[str, object]
"""A lock's name: the table or unique index, and the key in it."""


class Holder(Protocol):
    """A transaction, as its locks see it."""

    owner: Owner

    def lost(self) -> bool:
        """Tell whether its connection is gone."""
        ...


@dataclass(slots=True)
class _Queue:
    """Who has a row, and who waits for it."""

    holder: Holder
    waiting: list[tuple[asyncio.Future[None], Holder]] = field(default_factory=list)


class RowLocks:
    """Every row that is locked now. last_position: the outbox's sequence, which never goes back."""

    def __init__(self) -> None:
        self._rows: dict[Row, _Queue] = {}
        self._awaited: dict[Holder, Row] = {}
        self.last_position = 0

    def free_for(self, row: Row, holder: Holder) -> bool:
        """Tell whether nobody else has a row."""
        queue = self._rows.get(row)
        return queue is None or queue.holder is holder

    async def take(self, row: Row, holder: Holder) -> None:
        """Wait for a row and keep it; raise Conflict for a circle of waiting."""
        queue = self._rows.get(row)
        if queue is None:
            self._rows[row] = _Queue(holder)
            return
        if queue.holder is holder:
            return
        if self._closes_a_circle(row, holder):
            raise Conflict("a deadlock was found")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.waiting.append((turn, holder))
        self._awaited[holder] = row
        try:
            await turn
        finally:
            self._awaited.pop(holder, None)

    def release(self, holder: Holder) -> None:
        """Give up every row of a transaction, and hand each to the next who waits."""
        for row, queue in list(self._rows.items()):
            if queue.waiting:
                self._send_away(queue, holder)
            if queue.holder is holder:
                self._hand_over(row, queue)

    @staticmethod
    def _send_away(queue: _Queue, holder: Holder) -> None:
        """Tell a transaction that was cut while it waited."""
        for turn, waiting in queue.waiting:
            if waiting is holder and not turn.done() and not holder.owner.dead:
                turn.set_exception(StorageUnavailable("the connection was lost"))
        queue.waiting = [pair for pair in queue.waiting if pair[1] is not holder]

    def _hand_over(self, row: Row, queue: _Queue) -> None:
        while queue.waiting:
            turn, holder = queue.waiting.pop(0)
            if not turn.done() and not holder.owner.dead:
                queue.holder = holder
                turn.set_result(None)
                return
        del self._rows[row]

    def _closes_a_circle(self, row: Row, holder: Holder) -> bool:
        at: Row | None = row
        for _ in range(len(self._awaited) + 1):
            if at is None or at not in self._rows:
                return False
            ahead = self._rows[at].holder
            if ahead is holder:
                return True
            at = self._awaited.get(ahead)
        return False


@dataclass(frozen=True, slots=True)
class Hold:
    """A transaction's way to its locks."""

    locks: RowLocks
    holder: Holder

    async def take(self, *rows: Row) -> None:
        """Lock rows, one after the other; somebody else may run in between."""
        for row in rows:
            await self.locks.take(row, self.holder)
        await a_turn()
        if self.holder.lost():
            raise StorageUnavailable("the connection was lost")

    def may_have(self, row: Row) -> bool:
        """Tell whether it could lock a row without waiting."""
        return self.locks.free_for(row, self.holder)


class RowCashOuts(MemoryCashOuts):
    """Cash-outs with row locks. now: the store's own clock."""

    def __init__(self, staging: Staging, hold: Hold, now: Callable[[], datetime]) -> None:
        super().__init__(staging)
        self._hold = hold
        self._now_there = now

    async def add(self, changes: Sequence[Change], keys: Sequence[KeyUse]) -> None:
        """Insert; whoever inserts the same at the same time waits for this one's end."""
        references = [("reference", change.after.reference) for change in changes]
        uses = [("key", (use.user_id, use.key)) for use in keys]
        await self._hold.take(*references, *uses)
        await super().add(changes, keys)

    async def lock(self, ids: Sequence[UUID]) -> dict[UUID, CashOut]:
        """Return these, locked in id order."""
        await self._hold.take(*(("cash-out", each) for each in sorted(set(ids))))
        return await super().lock(ids)

    async def claim(
        self,
        provider: str,
        action: Action,
        limit: int,
        now: datetime,
        only: Sequence[Route] | None = None,
    ) -> Claimed:
        """Return what is due by the store's clock and locked by nobody else, and lock it."""
        now = self._now_there()
        due = await super().claim(provider, action, _ALL, now, only)
        unlocked = (each for each in due.cash_outs if self._hold.may_have(("cash-out", each.id)))
        free = list(islice(unlocked, limit))
        await self._hold.take(*(("cash-out", each.id) for each in free))
        return Claimed(now, tuple(free))

    async def save(self, changes: Sequence[Change]) -> None:
        """Store changes, each once its row and its provider's id are free."""
        rows = [("cash-out", change.before.id) for change in changes]
        ids = [
            ("provider id", (change.after.provider, change.after.provider_transaction_id))
            for change in changes
            if change.after.provider_transaction_id is not None
        ]
        await self._hold.take(*sorted(rows, key=repr), *sorted(ids, key=repr))
        await super().save(changes)

    async def hasten(self, cash_out_id: UUID, now: datetime, not_asked_since: datetime) -> bool:
        """Bring the next query forward once the row is free."""
        await self._hold.take(("cash-out", cash_out_id))
        return await super().hasten(cash_out_id, now, not_asked_since)


class RowLimits(MemoryLimits):
    """Limit counters with row locks."""

    def __init__(self, staging: Staging, hold: Hold) -> None:
        super().__init__(staging)
        self._hold = hold

    async def lock(self, slots: Sequence[Slot]) -> dict[Slot, int]:
        """Return what is used, locked in slot order."""
        await self._hold.take(*(("slot", slot) for slot in sorted(slots)))
        return await super().lock(slots)

    async def write(self, counted: Mapping[Slot, Counted]) -> None:
        """Store counters."""
        await self._hold.take(*(("slot", slot) for slot in sorted(counted)))
        await super().write(counted)

    async def give_back(self, freed: Mapping[Slot, int]) -> None:
        """Take minor units off the counters, in slot order."""
        await self._hold.take(*(("slot", slot) for slot in sorted(freed)))
        await super().give_back(freed)


class RowInbox(MemoryInbox):
    """The inbox with row locks."""

    def __init__(self, staging: Staging, hold: Hold) -> None:
        super().__init__(staging)
        self._hold = hold

    async def store(self, deliveries: Sequence[Delivery], since: datetime) -> list[Receipt]:
        """Keep deliveries; an equal one at the same time waits for this one's end."""
        digests: list[Row] = [("digest", (each.provider, each.digest)) for each in deliveries]
        replays: list[Row] = [
            ("replay", (each.provider, each.replay_key))
            for each in deliveries
            if each.replay_key is not None
        ]
        await self._hold.take(*sorted(digests + replays, key=repr))
        return await super().store(deliveries, since)

    async def match(self, matches: Mapping[UUID, UUID]) -> None:
        """Note which cash-out each delivery was for."""
        await self._hold.take(*(("delivery", each) for each in sorted(matches)))
        await super().match(matches)


class RowLeases(MemoryLeases):
    """Named leases with row locks, by the store's clock."""

    def __init__(self, staging: Staging, hold: Hold, now: Callable[[], datetime]) -> None:
        super().__init__(staging)
        self._hold = hold
        self._now_there = now

    async def take(self, name: str, holder: UUID, now: datetime, until: datetime) -> bool:
        """Take or prolong a lease for as long as the process wants it."""
        await self._hold.take(("lease", name))
        there = self._now_there()
        return await super().take(name, holder, there, there + (until - now))


class RowOutbox(MemoryOutbox):
    """The outbox with a sequence that all transactions share: a rollback leaves a gap."""

    def __init__(self, staging: Staging, hold: Hold) -> None:
        super().__init__(staging)
        self._staging = staging
        self._hold = hold

    async def add(self, events: Sequence[Event]) -> None:
        """Append events under the next positions."""
        self._staging.next_position = self._hold.locks.last_position + 1
        self._hold.locks.last_position += len(events)
        await super().add(events)


class RowOperatorsLog(MemoryOperatorsLog):
    """The operators' log with a lock: whoever appends waits for the last one's end."""

    def __init__(self, staging: Staging, hold: Hold) -> None:
        super().__init__(staging)
        self._hold = hold

    async def append(self, entry: AuditEntry) -> LoggedEntry:
        """Write an entry behind the newest."""
        await self._hold.take(("operators' log", "head"))
        return await super().append(entry)

    async def last(self, subject: str) -> LoggedEntry | None:
        """Return the newest entry about a subject, with the log held."""
        await self._hold.take(("operators' log", "head"))
        return await super().last(subject)


class RowHealth(MemoryHealth):
    """The health of providers with row locks."""

    def __init__(self, staging: Staging, hold: Hold) -> None:
        super().__init__(staging)
        self._hold = hold

    async def add(self, buckets: Sequence[Bucket]) -> None:
        """Add counts, each bucket once its row is free."""
        places = sorted({(each.start, each.route) for each in buckets})
        await self._hold.take(*(("bucket", each) for each in places))
        await super().add(buckets)

    async def save(self, standings: Sequence[Standing]) -> None:
        """Store standings, each once its row is free."""
        routes = sorted(each.route for each in standings)
        await self._hold.take(*(("standing", each) for each in routes))
        await super().save(standings)


class RowUnit:
    """One transaction among many: implements `Unit`."""

    def __init__(self, rows: MemoryStore, hold: Hold, now: Callable[[], datetime]) -> None:
        self.staging = staging = Staging(rows)
        self.cash_outs = RowCashOuts(staging, hold, now)
        self.limits = RowLimits(staging, hold)
        self.outbox = RowOutbox(staging, hold)
        self.inbox = RowInbox(staging, hold)
        self.leases = RowLeases(staging, hold, now)
        self.health = RowHealth(staging, hold)
        # No process of a run has a console: these are for who has them all to himself.
        self.accounts = MemoryAccounts(staging)
        self.figures = MemoryFigures(staging)
        self.audit = RowOperatorsLog(staging, hold)
        # Their cash-out is locked before they are looked at, and so they need no locks.
        self.rulings = MemoryRulings(staging)
        self.statements = MemoryStatements(staging)
