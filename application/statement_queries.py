"""Statement queries: runs and breaks as operators read them, and breaks that they explain."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from application.callers import Caller, Permission
from application.ports import Clock, Units
from application.ports.audit import AuditEntry
from application.ports.statements import BreakFilter, BreakPlace, Malformed, RunPlace
from domain.breaks import LONGEST_NOTE, Age, Break
from domain.refusals import NotFound
from domain.runs import Run
from domain.statement_refusals import InvalidNote

LARGEST_PAGE = 200
"""Runs, breaks or lines that are read at once."""


@dataclass(frozen=True, slots=True)
class RunShown:
    """A run, and how many of its breaks are open at this moment."""

    run: Run
    open_breaks: int


@dataclass(frozen=True, slots=True)
class ReadStatements:
    """Reads runs and breaks; every method raises Forbidden, and NotFound where one is named.

    A page is at most LARGEST_PAGE long, whatever is asked for.
    """

    units: Units
    clock: Clock

    async def runs(
        self,
        caller: Caller,
        limit: int,
        *,
        provider: str | None = None,
        behind: RunPlace | None = None,
    ) -> list[RunShown]:
        """Return runs, newest first."""
        caller.must(Permission.SEE_ALL)
        async with self.units.begin() as unit:
            found = await unit.statements.runs(min(limit, LARGEST_PAGE), provider, behind)
            still_open = await unit.statements.open_breaks([run.id for run in found])
        return [_shown_to(caller, run, still_open.get(run.id, 0)) for run in found]

    async def run(self, caller: Caller, run_id: UUID) -> RunShown:
        """Return one run."""
        caller.must(Permission.SEE_ALL)
        async with self.units.begin() as unit:
            found = await unit.statements.run(run_id)
            if found is None:
                raise NotFound("run")
            still_open = await unit.statements.open_breaks([run_id])
        return _shown_to(caller, found, still_open.get(run_id, 0))

    async def malformed(
        self, caller: Caller, run_id: UUID, limit: int, behind: int = 0
    ) -> list[Malformed]:
        """Return a run's lines that could not be read, from behind a number."""
        caller.must(Permission.SEE_ALL)
        async with self.units.begin() as unit:
            return await unit.statements.malformed(run_id, min(limit, LARGEST_PAGE), behind)

    async def breaks(
        self,
        caller: Caller,
        which: BreakFilter,
        limit: int,
        behind: BreakPlace | None = None,
    ) -> list[Break]:
        """Return breaks, those of the oldest money first, as the caller may read them."""
        caller.must(Permission.SEE_ALL)
        async with self.units.begin() as unit:
            found = await unit.statements.breaks(which, min(limit, LARGEST_PAGE), behind)
        return [_seen_by(caller, each) for each in found]

    async def ageing(self, caller: Caller, provider: str | None = None) -> Mapping[Age, int]:
        """Return how many breaks are open now, by age."""
        caller.must(Permission.SEE_ALL)
        async with self.units.begin() as unit:
            return await unit.statements.ageing(provider, self.clock.now())


@dataclass(frozen=True, slots=True)
class ExplainBreak:
    """Notes why the books disagree. Nothing else changes: no state, and no money."""

    units: Units
    clock: Clock

    async def __call__(self, caller: Caller, break_id: UUID, note: str) -> Break:
        """Return the break as explained; raise Forbidden, InvalidNote or NotFound.

        A break can be explained again; the operators' log keeps what was said before.
        """
        caller.must(Permission.RECONCILE)
        said = note.strip()
        if not 0 < len(said) <= LONGEST_NOTE or any(map(_is_control, said)):
            raise InvalidNote(LONGEST_NOTE)
        now = self.clock.now()
        async with self.units.begin() as unit:
            found = await unit.statements.one_break(break_id)
            if found is None:
                raise NotFound("break")
            explained = found.explained(said, caller.name, now)
            await unit.statements.change(explained)
            facts = {"kind": str(found.kind), "was": str(found.state), "note": said}
            entry = AuditEntry(now, caller.name, "break.explained", str(break_id), facts)
            await unit.audit.append(entry)
        return explained


def _seen_by(caller: Caller, known: Break) -> Break:
    note = None if known.note is None else caller.reads(known.note)
    reference = None if known.reference is None else caller.reads_name(known.reference)
    return replace(known, note=note, reference=reference)


def _shown_to(caller: Caller, run: Run, open_breaks: int) -> RunShown:
    return RunShown(replace(run, file_name=caller.reads_name(run.file_name)), open_breaks)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) == "Cc" and character not in "\n\t"
