"""`cashout operator`: accounts by command, with passwords that no list of processes shows."""

import json
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.entrypoints.console import COMMAND_S, PROGRAM, Console

WORD = "a password of some length"


@pytest.fixture(scope="module", name="console")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Console:
    console = Console(tmp_path_factory.mktemp("operators"))
    assert console.run("migrate").returncode == 0
    return console


def given(console: Console, password: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command with a password on its standard input."""
    return subprocess.run(
        [str(PROGRAM), "operator", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=console.folder,
        env=console.environment(),
        input=password + "\n",
        timeout=COMMAND_S,
    )


def test_accounts_are_made_listed_disabled_and_changed(console: Console) -> None:
    made = given(console, WORD, "add", "ada", "--role", "approver")
    assert made.returncode == 0, made.stderr
    assert "ada may sign in to the console as approver." in made.stderr
    (row,) = console.json("operator", "list")
    assert (row["name"], row["role"], row["state"]) == ("ada", "approver", "may sign in")
    assert console.run("operator", "disable", "ada").returncode == 0
    assert console.json("operator", "list")[0]["state"] == "disabled"
    assert console.run("operator", "disable", "ada", "--enable").returncode == 0
    assert given(console, WORD + "!", "password", "ada").returncode == 0
    assert "approver" in console.run("operator", "list").stdout


def test_what_cannot_be_is_refused_with_a_line(console: Console) -> None:
    for arguments, word, code, says in (
        (("add", "bob", "--role", "viewer"), "short", 4, "12 to 256"),
        (("add", "Bob", "--role", "viewer"), WORD, 4, "lower-case"),
        (("add", "bob", "--role", "king"), WORD, 2, "king"),
        (("password", "nobody"), WORD, 4, "no operator nobody"),
    ):
        done = given(console, word, *arguments)
        assert done.returncode == code, (arguments, done.stderr)
        assert says in done.stderr
        assert "Traceback" not in done.stderr
        assert WORD not in done.stdout + done.stderr


def test_dev_has_an_account_for_each_role_that_stays(tmp_path: Path) -> None:
    console = Console(tmp_path)
    ports = ("--port", "0", "--sandbox-port", "0", "--profile", "instant")
    accounts: list[dict[str, str]] = []
    for _ in range(2):
        with console.running("dev", *ports, "--json") as program:
            facts = json.loads(program.line())
            accounts.append(facts["accounts"])
            page = httpx.get(facts["console"], trust_env=False)
            assert page.status_code == 303
    assert accounts[0] == accounts[1]
    assert set(accounts[0]) == {"viewer", "operator", "approver", "admin"}
    assert min(map(len, accounts[0].values())) >= 16
    kept = tmp_path / ".cashout" / "console-accounts.json"
    assert kept.stat().st_mode & 0o077 == 0


def test_dev_shows_who_may_sign_in(tmp_path: Path) -> None:
    console = Console(tmp_path)
    ports = ("--port", "0", "--sandbox-port", "0", "--profile", "instant")
    with console.running("dev", *ports) as program:
        said = [program.line() for _ in range(12)]
    text = "\n".join(said)
    assert "/console" in text
    assert "Who may sign in to the console:" in text
    assert "approver" in text
