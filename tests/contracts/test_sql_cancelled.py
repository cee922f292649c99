"""A unit that is cancelled leaves nothing behind in the connection that the next one is given."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from adapters.sql.database import Database
from adapters.sql.unit_of_work import SqlUnits
from tests.contracts.stores import PATIENT
from tests.contracts.test_sql_faults import DAY, add, is_stored, lock_and_add, opened, wired

pytestmark = pytest.mark.anyio

ALONE = replace(PATIENT, pool_size=1)
"""The next unit gets the connection that the last one gave back, unless that was dropped."""
SENT_S = 0.2
"""Long enough for a statement to be on its way."""


async def lock(database: Database) -> None:
    async with SqlUnits(database).begin() as unit:
        await unit.limits.lock([DAY])


async def add_another(database: Database) -> None:
    await add(database, 2)


@pytest.mark.parametrize("cancelled", [lock, add_another], ids=["its begin", "its only statement"])
@pytest.mark.parametrize("following", [lock_and_add, add], ids=["a transaction", "a statement"])
async def test_what_follows_a_unit_that_was_cancelled_at_its_first_word_is_committed(
    postgres_url: str,
    cancelled: Callable[[Database], Awaitable[None]],
    following: Callable[[Database], Awaitable[None]],
) -> None:
    """Others must see it: inside a transaction that was left open it would be there as well."""
    async with wired(postgres_url, ALONE) as (database, wire), opened(postgres_url) as others:
        await add(database, 3)
        wire.hold()
        unit = asyncio.ensure_future(cancelled(database))
        await asyncio.sleep(SENT_S)
        unit.cancel()
        await asyncio.wait([unit])
        wire.release()
        assert unit.cancelled()
        await following(database)
        assert await is_stored(others)
