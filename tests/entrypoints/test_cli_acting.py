"""Who acted by a command: the account at the machine, whatever was typed or set."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from entrypoints.cli.acting import name_here
from tests.entrypoints.console import Console
from tests.entrypoints.test_cli_operators import WORD, given

FORGED = {"LOGNAME": "olga", "USER": "olga", "USERNAME": "olga", "LNAME": "olga"}
PAY = ("request", "orange_money", "1500", "XOF", "+2250700000789", "--name", "Awa Koné")


@pytest.fixture(scope="module", name="console")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Console:
    folder = tmp_path_factory.mktemp("acting")
    url = f"sqlite+aiosqlite:///{folder / 'books.db'}"
    away = {
        "ORANGE_MONEY_API_URL": "http://127.0.0.1:1/orange-money",
        "ORANGE_MONEY_TOKEN_URL": "http://127.0.0.1:1/token",
        "ORANGE_MONEY_CLIENT_ID": "client",
        "ORANGE_MONEY_CLIENT_SECRET": "client-secret",
        "ORANGE_MONEY_WEBHOOK_SECRET": "webhook-secret",
    }
    console = Console(
        folder, {"DATABASE_URL": url, "CASHOUT_DATA_DIR": str(folder), **away, **FORGED}
    )
    assert console.run("migrate").returncode == 0
    return console


def logged(folder: Path, subject: str) -> list[tuple[str, str]]:
    """Return who did what to a subject, as the operators' log has it."""
    with closing(sqlite3.connect(folder / "books.db")) as books:
        asked = "SELECT operator, action FROM operators_log WHERE subject = ? ORDER BY sequence"
        return books.execute(asked, (subject,)).fetchall()


def test_who_makes_an_account_is_named_by_account_whatever_the_environment_says(
    console: Console,
) -> None:
    assert given(console, WORD, "add", "ada", "--role", "approver").returncode == 0
    assert logged(console.folder, "ada") == [(name_here(), "operator.added")]


@pytest.mark.parametrize("options", [(), ("--admin",)])
def test_who_cancels_is_named_by_account_whatever_name_is_typed(
    console: Console, options: tuple[str, ...]
) -> None:
    made = console.json(*PAY, "--user", "amadou")["cashOutId"]
    done = console.run("cancel", made, "--user", "amadou", *options)
    assert done.returncode == 0, done.stderr
    assert "on the user's behalf" in done.stdout
    assert logged(console.folder, made) == [(name_here(), "cash_out.cancelled")]
    with closing(sqlite3.connect(console.folder / "books.db")) as books:
        asked = "SELECT source, detail FROM evidence WHERE kind = 'Cancelled' AND detail = ?"
        assert books.execute(asked, (name_here(),)).fetchall()[-1] == ("operator", name_here())


def test_who_has_events_told_again_is_named_by_account(console: Console) -> None:
    console.json(*PAY, "--user", "mariam")
    with closing(sqlite3.connect(console.folder / "books.db")) as books, books:
        # As the relay leaves it once the broker has it.
        told = books.execute("UPDATE outbox SET sent_at = at").rowcount
    since = datetime.now(UTC) - timedelta(hours=1)
    done = console.json("events", "republish", "--since", since.isoformat())
    assert done == {"events": told}
    assert told > 0
    assert logged(console.folder, "events") == [(name_here(), "events.republished")]


def test_without_admin_the_typed_user_has_to_be_its_owner(console: Console) -> None:
    made = console.json(*PAY, "--user", "amadou")["cashOutId"]
    assert console.run("cancel", made, "--user", "somebody-else").returncode == 4
    assert logged(console.folder, made) == []


@pytest.mark.parametrize("claim", ["olive\nada", "o" * 65])
def test_a_claim_that_is_no_name_is_refused(console: Console, claim: str) -> None:
    done = console.run("reconcile", "explain", str(uuid4()), "Tomorrow's.", "--by", claim)
    assert (done.returncode, "--by takes a name" in done.stderr) == (2, True), done.stderr
