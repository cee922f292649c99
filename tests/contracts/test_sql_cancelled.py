"""A unit that is cancelled leaves nothing behind in the connection that the next one is given."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from adapters.sql.database import Database
from adapters.sql.unit_of_work import SqlUnits
from application.ports import StorageUnavailable
from tests.contracts.stores import PATIENT, a_new
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


async def test_a_unit_that_gave_up_waiting_for_a_lock_cannot_be_committed(
    postgres_url: str,
) -> None:
    """With the statement PostgreSQL ends the transaction: its COMMIT would be a ROLLBACK."""
    async with opened(postgres_url, PATIENT) as database:
        units = SqlUnits(database)

        async def give_up_and_go_on() -> None:
            async with units.begin() as unit:
                await unit.cash_outs.add([a_new()], [])
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SENT_S):
                        await unit.limits.lock([DAY])

        async with units.begin() as holder:
            await holder.limits.lock([DAY])
            with pytest.raises(StorageUnavailable) as interrupted:
                await give_up_and_go_on()
        assert not interrupted.value.outcome_unknown
        assert not await is_stored(database)
