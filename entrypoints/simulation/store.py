"""The store of a run: the one in memory, shared by all processes, and everything it may do to them.

Transactions run one at a time, as in a database file, or beside each other with row locks; the
process that has one open can die, be stopped or lose the answer to its commit, and what is
committed is watched.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from contextvars import ContextVar, Token
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from uuid import UUID

from adapters.memory.store import MemoryStore, Staging
from adapters.memory.units import MemoryUnit
from application.ports import Conflict, Overloaded, StorageUnavailable, Work
from application.relay_events import LEASE_NAME
from domain.cash_out import Action
from entrypoints.simulation.hints import SkippingSignals
from entrypoints.simulation.loop import OWNER, Owner, a_turn
from entrypoints.simulation.plan import FaultKind
from entrypoints.simulation.rows import Hold, RowLocks, RowUnit
from entrypoints.simulation.watch import Watch
from entrypoints.simulation.world import FOR_A_STRANGER, Invariant, World, pause

_IN_UNIT: ContextVar[bool] = ContextVar("in unit", default=False)
_WORK = {Action.SUBMIT: Work.SUBMIT, Action.ASK: Work.ASK}
_SLOWEST_S = 8.0
_BEFOREHAND_S = 60.0
"""Health is watched so long before the next submit, so that what is known is fresh by then."""
_AWAY = "the store is away"
_CUT = "the connection was lost"


def in_unit() -> bool:
    """Tell whether the code that asks runs inside a transaction."""
    return _IN_UNIT.get()


class SimulatedStore:
    """What outlives every process: the rows, who writes now, and who waits to."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rows = MemoryStore()
        self.watch = Watch(world, self.rows)
        self._due: dict[Work, float] | None = None
        self.listeners: list[SkippingSignals] = []
        self.now: Callable[[], datetime] = world.now
        self.locks = RowLocks() if world.plan.row_locks else None
        self.open: dict[Transaction, None] = {}
        self._writing: Transaction | None = None
        self._queue: deque[tuple[asyncio.Future[None], Transaction]] = deque()
        self.slow = world.plan.chance("slow store").random
        self.late = 0

    def horizon(self, holder: UUID | None) -> Mapping[Work, float]:
        """Return when each kind of work is due next, in virtual seconds; absent: never.

        holder: as whom the one who asks takes the relay's lease.
        """
        if self._due is None:
            self._due = self._find_due()
        held = self.rows.leases.get(LEASE_NAME)
        if Work.RELAY not in self._due or held is None or held.holder == holder:
            return self._due
        return {**self._due, Work.RELAY: self.world.at(held.until) - self._ahead()}

    def _ahead(self) -> float:
        """Return by how much the clock that decides what is due is ahead, in seconds."""
        if not self.world.plan.common_clock or not self.listeners:
            return 0.0
        return self.listeners[0].wall.offset.total_seconds()

    def _find_due(self) -> dict[Work, float]:
        rows, due = self.rows, dict[Action, datetime]()
        for cash_out_id in rows.planned:
            cash_out = rows.cash_outs[cash_out_id]
            if cash_out.plan is None:
                continue
            action, at, lease = cash_out.plan.action, cash_out.plan.due_at, cash_out.lease
            free_at = at if lease is None else max(at, lease.until)
            due[action] = min(due.get(action, free_at), free_at)
        ahead = self._ahead()
        found = {_WORK[action]: self.world.at(at) - ahead for action, at in due.items()}
        if rows.waiting:
            found[Work.RELAY] = 0.0
        health = self._health(found.get(Work.SUBMIT))
        if health is not None:
            found[Work.HEALTH] = health
        if self._can_be_matched():
            found[Work.MATCH] = 0.0
        tidy = self._tidy()
        if tidy is not None:
            found[Work.TIDY] = tidy
        return found

    def _health(self, next_submit: float | None) -> float | None:
        """Return from when on a look at the health of providers can find something new."""
        rows = self.rows
        if not self.world.plan.health:
            return None
        underway = any(rows.cash_outs[each].lease is not None for each in rows.planned)
        if underway or any(each.parked for each in rows.standings.values()):
            return 0.0
        return None if next_submit is None else next_submit - _BEFOREHAND_S

    def _can_be_matched(self) -> bool:
        """Tell whether a parked webhook could be judged."""
        rows = self.rows
        for delivery_id in rows.unmatched:
            lookup = rows.deliveries[delivery_id].delivery.lookup
            if lookup is not None and (
                lookup.reference in rows.by_reference
                or (lookup.provider, lookup.provider_transaction_id) in rows.by_provider_id
            ):
                return True
        return False

    def _tidy(self) -> float | None:
        """Return when a review is due."""
        rows = self.rows
        unreviewed = [
            rows.cash_outs[each].waits_since
            for each in rows.open
            if rows.cash_outs[each].review is None
        ]
        if not unreviewed:
            return None
        return self.world.at(min(unreviewed) + self.world.plan.policy.review_after)

    async def enter(self, transaction: "Transaction") -> None:
        """Wait until nobody else writes."""
        if self._writing is None and not self._queue:
            self._writing = transaction
            return
        turn = asyncio.get_running_loop().create_future()
        self._queue.append((turn, transaction))
        with ExitStack() as unless_it_is_its_turn:
            unless_it_is_its_turn.callback(self.leave, transaction)
            await turn
            unless_it_is_its_turn.pop_all()

    def leave(self, transaction: "Transaction") -> None:
        """Let the next one write."""
        if self.locks is not None:
            self.open.pop(transaction, None)
            self.locks.release(transaction)
            return
        if self._writing is not transaction:
            self._queue = deque(pair for pair in self._queue if pair[1] is not transaction)
            return
        self._writing = None
        while self._queue and self._writing is None:
            turn, waiting = self._queue.popleft()
            if waiting.owner.dead or turn.done():
                continue
            self._writing = waiting
            turn.set_result(None)
            if waiting.owner.paused:
                self.cut(waiting.owner)

    def cut(self, owner: Owner) -> None:
        """Roll back what a process that says nothing any more has under way."""
        for transaction in [each for each in self.open if each.owner is owner]:
            transaction.cut = True
            self.leave(transaction)
        writing = self._writing
        if writing is not None and writing.owner is owner:
            writing.cut = True
            self.leave(writing)

    def changed(self) -> None:
        """Have every process look again at what is due: a commit, or a clock that was set."""
        self._due = None
        for each in self.listeners:
            each.reconsider()


