"""Runs: one statement held against our books, and what that came to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from domain.breaks import Age, Finder
from domain.money import Money
from domain.statements import BreakKind

SHORTEST_SLICE = timedelta(hours=1)
MOST_SLICES = 2_000
_MOMENT = timedelta(microseconds=1)


class RunState(StrEnum):
    """How far a run got."""

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    """Not to its end; the same file again goes on with it."""


class Phase(StrEnum):
    """What a run is at."""

    READING = "reading"
    COMPARING = "comparing"
    SEARCHING = "searching"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: bytes while it reads, lines while it compares, 0 of 0 while it searches."""

    phase: Phase
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """What lines came to in one currency, and what of ours is missing there."""

    matched: Money
    broken: Money
    missing_there: Money
    fees: Money


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the lines of a run.

    repeated: lines that stand in the file more than once, counted from the second on. left_out:
    lines of kinds that are no payments, like fees; they are no part of `lines`. settled: open
    cash-outs that a line has ended. told: lines that the judge of news was told of. missing_there:
    paid cash-outs of the period without a line. unsettled: open ones without a line, by age: they
    are no breaks, because silence proves nothing. breaks: by kind. open_breaks: of those, how many
    nobody has explained yet.
    """

    matched: int = 0
    broken: int = 0
    malformed: int = 0
    repeated: int = 0
    left_out: int = 0
    settled: int = 0
    told: int = 0
    missing_there: int = 0
    unsettled: Mapping[Age, int] = field(default_factory=dict)
    breaks: Mapping[BreakKind, int] = field(default_factory=dict)
    open_breaks: int = 0
    money: tuple[Totals, ...] = ()

    @property
    def lines(self) -> int:
        """How many lines tell of payments or reversals, or could not be read."""
        return self.matched + self.broken + self.malformed + self.repeated


@dataclass(frozen=True, slots=True)
class Period:
    """What time a statement covers: from `since` on, before `until`."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """One statement of a provider held against our books.

    file_digest: hex SHA-256 of the file, by which it is known again: the same file goes on with the
    same run. rehearsal: nothing is told to anybody, and the run is removed in the end. period: as
    asked for, or from the first to the last line; None before that is known. times: how often it
    was begun. detail: why it stopped. progress: how far it had come when it last kept something;
    None where it was begun only, or has come to its end. pruned: lines of it were removed since; it
    has all of them again when its file is begun again.
    """

    id: UUID
    provider: str
    file_digest: str
    file_name: str
    started_at: datetime
    started_by: str
    state: RunState = RunState.RUNNING
    rehearsal: bool = False
    period: Period | None = None
    times: int = 1
    finished_at: datetime | None = None
    detail: str = ""
    tally: Tally = Tally()
    progress: Progress | None = None
    pruned: bool = False

    def finder(self, at: datetime) -> Finder:
        """Return who finds its breaks; a rehearsal's are its own."""
        scope = str(self.id) if self.rehearsal else self.provider
        return Finder(self.id, self.provider, scope, at)

    @property
    def is_clean(self) -> bool:
        """Tell whether it came to its end, read every line and left no open break."""
        finished = self.state is RunState.FINISHED
        return finished and not self.tally.open_breaks and not self.tally.malformed


@dataclass(frozen=True, slots=True)
class Searched:
    """In what of ours a statement must have a line for every payment: the span that it covers.

    A payment lies between its acceptance and our learning that it was made: only what was accepted
    from `since` on, and ended by `until`, can be called missing there. before: only what was
    accepted before this moment is looked at now; a span is searched in slices.
    """

    since: datetime
    until: datetime
    before: datetime

    @classmethod
    def of(
        cls, period: Period, margin: timedelta, covered_since: datetime | None = None
    ) -> "Searched":
        """Return the span, `margin` inside the period because clocks differ and books close late.

        covered_since: the beginning of an earlier statement that reaches up to this one.
        """
        since = min(period.since, covered_since) if covered_since else period.since
        until = period.until - margin
        return cls(since + margin, until, until + _MOMENT)

    def slices(self) -> Iterator["Searched"]:
        """Yield the span in slices, so that what one of them costs has a bound."""
        length = max(SHORTEST_SLICE, (self.before - self.since) / MOST_SLICES)
        since = self.since
        while since < self.before:
            before = min(since + length, self.before)
            yield Searched(since, self.until, before)
            since = before
