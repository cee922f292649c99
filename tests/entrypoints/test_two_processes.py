"""Two API processes over one database: keys, references and limits hold across both."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from adapters.sql.schema import migrate
from tests.entrypoints.orders import a_client, ask, in_a_hurry, order
from tests.processes import api_process
from tests.servers import PostgresServer, free_port

pytestmark = pytest.mark.anyio

ROUNDS = 20
DOLLARS = {"providerAccountId": "+2250700000789", "currency": "USD"}


@dataclass(frozen=True, slots=True)
class Twins:
    """Clients of two API processes, and the database that both stand on."""

    clients: tuple[httpx.AsyncClient, httpx.AsyncClient]
    postgres: PostgresServer
    database: str

    def count(self, where: str) -> int:
        query = f"SELECT count(*) FROM cash_outs WHERE {where}"  # noqa: S608 -- our own words
        return int(self.postgres.execute(query, self.database))


@pytest.fixture(scope="module", name="twins")
async def two_processes(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer
) -> AsyncIterator[Twins]:
    """Start both without workers: what is taken stays as it is."""
    name = postgres_server.create_database()
    await migrate(postgres_server.dsn(name))
    nowhere = f"http://127.0.0.1:{free_port()}"
    environment = in_a_hurry(
        DATABASE_URL=postgres_server.dsn(name),
        WORKERS_IN_API="false",
        ORANGE_MONEY_API_URL=nowhere,
        ORANGE_MONEY_TOKEN_URL=f"{nowhere}/token",
        ORANGE_MONEY_CLIENT_ID="client",
        ORANGE_MONEY_CLIENT_SECRET="client-secret",
        ORANGE_MONEY_WEBHOOK_SECRET="webhook-secret",
    )
    async with AsyncExitStack() as stack:
        clients = []
        for number in (1, 2):
            folder: Path = tmp_path_factory.mktemp(f"api-{number}")
            process, url = api_process(folder, environment)
            stack.callback(process.stop)
            await asyncio.to_thread(process.start)
            clients.append(await stack.enter_async_context(a_client(url)))
        yield Twins((clients[0], clients[1]), postgres_server, name)


async def test_one_key_raced_across_both_is_one_cash_out(twins: Twins) -> None:
    """Two requests at each process at once: one is taken, the others get the same or wait."""
    for turn in range(ROUNDS):
        answers = await asyncio.gather(
            *(ask(client, "user-key", order(), f"key-{turn}") for client in twins.clients * 2)
        )
        statuses = {answer.status_code for answer in answers}
        assert statuses <= {202, 409}, [answer.text for answer in answers]
        codes = {a.json()["error"]["code"] for a in answers if a.status_code == 409}
        assert codes <= {"IDEMPOTENCY_KEY_IN_USE"}
        given = [a for a in answers if a.status_code == 202]
        assert len({a.json()["data"]["cashOutId"] for a in given}) == 1
        fresh = [a for a in given if "idempotent-replayed" not in a.headers]
        assert len(fresh) == 1
    assert twins.count("user_id = 'user-key'") == ROUNDS


async def test_one_reference_raced_across_both_is_one_cash_out(twins: Twins) -> None:
    for turn in range(ROUNDS):
        body = order(reference=f"PAYROLL-2026-{turn:04}")
        answers = await asyncio.gather(
            *(ask(client, "user-reference", body) for client in twins.clients * 2)
        )
        assert {answer.status_code for answer in answers} == {202}, [a.text for a in answers]
        assert len({answer.json()["data"]["cashOutId"] for answer in answers}) == 1
    assert twins.count("user_id = 'user-reference'") == ROUNDS


async def test_two_users_racing_for_a_reference_across_both_get_one_cash_out(
    twins: Twins,
) -> None:
    for turn in range(ROUNDS):
        body = order(reference=f"CONTESTED-{turn:04}")
        answers = await asyncio.gather(
            *(
                ask(client, user, body)
                for client, user in zip(twins.clients, ("user-a", "user-b"), strict=True)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [202, 409]
        (refused,) = (answer for answer in answers if answer.status_code == 409)
        assert refused.json()["error"]["code"] == "DUPLICATE_REFERENCE"
    assert twins.count("reference LIKE 'CONTESTED-%'") == ROUNDS


@pytest.mark.parametrize(
    ("user", "amount", "fits"),
    [("user-daily-1", "1000", 10), ("user-daily-2", "3333.33", 3), ("user-daily-3", "2500.01", 3)],
)
async def test_the_daily_limit_raced_across_both_holds_to_the_last_unit(
    twins: Twins, user: str, amount: str, fits: int
) -> None:
    """10,000 dollars a day: exactly as many are taken as fit, whoever asks where."""
    body = order(amount=amount, **DOLLARS)
    answers = await asyncio.gather(*(ask(client, user, body) for client in twins.clients * 15))
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses == {202: fits, 422: 30 - fits}, [answer.text for answer in answers][:3]
    codes = {a.json()["error"]["code"] for a in answers if a.status_code == 422}
    assert codes == {"DAILY_LIMIT_EXCEEDED"}
    assert twins.count(f"user_id = '{user}'") == fits
    left = Decimal(10_000) - fits * Decimal(amount)
    # What is left can still be paid out, and not a cent more.
    if left >= 1:
        cent_more = await ask(
            twins.clients[0], user, order(amount=str(left + Decimal("0.01")), **DOLLARS)
        )
        assert cent_more.status_code == 422
        rest = await ask(twins.clients[1], user, order(amount=str(left), **DOLLARS))
        assert rest.status_code == 202, rest.text
