"""A named lease is one holder's at a time: for every store."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from tests.contracts.stores import Store
from tests.strategies import OTHER_TOKEN, TOKEN

pytestmark = pytest.mark.anyio

TERM = timedelta(seconds=30)


async def take(store: Store, holder: UUID, name: str = "relay") -> bool:
    now = store.clock.now()
    async with store.units.begin() as unit:
        return await unit.leases.take(name, holder, now, now + TERM)


async def release(store: Store, holder: UUID) -> None:
    async with store.units.begin() as unit:
        await unit.leases.release("relay", holder)


async def test_a_lease_is_held_until_it_runs_out(store: Store) -> None:
    assert await take(store, TOKEN)
    assert not await take(store, OTHER_TOKEN)
    assert await take(store, OTHER_TOKEN, "another")
    store.clock.advance(TERM)
    assert await take(store, OTHER_TOKEN)
    assert not await take(store, TOKEN)


async def test_its_holder_prolongs_it(store: Store) -> None:
    assert await take(store, TOKEN)
    store.clock.advance(TERM / 2)
    assert await take(store, TOKEN)
    store.clock.advance(TERM / 2)
    assert not await take(store, OTHER_TOKEN)


async def test_only_its_holder_gives_it_up(store: Store) -> None:
    assert await take(store, TOKEN)
    await release(store, OTHER_TOKEN)
    assert not await take(store, OTHER_TOKEN)
    await release(store, TOKEN)
    assert await take(store, OTHER_TOKEN)


async def test_of_twenty_who_reach_for_it_at_once_one_has_it(store: Store) -> None:
    taken = await asyncio.gather(*(take(store, UUID(int=n)) for n in range(1, 21)))
    assert sum(taken) == 1
