"""What a page costs follows what is open or shown, never what is stored.

CONSOLE_ARCHIVE=1000000 measures over as many cash-outs; by default there are fewer, and a plan that
would read a whole table fails whatever its size.
"""

import asyncio
import json
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
import pytest
from sqlalchemy import Executable

from adapters.sql import console_statements as statements
from adapters.sql.accounts import signed_in
from adapters.sql.database import open_database
from adapters.sql.direct import direct
from adapters.sql.schema import migrate
from adapters.web.server import ApiServer
from application.callers import Role
from entrypoints.api import open_api
from entrypoints.container import Service
from entrypoints.lifespan import open_service
from entrypoints.settings import read_settings
from tests.running import JWT_SECRET
from tests.servers import PostgresServer

pytestmark = pytest.mark.anyio

ARCHIVE: Final = int(os.environ.get("CONSOLE_ARCHIVE", "20000"))
OPEN: Final = 2_000
LONGEST_MS: Final = 100
TRIES: Final = 15
PATIENCE_S: Final = 10
PASSWORD: Final = "measured and not guessed"
_FILL_MOST_S: Final = 3_600
_BENCH: Final = Path(__file__).parents[1] / "bench" / "archive.sql"
_OPEN_ONES: Final = """
INSERT INTO cash_outs (
  id, user_id, wallet_id, provider, currency, amount_minor, fee_minor, tariff_version, msisdn,
  country, payee_name, reference, reference_given, created_at, updated_at, status, contradicted,
  review, review_at, action, due_at, asked, version, events, pieces)
SELECT gen_random_uuid(), 'user-0', 'wallet-1', 'orange_money', 'XOF', 1500, 600,
  'orange_money-2026-11', '+2250700000129', 'CI', 'Awa Diallo', 'OPEN' || n, false,
  now() - n * interval '1 s', now(), 'processing', false,
  CASE WHEN n % 10 = 0 THEN 'unknown_too_long' END, CASE WHEN n % 10 = 0 THEN now() END,
  'ask', now() + interval '1 h', 0, 2, 2, 2
FROM generate_series(1, :open) AS n;
INSERT INTO inbox (id, provider, digest, received_at, raw, lookup_provider, lookup_reference,
  cash_out_id)
SELECT gen_random_uuid(), 'orange_money', md5(n::text), now() - n * interval '1 s', '{}',
  'orange_money', 'ARCHIVE' || n, CASE WHEN n % 1000 > 0 THEN gen_random_uuid() END
FROM generate_series(1, :archive) AS n;
"""
_BIG: Final = {"cash_outs", "outbox", "inbox", "attempts", "evidence"}


@dataclass(frozen=True, slots=True)
class Archive:
    """A database with many cash-outs, and the console over it."""

    dsn: str
    service: Service
    client: httpx.AsyncClient
    one: str


@pytest.fixture(scope="module", name="dsn")
def filled_database(postgres_server: PostgresServer) -> str:
    name = postgres_server.create_database()
    asyncio.run(migrate(postgres_server.dsn(name)))
    script = _BENCH.read_text().replace(":archive", str(ARCHIVE)).replace(":each", "5")
    postgres_server.execute(script, name, _FILL_MOST_S)
    more = _OPEN_ONES.replace(":open", str(OPEN)).replace(":archive", str(ARCHIVE))
    postgres_server.execute(more, name, _FILL_MOST_S)
    postgres_server.execute("VACUUM ANALYZE", name, _FILL_MOST_S)
    return postgres_server.dsn(name)


@pytest.fixture
async def archive(dsn: str, tmp_path: Path) -> AsyncIterator[Archive]:
    """The console over the filled database, on a socket, with an approver signed in."""
    settings = read_settings(
        {"DATABASE_URL": dsn, "JWT_SECRET": JWT_SECRET, "CASHOUT_DATA_DIR": str(tmp_path)}
    )
    async with AsyncExitStack() as opened:
        service = await opened.enter_async_context(open_service(settings))
        there = {each.name for each in await service.operators.every()}
        if "ada" not in there:
            await service.operators.add("setup", "ada", Role.APPROVER, PASSWORD)
        while await service.keep_figures():
            pass
        app = await opened.enter_async_context(open_api(service))
        server = await opened.enter_async_context(ApiServer(app))
        client = await opened.enter_async_context(
            httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=30)
        )
        await sign_in(client, server.url)
        (one,) = await service.console.latest(1)
        yield Archive(dsn, service, client, str(one.id))


