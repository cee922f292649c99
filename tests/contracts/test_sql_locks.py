"""What PostgreSQL's locks hold back, and what they let pass."""

import asyncio
import re

import pytest

from adapters.sql import limits
from adapters.sql.database import Database
from adapters.sql.direct import direct
from adapters.sql.unit_of_work import SqlUnits
from application.ports import KeyUse
from domain.limits import Counted
from tests.contracts.stores import PATIENT, a_new, changed
from tests.contracts.test_sql_faults import DAY, add, opened

pytestmark = pytest.mark.anyio


async def reserve(database: Database) -> None:
    async with SqlUnits(database).begin() as unit:
        await unit.limits.lock([DAY])
        await unit.limits.write({DAY: Counted(10, 10)})


async def test_a_key_for_a_known_cash_out_does_not_wait_for_who_gives_back_what_it_reserved(
    postgres_url: str,
) -> None:
    """A request locks counters and then names the cash-out, news locks them the other way round."""
    kept = a_new().after
    has_counter, has_cash_out = asyncio.Event(), asyncio.Event()
    async with opened(postgres_url, PATIENT) as database:
        await add(database)
        await reserve(database)
        units = SqlUnits(database)

        async def request() -> None:
            async with units.begin() as unit:
                await unit.limits.lock([DAY])
                has_counter.set()
                await has_cash_out.wait()
                await unit.cash_outs.add([], [KeyUse(kept.user_id, "another", kept.id)])

        async def hear() -> None:
            async with units.begin() as unit:
                await unit.cash_outs.lock([kept.id])
                has_cash_out.set()
                await has_counter.wait()
                await unit.cash_outs.save([changed(kept, asked=1)])
                await unit.limits.give_back({DAY: 10})

        await asyncio.gather(request(), hear())
        async with units.begin() as unit:
            assert await unit.limits.used([DAY]) == {DAY: 0}


async def test_the_order_of_counters_is_ours_and_not_that_of_the_databases_language() -> None:
    """A request locks them in ours: where "a" comes before "B", news would go the other way."""
    text = direct(limits._give_back("postgresql")).text
    (order,) = re.findall(r"ORDER BY (.*?)\s+FOR UPDATE", text)
    assert re.fullmatch(r"\w+\.place", order)
