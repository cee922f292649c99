"""`cashout serve` as a process: what it refuses at its start, and how it ends."""

import asyncio
import contextlib
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY
from adapters.sandbox.faults import Act, Endpoint, FaultRule
from adapters.sandbox.server import Sandbox
from adapters.sandbox.settings import SandboxSettings
from adapters.sql import schema
from adapters.sql.schema import migrate
from entrypoints.api import open_api
from entrypoints.lifespan import open_service
from entrypoints.schema_gate import require_current_schema
from entrypoints.settings import Settings, SettingsRefused, read_settings
from tests.entrypoints.orders import a_client, ask, in_a_hurry, order, taken, until, until_ended
from tests.processes import CASHOUT, MEASURED, api_process
from tests.running import JWT_SECRET
from tests.server_process import ServerProcess
from tests.servers import PostgresServer, free_port

pytestmark = pytest.mark.anyio

CANARY = "Canary0123456789Canary0123456789"
UNREADABLE_KEY = f"-----BEGIN PUBLIC KEY-----\\n{CANARY}\\n-----END PUBLIC KEY-----"


def refused(folder: Path, **settings: str) -> list[str]:
    """Return what `cashout serve` says on its way out, when it does not start."""
    done = subprocess.run(
        [CASHOUT, "serve"],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env={
            **MEASURED,
            "PATH": "/usr/bin:/bin",
            "JWT_SECRET": JWT_SECRET,
            "PORT": "0",
            **settings,
        },
        timeout=30,
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()


async def migrated_file(folder: Path) -> str:
    """Return the address of a new database in a file."""
    database = f"sqlite+aiosqlite:///{folder / 'cashout.db'}"
    await migrate(database)
    return database


# --- what it refuses ------------------------------------------------------------------------------


@pytest.fixture(name="database", params=["sqlite", "postgres"])
def an_empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'cashout.db'}"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.dsn(server.create_database())


def settings_over(database: str, folder: Path) -> Settings:
    return read_settings({"CASHOUT_DATA_DIR": str(folder), "DATABASE_URL": database})


async def refusal(settings: Settings) -> tuple[str, ...]:
    with pytest.raises(SettingsRefused) as fault:
        await require_current_schema(settings)
    return fault.value.faults


async def test_an_empty_database_is_refused(database: str, tmp_path: Path) -> None:
    faults = await refusal(settings_over(database, tmp_path))
    assert faults == ("the database is empty: run `cashout migrate`",)


async def test_an_older_schema_is_refused(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(database)
    monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, "9999"))
    faults = await refusal(settings_over(database, tmp_path))
    assert faults == ("the database has an older schema: run `cashout migrate`",)


async def test_a_newer_schema_is_refused(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(database)
    monkeypatch.setattr(schema, "REVISIONS", ("0000",))
    faults = await refusal(settings_over(database, tmp_path))
    assert faults == (
        "the database has a newer schema than this release: deploy the newer release",
    )


async def test_the_schema_of_this_release_is_let_through(database: str, tmp_path: Path) -> None:
    await migrate(database)
    await require_current_schema(settings_over(database, tmp_path))


async def test_a_database_that_may_forget_is_let_through_with_a_warning(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    name = postgres_server.create_database()
    postgres_server.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    await migrate(postgres_server.dsn(name))
    with capture_logs() as lines:
        await require_current_schema(settings_over(postgres_server.dsn(name), tmp_path))
    (line,) = lines
    assert (line["event"], line["log_level"]) == ("database_is_not_durable", "warning")
    assert "synchronous_commit is off" in line["why"]


async def test_an_address_that_is_not_here_gets_one_line(tmp_path: Path) -> None:
    """192.0.2.1 is reserved for documents: no machine has it."""
    lines = refused(tmp_path, DATABASE_URL=await migrated_file(tmp_path), HOST="192.0.2.1")
    assert lines == [
        "cashout: HOST and PORT: there is no listening there: Cannot assign requested address"
    ]


@pytest.mark.parametrize(
    ("tokens", "told"),
    [
        ({}, "JWT_SECRET is not set"),
        ({"JWT_PUBLIC_KEY": UNREADABLE_KEY}, "JWT_PUBLIC_KEY"),
    ],
    ids=["none", "unreadable"],
)
async def test_without_a_key_for_tokens_there_is_no_api(
    tmp_path: Path, tokens: dict[str, str], told: str
) -> None:
    settings = read_settings({"CASHOUT_DATA_DIR": str(tmp_path), **tokens})
    async with open_service(settings) as service:
        with pytest.raises(SettingsRefused) as refused_it:
            async with open_api(service):
                pytest.fail("it opened")
    (line,) = refused_it.value.faults
    assert line.startswith(told)
    assert CANARY not in line


def test_an_empty_database_gets_one_line(tmp_path: Path) -> None:
    lines = refused(tmp_path)
    assert lines == ["cashout: the database is empty: run `cashout migrate`"]


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+asyncpg://cashout:{CANARY}@127.0.0.1:{{port}}/cashout",
        f"sqlite+aiosqlite:////dev/null/{CANARY}/cashout.db",
    ],
    ids=["postgres", "sqlite"],
)
def test_a_database_that_cannot_be_reached_gets_one_line_without_its_address(
    tmp_path: Path, url: str
) -> None:
    lines = refused(tmp_path, DATABASE_URL=url.format(port=free_port()))
    assert lines == [
        "cashout: the database cannot be reached: check DATABASE_URL and that it is running"
    ]


