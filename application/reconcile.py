"""Reconcile: a provider's statement is held against our books, and what it proves is told.

The file is read in pages that are kept before they are judged, so that the order of its lines does
not matter, no page is larger than another, and a run that was stopped can be made again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

from application.callers import Caller, Permission
from application.compare_lines import CompareLines, Settled
from application.interrupted_runs import LEASE, lease_of, stop_interrupted
from application.ports import (
    Chance,
    Clock,
    Conflict,
    Overloaded,
    StorageUnavailable,
    Unit,
    Units,
)
from application.ports.audit import AuditEntry, Fact
from application.ports.statements import LinesRead, Statement, UnreadableStatement
from application.record_news import Arrival, Recorded, RecordNews
from domain.breaks import Age, age_of
from domain.corridors import Catalogue
from domain.refusals import InvalidProvider
from domain.runs import Period, Phase, Progress, Run, RunState, Searched
from domain.statement_refusals import InvalidStatement, ReconciliationRunning
from domain.statements import Booked, Place, Window
from domain.states import ENDINGS

MOST_TRIES: Final = 20
PAUSE: Final = timedelta(milliseconds=500)
"""A store that is away is tried again after this, well inside the lease."""
LONGEST_NAME: Final = 200

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class ReconcileRules:
    """The limits and margins of a run.

    window: for likeness, see Window. margin: how far inside the period is searched for what is
    missing there. page: lines at once. most_malformed, most_breaks: with more of them it is
    likelier the wrong file than a bad day, and the run stops.
    """

    window: Window = field(default_factory=Window)
    margin: timedelta = timedelta(hours=1)
    page: int = 1_000
    most_malformed: int = 10_000
    most_breaks: int = 10_000


def _unseen(_: Progress) -> None:
    """Show nobody."""


Show = Callable[[Progress], None]


class LeaseLost(Exception):
    """Another process has taken the provider over, or had: this run was silent for too long."""


class TooMuch(Exception):
    """More than a run puts up with; the message is for an operator."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that has begun, and the token of its lease."""

    run: Run
    token: UUID


@dataclass(slots=True)
class _Course:
    """A run under way. staged: distinct lines; the rest is counted while reading and searching."""

    begun: Begun
    statement: Statement
    show: Show
    malformed: int = 0
    repeated: int = 0
    left_out: int = 0
    staged: int = 0
    broken: int = 0
    unsettled: dict[Age, int] = field(default_factory=dict)

    @property
    def run(self) -> Run:
        return self.begun.run

    async def note(self, unit: Unit, progress: Progress) -> None:
        """Keep how far it is, for who looks from elsewhere."""
        await unit.statements.save(replace(self.run, progress=progress))


