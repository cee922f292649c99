"""Two things are timed by turns: a mood of the machine that lasts meets both."""

import asyncio

import pytest

from tests.bench.reading import in_turns

pytestmark = pytest.mark.anyio


async def test_each_is_done_as_often_and_after_the_other() -> None:
    done: list[str] = []

    async def quick() -> None:
        done.append("quick")

    async def slow() -> None:
        done.append("slow")
        await asyncio.sleep(0.01)

    ours, limit = await in_turns(quick, slow, 5)
    assert done == ["quick", "slow"] * 5
    assert limit >= 0.01 > ours
