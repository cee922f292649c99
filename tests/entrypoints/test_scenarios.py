"""Every scenario of the sandbox, through the whole service, to its end and to agreement."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adapters.sandbox.behaviour import Ending, Scenario
from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY, sandbox_msisdn
from adapters.sandbox.ledger import Payout
from adapters.sandbox.scenarios import SCENARIOS
from tests.running import Running, running
from tests.shipped import UNMOVED, shipped_with

pytestmark = pytest.mark.anyio

CORRIDORS = {ORANGE_MONEY: ("CI", "XOF", 1500), AFRIMONEY: ("SL", "SLE", 150)}
CASES = [
    (provider, suffix) for suffix, scenario in SCENARIOS.items() for provider in scenario.providers
]
DISAGREEABLE = {Ending.REVIEW, Ending.OPEN}
REST_S = 40


@dataclass(frozen=True, slots=True)
class Ended:
    """A cash-out at rest and what the provider's ledger holds for it."""

    scenario: Scenario
    record: dict[str, Any]
    payouts: tuple[Payout, ...]


@pytest.fixture(scope="module", name="ended")
async def every_scenario_ended(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[dict[tuple[str, str], Ended]]:
    """Run all scenarios at both providers side by side in one service, to rest."""
    folder = tmp_path_factory.mktemp("scenarios")
    # The breaker is tested elsewhere: here one scenario must not open it under another.
    unmoved = shipped_with(folder, **UNMOVED)
    async with running(folder, CASHOUT_CONFIG=str(unmoved)) as service:
        ids = {case: await _request(service, *case) for case in CASES}
        records = await _at_rest(service, ids)
        yield {
            case: Ended(
                SCENARIOS[case[1]], record, service.sandbox.ledger.payouts_of(record["reference"])
            )
            for case, record in records.items()
        }


def _user(provider: str, suffix: str) -> str:
    return f"user-{provider}-{suffix}"


async def _request(service: Running, provider: str, suffix: str) -> str:
    country, code, amount = CORRIDORS[provider]
    answer = await service.post(
        _user(provider, suffix),
        {
            "walletId": "wallet-1",
            "amount": amount,
            "currency": code,
            "provider": provider,
            "providerAccountId": sandbox_msisdn(provider, country, suffix),
            "providerAccountName": "Awa Diallo",
        },
    )
    assert answer.status_code == 202, answer.text
    cash_out_id: str = answer.json()["data"]["cashOutId"]
    return cash_out_id


async def _at_rest(
    service: Running, ids: dict[tuple[str, str], str]
) -> dict[tuple[str, str], dict[str, Any]]:
    """Wait until all have come to where their scenario ends, and then for late news."""
    clock = asyncio.get_running_loop().time
    give_up_at = clock() + REST_S
    while True:
        records = {
            case: await service.get(_user(*case), cash_out_id) for case, cash_out_id in ids.items()
        }
        open_ones = [
            case for case, record in records.items() if not _is_settled(SCENARIOS[case[1]], record)
        ]
        if not open_ones:
            break
        if clock() > give_up_at:
            pytest.fail(f"not at rest: {open_ones}")
        await asyncio.sleep(0.2)
    await asyncio.sleep(2)
    return {case: await service.get(_user(*case), each) for case, each in ids.items()}


def _is_settled(scenario: Scenario, record: dict[str, Any]) -> bool:
    wanted = {expected.ending for expected in scenario.ends}
    if wanted & DISAGREEABLE:
        return bool(record["needsReview"])
    return record["status"] in {"completed", "failed", "cancelled"}


@pytest.mark.parametrize("case", CASES, ids="-".join)
async def test_each_scenario_ends_where_it_should(
    ended: dict[tuple[str, str], Ended], case: tuple[str, str]
) -> None:
    """A cash-out ends as its scenario says, or with a review open where agreement is impossible."""
    now = ended[case]
    endings = {expected.ending for expected in now.scenario.ends}
    said = {now.record["status"]} | ({"review"} if now.record["needsReview"] else set())
    assert said & {str(ending) for ending in endings}, now.record
    if not endings & DISAGREEABLE:
        assert not now.record["needsReview"], now.record


@pytest.mark.parametrize("case", CASES, ids="-".join)
async def test_each_failure_has_the_code_of_its_scenario(
    ended: dict[tuple[str, str], Ended], case: tuple[str, str]
) -> None:
    now = ended[case]
    for expected in now.scenario.ends:
        if expected.ending is Ending.FAILED and now.record["status"] == "failed":
            assert now.record["failureCode"] == expected.code


@pytest.mark.parametrize("case", CASES, ids="-".join)
async def test_nothing_is_ever_paid_twice(
    ended: dict[tuple[str, str], Ended], case: tuple[str, str]
) -> None:
    assert len(ended[case].payouts) <= 1


@pytest.mark.parametrize("case", CASES, ids="-".join)
async def test_records_and_ledger_agree_or_a_review_is_open(
    ended: dict[tuple[str, str], Ended], case: tuple[str, str]
) -> None:
    now = ended[case]
    paid = any(payout.reversed_at is None for payout in now.payouts)
    agrees = paid == (now.record["status"] == "completed")
    assert agrees or now.record["needsReview"], (now.record, now.payouts)


@pytest.mark.parametrize("case", CASES, ids="-".join)
async def test_the_payee_gets_the_amount_and_not_the_fee(
    ended: dict[tuple[str, str], Ended], case: tuple[str, str]
) -> None:
    """Whatever the provider pays is what was ordered, but where it errs itself."""
    if ended[case].scenario.echoes_another_amount:
        assert ended[case].record["needsReview"]
        return
    for payout in ended[case].payouts:
        assert payout.amount == CORRIDORS[case[0]][2]


def test_the_shipped_scenarios_are_all_covered() -> None:
    assert {suffix for _, suffix in CASES} == set(SCENARIOS)
    assert len(SCENARIOS) >= 37


async def test_a_database_file_is_what_it_all_stands_on(tmp_path: Path) -> None:
    """What was accepted is in the file after the service has gone."""
    async with running(tmp_path) as service:
        cash_out_id = await _request(service, ORANGE_MONEY, "129")
    async with running(tmp_path) as service:
        record = await service.get(_user(ORANGE_MONEY, "129"), cash_out_id)
        assert record["cashOutId"] == cash_out_id
