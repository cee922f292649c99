"""kill -9 of the whole process under load: nothing accepted is lost, nothing is paid twice."""

import asyncio
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY, sandbox_msisdn
from adapters.sandbox.server import Sandbox
from adapters.sandbox.settings import SandboxSettings
from adapters.sql.schema import migrate
from tests.processes import api_process, worker_process
from tests.running import HASTY, JWT_SECRET, token_for
from tests.servers import NatsServer, PostgresServer
from tests.shipped import UNMOVED, shipped_with

pytestmark = pytest.mark.anyio

CASH_OUTS = 200
# Mostly ordinary ones, and those that leave an outcome open while the process dies.
SUFFIXES = ("789", "789", "789", "001", "139", "205", "203")
CORRIDORS = {ORANGE_MONEY: ("CI", "XOF", 1500), AFRIMONEY: ("SL", "SLE", 150)}
REST_S = 60


def _environment(folder: Path, sandbox: Sandbox, **more: str) -> dict[str, str]:
    return {
        **HASTY,
        **sandbox.environment(),
        "JWT_SECRET": JWT_SECRET,
        # A worker that was killed holds its leases this long: see Patience.policy.
        "PROVIDER_TIMEOUT_SECONDS": "0.6",
        # Three of seven leave their outcome open: no provider does so badly and is not parked.
        "CASHOUT_CONFIG": str(shipped_with(folder, **UNMOVED)),
        **more,
    }


async def _post(client: httpx.AsyncClient, number: int) -> str | None:
    """Ask for a cash-out; return its id, or None when the answer did not come."""
    provider = (ORANGE_MONEY, AFRIMONEY)[number % 2]
    country, code, amount = CORRIDORS[provider]
    suffix = SUFFIXES[number % len(SUFFIXES)]
    try:
        answer = await client.post(
            "/api/payments/cash-out",
            json={
                "walletId": "wallet-1",
                "amount": amount,
                "currency": code,
                "provider": provider,
                "providerAccountId": sandbox_msisdn(provider, country, suffix),
                "providerAccountName": "Awa Diallo",
            },
            headers={
                "Authorization": f"Bearer {token_for(f'user-{number}')}",
                "Idempotency-Key": f"key-{number}",
            },
        )
    except httpx.TransportError:
        return None
    if answer.status_code == 503:
        return None
    assert answer.status_code == 202, answer.text
    cash_out_id: str = answer.json()["data"]["cashOutId"]
    return cash_out_id


async def _post_all(url: str, numbers: list[int]) -> dict[int, str | None]:
    limits = httpx.Limits(max_connections=32)
    async with httpx.AsyncClient(
        base_url=url, timeout=10, limits=limits, trust_env=False
    ) as client:
        ids = await asyncio.gather(*(_post(client, number) for number in numbers))
    return dict(zip(numbers, ids, strict=True))


async def _ended(url: str, ids: Mapping[int, str]) -> dict[int, dict[str, Any]]:
    """Return all records once each has ended."""
    found: dict[int, dict[str, Any]] = {}
    async with httpx.AsyncClient(base_url=url, timeout=10, trust_env=False) as client:
        async with asyncio.timeout(REST_S):
            while len(found) < len(ids):
                for number in ids.keys() - found.keys():
                    answer = await client.get(
                        f"/api/payments/cash-out/{ids[number]}",
                        headers={"Authorization": f"Bearer {token_for(f'user-{number}')}"},
                    )
                    assert answer.status_code == 200, answer.text
                    record = answer.json()["data"]
                    if record["status"] in {"completed", "failed", "cancelled"}:
                        found[number] = record
                await asyncio.sleep(0.2)
    return found


def _agree(sandbox: Sandbox, records: Mapping[int, dict[str, Any]]) -> None:
    assert sandbox.ledger.paid_more_than_once() == ()
    for record in records.values():
        paid = sandbox.ledger.count(record["reference"]) == 1
        assert paid == (record["status"] == "completed"), record
    references = {record["reference"] for record in records.values()}
    assert {payout.reference for payout in sandbox.ledger} <= references


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_killed_process_loses_nothing_and_pays_nothing_twice(
    tmp_path: Path, seed: int
) -> None:
    """200 cash-outs on SQLite, kill -9 at a random moment, restart, send the unanswered again."""
    chance = random.Random(seed)
    async with Sandbox(SandboxSettings(hang_s=2, seed=seed)) as sandbox:
        database = f"sqlite+aiosqlite:///{tmp_path / 'cashout.db'}"
        await migrate(database)
        process, url = api_process(tmp_path, _environment(tmp_path, sandbox, DATABASE_URL=database))
        sandbox.webhook_base_url = f"{url}/api/payments/webhook"
        process.start()
        try:
            asking = asyncio.create_task(_post_all(url, list(range(CASH_OUTS))))
            await asyncio.sleep(chance.uniform(0.05, 1.2))
            process.kill()
            answered = await asking
            process.start()
            unanswered = [number for number, each in answered.items() if each is None]
            again = await _post_all(url, unanswered)
            ids = {n: each for n, each in {**answered, **again}.items() if each is not None}
            assert len(ids) == CASH_OUTS
            records = await _ended(url, ids)
        finally:
            process.stop()
        _agree(sandbox, records)


async def test_killed_workers_on_postgres_are_replaced(
    tmp_path: Path, postgres_server: PostgresServer, nats_server: NatsServer
) -> None:
    """API and two workers over PostgreSQL and NATS; one is killed under load and not missed."""
    database = postgres_server.dsn(postgres_server.create_database())
    await migrate(database)
    async with Sandbox(SandboxSettings(hang_s=2)) as sandbox:
        environment = _environment(
            tmp_path,
            sandbox,
            DATABASE_URL=database,
            NATS_URL=nats_server.url,
            WORKERS_IN_API="false",
        )
        api, url = api_process(tmp_path, environment)
        sandbox.webhook_base_url = f"{url}/api/payments/webhook"
        doomed = worker_process(tmp_path, "doomed", environment)
        spare = worker_process(tmp_path, "spare", environment)
        try:
            for process in (api, doomed, spare):
                process.start()
            asking = asyncio.create_task(_post_all(url, list(range(CASH_OUTS))))
            await asyncio.sleep(0.4)
            doomed.kill()
            answered = await asking
            ids = {number: each for number, each in answered.items() if each is not None}
            assert len(ids) == CASH_OUTS
            records = await _ended(url, ids)
        finally:
            for process in (api, doomed, spare):
                process.stop()
        _agree(sandbox, records)
