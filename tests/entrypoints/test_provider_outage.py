"""An outage, end to end: it is noticed, what is asked for waits, and all is paid once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.sandbox.corridors import ORANGE_MONEY, sandbox_msisdn
from adapters.sandbox.faults import Act, Endpoint, FaultRule
from adapters.sandbox.ledger import DEFAULT_FLOAT, FloatAccount
from domain.standings import Route, State
from tests.running import Running, running, token_for
from tests.shipped import HURRIED, shipped_with

pytestmark = pytest.mark.anyio

CODES = {"CI": "XOF", "CM": "XAF", "GN": "GNF"}
AMOUNT = 20_000
PAID = "789"
ALSO_PAID = "001"
LONGEST_S = 60
NOT_AVAILABLE = (
    "Orange Money in Cameroon is not available at the moment."
    " We send it as soon as it is back; you can still cancel."
)


@asynccontextmanager
async def a_service(folder: Path, **changes: int) -> AsyncIterator[Running]:
    configuration = shipped_with(folder, **{**HURRIED, **changes})
    async with running(folder, CASHOUT_CONFIG=str(configuration)) as service:
        yield service


async def ask(service: Running, number: int, country: str = "CI", suffix: str = PAID) -> str:
    answer = await service.post(
        f"user-{number}",
        {
            "walletId": "wallet-1",
            "amount": AMOUNT,
            "currency": CODES[country],
            "provider": ORANGE_MONEY,
            "providerAccountId": sandbox_msisdn(ORANGE_MONEY, country, suffix),
            "providerAccountName": "Awa Diallo",
        },
    )
    assert answer.status_code == 202, answer.text
    made: str = answer.json()["data"]["cashOutId"]
    return made


async def until(holds: Callable[[], bool], why: str) -> None:
    for _ in range(LONGEST_S * 20):
        if holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(why)


def state(service: Running, country: str = "CI") -> State:
    board, catalogue = service.service.provider_health.board, service.service.catalogue
    provider = catalogue.providers[ORANGE_MONEY]
    return board.of_corridor(provider, provider.corridors[country], CODES[country]).state


def paid(service: Running, records: Iterable[dict[str, Any]]) -> list[int]:
    ledger = service.sandbox.ledger
    return [len(ledger.payouts_of(each["reference"])) for each in records]


async def records(service: Running, ids: dict[int, str]) -> dict[int, dict[str, Any]]:
    return {number: await service.get(f"user-{number}", each) for number, each in ids.items()}


async def all_ended(service: Running, ids: dict[int, str]) -> dict[int, dict[str, Any]]:
    async with asyncio.timeout(LONGEST_S):
        while True:
            found = await records(service, ids)
            if all(each["status"] in {"completed", "failed"} for each in found.values()):
                return found
            await asyncio.sleep(0.1)


async def told_states(service: Running) -> list[tuple[int, str]]:
    entries = await service.service.reader.events_after(0, 1_000)
    return [
        (each.event.sequence, each.event.body.split('"state":"')[1].split('"')[0])
        for each in entries
        if each.event.cash_out_id == Route(ORANGE_MONEY).id
    ]


async def test_an_outage_closes_the_provider_and_everything_is_paid_once_when_it_is_back(
    tmp_path: Path,
) -> None:
    async with a_service(tmp_path) as service:
        faults = service.sandbox.engine.faults
        faults.add(FaultRule(act=Act.STATUS, provider=ORANGE_MONEY, endpoint=Endpoint.SUBMIT))
        first = {number: await ask(service, number) for number in range(12)}
        await until(lambda: state(service) is State.CLOSED, "the outage is noticed")
        sent = len(list(service.sandbox.ledger))
        second = {number: await ask(service, number, "CM") for number in range(20, 40)}
        waiting = await records(service, second)
        untouched = [each for each in waiting.values() if not each["attempts"]]
        assert len(untouched) >= 18, "all but a probe or two are left alone"
        assert {each["status"] for each in untouched} == {"pending"}
        assert {each["statusDetail"] for each in untouched} == {NOT_AVAILABLE}
        cancelled = next(n for n, each in waiting.items() if not each["attempts"])
        answer = await service.client.post(
            f"/api/payments/cash-out/{second.pop(cancelled)}/cancel",
            headers=service.signed_in(f"user-{cancelled}"),
        )
        assert answer.json()["data"]["status"] == "cancelled"
        assert len(list(service.sandbox.ledger)) == sent == 0
        faults.clear()
        found = await all_ended(service, {**first, **second})
        assert {each["status"] for each in found.values()} == {"completed"}
        assert set(paid(service, found.values())) == {1}
        await until(lambda: state(service) is State.OPERATIONAL, "it is called well again")
        told = await told_states(service)
    assert [number for number, _ in told] == list(range(1, len(told) + 1))
    assert [word for _, word in told] == ["CLOSED", "OPERATIONAL"]


async def test_one_corridor_that_does_not_answer_is_parked_and_the_others_are_paid_meanwhile(
    tmp_path: Path,
) -> None:
    """Its answers are lost, so nobody knows; the circuit is told nothing by its probes."""
    async with a_service(tmp_path, threshold=1000) as service:
        faults = service.sandbox.engine.faults
        lost = FaultRule(act=Act.RESET, endpoint=Endpoint.SUBMIT, suffix=ALSO_PAID, executed=True)
        faults.add(lost)
        bad = {number: await ask(service, number, "GN", ALSO_PAID) for number in range(12)}
        await until(lambda: state(service, "GN") is not State.OPERATIONAL, "it is noticed")
        waiting = {number: await ask(service, number, "GN", ALSO_PAID) for number in range(20, 35)}
        good = {number: await ask(service, number, "CM") for number in range(50, 65)}
        found = await all_ended(service, good)
        assert {each["status"] for each in found.values()} == {"completed"}
        assert state(service, "CM") is State.OPERATIONAL
        parked = (await records(service, waiting)).values()
        untouched = [each for each in parked if each["status"] == "pending"]
        assert len(untouched) >= 10, "nothing but probes was sent"
        assert all("Orange Money in Guinea is" in each["statusDetail"] for each in untouched)
        faults.clear()
        found = await all_ended(service, {**bad, **waiting})
        assert {each["status"] for each in found.values()} == {"completed"}
        assert set(paid(service, found.values())) == {1}


async def test_an_empty_float_parks_its_corridor_rings_and_costs_no_retry(tmp_path: Path) -> None:
    async with a_service(tmp_path) as service:
        floats = service.sandbox.engine.floats
        account = FloatAccount(ORANGE_MONEY, "GN", "GNF")
        now = service.sandbox.clock.now()
        service.sandbox.engine.transactions.put_float(account, Decimal(0), now)
        ids = {number: await ask(service, number, "GN") for number in range(10)}
        await until(lambda: state(service, "GN") is State.CLOSED, "it is noticed")
        await asyncio.sleep(3)
        before = await records(service, ids)
        assert not [each for each in before.values() if each["status"] in {"failed", "completed"}]
        assert sum(each["attempts"] for each in before.values()) < 30, "probed, not hammered"
        assert state(service, "CI") is State.OPERATIONAL
        service.sandbox.engine.transactions.put_float(account, DEFAULT_FLOAT, now)
        assert floats.balance(account) == DEFAULT_FLOAT
        found = await all_ended(service, ids)
        assert {each["status"] for each in found.values()} == {"completed"}
        assert set(paid(service, found.values())) == {1}
        entries = await service.service.reader.events_after(0, 1_000)
    reasons = [each.event.body for each in entries if each.event.type == "provider.health_changed"]
    assert '"reason":"float_empty"' in reasons[0]


async def test_what_a_person_closed_is_sent_nothing_until_a_person_opens_it(tmp_path: Path) -> None:
    async with a_service(tmp_path) as service:
        admin = {"Authorization": f"Bearer {token_for('boss', 'admin')}"}
        asked = {"country": "CM", "reason": "planned"}
        path = f"/api/payments/providers/{ORANGE_MONEY}"
        await service.client.post(f"{path}/close", json=asked, headers=admin)
        ids = {number: await ask(service, number, "CM") for number in range(5)}
        other = {9: await ask(service, 9)}
        await all_ended(service, other)
        await asyncio.sleep(2)
        found = await records(service, ids)
        assert {(each["status"], each["attempts"]) for each in found.values()} == {("pending", 0)}
        await service.client.post(f"{path}/open", json=asked, headers=admin)
        found = await all_ended(service, ids)
        assert {each["status"] for each in found.values()} == {"completed"}
