"""`cashout worker` beside an API that does none of the work: told at once, drained, replaced."""

import asyncio
import contextlib
import signal
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY
from adapters.sandbox.faults import Act, Endpoint, FaultRule
from adapters.sandbox.server import Sandbox
from adapters.sandbox.settings import SandboxSettings
from adapters.sql.schema import migrate
from tests.entrypoints.orders import (
    CASH_OUT,
    a_client,
    in_a_hurry,
    order,
    seen,
    signed_in,
    taken,
    until,
    until_ended,
)
from tests.processes import api_process, worker_process
from tests.server_process import ServerProcess
from tests.servers import NatsServer, PostgresServer
from tests.shipped import UNMOVED, shipped_with

pytestmark = pytest.mark.anyio

NEVER = "600"
"""Seconds between looks at the database: whatever happens sooner was told and not found."""


@dataclass(frozen=True, slots=True)
class Split:
    """An API and workers as processes of their own."""

    folder: Path
    environment: dict[str, str]
    client: httpx.AsyncClient
    sandbox: Sandbox
    database: str

    @asynccontextmanager
    async def worker(self, name: str) -> AsyncIterator[ServerProcess]:
        """Run a worker beside the body."""
        process = worker_process(self.folder, name, self.environment)
        try:
            await asyncio.to_thread(process.start)
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                if process.running:
                    process.send(signal.SIGCONT)
            process.stop()
        said = process.log.read_text(encoding="utf-8")
        assert "Traceback" not in said
        assert '"bug"' not in said


@asynccontextmanager
async def split(
    folder: Path, postgres: PostgresServer, nats: NatsServer, **settings: str
) -> AsyncIterator[Split]:
    """Run a sandbox and an API without workers over PostgreSQL and NATS."""
    nats.empty()
    name = postgres.create_database()
    await migrate(postgres.dsn(name))
    async with Sandbox(SandboxSettings(hang_s=5)) as sandbox:
        base = {
            **sandbox.environment(),
            "DATABASE_URL": postgres.dsn(name),
            "NATS_URL": nats.url,
            "WORKERS_IN_API": "false",
        }
        environment = in_a_hurry(**{**base, **settings})
        api, url = api_process(folder, environment)
        sandbox.webhook_base_url = f"{url}/api/payments/webhook"
        try:
            await asyncio.to_thread(api.start)
            async with a_client(url) as client:
                yield Split(folder, environment, client, sandbox, name)
        finally:
            api.stop()
        assert "Traceback" not in api.log.read_text(encoding="utf-8")


async def test_a_worker_is_told_of_work_by_other_processes(
    tmp_path: Path, postgres_server: PostgresServer, nats_server: NatsServer
) -> None:
    """Nobody looks for ten minutes: what is paid and completed was nudged from process to process.

    The money moves when the worker hears of the POST; AfriMoney's cash-outs complete when it
    hears of the webhook that reached the API.
    """
    asleep = {"WORK_POLL_SECONDS": NEVER, "STATUS_POLL_SECONDS": NEVER}
    async with (
        split(tmp_path, postgres_server, nats_server, **asleep) as service,
        service.worker("worker"),
    ):
        waits = []
        ids: dict[str, str] = {}
        # The first one warms up connections and the provider's token.
        for number in range(8):
            began = time.monotonic()
            body = order((ORANGE_MONEY, AFRIMONEY)[number % 2], "001")
            ids[await taken(service.client, f"user-{number}", body)] = f"user-{number}"
            await until(lambda: len(service.sandbox.ledger) == len(ids), within_s=10)
            waits.append(time.monotonic() - began)
        records = await until_ended(service.client, ids, within_s=20)
        assert {record["status"] for record in records.values()} == {"completed"}
        # Milliseconds on an idle machine; the bound leaves room for a busy one.
        assert statistics.median(waits) < 2.5


