"""`cashout reconcile`: a statement is read with a bar, and its breaks are told as a table."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from adapters.web.statement_views import (
    MalformedView,
    RunsView,
    RunWithBreaksView,
    break_view,
    run_view,
)
from application.callers import Caller, Role
from application.masking import scrubbed
from application.ports.statements import BreakFilter, BreakPlace, Malformed
from application.statement_export import csv_of
from application.statement_queries import LARGEST_PAGE, RunShown
from domain.breaks import Break, BreakState
from domain.money import Money
from domain.runs import Period, Phase, Run, RunState, Totals
from domain.runs import Progress as Done
from entrypoints.cli.acting import name_here
from entrypoints.cli.exits import Exit, Stopped
from entrypoints.cli.service_here import print_json, service_here
from entrypoints.cli.terminal import Terminal
from entrypoints.container import Service

_LONGEST_CLAIM: Final = 64
_SHOWN: Final = 200
"""Breaks, and lines that could not be read, on the terminal; the rest is in --json and --csv."""
_DATE: Final = len("2026-11-23")
_STYLES: Final = {
    BreakState.OPEN: "red",
    BreakState.EXPLAINED: "yellow",
    BreakState.RESOLVED: "green",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed."""

    provider: str
    file: Path
    since: str | None
    until: str | None
    csv: Path | None
    by: str
    dry_run: bool
    as_json: bool


async def reconcile_file(asked: Asked) -> int:
    """Reconcile a file and tell what came of it; 1 while anything is left to be explained."""
    terminal = Terminal()
    period = _period(asked.since, asked.until)
    async with service_here() as service:
        desk, caller = service.statements, _caller(asked.by)
        statement = desk.files.at(asked.provider, str(asked.file))
        with _bar(terminal) as show:
            run = await desk.reconcile(
                caller,
                asked.provider,
                statement,
                period=period,
                rehearsal=asked.dry_run,
                show=show,
            )
        shown = await desk.read.run(caller, run.id)
        malformed = await desk.read.malformed(caller, run.id, _SHOWN)
        breaks = [each async for page in _pages(service, caller, run) for each in page]
        if asked.dry_run:
            await desk.reconcile.discard(run)
        now = service.clock.now()
    if asked.csv is not None:
        _write(asked.csv, breaks, now)
    if asked.as_json:
        _print_document(terminal, shown, breaks, malformed, now)
    else:
        _tell(terminal, shown, breaks, malformed, now)
    return Exit.DONE if run.is_clean and not shown.open_breaks else Exit.FAILED


async def list_runs(provider: str | None, limit: int, *, as_json: bool) -> int:
    """Print the runs, newest first."""
    terminal = Terminal()
    async with service_here() as service:
        found = await service.statements.read.runs(_caller(), limit, provider=provider)
    if as_json:
        print_json(terminal, RunsView(runs=[run_view(each) for each in found]))
        return Exit.DONE
    columns = ("started", "provider", "file", "state", "lines", "matched", "open breaks", "run")
    terminal.table(columns, [_row_of(each) for each in found])
    return Exit.DONE


async def explain_break(break_id: UUID, note: str, by: str) -> int:
    """Note why the books disagree."""
    async with service_here() as service:
        explained = await service.statements.explain(_caller(by), break_id, note)
    Terminal().say(f"{explained.kind}: {explained.state}.")
    return Exit.DONE


def _caller(claimed: str = "") -> Caller:
    """Return who is at this machine; claimed: for whom they say that they do it.

    Raises Stopped for a claim that is no name.
    """
    here = name_here()
    if not claimed:
        return Caller(here, Role.OPERATOR)
    if not claimed.isprintable() or len(claimed) > _LONGEST_CLAIM:
        message = f"--by takes a name of one line and at most {_LONGEST_CLAIM} characters"
        raise Stopped(message, code=Exit.USAGE)
    # Behind the account, and said to be a claim: nobody has checked it.
    return Caller(f"{here} (claimed: for {scrubbed(claimed)})", Role.OPERATOR)


def _row_of(shown: RunShown) -> tuple[str, ...]:
    run = shown.run
    return (
        run.started_at.isoformat(timespec="seconds"),
        run.provider,
        run.file_name,
        run.state,
        str(run.tally.lines),
        str(run.tally.matched),
        str(shown.open_breaks),
        str(run.id),
    )


async def _pages(service: Service, caller: Caller, run: Run) -> AsyncIterator[list[Break]]:
    """Yield the run's breaks, as many at once as may be read."""
    which, place = BreakFilter(run_id=run.id), None
    while True:
        page = await service.statements.read.breaks(caller, which, LARGEST_PAGE, place)
        if not page:
            return
        yield page
        place = BreakPlace(page[-1].at, page[-1].id)