async def sign_in(client: httpx.AsyncClient, url: str) -> None:
    page = await client.get("/console/sign-in")
    (csrf,) = re.findall(r'name="csrf" value="([^"]+)"', page.text)
    form = {"csrf": csrf, "name": "ada", "password": PASSWORD, "next": ""}
    answer = await client.post("/console/sign-in", data=form, headers={"Origin": url})
    assert answer.status_code == 303, answer.text


async def fastest_ms(client: httpx.AsyncClient, path: str) -> int:
    """Return the shortest of several tries: what it costs when nobody else wants the machine.

    While that is too long, and for a while, it is tried again: the machine may be busy.
    """
    taken: list[int] = []
    until = time.monotonic() + PATIENCE_S
    while len(taken) < TRIES or (min(taken) >= LONGEST_MS and time.monotonic() < until):
        began = time.perf_counter_ns()
        answer = await client.get(path)
        taken.append((time.perf_counter_ns() - began) // 1_000_000)
        assert answer.status_code == 200, (path, answer.status_code)
    return min(taken)


async def test_every_page_answers_in_a_tenth_of_a_second(archive: Archive) -> None:
    paths = (
        "/console",
        "/console/cash-outs",
        "/console/cash-outs?show=open",
        "/console/cash-outs?q=*789",
        "/console/cash-outs?q=*no-such-ending-4711",
        "/console/cash-outs?q=4711",
        "/console/cash-outs?q=user-0",
        f"/console/cash-outs/{archive.one}",
        "/console/reviews",
        "/console/statements",
        "/console/breaks",
        "/console/webhooks",
        "/console/providers",
        "/console/tariffs",
        "/console/log",
    )
    took = {path: await fastest_ms(archive.client, path) for path in paths}
    print(f"\n{ARCHIVE:,} cash-outs, {OPEN:,} open; fastest of {TRIES}, in ms:", took)  # noqa: T201 -- the measurement is what it is run for
    assert {path: ms for path, ms in took.items() if ms >= LONGEST_MS} == {}


STATEMENTS: Final[dict[str, tuple[Executable, dict[str, Any]]]] = {
    "open_now": (statements.open_now(), {"most": 9}),
    "untold": (statements.untold(), {"most": 9}),
    "latest": (statements.latest(behind=True), {"most": 9, "behind": UUID(int=1)}),
    "longest_open": (statements.longest_open(), {"most": 9, "scanned": 9}),
    "by_id": (statements.by_id("postgresql"), {"given_id": [UUID(int=1)]}),
    "by_reference": (statements.by_reference(), {"this": "x"}),
    "by_provider_id": (
        statements.by_provider_id("postgresql"),
        {"this": "x", "given_provider": ["orange_money"]},
    ),
    "of_user": (statements.of_user(), {"this": "user-0", "most": 9}),
    "to_number": (statements.to_number(), {"ending": "789", "most": 9, "scanned": 9}),
    "events": (statements.events(), {"this": UUID(int=1)}),
    "of_event": (statements.of_event(), {"this": UUID(int=1)}),
    "webhooks": (statements.webhooks(), {"most": 9}),
    "signed_in": (signed_in(), {"this": "x"}),
}


def read_whole(plan: dict[str, Any]) -> list[str]:
    """Return the big tables that a plan reads from end to end."""
    found = [str(plan["Relation Name"])] if plan["Node Type"] == "Seq Scan" else []
    for part in plan.get("Plans", []):
        found += read_whole(part)
    return [each for each in found if each in _BIG]


@pytest.mark.parametrize("name", STATEMENTS)
async def test_no_page_reads_a_whole_table(dsn: str, name: str) -> None:
    statement, given = STATEMENTS[name]
    said = direct(statement)
    moment = dict.fromkeys(("minute", "hour", "day"), None)
    values = said.values({**moment, **given})
    database = open_database(dsn)
    try:
        async with database.engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            # Small tables are read whole although there is an index: here only what has none is.
            await driver.execute("SET enable_seqscan = off")
            told = await driver.fetchval(f"EXPLAIN (FORMAT JSON) {said.text}", *values)
    finally:
        await database.close()
    (plan,) = json.loads(told) if isinstance(told, str) else told
    assert read_whole(plan["Plan"]) == []
