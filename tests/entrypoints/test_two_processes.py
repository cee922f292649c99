"""Two API processes over one database: keys, references and limits hold across both."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from tests.entrypoints.orders import ask, order
from tests.entrypoints.twins import Twins, twins_over
from tests.servers import PostgresServer

pytestmark = pytest.mark.anyio

ROUNDS = 20
DOLLARS = {"providerAccountId": "+2250700000789", "currency": "USD"}


@pytest.fixture(scope="module", name="twins")
async def two_processes(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer
) -> AsyncIterator[Twins]:
    """Both without workers: what is taken stays as it is."""
    async with twins_over(postgres_server, tmp_path_factory.mktemp("twins")) as twins:
        yield twins


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
