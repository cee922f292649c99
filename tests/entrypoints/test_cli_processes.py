"""The commands that run the service's processes, each as a process, from start to orderly end."""

import json
import re
import shutil
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.console import Console, loggings
from tests.servers import NatsServer, PostgresServer

SECRET = "a-secret-of-the-tests-0123456789abcdef"
PAY = ("request", "orange_money", "15000", "XOF", "+2250700000789", "--name", "Awa Koné")
HASTY = {"STATUS_POLL_SECONDS": "0.3", "WORK_POLL_SECONDS": "0.1", "JWT_SECRET": SECRET}
AWAY = {
    "ORANGE_MONEY_API_URL": "http://127.0.0.1:1/orange-money",
    "ORANGE_MONEY_TOKEN_URL": "http://127.0.0.1:1/token",
    "ORANGE_MONEY_CLIENT_ID": "client",
    "ORANGE_MONEY_CLIENT_SECRET": "client-secret",
    "ORANGE_MONEY_WEBHOOK_SECRET": "webhook-secret",
}


@pytest.fixture(scope="module", name="migrated")
def migrated_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an empty database of the present schema, made once."""
    console = Console(tmp_path_factory.mktemp("migrated"), HASTY)
    done = console.run("migrate")
    assert (done.returncode, done.stdout) == (0, "")
    assert "the schema of this version" in done.stderr
    return console.folder


@pytest.fixture(name="console")
def console_with_a_database(migrated: Path, tmp_path: Path) -> Console:
    return Console(shutil.copytree(migrated, tmp_path / "here"), HASTY)


def test_events_that_were_told_can_be_told_again(console: Console) -> None:
    assert console.run("migrate").returncode == 0
    done = console.run("events", "republish", "--since", "2026-11-23", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"events": 0})
    for wrong in ("yesterday", "2099-01-01"):
        refused = console.run("events", "republish", "--since", wrong)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert len(refused.stderr.splitlines()) == 1


def test_migrating_twice_changes_nothing(console: Console) -> None:
    assert console.run("migrate").returncode == 0
    assert console.json("history")["pagination"]["totalItems"] == 0


def test_migrating_a_database_that_is_away_is_told_in_a_line(console: Console) -> None:
    url = "postgresql+asyncpg://someone:hidden-password@127.0.0.1:1/none"
    done = console.run("migrate", DATABASE_URL=url)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("cashout: the database cannot be used")
    assert "hidden-password" not in line


def test_what_nobody_works_on_can_be_cancelled(console: Console) -> None:
    made = console.json(*PAY, given=AWAY)
    assert made["status"] == "pending"
    cancelled = console.json("cancel", made["cashOutId"], given=AWAY)
    assert cancelled["status"] == "cancelled"
    again = console.run("cancel", made["cashOutId"], **AWAY)
    assert again.returncode == 4
    shown = console.run("status", made["cashOutId"], "--watch", "5", **AWAY)
    assert shown.returncode == 1
    assert "Cancelled. Nothing was paid." in shown.stdout


@pytest.fixture(name="sandbox")
def running_sandbox(console: Console) -> Iterator[dict[str, str]]:
    """A sandbox of its own: the settings that point at it."""
    ports = ("--port", "0", "--profile", "instant")
    with console.running("sandbox", *ports, "--json") as program:
        told = json.loads(program.line())
        program.wait_until_said("Webhooks are held back")
        assert json.load(urllib.request.urlopen(f"{told['sandbox']}/ledger"))["total"] == 0
        yield told["environment"]
        assert program.stop() == 0


def test_a_request_can_do_the_work_by_itself(console: Console, sandbox: dict[str, str]) -> None:
    """With --work nothing else has to run: sent, asked about and completed by this command."""
    done = console.json(*PAY, "--work", "--wait", "30", given=sandbox)
    assert done["status"] == "completed"


def test_a_worker_process_does_what_the_command_line_requests(
    console: Console, sandbox: dict[str, str]
) -> None:
    with console.running("worker", **sandbox) as worker:
        worker.wait_until_said('"working"')
        done = console.json(*PAY, "--wait", "30", given=sandbox)
        assert done["status"] == "completed"
        assert worker.stop(signal.SIGTERM) == 0
        events = [each["event"] for each in loggings(worker.said())]
        assert "stopping" in events
        assert "cash_out_completed" in events


def test_the_sandbox_prints_settings_for_a_shell(console: Console) -> None:
    with console.running("sandbox", "--port", "0") as program:
        exports = [program.line() for _ in range(9)]
        assert all(re.fullmatch(r"export [A-Z_]+=\S+", line) for line in exports)
        assert program.stop(signal.SIGINT) == 0


def test_a_sandbox_that_was_killed_still_knows_what_it_paid(console: Console) -> None:
    kept = ("sandbox", "--port", "0", "--profile", "instant", "--ledger", "paid.jsonl", "--json")
    with console.running(*kept) as program:
        told = json.loads(program.line())
        made = console.json(*PAY, "--work", "--wait", "30", given=told["environment"])
        assert made["status"] == "completed"
        refused = console.run(*kept)
        assert (refused.returncode, refused.stdout) == (1, "")
        (line,) = refused.stderr.splitlines()
        assert "another sandbox" in line
        program.process.kill()
    with console.running(*kept) as program:
        told = json.loads(program.line())
        kept_ledger = json.load(urllib.request.urlopen(f"{told['sandbox']}/ledger"))
        assert [each["reference"] for each in kept_ledger["payouts"]] == [made["reference"]]


def test_the_sandbox_does_not_run_in_production(console: Console) -> None:
    done = console.run("sandbox", "--port", "0", APP_ENV="production")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "production" in line


def test_serve_answers_and_drains(console: Console) -> None:
    with console.running("serve", "--port", "0", **AWAY) as program:
        said = program.wait_until_said('"serving"')
        (url,) = [each["url"] for each in loggings(said) if each["event"] == "serving"]
        with urllib.request.urlopen(f"{url}/health") as answer:
            assert json.load(answer)["status"] == "ok"
        token = console.run("token").stdout.strip()
        assert _status(f"{url}/api/payments/providers", token) == 200
        assert _status(f"{url}/api/payments/providers", token[:-3]) == 401
        assert program.stop(signal.SIGTERM) == 0
        assert "Traceback" not in program.said()


def test_serve_says_that_its_port_is_in_use(console: Console) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = console.run("serve", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    told = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert told == [
        "cashout: the port is in use: stop what listens there, or choose another by --port"
    ]


def test_serve_needs_a_key_for_tokens(console: Console) -> None:
    done = console.run("serve", "--port", "0", JWT_SECRET="")
    assert done.returncode == 1
    assert "cashout: JWT_SECRET is not set" in done.stderr
    assert "Traceback" not in done.stderr


def test_tokens_are_not_made_where_somebody_else_signs(console: Console) -> None:
    signs = console.run("token", JWT_SECRET="", JWT_JWKS_URL="https://127.0.0.1/keys")
    for done in (signs, console.run("token", JWT_SECRET="")):
        assert done.returncode == 1
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1


def test_the_openapi_document_is_the_one_that_is_served(console: Console) -> None:
    printed = json.loads(console.run("openapi").stdout)
    with console.running("serve", "--port", "0") as program:
        said = program.wait_until_said('"serving"')
        (url,) = [each["url"] for each in loggings(said) if each["event"] == "serving"]
        with urllib.request.urlopen(f"{url}/schema/openapi.json") as answer:
            assert json.load(answer) == printed
    assert "/api/payments/cash-out" in printed["paths"]


def test_production_shape_pays_over_postgres_and_nats(
    tmp_path: Path, postgres_server: PostgresServer, nats_server: NatsServer
) -> None:
    """API and worker as processes of their own; events are followed from the broker."""
    nats_server.empty()
    name = postgres_server.create_database()
    settings = {
        **HASTY,
        "DATABASE_URL": postgres_server.dsn(name),
        "NATS_URL": nats_server.url,
        "NATS_MONITOR_URL": nats_server.monitor_url,
        "WORKERS_IN_API": "false",
    }
    console = Console(tmp_path, settings)
    assert console.run("migrate").returncode == 0
    with ExitStack() as running:
        program = running.enter_context(console.running("sandbox", "--port", "0", "--json"))
        sandbox: dict[str, str] = json.loads(program.line())["environment"]
        worker = running.enter_context(console.running("worker", **sandbox))
        api = running.enter_context(console.running("serve", "--port", "0", **sandbox))
        worker.wait_until_said('"working"')
        api.wait_until_said('"serving"')
        done = console.json(*PAY, "--wait", "40", given=sandbox)
        assert done["status"] == "completed"
        kinds = ("--type", "cash_out.completed", "--from-start", "--count", "1")
        told = console.json("events", "tail", *kinds)
        assert told["cashOutId"] == done["cashOutId"]
        found = console.json("doctor", given=sandbox)
        assert {each["mark"] for each in found["findings"] if each["subject"] == "broker"} == {
            "good"
        }
    postgres_server.drop_database(name)


def _status(url: str, token: str) -> Any:  # noqa: ANN401 -- a number of the standard library
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code
