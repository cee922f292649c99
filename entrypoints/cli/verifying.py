"""`cashout verify`: how far it is while it runs, and every break by its name at the end."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from adapters.sql.books import UNHURRIED, SqlBooks
from adapters.sql.database import open_database
from adapters.system import SystemClock
from application.verify import Progress as Told
from application.verify import Report, Verify
from entrypoints.cli.exits import Exit
from entrypoints.cli.service_here import settings_here
from entrypoints.cli.terminal import Terminal
from entrypoints.cli.verifying_crew import (
    APPLICATION,
    ProcessCrew,
    collected_afterwards,
    usual_jobs,
)
from entrypoints.lifespan import open_store
from entrypoints.logs import set_up_logs
from entrypoints.schema_gate import require_current_schema
from entrypoints.settings import Settings

_SAY_EVERY_S: Final = 10.0
"""How often progress is told where no terminal shows it."""


async def verify_books(jobs: int | None, *, as_json: bool) -> int:
    """Check everything, show what is wrong, and return 1 where anything is."""
    settings = settings_here()
    set_up_logs("error")
    await require_current_schema(settings)
    terminal = Terminal()
    # The folder of a file is made as for the service; what reads everything has its own limits.
    await open_store(settings).close()
    database = open_database(settings.database_url, UNHURRIED, application=APPLICATION)
    crew = ProcessCrew(settings.database_url, jobs or usual_jobs())
    verify = Verify(SqlBooks(database), SystemClock(), crew if crew.jobs > 1 else None)
    began = time.monotonic()
    try:
        with collected_afterwards(), _progress(terminal) as told:
            report = await verify(told)
    finally:
        await database.close()
    seconds = time.monotonic() - began
    _leave_figures(terminal, settings, report, seconds)
    if as_json:
        terminal.json(_document(report, seconds))
    else:
        _show(terminal, report, seconds)
    return Exit.DONE if report.is_clean else Exit.FAILED


def _leave_figures(terminal: Terminal, settings: Settings, report: Report, seconds: float) -> None:
    """Leave what was found where alerts look for it; that it cannot be left is only said."""
    folder = settings.observing.textfiles
    if folder is None:
        return
    from adapters.metrics.textfile import Verification

    found, tally = Verification(), report.tally
    kinds = Counter(flaw.kind for flaw in tally.flaws)
    took = timedelta(seconds=seconds)
    found.note(kinds, tally.cash_outs, SystemClock().now(), took, more=tally.more)
    try:
        found.write(folder)
    except OSError as fault:
        terminal.complain(f"METRICS_TEXTFILE_DIR: the figures cannot be left: {fault.strerror}")


@contextmanager
def _progress(terminal: Terminal) -> Iterator[Told]:
    """Yield who is told how far it is: a bar on a terminal, a line now and then elsewhere."""
    if not terminal.err.is_terminal:
        yield _Lines(terminal)
        return
    columns = (TextColumn("Checking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal.err, transient=True) as bar:
        task = bar.add_task("Checking", total=None)

        def told(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of)

        yield told


class _Lines:
    """Says how far it is, not too often: a log stays readable."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._said_at = time.monotonic()

    def __call__(self, done: int, of: int) -> None:
        now = time.monotonic()
        if now - self._said_at >= _SAY_EVERY_S:
            self._said_at = now
            self._terminal.say(f"{done:,} of {of:,} cash-outs")


def _document(report: Report, seconds: float) -> dict[str, object]:
    tally = report.tally
    return {
        "clean": report.is_clean,
        "cashOuts": tally.cash_outs,
        "evidence": tally.pieces,
        "events": tally.events,
        "unsealed": tally.unsealed,
        "operatorsLog": report.log_entries,
        "root": report.root,
        "seconds": round(seconds, 3),
        "breaks": [
            {
                "kind": flaw.kind,
                "subject": flaw.subject,
                "expected": flaw.expected,
                "found": flaw.found,
            }
            for flaw in tally.flaws
        ],
        "moreBreaks": tally.more,
    }


def _show(terminal: Terminal, report: Report, seconds: float) -> None:
    tally = report.tally
    if tally.flaws:
        columns = ("break", "where", "expected", "found")
        rows = [(flaw.kind, flaw.subject, flaw.expected, flaw.found) for flaw in tally.flaws]
        terminal.table(columns, rows)
    if tally.more:
        terminal.complain(f"{tally.more:,} more breaks are not listed")
    terminal.say(
        f"{tally.cash_outs:,} cash-outs, {tally.pieces:,} pieces of evidence, {tally.events:,}"
        f" events and {report.log_entries:,} entries of the operators' log in {seconds:.1f} s."
    )
    if tally.unsealed:
        terminal.say(f"{tally.unsealed:,} cash-outs are unsealed: from before there were chains.")
    terminal.data(f"root {report.root}")
    if report.is_clean:
        terminal.say("Everything agrees with itself.")
    else:
        terminal.complain(f"{len(tally.flaws) + tally.more:,} breaks")