async def test_a_caller_of_the_api_is_told_of_an_answer_that_a_worker_got(
    tmp_path: Path, postgres_server: PostgresServer, nats_server: NatsServer
) -> None:
    async with (
        split(tmp_path, postgres_server, nats_server, WORK_POLL_SECONDS=NEVER) as service,
        service.worker("worker"),
    ):
        answer = await service.client.post(
            CASH_OUT,
            json=order(ORANGE_MONEY, "001"),
            headers={**signed_in("user-1"), "Prefer": "wait=9"},
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"]["status"] == "completed"


async def test_a_stopped_worker_records_the_call_in_flight(
    tmp_path: Path, postgres_server: PostgresServer, nats_server: NatsServer
) -> None:
    """SIGTERM during a slow submit: it takes nothing new, keeps the answer, and ends with 0."""
    slow = FaultRule(act=Act.DELAY, endpoint=Endpoint.SUBMIT, seconds=1.5)
    settings = {"PROVIDER_TIMEOUT_SECONDS": "8", "STATUS_POLL_SECONDS": NEVER}
    async with (
        split(tmp_path, postgres_server, nats_server, **settings) as service,
        service.worker("worker") as worker,
    ):
        service.sandbox.webhook_base_url = None
        service.sandbox.engine.faults.add(slow)
        first = await taken(service.client, "user-1")
        await until(lambda: _submits(service.sandbox) == 1)
        worker.send(signal.SIGTERM)
        await asyncio.sleep(0.3)
        second = await taken(service.client, "user-1")
        assert await asyncio.to_thread(worker.exit_code, 10) == 0
        sent = await seen(service.client, "user-1", first)
        assert sent["providerTransactionId"]
        assert (sent["status"], sent["attempts"]) == ("processing", 1)
        assert (await seen(service.client, "user-1", second))["status"] == "pending"
        found = postgres_server.execute("SELECT outcome FROM attempts", service.database)
        assert found == "accepted"


def _submits(sandbox: Sandbox) -> int:
    return sum(posted.matched for posted in sandbox.engine.faults)


async def test_a_worker_that_wakes_up_after_its_lease_pays_nothing_twice(
    tmp_path: Path, postgres_server: PostgresServer, nats_server: NatsServer
) -> None:
    """SIGSTOP in the midst of a burst, for longer than its leases; another takes over; SIGCONT.

    Some of its submits were answered, some were on the wire, some were only committed.
    """
    settings = {
        "PROVIDER_TIMEOUT_SECONDS": "0.6",
        "REVIEW_AFTER_SECONDS": "600",
        # A busy machine is late with answers: that is not what parks a provider here.
        "CASHOUT_CONFIG": str(shipped_with(tmp_path, **UNMOVED)),
    }
    async with (
        split(tmp_path, postgres_server, nats_server, **settings) as service,
        service.worker("sleeper") as sleeper,
    ):
        jitter = FaultRule(act=Act.DELAY, endpoint=Endpoint.SUBMIT, seconds=0.15, probability=0.5)
        service.sandbox.engine.faults.add(jitter)
        asked = await asyncio.gather(*(_asked(service, number) for number in range(60)))
        ids = dict(asked)
        await until(lambda: len(service.sandbox.ledger) >= 5)
        sleeper.send(signal.SIGSTOP)
        under_way = postgres_server.execute(
            "SELECT count(*) FROM attempts WHERE outcome IS NULL", service.database
        )
        async with service.worker("successor"):
            # A transaction that it left open is ended by the database after 15 seconds.
            records = await until_ended(service.client, ids, within_s=150)
            sleeper.send(signal.SIGCONT)
            await asyncio.sleep(1.5)
            again = await until_ended(service.client, ids)
        assert int(under_way) > 0
        assert {each: _story(again[each]) for each in ids} == {
            each: _story(records[each]) for each in ids
        }
        assert service.sandbox.ledger.paid_more_than_once() == ()
        assert len(service.sandbox.ledger) == len(ids)
        assert {record["status"] for record in records.values()} == {"completed"}
        assert not any(record["needsReview"] for record in records.values())


def _story(record: dict[str, Any]) -> list[Any]:
    return [record[name] for name in ("status", "providerTransactionId", "completedAt")]


async def _asked(service: Split, number: int) -> tuple[str, str]:
    body = order((ORANGE_MONEY, AFRIMONEY)[number % 2])
    return await taken(service.client, f"user-{number}", body), f"user-{number}"
