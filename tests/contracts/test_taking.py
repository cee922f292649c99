"""Taking cash-outs while others do the same: for every store, as processes that share it do."""

import asyncio

import pytest

from adapters.memory.manual_time import SeededChance
from adapters.memory.signals import Signals
from application.request_cash_out import RequestCashOut, Taken
from domain.refusals import DailyLimitExceeded, Refusal
from domain.request import CashOutRequest
from tests.contracts.stores import Store
from tests.strategies import a_catalogue, a_request

pytestmark = pytest.mark.anyio

PROCESSES = 8
HALF_OF_A_DAY = "3000000"


def a_process(store: Store, number: int) -> RequestCashOut:
    """Return the use case of one process: batches of several meet in the store only."""
    signals = Signals(store.clock)
    return RequestCashOut(store.units, a_catalogue(), store.clock, SeededChance(number), signals)


async def everywhere(store: Store, request: CashOutRequest) -> list[Taken | Refusal]:
    """Ask every process at once."""
    askers = [a_process(store, number) for number in range(PROCESSES)]
    answers = await asyncio.gather(*(each([request]) for each in askers))
    return [answer for (answer,) in answers]


@pytest.mark.parametrize("known_by", [{"key": "key-1"}, {"reference": "PAYOUT-0001"}])
async def test_who_asks_again_is_not_refused_for_what_the_first_one_used_up(
    store: Store, known_by: dict[str, str]
) -> None:
    await a_process(store, 99)([a_request(amount=HALF_OF_A_DAY)])
    answers = await everywhere(store, a_request(amount=HALF_OF_A_DAY, **known_by))
    assert [each for each in answers if not isinstance(each, Taken)] == []
    taken = [each for each in answers if isinstance(each, Taken)]
    assert len({each.cash_out.id for each in taken}) == 1
    assert [each.replayed for each in taken].count(False) == 1


async def test_of_different_requests_for_the_last_room_one_is_taken(store: Store) -> None:
    await a_process(store, 99)([a_request(amount=HALF_OF_A_DAY)])
    askers = [a_process(store, number) for number in range(PROCESSES)]
    requests = [a_request(amount=HALF_OF_A_DAY, key=f"key-{n}") for n in range(PROCESSES)]
    answers = await asyncio.gather(
        *(each([request]) for each, request in zip(askers, requests, strict=True))
    )
    kinds = sorted(type(answer).__name__ for (answer,) in answers)
    assert kinds == [DailyLimitExceeded.__name__] * (PROCESSES - 1) + [Taken.__name__]
