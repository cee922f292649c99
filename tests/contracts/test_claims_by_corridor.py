"""What is parked is left out of the claim, and nobody else waits for it: for every store."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from application.ports import Claimed
from domain.cash_out import Action, Plan
from domain.money import CURRENCIES, Money
from domain.payee import Msisdn, Payee
from domain.standings import Route
from tests.contracts.stores import Store, a_new, put
from tests.strategies import NOW, ORANGE

pytestmark = pytest.mark.anyio

CAMEROON = Route(ORANGE, "CM", "XAF")
GUINEA = Route(ORANGE, "GN", "GNF")
NUMBERS = {"CM": "+237650000001", "GN": "+224620000001"}


async def stored(store: Store, number: int, route: Route, due_in_s: int = 0) -> None:
    new = a_new(number)
    cash_out = replace(
        new.after,
        payee=Payee(Msisdn(NUMBERS[route.country], route.country), "Awa"),
        amount=Money(1_000, CURRENCIES[route.currency]),
        fee=Money(10, CURRENCIES[route.currency]),
        plan=Plan(Action.SUBMIT, NOW + timedelta(seconds=due_in_s)),
    )
    await put(store, [replace(new, after=cash_out)])


async def claimed(
    store: Store, only: Sequence[Route] | None, limit: int = 10, action: Action = Action.SUBMIT
) -> list[int]:
    async with store.units.begin() as unit:
        found = await unit.cash_outs.claim(ORANGE, action, limit, store.clock.now(), only)
    return _numbers(found)


def _numbers(found: Claimed) -> list[int]:
    return [each.id.int for each in found.cash_outs]


async def test_only_the_given_corridors_are_claimed_the_oldest_due_first(store: Store) -> None:
    await stored(store, 1, GUINEA, due_in_s=-9)
    await stored(store, 2, CAMEROON, due_in_s=-1)
    await stored(store, 3, CAMEROON, due_in_s=-5)
    await stored(store, 4, CAMEROON, due_in_s=60)
    assert await claimed(store, [CAMEROON]) == [3, 2]
    assert await claimed(store, [GUINEA]) == [1]
    assert await claimed(store, [GUINEA, CAMEROON]) == [1, 3, 2]
    assert await claimed(store, [CAMEROON, GUINEA], limit=2) == [1, 3]
    assert await claimed(store, None) == [1, 3, 2]
    assert await claimed(store, [Route(ORANGE, "GN", "USD")]) == []


async def test_however_much_waits_elsewhere_a_corridor_gets_its_turn(store: Store) -> None:
    for number in range(1, 31):
        await stored(store, number, GUINEA, due_in_s=-number)
    await stored(store, 31, CAMEROON)
    assert await claimed(store, [CAMEROON], limit=5) == [31]


async def test_two_who_claim_at_once_never_get_the_same(store: Store) -> None:
    if not store.many_writers:
        return
    for number in range(1, 11):
        await stored(store, number, CAMEROON, due_in_s=-number)
    first_has, second_may = asyncio.Event(), asyncio.Event()

    async def first() -> list[int]:
        async with store.units.begin() as unit:
            found = await unit.cash_outs.claim(ORANGE, Action.SUBMIT, 4, NOW, [CAMEROON, GUINEA])
            first_has.set()
            await second_may.wait()
        return _numbers(found)

    async def second() -> list[int]:
        await first_has.wait()
        try:
            return await claimed(store, [CAMEROON, GUINEA], limit=4)
        finally:
            second_may.set()

    mine, others = await asyncio.gather(first(), second())
    assert len(mine) == len(others) == 4
    assert not set(mine) & set(others)
