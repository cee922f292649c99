"""The stores that the contracts are tried on, and cash-outs to put into them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from adapters.memory.cash_outs import IllegalTransition
from adapters.memory.limits import BrokenCounter
from adapters.memory.manual_time import ManualClock
from adapters.memory.reader import MemoryReader
from adapters.memory.store import MemoryStore
from adapters.memory.units import MemoryUnits
from adapters.sql.database import Database, DatabaseLimits, open_database
from adapters.sql.faults import DRIVER_FAULTS
from adapters.sql.read_model import SqlReader
from adapters.sql.unit_of_work import SqlUnits
from application.ports import KeyUse, Reader, Units
from domain.cash_out import CashOut, Change, Draft, Plan, accept
from domain.states import Status
from entrypoints.simulation.loop import Owner
from entrypoints.simulation.plan import Plan as Simulation
from entrypoints.simulation.store import SimulatedStore, SimulatedUnits
from entrypoints.simulation.world import World
from tests.strategies import NOW, a_cash_out

PATIENT = DatabaseLimits(
    pool_wait_s=30.0,
    unit_s=60.0,
    lock_s=30.0,
    statement_s=30.0,
    transaction_s=60.0,
    busy_s=30.0,
)
"""Limits for tests that race: a busy machine is slow, and that is not what they are about."""

REFUSED_AS_A_BUG = (IllegalTransition, BrokenCounter, DBAPIError, *DRIVER_FAULTS)
"""What a store raises for what may never happen: not a Conflict, which would be tried again."""


@dataclass(frozen=True, slots=True)
class Store:
    """One store under test. `many_writers`: two units can be open at once."""

    name: str
    units: Units
    reader: Reader
    clock: ManualClock
    database: Database | None = None

    @property
    def many_writers(self) -> bool:
        """Tell whether the store locks rows rather than itself."""
        return self.name in {"postgres", "simulated_rows"}


def in_memory(name: str = "memory") -> Store:
    """Return an empty store in memory; `simulated...` is the simulator's, with faults off."""
    if name.startswith("simulated"):
        rows = name == "simulated_rows"
        world = World(Simulation(seed=1, start=NOW, common_clock=not rows, row_locks=rows))
        # Its scheduler stays unused: the test's own event loop runs these transactions.
        world.loop.close()
        simulated = SimulatedStore(world)
        clock = ManualClock(NOW)
        simulated.now = clock.now
        units = SimulatedUnits(simulated, Owner())
        return Store(name, units, MemoryReader(simulated.rows), clock)
    store = MemoryStore()
    return Store(name, MemoryUnits(store), MemoryReader(store), ManualClock(NOW))


def in_database(name: str, url: str) -> Store:
    """Return a migrated database as a store whose time is that of the test."""
    database, clock = open_database(url, PATIENT), ManualClock(NOW)
    return Store(name, SqlUnits(database, clock), SqlReader(database), clock, database)


def a_new(number: int = 1, **fields: Any) -> Change:  # noqa: ANN401 -- handed on to a dataclass
    """Return the first change of the cash-out of this number: due at once, told of."""
    blank: dict[str, Any] = {"plan": None, "events": 0, "version": 1}
    ids = {"id": UUID(int=number), "reference": f"REF-{number:06d}"}
    return accept(a_cash_out(**{**blank, **ids, **fields}))


def some_new(count: int, **fields: Any) -> list[Change]:  # noqa: ANN401 -- as above
    """Return the first changes of so many cash-outs, each a second after the last."""
    return [
        a_new(
            number,
            created_at=NOW + timedelta(seconds=number),
            updated_at=NOW + timedelta(seconds=number),
            **fields,
        )
        for number in range(1, count + 1)
    ]


async def put(store: Store, changes: Sequence[Change], *keys: KeyUse) -> list[CashOut]:
    """Store new cash-outs with their events; return them as they are now."""
    async with store.units.begin() as unit:
        await unit.cash_outs.add(changes, keys)
        await unit.outbox.add([event for change in changes for event in change.events])
    return [change.after for change in changes]


async def keep(store: Store, *changes: Change) -> None:
    """Store changes of known cash-outs in a transaction of their own."""
    async with store.units.begin() as unit:
        await unit.cash_outs.save(changes)


def changed(cash_out: CashOut, **fields: Any) -> Change:  # noqa: ANN401 -- as above
    """Return a change that sets these fields."""
    return Change(cash_out, replace(cash_out, version=cash_out.version + 1, **fields))


def moved(cash_out: CashOut, status: Status, at: datetime = NOW) -> Change:
    """Return the change into a state, as the domain makes it."""
    draft = Draft(cash_out, at)
    draft.move(status)
    return draft.finish()


def planned(cash_out: CashOut, plan: Plan | None) -> Change:
    """Return a change of what is due next."""
    return changed(cash_out, plan=plan)


def numbers() -> Iterator[int]:
    """Yield 1, 2, 3 and so on: for stores that are used by many examples of one test."""
    number = 0
    while True:
        number += 1
        yield number