@contextmanager
def _bar(terminal: Terminal) -> Iterator[Callable[[Done], None]]:
    """Show how far a run is: a bar on a terminal, a line for each part of it elsewhere."""
    said: set[Phase] = set()
    if not terminal.err.is_terminal:

        def say(done: Done) -> None:
            if done.phase not in said:
                said.add(done.phase)
                terminal.say(f"{done.phase} ...")

        yield say
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=terminal.err, transient=True) as progress:
        task = progress.add_task("reading", total=None)

        def show(done: Done) -> None:
            fresh = done.phase not in said
            said.add(done.phase)
            total = done.total or None
            if fresh:
                progress.reset(task, description=str(done.phase), total=total)
            progress.update(task, completed=done.done, total=total)

        yield show


def _tell(
    terminal: Terminal,
    shown: RunShown,
    breaks: Sequence[Break],
    malformed: Sequence[Malformed],
    now: datetime,
) -> None:
    run, tally = shown.run, shown.run.tally
    if breaks:
        columns = ("kind", "reference", "their id", "here", "there", "age", "state", "what")
        terminal.table(columns, [_break_row(each, now) for each in breaks[:_SHOWN]])
    if len(breaks) > _SHOWN:
        terminal.say(f"and {len(breaks) - _SHOWN} more: --csv or --json has all of them")
    for each in malformed:
        terminal.data(f"line {each.number} cannot be read: {each.reason}")
    if tally.malformed > len(malformed):
        terminal.say(f"and {tally.malformed - len(malformed)} more lines that cannot be read")
    terminal.data(
        f"{tally.lines} lines: {tally.matched} matched, {tally.broken} broken,"
        f" {tally.malformed} malformed, {tally.repeated} repeated"
        f" (and {tally.left_out} that are no payments)"
    )
    for totals in tally.money:
        terminal.data(_money_line(totals))
    if tally.settled:
        would = "would be" if run.rehearsal else "were"
        terminal.data(f"{tally.settled} open cash-outs {would} ended by a line")
    if tally.unsettled:
        ages = ", ".join(f"{age}: {count}" for age, count in sorted(tally.unsettled.items()))
        terminal.data(f"open here without a line, which proves nothing ({ages})")
    if run.state is not RunState.FINISHED:
        terminal.complain(f"the run stopped: {run.detail}")
    if run.rehearsal:
        terminal.say("Nothing was told and nothing is kept: this was a dry run.")
    terminal.say(f"{shown.open_breaks} breaks are open. Run {run.id}.")


def _money_line(totals: Totals) -> str:
    return (
        f"{totals.matched.currency.code}: matched {totals.matched.plain},"
        f" unmatched {totals.broken.plain}, missing there {totals.missing_there.plain}"
    )


def _break_row(known: Break, now: datetime) -> tuple[str | Text, ...]:
    return (
        known.kind,
        known.reference or "",
        known.provider_transaction_id or "",
        _money(known.here),
        _money(known.there),
        known.age(now),
        Text(known.state, style=_STYLES[known.state]),
        known.detail,
    )


def _money(money: Money | None) -> str:
    return "" if money is None else str(money)


def _print_document(
    terminal: Terminal,
    shown: RunShown,
    breaks: Sequence[Break],
    malformed: Sequence[Malformed],
    now: datetime,
) -> None:
    document = RunWithBreaksView(
        run=run_view(shown),
        breaks=[break_view(each, now) for each in breaks],
        malformed=[MalformedView(line=each.number, reason=each.reason) for each in malformed],
    )
    print_json(terminal, document)


def _write(path: Path, breaks: Sequence[Break], now: datetime) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            file.writelines(csv_of(breaks, now))
    except OSError as fault:
        raise Stopped(f"{path} cannot be written: {fault.strerror}") from None


def _period(since: str | None, until: str | None) -> Period | None:
    if since is None and until is None:
        return None
    if since is None or until is None:
        raise Stopped("give both --from and --until, or neither", code=Exit.USAGE)
    begins, ends = _moment(since), _moment(until)
    if len(until) == _DATE:
        # A bare date is meant as a whole.
        ends += timedelta(days=1)
    return Period(begins, ends)


def _moment(text: str) -> datetime:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise Stopped(
            "give a time like 2026-11-23 or 2026-11-23T08:00:00Z", code=Exit.USAGE
        ) from None
    return (read if read.tzinfo is not None else read.replace(tzinfo=UTC)).astimezone(UTC)
