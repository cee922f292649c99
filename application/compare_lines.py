"""Compare lines: a page of a statement's lines is judged, what it proves is told, all is kept."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from application.ports import Chance, Clock, Unit
from application.ports.statements import Effect, LineResult, Payment, StoredLine
from application.record_news import Arrival, Recorded
from domain.evidence import Source
from domain.reports import Report
from domain.runs import Run
from domain.statements import (
    Booked,
    BreakKind,
    Judged,
    LineKind,
    Match,
    Place,
    Rule,
    StatementLine,
    Window,
    choose,
    is_further,
    judge_line,
    judge_stranger,
    supposing_paid,
)
from domain.states import ENDINGS, Verdict

TOLD_AT_ONCE: Final = 200
"""How many lines the judge of news is told of in one transaction."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Lines as they were kept, each with what became of it now; None: it is left for later."""

    lines: tuple[StoredLine, ...]
    judged: tuple[Judged | None, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """A line as it was kept, as it is to be kept, and what became of it."""

    before: StoredLine
    after: StoredLine
    judged: Judged | None


@dataclass(frozen=True, slots=True)
class CompareLines:
    """Compares the lines of one run, a page after the other."""

    run: Run
    tell_judge: Callable[[Sequence[Arrival]], Awaitable[list[Recorded]]]
    clock: Clock
    chance: Chance
    window: Window

    async def take(self, unit: Unit, most: int, behind: Place | None, *, loose: bool) -> Taken:
        """Return a page of lines judged. loose: those that neither id nor reference was found for.

        Nothing is written.
        """
        lines = await unit.statements.lines(self.run.id, most, behind, loose=loose)
        judge = self._by_likeness if loose else self._by_name
        return Taken(tuple(lines), await judge(unit, lines))

    async def _by_name(self, unit: Unit, lines: Sequence[StoredLine]) -> tuple[Judged | None, ...]:
        plain = [each.line for each in lines]
        matches = await unit.statements.matches(self.run.provider, plain)
        ids = {matches[line.digest].booked.id for line in plain if line.digest in matches}
        paid = await unit.statements.payments(self.run.id, sorted(ids)) if ids else []
        before: dict[UUID, list[Payment]] = {}
        for payment in paid:
            before.setdefault(payment.cash_out_id, []).append(payment)
        judged: list[Judged | None] = []
        for line in plain:
            match = matches.get(line.digest)
            if match is None:
                judged.append(None if _may_fit(line) else judge_stranger(line, 0))
                continue
            own = before.setdefault(match.booked.id, [])
            finding = self._judged(line, match, own)
            judged.append(finding)
            result = LineResult.BROKEN if finding.broken else LineResult.MATCHED
            own.append(Payment(self.run.id, match.booked.id, line, result))
        return tuple(judged)

    def _judged(self, line: StatementLine, match: Match, own: Sequence[Payment]) -> Judged:
        """Return what becomes of a line, given what the lines before it say of the same."""
        before = _come_before(line, self.run.id, own)
        paid = (each.line for each in before if each.result is LineResult.MATCHED)
        match = replace(match, booked=supposing_paid(match.booked, paid))
        further = is_further(line, match.booked, [each.line for each in before])
        return judge_line(line, match, further=further)

    async def _by_likeness(self, unit: Unit, lines: Sequence[StoredLine]) -> tuple[Judged, ...]:
        plain = [each.line for each in lines]
        fitting = await unit.statements.fitting(self.run.id, self.run.provider, plain, self.window)
        given: set[UUID] = set()
        judged: list[Judged] = []
        for line in plain:
            free: list[Booked] = [each for each in fitting[line.digest] if each.id not in given]
            chosen = choose(line, free, self.window)
            if chosen is None:
                judged.append(judge_stranger(line, len(free)))
                continue
            judged.append(judge_line(line, Match(chosen, Rule.NUMBER_AND_AMOUNT), further=False))
            # What is open and only said to have failed may still be what another line has paid.
            if line.paid or (judged[-1].broken is not None and chosen.status in ENDINGS):
                given.add(chosen.id)
        return tuple(judged)

    async def tell(self, taken: Taken) -> list[Settled]:
        """Tell the judge of news what these lines prove, each once; return what to keep.

        A rehearsal tells nobody, and notes what it would have done.
        """
        pairs = list(zip(taken.lines, taken.judged, strict=True))
        news = [
            (stored, judged)
            for stored, judged in pairs
            if judged is not None and judged.tell and stored.effect is Effect.NONE
        ]
        heard: dict[str, Recorded | None] = {each.line.digest: None for each, _ in news}
        if not self.run.rehearsal:
            for start in range(0, len(news), TOLD_AT_ONCE):
                some = news[start : start + TOLD_AT_ONCE]
                recorded = await self.tell_judge([self._arrival(*each) for each in some])
                digests = (each.line.digest for each, _ in some)
                heard.update(zip(digests, recorded, strict=True))
        return [_settled(stored, judged, heard) for stored, judged in pairs]

    def _arrival(self, stored: StoredLine, judged: Judged) -> Arrival:
        line = stored.line
        report = Report(
            source=Source.STATEMENT,
            finding=line.news,
            digest=line.digest,
            raw=line.raw,
            permille=self.chance.permille(),
            happened_at=line.at,
        )
        booked = judged.match.booked.id if judged.match else None
        return Arrival(self.run.provider, report, cash_out_id=booked)

    async def keep(self, unit: Unit, settled: Sequence[Settled]) -> int:
        """Keep what became of these lines; return how many breaks there are among them."""
        changed = [each.after for each in settled if each.after != each.before]
        if changed:
            await unit.statements.judged(self.run.id, changed)
        finder = self.run.finder(self.clock.now())
        breaks = [
            finder.in_line(self.chance.cash_out_id(), judged.broken, each.after.line, judged)
            for each in settled
            if (judged := each.judged) is not None and judged.broken is not None
        ]
        if breaks:
            await unit.statements.found(self.run.id, breaks)
        return len(breaks)


def _may_fit(line: StatementLine) -> bool:
    """Tell whether a line that names nothing of ours may still be found by likeness."""
    return line.kind is LineKind.PAYMENT and line.reference is None and line.msisdn is not None


def _come_before(line: StatementLine, run_id: UUID, payments: Iterable[Payment]) -> list[Payment]:
    """Return what comes before a line: earlier lines of this run, and matched ones of other runs.

    The same movement in another statement is no further one: statements overlap.
    """
    return [
        each
        for each in payments
        if each.line.digest != line.digest
        and (
            each.line.place < line.place
            if each.run_id == run_id
            else each.result is LineResult.MATCHED and not line.is_same_movement(each.line)
        )
    ]


def _settled(
    stored: StoredLine, judged: Judged | None, heard: dict[str, Recorded | None]
) -> Settled:
    if judged is None:
        after = replace(stored, result=LineResult.LOOSE, rule=None, cash_out_id=None)
        return Settled(stored, after, None)
    effect = stored.effect
    if stored.line.digest in heard:
        recorded = heard[stored.line.digest]
        effect = _effect(judged, recorded)
        judged = _as_heard(judged, recorded)
    after = replace(
        stored,
        result=LineResult.MATCHED if judged.broken is None else LineResult.BROKEN,
        rule=judged.match.rule if judged.match else None,
        cash_out_id=judged.match.booked.id if judged.match else None,
        effect=effect,
    )
    return Settled(stored, after, judged)


def _effect(judged: Judged, recorded: Recorded | None) -> Effect:
    """Return what telling has done, or in a rehearsal would have."""
    if recorded is None:
        was_open = judged.match is not None and judged.match.booked.status not in ENDINGS
        return Effect.SETTLED if was_open and judged.broken is None else Effect.TOLD
    change = recorded.change
    ended = change is not None and change.after.ended and not change.before.ended
    return Effect.SETTLED if ended else Effect.TOLD


_DISAGREES: Final = {
    Verdict.MISMATCH: BreakKind.AMOUNT_DIFFERS,
    Verdict.CONTRADICTION: BreakKind.STATUS_DIFFERS,
}


def _as_heard(judged: Judged, recorded: Recorded | None) -> Judged:
    """Return the finding; a break where the judge disagrees with what was found a moment ago."""
    change = recorded.change if recorded else None
    kind = _DISAGREES.get(change.verdict) if change else None
    if judged.broken is not None or kind is None:
        return judged
    return replace(judged, broken=kind, detail="the judge of news found that it disagrees")
