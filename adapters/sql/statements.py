"""Statements in SQL: runs, lines and breaks, a fixed number of statements for any batch."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from adapters.sql import break_queries as ask
from adapters.sql import statement_queries as say
from adapters.sql.rows import Row
from adapters.sql.session import Session
from adapters.sql.statement_rows import (
    booked_from_row,
    break_from_row,
    break_to_row,
    edge_of,
    line_from_row,
    line_to_row,
    match_from_row,
    run_from_row,
    run_to_row,
    stored_line,
)
from adapters.sql.statement_tables import found_breaks, statement_lines, statement_malformed
from application.ports.statements import (
    BreakFilter,
    BreakPlace,
    Effect,
    LineResult,
    Malformed,
    Payment,
    RunPlace,
    StoredLine,
)
from application.statement_tally import BreaksOf, LinesOf, Sum, tally_of
from domain.breaks import AGES, Age, Break, BreakState
from domain.runs import Period, Run, Searched, Tally
from domain.statements import (
    Booked,
    BreakKind,
    Match,
    Place,
    Rule,
    StatementLine,
    Window,
    fits,
)

_FIRST: Final = datetime(1, 1, 2, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 30, tzinfo=UTC)


class SqlStatements:
    """Implements `Statements`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def save(self, run: Run) -> None:
        """Keep a run, or what became of it."""
        await self._session.write(say.SAVED_RUNS, [run_to_row(run)])

    async def run(self, run_id: UUID) -> Run | None:
        """Return a run."""
        rows = await self._session.rows(say.one_run(), {"run": run_id})
        return run_from_row(rows[0]) if rows else None

    async def run_of(self, provider: str, file_digest: str) -> Run | None:
        """Return the run of this very file, rehearsals apart."""
        given = {"this_provider": provider, "this_file": file_digest}
        rows = await self._session.rows(say.run_of_file(), given)
        return run_from_row(rows[0]) if rows else None

    async def runs(
        self, limit: int, provider: str | None = None, behind: RunPlace | None = None
    ) -> list[Run]:
        """Return runs, newest first, rehearsals apart."""
        statement = say.newest_runs(of_provider=provider is not None, behind=behind is not None)
        edge = edge_of(behind.started_at, behind.id) if behind else {}
        given = {"most": limit, "this_provider": provider, **edge}
        return [run_from_row(row) for row in await self._session.rows(statement, given)]

    async def rehearsals(self, provider: str) -> list[UUID]:
        """Return the rehearsals that are still kept."""
        rows = await self._session.rows(say.rehearsals(), {"this_provider": provider})
        return [row["id"] for row in rows]

    async def discard(self, run_id: UUID) -> None:
        """Remove a rehearsal with all that it has found."""
        known = await self.run(run_id)
        if known is None or not known.rehearsal:
            return
        await self.begin(run_id)
        this = {"run": run_id}
        await self._session.run(ask.own_breaks(), this)
        await self._session.run(say.forget(statement_lines), this)
        await self._session.run(say.forget_run(), this)

    async def prune(self, finished_before: datetime, largest: int) -> int:
        """Remove so many matched lines of a run that finished before a moment; return how many."""
        dialect = self._session.dialect
        held = await self._session.rows(ask.prunable_run(dialect), {"before": finished_before})
        if not held:
            return 0
        this = {"run": held[0]["id"]}
        await self._session.run(ask.note_pruned(), this)
        given = {**this, "most": largest}
        return int((await self._session.run(ask.prune_lines(dialect), given)).rowcount)

    async def begin(self, run_id: UUID) -> None:
        """Forget what the run has found so far."""
        for table in (statement_malformed, found_breaks):
            await self._session.run(say.forget(table), {"run": run_id})

    async def stage(self, run_id: UUID, lines: Sequence[StatementLine]) -> int:
        """Keep lines; return how many of them stand in the run's file a second time."""
        first: dict[str, StatementLine] = {}
        for line in lines:
            first.setdefault(line.digest, line)
        repeated = len(lines) - len(first)
        rows = [line_to_row(run_id, line) for line in first.values()]
        if await self._session.write(say.NEW_LINES, rows) == len(rows):
            return repeated
        return repeated + await self._compared(run_id, first)

    async def _compared(self, run_id: UUID, lines: Mapping[str, StatementLine]) -> int:
        """Write lines anew that are read differently now; return how many are repeated ones."""
        dialect = self._session.dialect
        digests = [(run_id, digest) for digest in lines]
        rows = await self._session.rows_for(say.kept_lines(dialect), say.DIGESTS, digests)
        kept = [line_from_row(row) for row in rows]
        repeated = [each for each in kept if each.number != lines[each.digest].number]
        again = {each.digest for each in repeated}
        changed = [
            lines[each.digest]
            for each in kept
            if each.digest not in again and each != lines[each.digest]
        ]
        if changed:
            gone = [(run_id, line.digest) for line in changed]
            await self._session.run_for(say.drop_lines(dialect), say.DIGESTS, gone)
            anew = [line_to_row(run_id, line) for line in changed]
            await self._session.write(say.NEW_LINES, anew)
        return len(repeated)

    async def note_malformed(self, run_id: UUID, malformed: Sequence[Malformed]) -> None:
        """Keep which lines could not be read."""
        rows = [
            {"run_id": run_id, "number": each.number, "reason": each.reason} for each in malformed
        ]
        if rows:
            await self._session.write(say.NEW_MALFORMED, rows)

    async def malformed(self, run_id: UUID, limit: int, behind: int = 0) -> list[Malformed]:
        """Return the lines that could not be read, by number, from behind a number."""
        given = {"run": run_id, "most": limit, "behind": behind}
        rows = await self._session.rows(say.malformed_lines(), given)
        return [Malformed(**row) for row in rows]

    async def span(self, run_id: UUID) -> Period | None:
        """Return the times of the first and the last line, None without lines."""
        (row,) = await self._session.rows(say.span_of_lines(), {"run": run_id})
        return None if row["first"] is None else Period(row["first"], row["last"])

    async def lines(
        self, run_id: UUID, limit: int, behind: Place | None = None, *, loose: bool = False
    ) -> list[StoredLine]:
        """Return lines in the order of judging, behind a place; the loose ones only, if asked."""
        edge: dict[str, object] = {}
        if behind is not None:
            edge = {
                "edge_turn": behind.turn,
                "edge_at": behind.at,
                "edge_digest": behind.digest,
            }
        statement = say.lines_in_order(behind=behind is not None, loose=loose)
        rows = await self._session.rows(statement, {"run": run_id, "most": limit, **edge})
        return [stored_line(row) for row in rows]

    async def matches(self, provider: str, lines: Sequence[StatementLine]) -> dict[str, Match]:
        """Return, by digest, which cash-out each line names: by their id, or else our reference."""
        dialect = self._session.dialect
        by_id = [
            (provider, line.digest, line.provider_transaction_id)
            for line in lines
            if line.provider_transaction_id
        ]
        rows = await self._session.rows_for(say.named_by_them(dialect), say.NAMED, by_id)
        found = {row["digest"]: match_from_row(row, Rule.THEIR_ID) for row in rows}
        by_reference = [
            (provider, line.digest, line.reference)
            for line in lines
            if line.reference and line.digest not in found
        ]
        rows = await self._session.rows_for(say.named_by_us(dialect), say.NAMED, by_reference)
        return {
            **found,
            **{row["digest"]: match_from_row(row, Rule.OUR_REFERENCE) for row in rows},
        }

    async def fitting(
        self, run_id: UUID, provider: str, lines: Sequence[StatementLine], window: Window
    ) -> dict[str, tuple[Booked, ...]]:
        """Return, by digest, the cash-outs that fit a line and of which none speaks."""
        likenesses = [
            (
                line.digest,
                line.msisdn,
                line.amount.currency.code,
                line.amount.minor,
                line.at - window.before,
                line.at + window.after,
            )
            for line in lines
        ]
        given = {
            "run": run_id,
            "this_provider": provider,
            "first_of_all": min((each[4] for each in likenesses), default=_FIRST),
            "last_of_all": max((each[5] for each in likenesses), default=_LAST),
        }
        rows = await self._session.rows_for(
            say.fitting(self._session.dialect), say.LIKENESSES, likenesses, given
        )
        found: dict[str, list[Booked]] = {line.digest: [] for line in lines}
        for row in rows:
            if row["id"] is not None:
                found[row["digest"]].append(booked_from_row(row))
        return {
            line.digest: tuple(each for each in found[line.digest] if fits(line, each, window))
            for line in lines
        }

    async def payments(self, run_id: UUID, ids: Sequence[UUID]) -> list[Payment]:
        """Return the kept lines that say that these cash-outs were paid."""
        rows = await self._session.rows_for(
            say.payments_of(self._session.dialect),
            say.IDS,
            [(each,) for each in ids],
            {"run": run_id},
        )
        return [
            Payment(
                row["run_id"], row["cash_out_id"], line_from_row(row), LineResult(row["result"])
            )
            for row in rows
        ]

    async def judged(self, run_id: UUID, judged: Sequence[StoredLine]) -> None:
        """Keep what became of lines of a run."""
        rows = [
            (
                run_id,
                each.line.digest,
                each.result.value if each.result else None,
                each.rule.value if each.rule else None,
                each.cash_out_id,
                each.effect.value,
            )
            for each in judged
        ]
        await self._session.run_for(say.note_judged(self._session.dialect), say.JUDGED, rows)

    async def found(self, run_id: UUID, breaks: Sequence[Break]) -> None:
        """Keep breaks as found by a run. One that is known stays as it is; resolved, it reopens."""
        if not breaks:
            return
        await self._session.write(ask.NEW_BREAKS, [break_to_row(each) for each in breaks])
        keys = [(each.key,) for each in breaks]
        await self._session.run_for(
            ask.link_breaks(self._session.dialect), ask.KEYS, keys, {"run": run_id}
        )

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
        edge = edge_of(behind.created_at, behind.id) if behind else {}
        given = {
            "run": run_id,
            "this_provider": provider,
            "since": searched.since,
            "until": searched.until,
            "before": searched.before,
            "most": limit,
            **edge,
        }
        rows = await self._session.rows(say.absent(behind=behind is not None), given)
        return [booked_from_row(row) for row in rows]

    async def covered_since(self, provider: str, at: datetime) -> datetime | None:
        """Return when the period began of the earliest whole run that reaches up to `at`."""
        given = {"this_provider": provider, "edge_at": at}
        (row,) = await self._session.rows(say.covered_since(), given)
        since: datetime | None = row["since"]
        return since

    async def resolve(self, run_id: UUID, provider: str, at: datetime) -> int:
        """Note as resolved what is open and what this run has seen in agreement."""
        given = {"run": run_id, "this_provider": provider, "now": at}
        return sum(
            [
                (await self._session.run(ask.resolve(missing=missing), given)).rowcount
                for missing in (False, True)
            ]
        )

    async def tally(self, run_id: UUID) -> Tally:
        """Return what became of the run's lines, counted from what is kept."""
        this = {"run": run_id}
        lines: dict[LinesOf, Sum] = {}
        for row in await self._session.rows(ask.count_lines(), this):
            result = LineResult(row["result"] or LineResult.LOOSE)
            which = LinesOf(row["currency"], result, Effect(row["effect"]))
            before = lines.get(which, Sum(0))
            lines[which] = Sum(
                before.count + row["count"],
                before.minor + row["minor"],
                before.fees + row["fees"],
            )
        breaks = {
            BreaksOf(BreakKind(row["kind"]), BreakState(row["state"]), row["here_currency"]): Sum(
                row["count"], row["minor"]
            )
            for row in await self._session.rows(ask.count_breaks(), this)
        }
        (malformed,) = await self._session.rows(ask.count_malformed(), this)
        return tally_of(lines, breaks, malformed["count"])

    async def breaks(
        self, which: BreakFilter, limit: int, behind: BreakPlace | None = None
    ) -> list[Break]:
        """Return breaks, those of the oldest money first."""
        wanted: dict[str, object] = {
            "run": which.run_id,
            "this_provider": which.provider,
            "state": which.state.value if which.state else None,
            "kind": which.kind.value if which.kind else None,
            "cash_out": which.cash_out_id,
        }
        filters = {name: value for name, value in wanted.items() if value is not None}
        edge = edge_of(behind.at, behind.id) if behind else {}
        statement = ask.breaks_by(tuple(filters), behind=behind is not None)
        rows = await self._session.rows(statement, {**filters, **edge, "most": limit})
        return [break_from_row(row) for row in rows]

    async def open_breaks(self, run_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        """Return how many of the breaks that runs have found are open now; 0 is left out."""
        rows: list[Row] = list(
            await self._session.rows_for(
                ask.still_open(self._session.dialect), ask.RUNS, [(each,) for each in run_ids]
            )
        )
        return {row["run_id"]: row["count"] for row in rows}

    async def ageing(self, provider: str | None, now: datetime) -> Mapping[Age, int]:
        """Return how many breaks are open, by age."""
        edges = [*(now - under for under, _ in AGES), _FIRST]
        ages = [*(age for _, age in AGES), Age.OLDER]
        counted: dict[Age, int] = {}
        last = _LAST
        for first, age in zip(edges, ages, strict=True):
            given = {"first": first, "last": last, "this_provider": provider}
            statement = ask.open_since(of_provider=provider is not None)
            (row,) = await self._session.rows(statement, given)
            if row["count"]:
                counted[age] = row["count"]
            last = first
        return counted

    async def one_break(self, break_id: UUID) -> Break | None:
        """Return a break, locked until the transaction ends."""
        rows = await self._session.rows(ask.one_break(), {"this": break_id})
        return break_from_row(rows[0]) if rows else None

    async def change(self, changed: Break) -> None:
        """Keep what became of a break."""
        given = {
            "this": changed.id,
            "new_state": changed.state.value,
            "new_at": changed.changed_at,
            "new_by": changed.changed_by,
            "new_note": changed.note,
        }
        await self._session.run(ask.change_break(), given)
