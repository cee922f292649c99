"""`cashout verify` and `cashout explain`, as people and scripts run them."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from adapters.sql.books import UNHURRIED, SqlBooks
from adapters.sql.database import open_database
from adapters.sql.schema import migrate
from application.verify import Report, Verify
from entrypoints.cli.verifying_crew import ProcessCrew
from tests.contracts.books import fill
from tests.contracts.stores import in_database
from tests.entrypoints.console import Console
from tests.servers import PostgresServer

SECRET = "a-secret-of-the-tests-0123456789abcdef"
PAY = ("request", "orange_money", "15000", "XOF", "+2250700000789", "--name", "Awa Koné")
AWAY = {
    "JWT_SECRET": SECRET,
    "ORANGE_MONEY_API_URL": "http://127.0.0.1:1/orange-money",
    "ORANGE_MONEY_TOKEN_URL": "http://127.0.0.1:1/token",
    "ORANGE_MONEY_CLIENT_ID": "client",
    "ORANGE_MONEY_CLIENT_SECRET": "client-secret",
    "ORANGE_MONEY_WEBHOOK_SECRET": "webhook-secret",
}


@pytest.fixture(name="console")
def console_with_a_database(tmp_path: Path) -> Console:
    console = Console(tmp_path, AWAY)
    assert console.run("migrate").returncode == 0
    return console


def taken(console: Console) -> str:
    made: str = console.json(*PAY, "--user", "user-1")["cashOutId"]
    return made


def test_what_was_taken_verifies_and_a_unit_more_does_not(console: Console) -> None:
    made = taken(console)
    clean = console.json("verify")
    assert (clean["clean"], clean["cashOuts"], clean["breaks"]) == (True, 1, [])
    (file,) = console.folder.rglob("*.db")
    with sqlite3.connect(file) as database:
        database.execute("UPDATE cash_outs SET amount_minor = amount_minor + 1")
    database.close()
    broken = console.json("verify", expect=1)
    assert broken["root"] == clean["root"]
    assert {each["kind"] for each in broken["breaks"]} == {"facts_changed", "counter"}
    assert made in {each["subject"] for each in broken["breaks"]}
    shown = console.run("verify", "--jobs", "1")
    assert shown.returncode == 1
    assert "facts_changed" in shown.stdout
    assert "3 breaks" in shown.stderr
    assert "Awa" not in shown.stdout + shown.stderr


def test_an_empty_database_is_in_order(console: Console) -> None:
    done = console.run("verify")
    assert done.returncode == 0
    assert done.stdout.startswith("root ")
    assert "Everything agrees with itself." in done.stderr


def test_the_story_is_told_to_operators_and_to_its_owner(console: Console) -> None:
    made = taken(console)
    full = console.run("explain", made)
    assert full.returncode == 0
    for part in ("pending", "The request was accepted.", "service Accepted", "link ", "cancel"):
        assert part in full.stdout
    assert "+225" in full.stdout
    assert "0700000789" not in full.stdout
    owner = console.run("explain", made, "--as-owner", "user-1", "--language", "fr")
    assert "La demande a été acceptée." in owner.stdout
    assert "service Accepted" not in owner.stdout
    document = console.json("explain", made)
    assert document["entries"][0]["evidence"]["kind"] == "Accepted"
    assert console.run("explain", made, "--as-owner", "user-2").returncode == 4
    assert console.run("explain", "nonsense").returncode == 3


def test_several_processes_see_what_one_sees(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.verify.SPAN", 2)
    url = postgres_server.dsn(postgres_server.create_database())
    asyncio.run(migrate(url))
    crew = ProcessCrew(url, 2)

    async def both() -> tuple[Report, Report]:
        store = in_database("postgres", url)
        assert store.database is not None
        await fill(store)
        await store.database.close()
        database = open_database(url, UNHURRIED)
        try:
            books = SqlBooks(database)
            alone = await Verify(books, store.clock)()
            return alone, await Verify(books, store.clock, crew)()
        finally:
            await database.close()

    alone, together = asyncio.run(both())
    assert together == alone
    assert (together.is_clean, together.tally.cash_outs) == (True, 5)
