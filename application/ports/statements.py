"""Providers' statements: files being read, and what is kept of reconciling them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from domain.breaks import Age, Break, BreakState
from domain.runs import Period, Run, Searched, Tally
from domain.statements import Booked, BreakKind, Match, Place, Rule, StatementLine, Window


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that could not be read, and why; nothing of what stands in it."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class LinesRead:
    """Some lines of a file, in its order.

    left_out: how many lines beside them are no payments. bytes_read: of the file, up to here.
    """

    lines: tuple[StatementLine, ...]
    malformed: tuple[Malformed, ...] = ()
    left_out: int = 0
    bytes_read: int = 0


class UnreadableStatement(Exception):
    """A file that cannot be read as a whole; the message is safe to show to an operator."""


class Statement(Protocol):
    """A provider's statement in a file. It can be read several times, one after the other."""

    @property
    def name(self) -> str:
        """What the file is called."""
        ...

    @property
    def size(self) -> int:
        """How many bytes it has."""
        ...

    async def digest(self) -> str:
        """Return the hex SHA-256 of the file; raise UnreadableStatement when it is too large."""
        ...

    def pages(self, most: int) -> AsyncIterator[LinesRead]:
        """Yield its lines, at most so many at once; raise UnreadableStatement."""
        ...


class StatementFiles(Protocol):
    """Opens providers' statements. Raises InvalidStatement for what can be none."""

    def providers(self) -> frozenset[str]:
        """Return the providers whose statements can be read."""
        ...

    def at(self, provider: str, path: str) -> Statement:
        """Return the statement in a file."""
        ...

    def received(
        self, provider: str, name: str, chunks: AsyncIterator[bytes]
    ) -> AbstractAsyncContextManager[Statement]:
        """Keep what arrives for as long as the context lasts, and yield it as a statement."""
        ...


class LineResult(StrEnum):
    """What became of a stored line."""

    LOOSE = "loose"
    """Found by neither id nor reference: compared by likeness when all others are judged."""
    MATCHED = "matched"
    BROKEN = "broken"


class Effect(StrEnum):
    """What a line has done besides being compared; once, however often its file is reconciled."""

    NONE = "none"
    TOLD = "told"
    """The judge of news was told, and it ended nothing."""
    SETTLED = "settled"
    """It has ended an open cash-out."""


@dataclass(frozen=True, slots=True)
class StoredLine:
    """A line as it is kept. result: None before it was first judged."""

    line: StatementLine
    result: LineResult | None = None
    rule: Rule | None = None
    cash_out_id: UUID | None = None
    effect: Effect = Effect.NONE


@dataclass(frozen=True, slots=True)
class Payment:
    """A kept line of kind payment that is about a cash-out."""

    run_id: UUID
    cash_out_id: UUID
    line: StatementLine
    result: LineResult

    @property
    def speaks(self) -> bool:
        """Tell whether nothing more is missing there: it says paid, or it is a break itself."""
        return self.line.paid or self.result is LineResult.BROKEN


