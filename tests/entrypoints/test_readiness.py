"""The database is killed under a running service: it says so, loses nothing, and goes on."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.sandbox.settings import SandboxSettings
from tests.entrypoints.orders import CASH_OUT, ask, order, signed_in, until, until_ended
from tests.running import Running, running
from tests.servers import PostgresServer

pytestmark = pytest.mark.anyio

BACK_WITHIN_S = 20


@pytest.fixture(name="postgres")
def a_server_that_is_up_again_afterwards(
    postgres_server: PostgresServer,
) -> Iterator[PostgresServer]:
    yield postgres_server
    if not postgres_server._process.running:
        postgres_server.restart()


async def ready(service: Running) -> tuple[int, dict[str, Any]]:
    answer = await service.client.get("/health/ready")
    body = answer.json()
    assert ("retry-after" in answer.headers) == (answer.status_code == 503)
    return answer.status_code, body["data"]


async def until_ready(service: Running, status: int) -> dict[str, Any]:
    async with asyncio.timeout(BACK_WITHIN_S):
        while True:
            found, data = await ready(service)
            if found == status:
                return data
            await asyncio.sleep(0.1)


async def test_readiness_tells_of_every_dependency(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    dsn = postgres.dsn(postgres.create_database())
    async with running(tmp_path, DATABASE_URL=dsn) as service:
        status, data = await ready(service)
    assert status == 200
    assert data == {
        "status": "ready",
        "database": "up",
        "schema": "current",
        "broker": "none",
        "outboxBacklogSeconds": 0,
        "providers": {
            "orange_money": {"state": "OPERATIONAL", "parked": {}},
            "afrimoney": {"state": "OPERATIONAL", "parked": {}},
        },
    }


async def test_a_killed_database_is_said_and_its_return_noticed(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """503 while it is away, 200 when it is back: the API is not restarted in between."""
    dsn = postgres.dsn(postgres.create_database())
    async with running(tmp_path, DATABASE_URL=dsn) as service:
        await until_ready(service, 200)
        postgres.kill()
        data = await until_ready(service, 503)
        assert (data["status"], data["database"]) == ("unavailable", "down")
        alive = await service.client.get("/health")
        assert alive.status_code == 200

        for answer in (
            await ask(service.client, "user-1", key="while-away"),
            await service.client.get(CASH_OUT, headers=signed_in("user-1")),
            await service.client.get(
                f"{CASH_OUT}/019ab000-0000-7000-8000-000000000042", headers=signed_in("user-1")
            ),
        ):
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["retry-after"]) > 0
            assert answer.json()["success"] is False

        await asyncio.to_thread(postgres.restart)
        await until_ready(service, 200)
        again = await ask(service.client, "user-1", key="while-away")
        assert again.status_code == 202, again.text
        cash_out_id = again.json()["data"]["cashOutId"]
        await until_ended(service.client, {cash_out_id: "user-1"})
        assert service.sandbox.ledger.paid_more_than_once() == ()


async def test_the_same_key_resolves_what_a_killed_database_left_open(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """Callers ask while it is killed and restarted: 202 or 503, and one cash-out for each key."""
    dsn = postgres.dsn(postgres.create_database())
    async with running(tmp_path, DATABASE_URL=dsn) as service:
        stop = asyncio.Event()
        asking = [asyncio.create_task(_ask_on(service, n, stop)) for n in range(4)]
        await asyncio.sleep(0.4)
        postgres.kill()
        await asyncio.sleep(0.3)
        await asyncio.to_thread(postgres.restart)
        await until_ready(service, 200)
        stop.set()
        answers = {key: each for found in await asyncio.gather(*asking) for key, each in found}

        statuses = {answer.status_code for answer in answers.values()}
        assert statuses == {202, 503}, {a.text for a in answers.values() if a.status_code >= 500}
        assert all("retry-after" in a.headers for a in answers.values() if a.status_code == 503)
        ids: dict[str, str] = {}
        for key, first in answers.items():
            again = await ask(service.client, _user(key), order(), key)
            assert again.status_code in {200, 202}, again.text
            cash_out_id = again.json()["data"]["cashOutId"]
            if first.status_code == 202:
                assert first.json()["data"]["cashOutId"] == cash_out_id
            ids[cash_out_id] = _user(key)
        assert len(ids) == len(answers)
        records = await until_ended(service.client, ids)
        assert {record["status"] for record in records.values()} == {"completed"}
        references = {record["reference"] for record in records.values()}
        assert {payout.reference for payout in service.sandbox.ledger} == references
        assert service.sandbox.ledger.paid_more_than_once() == ()
        stored = postgres.execute("SELECT count(*) FROM cash_outs", dsn.rpartition("/")[2])
        assert int(stored) == len(ids)


def _user(key: str) -> str:
    return f"user-of-{key}"


async def _ask_on(
    service: Running, number: int, stop: asyncio.Event
) -> list[tuple[str, httpx.Response]]:
    answers: list[tuple[str, httpx.Response]] = []
    while not stop.is_set():
        key = f"key-{number}-{len(answers)}"
        answers.append((key, await ask(service.client, _user(key), order(), key)))
        await asyncio.sleep(0.05)
    return answers


async def test_a_webhook_that_cannot_be_kept_must_be_sent_again(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """503 with Retry-After: the sandbox sends it again, and the outcome is learnt from it alone."""
    dsn = postgres.dsn(postgres.create_database())
    # It has to go on sending until the database is back, however slow this machine is.
    patient = SandboxSettings(hang_s=3, webhook_attempts=60)
    async with running(tmp_path, patient, DATABASE_URL=dsn, STATUS_POLL_SECONDS="3600") as service:
        address, service.sandbox.webhook_base_url = service.sandbox.webhook_base_url, None
        answer = await ask(service.client, "user-1")
        assert answer.status_code == 202
        await until(lambda: len(service.sandbox.ledger) == 1)
        postgres.kill()
        service.sandbox.webhook_base_url = address
        await until(lambda: 503 in _statuses(service))
        assert _statuses(service) <= {503}
        await asyncio.to_thread(postgres.restart)
        cash_out_id = answer.json()["data"]["cashOutId"]
        await until(lambda: 200 in _statuses(service), within_s=60)
        records = await until_ended(service.client, {cash_out_id: "user-1"})
        assert records[cash_out_id]["status"] == "completed"


def _statuses(service: Running) -> set[int | None]:
    return {
        status
        for delivery in service.sandbox.engine.deliveries
        for sending in delivery.sendings
        for status in sending.statuses
    }
