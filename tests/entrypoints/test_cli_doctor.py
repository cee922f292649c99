"""`cashout doctor`: it finds what is wrong, says what to do, and never shows a secret."""

from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.console import Console
from tests.servers import PostgresServer, free_port

CANARIES = {
    "JWT_SECRET": "canary-jwt-0123456789abcdef0123456789abcdef",
    "ORANGE_MONEY_CLIENT_ID": "canary-client-id",
    "ORANGE_MONEY_CLIENT_SECRET": "canary-client-secret",
    "ORANGE_MONEY_WEBHOOK_SECRET": "canary-orange-webhook",
    "AFRIMONEY_API_KEY": "canary-api-key",
    "AFRIMONEY_API_SECRET": "canary-api-secret",
    "AFRIMONEY_WEBHOOK_SECRET": "canary-afrimoney-webhook",
}


@pytest.fixture(name="console")
def fresh_console(tmp_path: Path) -> Console:
    return Console(tmp_path)


def _marks(found: dict[str, Any]) -> dict[str, str]:
    return {each["subject"]: each["mark"] for each in found["findings"]}


def _away() -> dict[str, str]:
    nobody = f"http://127.0.0.1:{free_port()}"
    return {
        "ORANGE_MONEY_API_URL": nobody,
        "ORANGE_MONEY_TOKEN_URL": f"{nobody}/token",
        "AFRIMONEY_API_URL": nobody,
    }


def test_providers_brokers_and_databases_that_are_away_are_found(console: Console) -> None:
    port = free_port()
    given = {
        **CANARIES,
        **_away(),
        "DATABASE_URL": f"postgresql+asyncpg://u:canary-password@127.0.0.1:{port}/cashout",
        "NATS_URL": f"nats://u:canary-broker@127.0.0.1:{port}",
    }
    found = console.json("doctor", given=given, expect=1)
    marks = _marks(found)
    assert found["well"] is False
    assert {s for s, mark in marks.items() if mark == "bad"} == {
        "database",
        "broker",
        "Orange Money",
        "AfriMoney",
    }
    assert all(each["remedy"] for each in found["findings"] if each["mark"] == "bad")


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (["--json"], {}),
        ([], {"DATABASE_URL": "mysql://someone:canary-password@127.0.0.1/none"}),
        (["--json"], {"NATS_URL": "canary://broker", "PORT": "canary-port"}),
        ([], {"APP_ENV": "production", "JWT_SECRET": "canary"}),
        ([], {"DATABASE_URL": "postgresql+asyncpg://u:canary-password@127.0.0.1:1/none"}),
    ],
    ids=["well", "database", "broker", "production", "unreachable"],
)
def test_no_secret_is_ever_shown(
    console: Console, options: list[str], wrong: dict[str, str]
) -> None:
    """Every secret is a canary, and none of them sings: not in the findings, not in the log."""
    done = console.run("doctor", *options, **{**CANARIES, **_away(), **wrong})
    assert done.returncode == 1
    assert done.stdout
    assert "canary" not in done.stdout + done.stderr


def test_an_empty_database_is_sent_to_migrate_and_well_afterwards(console: Console) -> None:
    secret = {"JWT_SECRET": CANARIES["JWT_SECRET"]}
    empty = console.run("doctor", **secret)
    assert empty.returncode == 1
    (line,) = [each for each in empty.stdout.splitlines() if each.startswith("bad")]
    assert "schema" in line
    assert line.endswith("run `cashout migrate`")
    assert console.run("migrate").returncode == 0
    well = console.run("doctor", **secret)
    assert well.returncode == 0, well.stdout
    assert "All is well." in well.stderr
    assert "AFRIMONEY_API_KEY" in well.stdout, "it says how to switch a provider on"


def test_a_key_for_tokens_is_missed(console: Console) -> None:
    assert _marks(console.json("doctor", expect=1))["tokens"] == "bad"


def test_a_data_directory_that_cannot_be_written_is_found(console: Console) -> None:
    """A file where the directory should be stops root as well."""
    (console.folder / "file").write_text("in the way")
    found = console.json(
        "doctor", given={"CASHOUT_DATA_DIR": str(console.folder / "file")}, expect=1
    )
    assert _marks(found)["data directory"] == "bad"


def test_a_database_that_forgets_is_found(
    console: Console, postgres_server: PostgresServer
) -> None:
    name = postgres_server.create_database()
    # No pool outlives a command, so the database can be dropped at the end.
    settings = {**CANARIES, **_away(), "DATABASE_URL": postgres_server.dsn(name)}
    assert console.run("migrate", **settings).returncode == 0
    kept = console.json("doctor", given=settings, expect=1)
    assert _marks(kept)["durability"] == "good"
    postgres_server.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    found = console.json("doctor", given=settings, expect=1)
    (told,) = [each for each in found["findings"] if each["subject"] == "durability"]
    assert told["mark"] == "bad"
    assert "synchronous_commit" in told["fact"]
    postgres_server.drop_database(name)