@dataclass(frozen=True, slots=True)
class RunPlace:
    """Where a page of runs begins, newest first: behind this one."""

    started_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class BreakPlace:
    """Where a page of breaks begins, oldest money first: behind this one."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class BreakFilter:
    """Which breaks; every field that is given narrows it. run_id: those that the run has found."""

    provider: str | None = None
    run_id: UUID | None = None
    state: BreakState | None = None
    kind: BreakKind | None = None
    cash_out_id: UUID | None = None


class Statements(Protocol):
    """What is kept of statements. Every method takes many and costs a fixed number of statements.

    There is one run of a provider at a time: whoever makes one holds its lease.
    """

    async def save(self, run: Run) -> None:
        """Keep a run, or what became of it."""
        ...

    async def run(self, run_id: UUID) -> Run | None:
        """Return a run."""
        ...

    async def run_of(self, provider: str, file_digest: str) -> Run | None:
        """Return the run of this very file, rehearsals apart."""
        ...

    async def runs(
        self, limit: int, provider: str | None = None, behind: RunPlace | None = None
    ) -> list[Run]:
        """Return runs, newest first, rehearsals apart."""
        ...

    async def rehearsals(self, provider: str) -> list[UUID]:
        """Return the rehearsals that are still kept."""
        ...

    async def discard(self, run_id: UUID) -> None:
        """Remove a rehearsal with all that it has found."""
        ...

    async def prune(self, finished_before: datetime, largest: int) -> int:
        """Remove so many matched lines of a run that finished before a moment; return how many.

        Of the one that finished first, of those with something to remove; 0 when there is none.
        The run is noted as pruned.
        What is broken, or about what or whom a break is open, stays, and so do runs and breaks. So
        does a line whose cash-out an open unknown payment without a reference could be about.
        """
        ...

    async def begin(self, run_id: UUID) -> None:
        """Forget what the run has found so far: malformed lines, and which breaks are its own."""
        ...

    async def stage(self, run_id: UUID, lines: Sequence[StatementLine]) -> int:
        """Keep lines; return how many of them stand in the run's file a second time.

        A line is known by its digest in its run and kept once. One that is read differently now,
        because its mapping was mended, takes the place of what was kept, and is judged anew.
        """
        ...

    async def note_malformed(self, run_id: UUID, malformed: Sequence[Malformed]) -> None:
        """Keep which lines could not be read."""
        ...

    async def malformed(self, run_id: UUID, limit: int, behind: int = 0) -> list[Malformed]:
        """Return the lines that could not be read, by number, from behind a number."""
        ...

    async def span(self, run_id: UUID) -> Period | None:
        """Return the times of the first and the last line, None without lines."""
        ...

    async def lines(
        self, run_id: UUID, limit: int, behind: Place | None = None, *, loose: bool = False
    ) -> list[StoredLine]:
        """Return lines in the order of judging, behind a place; the loose ones only, if asked."""
        ...

    async def matches(self, provider: str, lines: Sequence[StatementLine]) -> dict[str, Match]:
        """Return, by digest, which cash-out each line names: by their id, or else our reference."""
        ...

    async def fitting(
        self, run_id: UUID, provider: str, lines: Sequence[StatementLine], window: Window
    ) -> dict[str, tuple[Booked, ...]]:
        """Return, by digest, the cash-outs that fit a line, see `fits`, and of which none speaks.

        No line of this run, or of another one that is no rehearsal. An open one is spoken of only
        by a line that says that it was paid.
        """
        ...

    async def payments(self, run_id: UUID, ids: Sequence[UUID]) -> list[Payment]:
        """Return the kept lines that say that these cash-outs were paid.

        Of this run, and of others that are no rehearsals.
        """
        ...

    async def judged(self, run_id: UUID, judged: Sequence[StoredLine]) -> None:
        """Keep what became of lines of a run."""
        ...

    async def found(self, run_id: UUID, breaks: Sequence[Break]) -> None:
        """Keep breaks as found by a run. One that is known stays as it is; resolved, it reopens."""
        ...

    async def absent(
        self,
        provider: str,
        searched: Searched,
        limit: int,
        behind: Booked | None = None,
        *,
        run_id: UUID,
    ) -> list[Booked]:
        """Return cash-outs accepted from `since` on, before `before`, of which no line speaks.

        Completed ones that had ended by `until`, and open ones accepted by then; oldest first, from
        behind one. Lines of rehearsals do not count, unless it is this run.
        """
        ...

    async def covered_since(self, provider: str, at: datetime) -> datetime | None:
        """Return when the period began of the earliest finished run that reaches up to `at`.

        Of those that have all their lines: of a pruned one nobody knows any more what it had.
        """
        ...

    async def resolve(self, run_id: UUID, provider: str, at: datetime) -> int:
        """Note as resolved what is open and what this run has seen in agreement; return how many.

        In agreement: the line of the break is matched now, or the cash-out that was missing there
        has a matched line.
        """
        ...

    async def tally(self, run_id: UUID) -> Tally:
        """Return what became of the run's lines, counted from what is kept.

        Without what only the reading of the file tells: repeated and left out lines; and without
        what is open here.
        """
        ...

    async def breaks(
        self, which: BreakFilter, limit: int, behind: BreakPlace | None = None
    ) -> list[Break]:
        """Return breaks, those of the oldest money first."""
        ...

    async def open_breaks(self, run_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        """Return how many of the breaks that runs have found are open now; 0 is left out."""
        ...

    async def ageing(self, provider: str | None, now: datetime) -> Mapping[Age, int]:
        """Return how many breaks are open, by age."""
        ...

    async def one_break(self, break_id: UUID) -> Break | None:
        """Return a break, locked until the transaction ends."""
        ...

    async def change(self, changed: Break) -> None:
        """Keep what became of a break: its state, note, by whom and when."""
        ...