async def test_a_taken_port_gets_one_line(tmp_path: Path) -> None:
    database = await migrated_file(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        lines = refused(tmp_path, DATABASE_URL=database, PORT=str(squatter.getsockname()[1]))
    assert lines == [
        "cashout: the port is in use: stop what listens there, or choose another by --port"
    ]


def test_each_wrong_setting_gets_a_line_and_its_value_none(tmp_path: Path) -> None:
    lines = refused(
        tmp_path,
        JWT_SECRET="short-canary",
        DATABASE_URL=f"mysql://root:{CANARY}@db/cashout",
        NATS_URL=f"http://{CANARY}",
        PORT=CANARY,
        ORANGE_MONEY_CLIENT_SECRT=CANARY,
        SHUTDOWN_GRACE_SECONDS=CANARY,
    )
    named = [line.removeprefix("cashout: ").split()[0] for line in lines]
    assert sorted(named) == [
        "DATABASE_URL",
        "JWT_SECRET",
        "NATS_URL",
        "ORANGE_MONEY_CLIENT_SECRT",
        "PORT",
        "SHUTDOWN_GRACE_SECONDS",
    ]
    assert CANARY not in "".join(lines)
    assert "short-canary" not in "".join(lines)


# --- how it ends ----------------------------------------------------------------------------------


@asynccontextmanager
async def serving(
    folder: Path, sandbox: Sandbox, **settings: str
) -> AsyncIterator[tuple[ServerProcess, str]]:
    """Yield a running `cashout serve` over a migrated database, and its address."""
    database = settings.get("DATABASE_URL", f"sqlite+aiosqlite:///{folder / 'cashout.db'}")
    await migrate(database)
    more = {**sandbox.environment(), "DATABASE_URL": database, **settings}
    environment = in_a_hurry(**more)
    process, url = api_process(folder, environment)
    sandbox.webhook_base_url = f"{url}/api/payments/webhook"
    with ending(process):
        await asyncio.to_thread(process.start)
        yield process, url


@contextmanager
def ending(process: ServerProcess) -> Iterator[None]:
    """End a process with the body, and look at all it said: no stack trace was in it."""
    try:
        yield
    finally:
        process.stop()
    said = process.log.read_text(encoding="utf-8")
    assert "Traceback" not in said
    assert '"bug"' not in said


async def ended_by(process: ServerProcess, within_s: float = 10) -> int:
    return await asyncio.to_thread(process.exit_code, within_s)


async def test_it_serves_over_postgres(tmp_path: Path, postgres_server: PostgresServer) -> None:
    dsn = postgres_server.dsn(postgres_server.create_database())
    async with Sandbox() as sandbox, serving(tmp_path, sandbox, DATABASE_URL=dsn) as (process, url):
        async with a_client(url) as client:
            ready = await client.get("/health/ready")
            assert (ready.status_code, ready.json()["data"]["database"]) == (200, "up")
            cash_out_id = await taken(client, "user-1")
            records = await until_ended(client, {cash_out_id: "user-1"})
            assert records[cash_out_id]["status"] == "completed"
        process.send(signal.SIGINT)
        assert await ended_by(process) == 0


async def test_a_stop_under_load_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    """SIGTERM while 8 callers ask all they can: every 2xx is kept, and ends after a restart."""
    users: dict[str, str] = {}
    async with (
        Sandbox(SandboxSettings(hang_s=2)) as sandbox,
        serving(tmp_path, sandbox) as (process, url),
    ):
        async with a_client(url) as client:
            asking = asyncio.gather(*(_asking_on(client, n, users) for n in range(8)))
            await until(lambda: len(users) >= 40)
            process.send(signal.SIGTERM)
            assert await ended_by(process, 10) == 0
            others = set().union(*await asking)
        assert others <= {503}
        before = len(users)
        await asyncio.to_thread(process.start)
        async with a_client(url) as client:
            records = await until_ended(client, users)
        assert len(records) == before >= 40
        assert {record["status"] for record in records.values()} == {"completed"}
        assert sandbox.ledger.paid_more_than_once() == ()
        assert len(sandbox.ledger) >= before


async def _asking_on(client: httpx.AsyncClient, number: int, users: dict[str, str]) -> set[int]:
    """Ask until nobody answers any more; note who was given what, return all other statuses."""
    others: set[int] = set()
    provider = (ORANGE_MONEY, AFRIMONEY)[number % 2]
    for turn in range(10_000):
        user = f"user-{number}-{turn}"
        try:
            answer = await ask(client, user, order(provider))
        except httpx.TransportError:
            break
        if answer.status_code == 202:
            users[answer.json()["data"]["cashOutId"]] = user
        else:
            others.add(answer.status_code)
    return others


async def test_a_stop_waits_for_a_provider_call_in_flight(tmp_path: Path) -> None:
    """The answer that comes within the grace period is recorded: nothing is left to be asked."""
    slow = FaultRule(act=Act.DELAY, endpoint=Endpoint.SUBMIT, seconds=1.0)
    async with (
        Sandbox() as sandbox,
        serving(tmp_path, sandbox, PROVIDER_TIMEOUT_SECONDS="5") as (process, url),
    ):
        sandbox.engine.faults.add(slow)
        async with a_client(url) as client:
            cash_out_id = await taken(client, "user-1", order(ORANGE_MONEY, "001"))
            await until(lambda: _submits(sandbox) == 1)
            process.send(signal.SIGTERM)
            assert await ended_by(process) == 0
        with contextlib.closing(sqlite3.connect(tmp_path / "cashout.db")) as database:
            found = database.execute("SELECT outcome FROM attempts").fetchall()
        assert found == [("accepted",)], cash_out_id


def _submits(sandbox: Sandbox) -> int:
    return sum(posted.matched for posted in sandbox.engine.faults)


async def test_a_caller_who_waits_is_answered_when_the_process_stops(tmp_path: Path) -> None:
    """`Prefer: wait=30` on a provider that is silent does not outlast the grace period."""
    silent = FaultRule(act=Act.HANG, endpoint=Endpoint.SUBMIT)
    async with (
        Sandbox(SandboxSettings(hang_s=60)) as sandbox,
        serving(tmp_path, sandbox, PROVIDER_TIMEOUT_SECONDS="30", SHUTDOWN_GRACE_SECONDS="2") as (
            process,
            url,
        ),
    ):
        sandbox.engine.faults.add(silent)
        async with a_client(url) as client:
            headers = {"Prefer": "wait=30"}
            asking = asyncio.create_task(_asked(client, headers))
            await until(lambda: _submits(sandbox) == 1)
            began = time.monotonic()
            process.send(signal.SIGTERM)
            answer = await asking
            assert answer.status_code == 202
            assert await ended_by(process) == 0
            assert time.monotonic() - began < 5


async def _asked(client: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
    client.headers.update(headers)
    return await ask(client, "user-1")


async def test_the_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """Whoever asks twice does not want to wait for the provider call in flight."""
    silent = FaultRule(act=Act.HANG, endpoint=Endpoint.SUBMIT)
    async with (
        Sandbox(SandboxSettings(hang_s=60)) as sandbox,
        serving(tmp_path, sandbox, PROVIDER_TIMEOUT_SECONDS="30", SHUTDOWN_GRACE_SECONDS="30") as (
            process,
            url,
        ),
    ):
        sandbox.engine.faults.add(silent)
        async with a_client(url) as client:
            await taken(client, "user-1")
        await until(lambda: _submits(sandbox) == 1)
        process.send(signal.SIGTERM)
        await asyncio.sleep(0.5)
        assert process.running
        process.send(signal.SIGINT)
        assert await ended_by(process, 3) != 0


@pytest.mark.parametrize("after_s", [0.0, 0.9])
async def test_a_stop_right_after_the_start_is_quick_and_quiet(
    tmp_path: Path, after_s: float
) -> None:
    """Whatever it was doing: it is gone within a few seconds, by itself or by the signal."""
    database = await migrated_file(tmp_path)
    process, _ = api_process(tmp_path, in_a_hurry(DATABASE_URL=database))
    with ending(process):
        process.spawn()
        await asyncio.sleep(after_s)
        process.send(signal.SIGTERM)
        assert await ended_by(process, 5) in {0, -signal.SIGTERM}
