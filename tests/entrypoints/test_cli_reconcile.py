"""`cashout reconcile`: what it prints, what it writes, how it ends."""

import asyncio
import csv
import json
import os
import pty
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adapters.memory.manual_time import ManualClock
from adapters.sandbox.statements import Plant
from adapters.sql.database import open_database
from adapters.sql.schema import migrate
from adapters.sql.unit_of_work import SqlUnits
from application.interrupted_runs import INTERRUPTED
from domain.states import Status
from entrypoints.cli.acting import name_here
from tests.entrypoints.console import COMMAND_S, PROGRAM, START_S, Console
from tests.reconciliation.scale import statement_in
from tests.statement_books import booked_cash_out, keep
from tests.strategies import NOW, ORANGE

PERIOD = ("--from", "2026-11-20", "--until", "2026-11-23")
COUNT = 30
REPEATED = 2_000


@pytest.fixture(name="console")
def a_console_with_books(tmp_path: Path) -> Console:
    """A shell beside a database with 30 paid cash-outs and one that is open."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'books.db'}"

    async def fill() -> None:
        await migrate(url)
        database = open_database(url)
        units = SqlUnits(database, ManualClock(NOW))
        paid = [booked_cash_out(number) for number in range(1, COUNT + 1)]
        await keep(units, [*paid, booked_cash_out(40, Status.PROCESSING)])
        await database.close()

    asyncio.run(fill())
    return Console(tmp_path, {"DATABASE_URL": url, "CASHOUT_DATA_DIR": str(tmp_path)})


def planted(console: Console, **wanted: int) -> list[dict[str, str]]:
    """Write statement.csv with so many breaks of these kinds; return the list of them."""
    kinds = {Plant(kind): count for kind, count in wanted.items()}
    _, breaks = statement_in(console.folder, COUNT, kinds, seed=7)
    return [{"kind": each.kind, "reference": each.reference} for each in breaks]


def named(document: dict[str, Any]) -> list[dict[str, str]]:
    return [{"kind": each["kind"], "reference": each["reference"]} for each in document["breaks"]]


def by_kind(breaks: list[dict[str, str]]) -> list[tuple[str, str]]:
    return sorted((each["kind"], each["reference"]) for each in breaks)


def test_the_planted_breaks_are_named_as_json_as_csv_and_again(console: Console) -> None:
    wanted = planted(console, missing_here=2, missing_there=1, duplicate=1, status_differs=1)
    arguments = ("reconcile", ORANGE, "statement.csv", *PERIOD, "--csv", "breaks.csv")
    first = console.json(*arguments, expect=1)
    assert by_kind(named(first)) == by_kind(wanted)
    run = first["run"]
    tally = run["tally"]
    assert (run["state"], run["openBreaks"], run["times"]) == ("finished", 5, 1)
    assert tally["lines"] == tally["matched"] + tally["broken"] == COUNT + 2 - 1 + 1
    assert sum(tally["unsettled"].values()) == 1
    with (console.folder / "breaks.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert by_kind([{"kind": row["kind"], "reference": row["reference"]} for row in rows]) == (
        by_kind(wanted)
    )
    again = console.json(*arguments, expect=1)
    assert again["breaks"] == first["breaks"]
    assert again["run"]["tally"] == {**tally, "told": tally["told"]}
    assert (again["run"]["runId"], again["run"]["times"]) == (run["runId"], 2)
    (listed,) = console.json("reconcile", "runs")["runs"]
    assert listed["runId"] == run["runId"]


def test_a_statement_that_agrees_ends_with_zero_and_says_so(console: Console) -> None:
    planted(console)
    done = console.run("reconcile", ORANGE, "statement.csv", *PERIOD)
    assert done.returncode == 0, done.stderr
    assert "30 lines: 30 matched, 0 broken, 0 malformed, 0 repeated" in done.stdout
    assert "XOF: matched " in done.stdout
    assert "reading ..." in done.stderr
    assert "0 breaks are open." in done.stderr
    table = console.run("reconcile", "runs").stdout
    assert "statement.csv" in table
    assert "finished" in table


def test_a_dry_run_tells_the_same_and_keeps_nothing(console: Console) -> None:
    wanted = planted(console, amount_differs=2, late_reversal=1)
    arguments = ("reconcile", ORANGE, "statement.csv", *PERIOD)
    rehearsed = console.json(*arguments, "--dry-run", expect=1)
    assert by_kind(named(rehearsed)) == by_kind(wanted)
    assert console.json("reconcile", "runs") == {"runs": []}
    real = console.json(*arguments, expect=1)
    assert real["run"]["tally"] == rehearsed["run"]["tally"]
    told = console.run(*arguments, "--dry-run")
    assert "this was a dry run" in told.stderr


def test_a_break_is_explained_and_no_longer_counts(console: Console) -> None:
    planted(console, missing_there=1)
    arguments = ("reconcile", ORANGE, "statement.csv", *PERIOD)
    (found,) = console.json(*arguments, expect=1)["breaks"]
    said = console.run("reconcile", "explain", found["breakId"], "On tomorrow's.", "--by", "olive")
    assert (said.returncode, said.stderr) == (0, "missing_there: explained.\n")
    document = console.json(*arguments)
    (explained,) = document["breaks"]
    assert (explained["state"], explained["note"]) == ("explained", "On tomorrow's.")
    assert explained["changedBy"] == f"{name_here()} (claimed: for olive)"


def test_every_line_that_cannot_be_read_is_named(console: Console) -> None:
    planted(console)
    path = console.folder / "statement.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines.insert(3, "yesterday;CASHIN;OM-1;CASH-1;2250700000001;5;0;XOF;SUCCESSFUL")
    lines.insert(9, "20/11/2026 10:00:00;CASHIN;OM-1;CASH-1;2250700000001;five;0;XOF;SUCCESSFUL")
    path.write_text("\r\n".join(lines), encoding="utf-8")
    done = console.run("reconcile", ORANGE, "statement.csv", *PERIOD)
    assert done.returncode == 1
    assert "line 4 cannot be read: at: not a time" in done.stdout
    assert "line 10 cannot be read: amount: not a number" in done.stdout
    assert "32 lines: 30 matched, 0 broken, 2 malformed, 0 repeated" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((ORANGE, "nowhere.csv"), 4, "cannot be read"),
        (("nobody", "statement.csv"), 4, "no mapping"),
        ((ORANGE, "statement.csv", "--from", "2026-11-22"), 2, "give both --from and --until"),
        ((ORANGE, "statement.csv", "--from", "x", "--until", "y"), 2, "give a time like"),
        ((ORANGE, "statement.csv", "--from", "2026-11-23", "--until", "2026-11-20"), 4, "period"),
        (("afrimoney", "statement.csv"), 1, "the header has to have the column"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(
    console: Console, arguments: tuple[str, ...], code: int, says: str
) -> None:
    planted(console)
    done = console.run("reconcile", *arguments)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_terminal_sees_a_bar(console: Console) -> None:
    planted(console)
    looking, theirs = pty.openpty()
    done = subprocess.run(
        [str(PROGRAM), "reconcile", ORANGE, "statement.csv", *PERIOD, "--json"],
        check=False,
        stdout=subprocess.PIPE,
        stderr=theirs,
        stdin=subprocess.DEVNULL,
        cwd=console.folder,
        env=console.environment(TERM="xterm"),
        timeout=COMMAND_S,
    )
    os.close(theirs)
    seen = os.read(looking, 65_536).decode("utf-8", "replace")
    os.close(looking)
    assert done.returncode == 0
    assert json.loads(done.stdout)["run"]["state"] == "finished"
    assert "reading" in seen
    assert "\x1b[" in seen


def test_who_closes_a_provider_is_named_by_account_whatever_the_environment_says(
    console: Console,
) -> None:
    done = console.run("provider", "close", ORANGE, "--reason", "maintenance", LOGNAME="olga")
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(console.folder / "books.db")) as books:
        said = books.execute("SELECT operator FROM operators_log WHERE action = 'provider.closed'")
        assert said.fetchall() == [(name_here(),)]


def test_a_run_that_was_killed_is_told_as_interrupted_and_its_file_goes_on(
    console: Console,
) -> None:
    planted(console)
    path = console.folder / "statement.csv"
    title, header, *lines = path.read_bytes().splitlines(keepends=True)
    # Long enough to be killed in the middle of; what stands there again changes nothing.
    path.write_bytes(title + header + b"".join(lines) * REPEATED)
    arguments = ("reconcile", ORANGE, "statement.csv", *PERIOD)
    with console.running(*arguments) as program:
        program.wait_until_said("reading ...")
        program.stop(signal.SIGKILL)
    (killed,) = console.json("reconcile", "runs")["runs"]
    assert killed["state"] == "running"
    taken = console.run(*arguments)
    assert "being reconciled" in taken.stderr, taken.stderr
    with closing(sqlite3.connect(console.folder / "books.db")) as books:
        books.execute("DELETE FROM leases WHERE name LIKE 'reconcile:%'")
        books.commit()
    worker = console.running("worker", JWT_SECRET="x" * 32, LOG_LEVEL="info")
    with worker as tidying:
        until = time.monotonic() + START_S
        while (told := console.json("reconcile", "runs")["runs"][0])["state"] == "running":
            assert time.monotonic() < until, tidying.said()
            time.sleep(0.2)
    assert (told["state"], told["detail"]) == ("stopped", INTERRUPTED)
    again = console.json(*arguments)["run"]
    assert (again["runId"], again["times"], again["state"]) == (killed["runId"], 2, "finished")
    tally = again["tally"]
    assert (tally["matched"], tally["repeated"]) == (COUNT, COUNT * (REPEATED - 1))
