"""Statements in memory: runs, lines and breaks, found by going through them all."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.memory.store import Staging
from application.ports.statements import (
    BreakFilter,
    BreakPlace,
    LineResult,
    Malformed,
    Payment,
    RunPlace,
    StoredLine,
)
from application.statement_tally import BreaksOf, LinesOf, Sum, tally_of
from domain.breaks import Age, Break, BreakState, age_of
from domain.cash_out import CashOut
from domain.runs import Period, Run, RunState, Searched, Tally
from domain.statements import (
    Booked,
    LineKind,
    Match,
    Place,
    Rule,
    StatementLine,
    Window,
    fits,
)
from domain.states import ENDINGS, Status


class MemoryStatements:
    """Implements `Statements`."""

    def __init__(self, staging: Staging) -> None:
        self._now = staging

    async def save(self, run: Run) -> None:
        """Keep a run, or what became of it."""
        self._now.runs.put(run.id, run)

    async def run(self, run_id: UUID) -> Run | None:
        """Return a run."""
        return self._now.runs.get(run_id)

    async def run_of(self, provider: str, file_digest: str) -> Run | None:
        """Return the run of this very file, rehearsals apart."""
        own = (run for run in self._runs(provider) if run.file_digest == file_digest)
        return next(own, None)

    async def runs(
        self, limit: int, provider: str | None = None, behind: RunPlace | None = None
    ) -> list[Run]:
        """Return runs, newest first, rehearsals apart."""
        newest = sorted(
            self._runs(provider), key=lambda run: (run.started_at, run.id), reverse=True
        )
        if behind is not None:
            edge = (behind.started_at, behind.id)
            newest = [run for run in newest if (run.started_at, run.id) < edge]
        return newest[:limit]

    async def rehearsals(self, provider: str) -> list[UUID]:
        """Return the rehearsals that are still kept."""
        kept = (self._now.runs.get(each) for each in self._now.runs)
        return [run.id for run in kept if run and run.rehearsal and run.provider == provider]

    async def discard(self, run_id: UUID) -> None:
        """Remove a rehearsal with all that it has found."""
        run = self._now.runs.get(run_id)
        if run is None or not run.rehearsal:
            return
        for run_and_break in [each for each in self._now.found if each[0] == run_id]:
            gone = self._now.breaks.get(run_and_break[1])
            if gone is not None and gone.run_id == run_id:
                self._now.breaks.remove(gone.id)
                self._now.break_keys.remove(gone.key)
        await self.begin(run_id)
        for own in [each for each in self._now.lines if each[0] == run_id]:
            self._now.lines.remove(own)
        self._now.runs.remove(run_id)

    async def prune(self, finished_before: datetime, largest: int) -> int:
        """Remove so many matched lines of a run that finished before a moment; return how many."""
        old = [run for run in self._runs() if _ended_before(run, finished_before)]
        for run in sorted(old, key=lambda each: (each.finished_at or each.started_at, each.id)):
            gone = self._done_with(run)[:largest]
            for digest in gone:
                self._now.lines.remove((run.id, digest))
            if gone:
                self._now.runs.put(run.id, replace(run, pruned=True))
                return len(gone)
        return 0

    async def begin(self, run_id: UUID) -> None:
        """Forget what the run has found so far."""
        for number in [each for each in self._now.malformed if each[0] == run_id]:
            self._now.malformed.remove(number)
        for found in [each for each in self._now.found if each[0] == run_id]:
            self._now.found.remove(found)

    async def stage(self, run_id: UUID, lines: Sequence[StatementLine]) -> int:
        """Keep lines; return how many of them stand in the run's file a second time."""
        repeated = 0
        for line in lines:
            kept = self._now.lines.get((run_id, line.digest))
            if kept is not None and kept.line.number != line.number:
                repeated += 1
            elif kept is None or kept.line != line:
                self._now.lines.put((run_id, line.digest), StoredLine(line))
        return repeated

    async def note_malformed(self, run_id: UUID, malformed: Sequence[Malformed]) -> None:
        """Keep which lines could not be read."""
        for each in malformed:
            self._now.malformed.put((run_id, each.number), each)

    async def malformed(self, run_id: UUID, limit: int, behind: int = 0) -> list[Malformed]:
        """Return the lines that could not be read, by number, from behind a number."""
        kept = (self._now.malformed.get(each) for each in self._now.malformed if each[0] == run_id)
        own = (each for each in kept if each is not None and each.number > behind)
        return sorted(own, key=lambda each: each.number)[:limit]

    async def span(self, run_id: UUID) -> Period | None:
        """Return the times of the first and the last line, None without lines."""
        times = [each.line.at for each in self._lines(run_id)]
        return Period(min(times), max(times)) if times else None

    async def lines(
        self, run_id: UUID, limit: int, behind: Place | None = None, *, loose: bool = False
    ) -> list[StoredLine]:
        """Return lines in the order of judging, behind a place; the loose ones only, if asked."""
        wanted = [
            each
            for each in self._lines(run_id)
            if (behind is None or each.line.place > behind)
            and (not loose or each.result is LineResult.LOOSE)
        ]
        return sorted(wanted, key=lambda each: each.line.place)[:limit]

    async def matches(self, provider: str, lines: Sequence[StatementLine]) -> dict[str, Match]:
        """Return, by digest, which cash-out each line names: by their id, or else our reference."""
        found = {line.digest: self._named(provider, line) for line in lines}
        return {digest: match for digest, match in found.items() if match is not None}

    async def fitting(
        self, run_id: UUID, provider: str, lines: Sequence[StatementLine], window: Window
    ) -> dict[str, tuple[Booked, ...]]:
        """Return, by digest, the cash-outs that fit a line and have no line."""
        linked = list(self._linked(run_id))
        spoken_of = {each.cash_out_id for each in linked if each.speaks}
        paid = {each.cash_out_id for each in linked if each.line.paid}
        free = [
            each
            for each in self._booked(provider)
            if each.id not in (spoken_of if each.status in ENDINGS else paid)
        ]
        return {line.digest: tuple(b for b in free if fits(line, b, window)) for line in lines}

    async def payments(self, run_id: UUID, ids: Sequence[UUID]) -> list[Payment]:
        """Return the kept lines that say that these cash-outs were paid."""
        wanted = set(ids)
        linked = (each for each in self._linked(run_id) if each.line.paid)
        return [each for each in linked if each.cash_out_id in wanted]

    async def judged(self, run_id: UUID, judged: Sequence[StoredLine]) -> None:
        """Keep what became of lines of a run."""
        for each in judged:
            self._now.lines.put((run_id, each.line.digest), each)

    async def found(self, run_id: UUID, breaks: Sequence[Break]) -> None:
        """Keep breaks as found by a run. One that is known stays as it is; resolved, it reopens."""
        for each in breaks:
            known_id = self._now.break_keys.get(each.key)
            known = self._now.breaks.get(known_id) if known_id is not None else None
            if known is None:
                self._now.breaks.put(each.id, each)
                self._now.break_keys.put(each.key, each.id)
            elif known.state is BreakState.RESOLVED:
                self._now.breaks.put(known.id, replace(known, state=BreakState.OPEN))
            self._now.found.put((run_id, known.id if known else each.id), value=True)

    async def absent(
        self,
        provider: str,
        searched: Searched,
        limit: int,
        behind: Booked | None = None,
        *,
        run_id: UUID,
    ) -> list[Booked]:
        """Return cash-outs of which no line speaks."""
        spoken_of = {each.cash_out_id for each in self._linked(run_id) if each.speaks}
        edge = (behind.created_at, behind.id) if behind else None
        found = [
            each
            for each in self._booked(provider)
            if (each.status is Status.COMPLETED or each.status not in ENDINGS)
            and searched.since <= each.created_at < searched.before
            and (each.completed_at or each.created_at) <= searched.until
            and each.id not in spoken_of
            and (edge is None or (each.created_at, each.id) > edge)
        ]
        return sorted(found, key=lambda each: (each.created_at, each.id))[:limit]

    async def covered_since(self, provider: str, at: datetime) -> datetime | None:
        """Return when the period began of the earliest whole run that reaches up to `at`."""
        periods = [
            run.period
            for run in self._runs(provider)
            if run.state is RunState.FINISHED and run.period is not None and not run.pruned
        ]
        reaching = [each.since for each in periods if each.since < at <= each.until]
        return min(reaching, default=None)

    async def resolve(self, run_id: UUID, provider: str, at: datetime) -> int:
        """Note as resolved what is open and what this run has seen in agreement."""
        matched = [each for each in self._lines(run_id) if each.result is LineResult.MATCHED]
        digests = {each.line.digest for each in matched}
        ids = {each.cash_out_id for each in matched}
        resolved = [
            each
            for each in self._breaks()
            if each.provider == provider
            and each.state is BreakState.OPEN
            and self._now.found.get((run_id, each.id)) is None
            and (each.digest in digests or (each.digest is None and each.cash_out_id in ids))
        ]
        for each in resolved:
            self._now.breaks.put(
                each.id, replace(each, state=BreakState.RESOLVED, changed_at=at, changed_by=None)
            )
        return len(resolved)

    async def tally(self, run_id: UUID) -> Tally:
        """Return what became of the run's lines, counted from what is kept."""
        lines: dict[LinesOf, Sum] = {}
        for each in self._lines(run_id):
            amount, fee = each.line.amount, each.line.fee
            which = LinesOf(amount.currency.code, each.result or LineResult.LOOSE, each.effect)
            so_far = lines.get(which, Sum(0))
            fees = so_far.fees + (fee.minor if fee else 0)
            lines[which] = Sum(so_far.count + 1, so_far.minor + amount.minor, fees)
        breaks: dict[BreaksOf, Sum] = {}
        for known in self._breaks():
            if self._now.found.get((run_id, known.id)):
                here = known.here
                of = BreaksOf(known.kind, known.state, here.currency.code if here else None)
                before = breaks.get(of, Sum(0))
                breaks[of] = Sum(before.count + 1, before.minor + (here.minor if here else 0))
        malformed = sum(1 for each in self._now.malformed if each[0] == run_id)
        return tally_of(lines, breaks, malformed)

    async def breaks(
        self, which: BreakFilter, limit: int, behind: BreakPlace | None = None
    ) -> list[Break]:
        """Return breaks, those of the oldest money first."""
        edge = (behind.at, behind.id) if behind else None
        found = [
            each
            for each in self._breaks()
            if self._is_meant(each, which) and (edge is None or (each.at, each.id) > edge)
        ]
        return sorted(found, key=lambda each: (each.at, each.id))[:limit]

    async def open_breaks(self, run_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        """Return how many of the breaks that runs have found are open now; 0 is left out."""
        counted: Counter[UUID] = Counter()
        for run_id, break_id in self._now.found:
            known = self._now.breaks.get(break_id)
            if run_id in run_ids and known is not None and known.state is BreakState.OPEN:
                counted[run_id] += 1
        return counted

    async def ageing(self, provider: str | None, now: datetime) -> Mapping[Age, int]:
        """Return how many breaks are open, by age."""
        return Counter(
            age_of(each.at, now)
            for each in self._breaks()
            if each.state is BreakState.OPEN
            and (provider is None or each.provider == provider)
            and not self._is_rehearsed(each)
        )

    async def one_break(self, break_id: UUID) -> Break | None:
        """Return a break."""
        return self._now.breaks.get(break_id)

    async def change(self, changed: Break) -> None:
        """Keep what became of a break."""
        self._now.breaks.put(changed.id, changed)

    def _runs(self, provider: str | None = None) -> Iterator[Run]:
        for each in self._now.runs:
            run = self._now.runs.get(each)
            if run and not run.rehearsal and provider in {None, run.provider}:
                yield run

    def _lines(self, run_id: UUID) -> Iterator[StoredLine]:
        for each in self._now.lines:
            kept = self._now.lines.get(each)
            if kept is not None and each[0] == run_id:
                yield kept

    def _linked(self, also: UUID | None = None) -> Iterator[Payment]:
        """Yield payments that are about cash-outs; of rehearsals only those of the one named."""
        for each in self._now.lines:
            kept, run = self._now.lines.get(each), self._now.runs.get(each[0])
            if kept is None or kept.cash_out_id is None or run is None or kept.result is None:
                continue
            if kept.line.kind is LineKind.PAYMENT and (not run.rehearsal or run.id == also):
                yield Payment(run.id, kept.cash_out_id, kept.line, kept.result)

    def _done_with(self, run: Run) -> list[str]:
        """Return the digests of matched lines about which, or whose like, no break is open."""
        still_open = [each for each in self._breaks() if each.state is BreakState.OPEN]
        ids = {each.cash_out_id for each in still_open}
        digests = {each.digest for each in still_open}
        return [
            each.line.digest
            for each in self._lines(run.id)
            if each.result is LineResult.MATCHED
            and each.cash_out_id not in ids
            and each.line.digest not in digests
            and not any(self._is_alike(wanted, each) for wanted in still_open)
        ]

    def _is_alike(self, wanted: Break, kept: StoredLine) -> bool:
        """Tell whether an unknown payment may be about the cash-out of a line."""
        cash_out = self._now.cash_outs.get(kept.cash_out_id) if kept.cash_out_id else None
        return cash_out is not None and wanted.may_be_of(
            cash_out.provider, kept.line.amount, cash_out.created_at
        )

    def _breaks(self) -> Iterator[Break]:
        for each in self._now.breaks:
            known = self._now.breaks.get(each)
            if known is not None:
                yield known

    def _is_rehearsed(self, known: Break) -> bool:
        run = self._now.runs.get(known.run_id)
        return run is not None and run.rehearsal

    def _is_meant(self, known: Break, which: BreakFilter) -> bool:
        if which.run_id is None and self._is_rehearsed(known):
            return False
        return (
            (which.run_id is None or self._now.found.get((which.run_id, known.id)) is not None)
            and which.provider in {None, known.provider}
            and which.state in {None, known.state}
            and which.kind in {None, known.kind}
            and which.cash_out_id in {None, known.cash_out_id}
        )

    def _booked(self, provider: str) -> Iterator[Booked]:
        for each in self._now.cash_outs:
            cash_out = self._now.cash_outs.get(each)
            if cash_out is not None and cash_out.provider == provider:
                yield booked(cash_out)

    def _named(self, provider: str, line: StatementLine) -> Match | None:
        theirs = line.provider_transaction_id
        by_id = self._now.by_provider_id.get((provider, theirs)) if theirs else None
        if by_id is not None:
            return self._match(by_id, Rule.THEIR_ID)
        ours = self._now.by_reference.get(line.reference) if line.reference else None
        found = self._now.cash_outs.get(ours) if ours is not None else None
        if found is None or found.provider != provider:
            return None
        return self._match(found.id, Rule.OUR_REFERENCE)

    def _match(self, cash_out_id: UUID, rule: Rule) -> Match | None:
        found = self._now.cash_outs.get(cash_out_id)
        return None if found is None else Match(booked(found), rule)


def booked(cash_out: CashOut) -> Booked:
    """Return what our books say of a cash-out."""
    return Booked(
        id=cash_out.id,
        reference=cash_out.reference,
        provider_transaction_id=cash_out.provider_transaction_id,
        msisdn=cash_out.payee.msisdn,
        amount=cash_out.amount,
        status=cash_out.status,
        created_at=cash_out.created_at,
        completed_at=cash_out.completed_at,
    )


def _ended_before(run: Run, at: datetime) -> bool:
    ended_at = run.finished_at if run.state is RunState.FINISHED else None
    return ended_at is not None and ended_at < at