@dataclass(frozen=True, slots=True)
class ReconcileStatement:
    """Makes runs: one at a time of each provider, by a lease that a dead process leaves soon."""

    units: Units
    record: RecordNews
    catalogue: Catalogue
    clock: Clock
    chance: Chance
    rules: ReconcileRules = field(default_factory=ReconcileRules)

    async def __call__(
        self,
        caller: Caller,
        provider: str,
        statement: Statement,
        *,
        period: Period | None = None,
        rehearsal: bool = False,
        show: Show = _unseen,
    ) -> Run:
        """Reconcile a statement; return the run as it ended, or as it stopped with its reason.

        Raises Forbidden, InvalidProvider, InvalidStatement or ReconciliationRunning.
        """
        begun = await self.begin(caller, provider, statement, period=period, rehearsal=rehearsal)
        return await self.finish(begun, statement, show=show)

    async def begin(
        self,
        caller: Caller,
        provider: str,
        statement: Statement,
        *,
        period: Period | None = None,
        rehearsal: bool = False,
    ) -> Begun:
        """Take the provider and keep the run; it is `finish` that reads the lines. Raises as above.

        The same file goes on with the run that it had. rehearsal: compare only, tell nobody.
        """
        caller.must(Permission.RECONCILE)
        if provider not in self.catalogue.providers:
            raise InvalidProvider(provider, sorted(self.catalogue.providers))
        if period is not None and period.since >= period.until:
            raise InvalidStatement("The period ends before it begins.")
        try:
            digest = await statement.digest()
        except UnreadableStatement as fault:
            raise InvalidStatement(str(fault)) from None
        now, token = self.clock.now(), self.chance.token()
        new = Run(
            id=self.chance.cash_out_id(),
            provider=provider,
            file_digest=digest,
            file_name=printable(statement.name),
            started_at=now,
            started_by=caller.name,
            rehearsal=rehearsal,
            period=period,
        )
        run = await self._attempt(lambda unit: self._open(unit, new, token))
        return Begun(run, token)

    async def _open(self, unit: Unit, new: Run, token: UUID) -> Run:
        now = new.started_at
        if not await unit.leases.take(lease_of(new.provider), token, now, now + LEASE):
            raise ReconciliationRunning(new.provider)
        await stop_interrupted(unit, new.provider, now)
        for left in await unit.statements.rehearsals(new.provider):
            await unit.statements.discard(left)
        known = None
        if not new.rehearsal:
            known = await unit.statements.run_of(new.provider, new.file_digest)
        run = new if known is None else replace(new, id=known.id, times=known.times + 1)
        await unit.statements.save(run)
        await unit.statements.begin(run.id)
        action = "statement.rehearsed" if run.rehearsal else "statement.reconciled"
        facts: dict[str, Fact] = {"provider": run.provider, "file": run.file_digest}
        await unit.audit.append(AuditEntry(now, run.started_by, action, str(run.id), facts))
        return run

    async def finish(self, begun: Begun, statement: Statement, *, show: Show = _unseen) -> Run:
        """Read, compare and search; return the run as it ended, or as it stopped."""
        course = _Course(begun, statement, show)
        try:
            run = await self._run(course)
        except (UnreadableStatement, TooMuch, LeaseLost) as fault:
            return await self._close(course, self._stopped(course, str(fault)))
        except asyncio.CancelledError:
            stopping = self._close(course, self._stopped(course, "the process was stopped"))
            await asyncio.shield(stopping)
            raise
        return await self._close(course, run)

    async def discard(self, run: Run) -> None:
        """Remove a rehearsal, after what it has found was looked at."""
        await self._attempt(lambda unit: unit.statements.discard(run.id))

    async def _run(self, course: _Course) -> Run:
        await self._read(course)
        await self._compare(course, loose=False)
        await self._compare(course, loose=True)
        period = await self._search(course)
        now, run = self.clock.now(), course.run

        async def conclude(unit: Unit) -> Run:
            if not run.rehearsal:
                await unit.statements.resolve(run.id, run.provider, now)
            counted = await unit.statements.tally(run.id)
            return replace(
                run,
                state=RunState.FINISHED,
                finished_at=now,
                period=period,
                tally=replace(
                    counted,
                    repeated=course.repeated,
                    left_out=course.left_out,
                    unsettled=dict(course.unsettled),
                ),
            )

        return await self._held(course, conclude)

    async def _read(self, course: _Course) -> None:
        size, run_id = course.statement.size, course.run.id
        course.show(Progress(Phase.READING, 0, size))
        async for page in course.statement.pages(self.rules.page):
            course.malformed += len(page.malformed)
            if course.malformed > self.rules.most_malformed:
                raise TooMuch(
                    f"more than {self.rules.most_malformed} lines cannot be read:"
                    " is this the provider's file, and does its mapping fit?"
                )

            progress = Progress(Phase.READING, page.bytes_read, size)

            async def keep(
                unit: Unit, page: LinesRead = page, progress: Progress = progress
            ) -> int:
                await course.note(unit, progress)
                await unit.statements.note_malformed(run_id, page.malformed)
                return await unit.statements.stage(run_id, page.lines)

            repeated = await self._held(course, keep)
            course.repeated += repeated
            course.left_out += page.left_out
            course.staged += len(page.lines) - repeated
            course.show(progress)

    async def _compare(self, course: _Course, *, loose: bool) -> None:
        compare = CompareLines(course.run, self._tell, self.clock, self.chance, self.rules.window)
        behind: Place | None = None
        done = 0
        while True:
            page = partial(compare.take, most=self.rules.page, behind=behind, loose=loose)
            taken = await self._held(course, page)
            if not taken.lines:
                return
            told = await compare.tell(taken)
            # The loose ones were compared once already: there are no more lines than before.
            done += 0 if loose else len(taken.lines)
            progress = Progress(Phase.COMPARING, course.staged if loose else done, course.staged)

            async def keep(
                unit: Unit, told: Sequence[Settled] = told, progress: Progress = progress
            ) -> int:
                await course.note(unit, progress)
                return await compare.keep(unit, settled=told)

            course.broken += await self._held(course, keep)
            self._not_too_many(course)
            behind = taken.lines[-1].line.place
            course.show(progress)

    async def _search(self, course: _Course) -> Period | None:
        course.show(Progress(Phase.SEARCHING))
        run = course.run
        period = run.period or await self._held(course, lambda unit: unit.statements.span(run.id))
        if period is None:
            return None

        async def begin(unit: Unit, since: datetime = period.since) -> datetime | None:
            await course.note(unit, Progress(Phase.SEARCHING))
            return await unit.statements.covered_since(run.provider, since)

        covered = await self._held(course, begin)
        for searched in Searched.of(period, self.rules.margin, covered).slices():
            await self._search_slice(course, searched)
        return period

    async def _search_slice(self, course: _Course, searched: Searched) -> None:
        behind: Booked | None = None
        while True:
            page = partial(self._note_absent, course=course, searched=searched, behind=behind)
            absent = await self._held(course, page)
            self._not_too_many(course)
            if len(absent) < self.rules.page:
                return
            behind = absent[-1]

    async def _note_absent(
        self, unit: Unit, course: _Course, searched: Searched, behind: Booked | None
    ) -> list[Booked]:
        run, now = course.run, self.clock.now()
        found = await unit.statements.absent(
            run.provider, searched, self.rules.page, behind, run_id=run.id
        )
        finder = run.finder(now)
        breaks = [
            finder.without_line(self.chance.cash_out_id(), each)
            for each in found
            if each.status in ENDINGS
        ]
        await unit.statements.found(run.id, breaks)
        course.broken += len(breaks)
        for each in found:
            if each.status not in ENDINGS:
                age = age_of(each.created_at, now)
                course.unsettled[age] = course.unsettled.get(age, 0) + 1
        return found

    def _not_too_many(self, course: _Course) -> None:
        if course.broken > self.rules.most_breaks:
            raise TooMuch(
                f"more than {self.rules.most_breaks} breaks:"
                " is this the right provider, file and period?"
            )

    def _stopped(self, course: _Course, why: str) -> Run:
        now = self.clock.now()
        return replace(course.run, state=RunState.STOPPED, finished_at=now, detail=why)

    async def _close(self, course: _Course, run: Run) -> Run:
        """Keep the run as it is now and let go of the provider.

        Not when it was discarded, or when its file was begun again meanwhile by somebody else.
        """

        async def close(unit: Unit) -> None:
            kept = await unit.statements.run(run.id)
            if kept is not None and kept.times == run.times:
                await unit.statements.save(run)
            await unit.leases.release(lease_of(run.provider), course.begun.token)

        await self._attempt(close)
        return run

    async def _held(self, course: _Course, work: Callable[[Unit], Awaitable[Result]]) -> Result:
        """Do work in a transaction that prolongs the lease, while nobody has begun the run anew."""
        run, token = course.run, course.begun.token

        async def under_lease(unit: Unit) -> Result:
            now = self.clock.now()
            taken = await unit.leases.take(lease_of(run.provider), token, now, now + LEASE)
            kept = await unit.statements.run(run.id) if taken else None
            if kept is None or kept.times != run.times:
                raise LeaseLost("another run of this provider has begun meanwhile")
            return await work(unit)

        return await self._attempt(under_lease)

    async def _attempt(self, work: Callable[[Unit], Awaitable[Result]]) -> Result:
        """Do it in a transaction; whatever is done here can be done again."""

        async def once() -> Result:
            async with self.units.begin() as unit:
                return await work(unit)

        return await self._patiently(once)

    async def _tell(self, arrivals: Sequence[Arrival]) -> list[Recorded]:
        """Have the judge of news hear; what it has heard already changes nothing."""
        return await self._patiently(lambda: self.record(arrivals))

    async def _patiently(self, doing: Callable[[], Awaitable[Result]]) -> Result:
        """Do something, again after a conflict or when the store was away for a moment."""
        for _ in range(MOST_TRIES - 1):
            try:
                return await doing()
            except Conflict:
                continue
            except (Overloaded, StorageUnavailable):
                await self.clock.sleep(PAUSE)
        return await doing()


def printable(name: str) -> str:
    """Return a file's name as it can be shown: bounded, and without control characters."""
    return "".join(each if each.isprintable() else "?" for each in name)[:LONGEST_NAME]
