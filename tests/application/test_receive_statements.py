"""Statements that are sent in: one of a provider at a time, in the background, to their end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from adapters.memory.faults import Trouble
from adapters.memory.statement_file import MemoryStatement
from application.callers import Caller, Role
from application.ports import StorageUnavailable
from application.ports.statements import LinesRead, Statement
from application.receive_statements import ReceiveStatements
from application.reconcile import MOST_TRIES, PAUSE, ReconcileStatement
from domain.refusals import Forbidden, InvalidProvider
from domain.runs import RunState
from domain.statement_refusals import ReconciliationRunning
from tests.application.reconciling import WHOLE
from tests.application.wiring import Notebook, World
from tests.statement_books import booked_cash_out, keep, line_of, numbered
from tests.strategies import AFRI, ORANGE

pytestmark = pytest.mark.anyio

OPERATOR = Caller("olive", Role.OPERATOR)


@dataclass(slots=True)
class Files:
    """Statements that wait at a gate while they are read; it counts what was received."""

    statement: MemoryStatement
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    open: int = 0
    taken: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)

    def providers(self) -> frozenset[str]:
        return frozenset({ORANGE, AFRI})

    def at(self, provider: str, path: str) -> Statement:
        raise FileNotFoundError(provider, path)

    @asynccontextmanager
    async def received(
        self, provider: str, name: str, chunks: AsyncIterator[bytes]
    ) -> AsyncIterator[Statement]:
        self.open += 1
        self.asked.append((provider, name))
        try:
            async for chunk in chunks:
                self.taken += len(chunk)
            yield Gated(self.statement, self.gate)
        finally:
            self.open -= 1


@dataclass(slots=True)
class Gated:
    """A statement that is read only once its gate is open."""

    statement: MemoryStatement
    gate: asyncio.Event

    @property
    def name(self) -> str:
        return self.statement.name

    @property
    def size(self) -> int:
        return self.statement.size

    async def digest(self) -> str:
        return await self.statement.digest()

    async def pages(self, most: int) -> AsyncIterator[LinesRead]:
        await self.gate.wait()
        async for page in self.statement.pages(most):
            yield page


async def some_bytes() -> AsyncIterator[bytes]:
    yield b"abc"


@dataclass(slots=True)
class Desk:
    """The use case over a world and its journal."""

    world: World = field(default_factory=World)
    journal: Notebook = field(default_factory=Notebook)
    files: Files = field(init=False)
    receive: ReceiveStatements = field(init=False)

    def __post_init__(self) -> None:
        world = self.world
        lines = numbered([line_of(booked_cash_out(n)) for n in range(1, 6)])
        self.files = Files(MemoryStatement(lines))
        reconcile = ReconcileStatement(
            world.units, world.one.record_news, world.catalogue, world.clock, world.chance
        )
        self.receive = ReceiveStatements(self.files, reconcile, self.journal)

    async def begun(self, provider: str = ORANGE) -> None:
        run = await self.receive(OPERATOR, provider, "may.csv", some_bytes())
        assert (run.state, run.started_by) == (RunState.RUNNING, "olive")

    async def waited(self) -> None:
        """Open the gate and let time pass until all is done."""
        self.files.gate.set()
        done = asyncio.create_task(self.receive.wait())
        while not done.done():
            self.world.clock.advance(PAUSE)
            await asyncio.sleep(0)

    @property
    def runs(self) -> list[tuple[RunState, str]]:
        return [(run.state, run.detail) for run in self.world.store.runs.values()]


async def test_it_answers_at_once_and_goes_on_to_the_end() -> None:
    desk = Desk()
    await keep(desk.world.units, [booked_cash_out(n) for n in range(1, 6)])
    await desk.begun()
    assert (desk.files.open, desk.runs) == (1, [(RunState.RUNNING, "")])
    desk.files.gate.set()
    await desk.receive.wait()
    assert (desk.files.open, desk.runs) == (0, [(RunState.FINISHED, "")])
    (run,) = desk.world.store.runs.values()
    assert run.tally.matched == 5
    assert desk.journal.faults == []


async def test_a_statement_is_received_under_its_name_for_its_provider_and_period() -> None:
    desk = Desk()
    run = await desk.receive(OPERATOR, AFRI, "may.csv", some_bytes(), WHOLE)
    await desk.waited()
    assert desk.files.asked == [(AFRI, "may.csv")]
    assert (run.provider, run.period) == (AFRI, WHOLE)


async def test_one_of_a_provider_at_a_time_and_the_second_is_not_read() -> None:
    desk = Desk()
    await desk.begun()
    read = desk.files.taken
    with pytest.raises(ReconciliationRunning, match=ORANGE):
        await desk.begun()
    assert desk.files.taken == read
    await desk.begun(AFRI)
    desk.files.gate.set()
    await desk.receive.wait()
    await desk.begun()
    await desk.receive.wait()
    assert [state for state, _ in desk.runs] == [RunState.FINISHED] * 2


async def test_who_may_not_and_what_is_no_provider_are_refused_unread() -> None:
    desk = Desk()
    with pytest.raises(Forbidden):
        await desk.receive(Caller("u"), ORANGE, "x", some_bytes())
    with pytest.raises(InvalidProvider, match=f"{AFRI}, {ORANGE}") as refused:
        await desk.receive(OPERATOR, "nobody", "x", some_bytes())
    assert refused.value.provider == "nobody"
    assert (desk.files.taken, desk.world.store.runs) == (0, {})


async def test_a_sender_who_hangs_up_leaves_the_provider_free() -> None:
    desk = Desk()

    async def breaks_off() -> AsyncIterator[bytes]:
        yield b"abc"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await desk.receive(OPERATOR, ORANGE, "x", breaks_off())
    assert desk.files.open == 0
    await desk.begun()
    desk.files.gate.set()
    await desk.receive.wait()
    assert desk.runs == [(RunState.FINISHED, "")]


async def test_a_process_that_stops_says_so_in_the_run_which_goes_on_later() -> None:
    desk = Desk()
    await desk.begun()
    await asyncio.sleep(0)
    faults: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    await desk.receive.stop()
    await asyncio.sleep(0)
    assert desk.runs == [(RunState.STOPPED, "the process was stopped")]
    assert (desk.files.open, desk.journal.faults, faults) == (0, [], [])
    desk.files.gate.set()
    await desk.begun()
    await desk.receive.wait()
    assert desk.runs == [(RunState.FINISHED, "")]
    (run,) = desk.world.store.runs.values()
    assert run.times == 2


async def test_a_store_that_is_away_for_a_moment_is_waited_for() -> None:
    desk = Desk()
    await keep(desk.world.units, [booked_cash_out(n) for n in range(1, 6)])
    await desk.begun()
    desk.world.trouble(Trouble.AWAY, Trouble.FULL, Trouble.CONFLICT, Trouble.ANSWER_LOST)
    await desk.waited()
    assert desk.runs == [(RunState.FINISHED, "")]
    (run,) = desk.world.store.runs.values()
    assert (run.tally.matched, run.tally.repeated) == (5, 0)


async def test_a_store_that_stays_away_is_told_to_the_journal() -> None:
    desk = Desk()
    await desk.begun()
    desk.world.trouble(*[Trouble.AWAY] * MOST_TRIES)
    await desk.waited()
    ((where, fault),) = desk.journal.faults
    assert where == f"reconcile {ORANGE}"
    assert isinstance(fault, StorageUnavailable)
    assert desk.files.open == 0
