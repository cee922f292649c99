"""What the program says about itself: help, wrong usage, settings that cannot be, no colour."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from entrypoints.cli.program import build
from tests.entrypoints.console import COMMAND_S, PROGRAM, Console

COMMANDS = [
    ("demo",),
    ("dev",),
    ("request",),
    ("status",),
    ("history",),
    ("explain",),
    ("cancel",),
    ("quote",),
    ("providers",),
    ("events", "tail"),
    ("reconcile",),
    ("reconcile", "runs"),
    ("reconcile", "explain"),
    ("serve",),
    ("worker",),
    ("sandbox",),
    ("migrate",),
    ("token",),
    ("doctor",),
    ("openapi",),
    ("completion",),
    ("operator", "add"),
    ("operator", "list"),
    ("operator", "disable"),
    ("operator", "password"),
    ("verify",),
    ("review", "list"),
    ("review", "show"),
    ("review", "propose"),
    ("review", "approve"),
    ("review", "reject"),
    ("review", "withdraw"),
    ("review", "orphans"),
    ("review", "replay"),
    ("review", "dismiss"),
    ("simulate",),
    ("provider", "health"),
    ("provider", "close"),
    ("provider", "open"),
]


@pytest.fixture(name="console")
def fresh_console(tmp_path: Path) -> Console:
    return Console(tmp_path)


def test_every_command_is_in_the_help(console: Console) -> None:
    done = console.run("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    assert all(f" {command[0]} " in done.stdout for command in COMMANDS)
    assert "Exit codes: 0 done" in done.stdout


def test_there_is_no_command_that_is_not_tried_here() -> None:
    named = {name for name in build() if not name.startswith("-")}
    assert named == {command[0] for command in COMMANDS}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_teaches_with_an_example(console: Console, command: tuple[str, ...]) -> None:
    done = console.run(*command, "--help")
    assert done.returncode == 0
    assert f"Usage: cashout {' '.join(command)}" in done.stdout
    _, _, examples = done.stdout.partition("Example")
    assert f"cashout {' '.join(command)}" in examples


def test_help_is_had_without_loading_what_commands_need(console: Console) -> None:
    """Help answers at once, because no framework, database or broker is imported for it."""
    code = (
        "import sys; from entrypoints.cli.program import run; code = run(['dev', '--help']);"
        "heavy = {'litestar', 'sqlalchemy', 'nats', 'httpx', 'uvicorn'} & set(sys.modules);"
        "sys.exit(f'loaded {sorted(heavy)}' if heavy else code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        cwd=console.folder,
        env=console.environment(),
        timeout=COMMAND_S,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_version_is_the_packages_own(console: Console) -> None:
    done = console.run("--version")
    assert done.returncode == 0
    assert done.stdout.strip() == "0.1.0"


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["reqest"], 'Did you mean "request"?'),
        (["demo", "--jsn"], "Did you mean --json?"),
        (["quote", "orange_money"], "AMOUNT"),
        (["status", "x", "--watch", "soon"], "--watch"),
        (["demo", "now", "please"], "it takes no more: now please"),
        (["history", "--limit", "101"], "100"),
        (["history", "--status", "done"], "completed"),
        (["token", "--role", "root"], "admin"),
        (["events", "tail", "--type", "cash_out.begun"], "cash_out.initiated"),
    ],
)
def test_wrong_usage_is_told_in_a_line_and_ends_with_2(
    console: Console, arguments: list[str], advice: str
) -> None:
    done = console.run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    first, second = done.stderr.splitlines()
    assert first.startswith("cashout: ")
    assert advice in first
    assert "--help` shows how it is used." in second


def test_settings_that_cannot_be_are_told_a_line_each(console: Console) -> None:
    done = console.run("providers", PORT="many", WORKERS_IN_API="perhaps", ORANGE_MONEY_KEY="k")
    assert done.returncode == 1
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("cashout: ") for line in lines)
    assert {"PORT", "WORKERS_IN_API", "ORANGE_MONEY_KEY"} == {line.split()[1] for line in lines}
    assert "many" not in done.stderr


@pytest.mark.parametrize(
    "command",
    ["history", "serve", "worker"],
)
def test_a_database_without_our_schema_is_sent_to_migrate(console: Console, command: str) -> None:
    done = console.run(command, JWT_SECRET="s" * 32)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line == "cashout: the database is empty: run `cashout migrate`"


def test_a_database_that_is_away_is_told_in_a_line(console: Console) -> None:
    url = "postgresql+asyncpg://someone:hidden-password@127.0.0.1:1/none"
    done = console.run("history", DATABASE_URL=url)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "the database cannot be reached" in line
    assert "hidden-password" not in done.stderr


def test_an_account_of_letters_is_refused_like_at_the_api(console: Console) -> None:
    assert console.run("migrate").returncode == 0
    done = console.run(
        "request", "orange_money", "1", "XOF", "2250700", "--name", "a\u202eb", "--key", "a b"
    )
    assert done.returncode == 2
    assert "providerAccountName" in done.stderr
    assert "--key" in done.stderr


def test_nothing_is_coloured_where_nobody_wants_it(console: Console) -> None:
    """Neither a pipe nor a terminal with NO_COLOR gets a colour, and a plain terminal does."""
    assert "\x1b" not in console.run("--help").stdout
    assert _colours(_on_a_terminal(console, "reqest", NO_COLOR="1", TERM="xterm")) == 0
    assert _colours(_on_a_terminal(console, "reqest", TERM="xterm")) > 0


def _on_a_terminal(console: Console, *arguments: str, **settings: str) -> bytes:
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [str(PROGRAM), *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=console.folder,
            env=console.environment(**settings),
        )
        process.wait(COMMAND_S)
        return os.read(ours, 65_536)
    finally:
        os.close(theirs)
        os.close(ours)


def _colours(shown: bytes) -> int:
    # Select Graphic Rendition 30 to 37 and 90 to 97: a foreground colour, alone or after `1;`.
    return sum(shown.count(f"{c}m".encode()) for c in (*range(30, 38), *range(90, 98)))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command(console: Console, shell: str) -> None:
    done = console.run("completion", shell)
    assert done.returncode == 0
    assert all(command[0] in done.stdout for command in COMMANDS)


def test_a_reader_that_leaves_ends_the_command_quietly(console: Console) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"'{PROGRAM}' openapi | true"],
        check=False,
        capture_output=True,
        text=True,
        cwd=console.folder,
        env=console.environment(),
        timeout=COMMAND_S,
    )
    assert done.stderr == ""