class Transaction:
    """One transaction of one process: an asynchronous context manager that yields a `Unit`."""

    def __init__(self, units: "SimulatedUnits") -> None:
        self._units = units
        self._store = units.store
        self.owner = units.owner
        self.cut = False
        self._is_late = False
        self._staging: Staging | None = None
        self._token: Token[bool] | None = None

    async def __aenter__(self) -> MemoryUnit | RowUnit:
        """Open it; raise StorageUnavailable or Overloaded."""
        if OWNER.get() not in {None, self.owner}:
            raise RuntimeError("a process uses the connection of another")
        world, faults = self._store.world, self._store.world.faults
        if faults.is_on(FaultKind.STORE_AWAY) or world.over:
            raise StorageUnavailable(_AWAY)
        if faults.strikes(FaultKind.STORE_FULL):
            raise Overloaded
        if self._store.locks is not None:
            hold = Hold(self._store.locks, self)
            unit = RowUnit(self._store.rows, hold, self._store.now)
            self._token = _IN_UNIT.set(True)
            self._staging = unit.staging
            self._store.open[self] = None
            return unit
        await self._store.enter(self)
        self._token = _IN_UNIT.set(True)
        self._staging = staging = Staging(self._store.rows)
        return MemoryUnit(staging)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Commit on a clean exit, otherwise roll back."""
        try:
            if kind is None and self._staging is not None:
                await self._commit(self._staging)
        finally:
            if not self._is_late:
                self._store.leave(self)
            if self._token is not None:
                _IN_UNIT.reset(self._token)

    async def _commit(self, staging: Staging) -> None:
        if staging.broken:
            raise Conflict("a conflict was met and nothing is written")
        if not staging.has_written:
            return
        world, faults = self._store.world, self._store.world.faults
        if FOR_A_STRANGER.get():
            world.violated(Invariant.STRANGERS_CHANGE_NOTHING, "a stranger's call is to be stored")
        if faults.strikes(FaultKind.STORE_SLOW):
            await pause(world, self._store.slow() * _SLOWEST_S)
        await a_turn()
        self._meet_trouble()
        if self._store.locks is not None and faults.strikes(FaultKind.COMMIT_LATE):
            self._begin_late(staging)
            raise StorageUnavailable(_CUT, outcome_unknown=True)
        self._write(staging)
        if faults.strikes(FaultKind.COMMIT_ANSWER_LOST):
            raise StorageUnavailable(_CUT, outcome_unknown=True)
        await a_turn()

    def _meet_trouble(self) -> None:
        """Raise for a commit that is not made."""
        world, faults = self._store.world, self._store.world.faults
        if self.cut or faults.is_on(FaultKind.STORE_AWAY) or world.over:
            raise StorageUnavailable(_CUT)
        if faults.strikes(FaultKind.COMMIT_FAILS):
            raise StorageUnavailable(_CUT)
        if faults.strikes(FaultKind.CONFLICT):
            raise Conflict("somebody got in between")
        if faults.strikes(FaultKind.COMMIT_LOST):
            raise StorageUnavailable(_CUT, outcome_unknown=True)

    def lost(self) -> bool:
        """Tell whether a statement meets a connection that is gone."""
        return self._store.world.faults.is_on(FaultKind.STORE_AWAY)

    def _write(self, staging: Staging) -> None:
        self._store.watch.before_commit(staging)
        staging.commit()
        self._store.leave(self)
        self._store.changed()

    def _begin_late(self, staging: Staging) -> None:
        """Have the server finish alone: it keeps the locks, also when the process dies."""
        self._is_late = True
        self._store.open.pop(self, None)
        self._store.late += 1

        def finish() -> None:
            self._store.late -= 1
            self._write(staging)

        world, seconds = self._store.world, self._store.slow() * _SLOWEST_S
        world.loop.call_later(seconds, finish, context=world.outside)


@dataclass(slots=True, eq=False)
class SimulatedUnits:
    """Implements `Units` for one process."""

    store: SimulatedStore
    owner: Owner

    @property
    def batches(self) -> int:
        """Several over a server, one over a file."""
        return 2 if self.store.locks is not None else 1

    def begin(self) -> Transaction:
        """Open a transaction; see the port."""
        return Transaction(self)
