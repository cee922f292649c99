"""The scheduler: virtual time, an order that is the seed's, owners that stop and die."""

import asyncio
from contextvars import copy_context
from random import Random

import pytest

from entrypoints.simulation.loop import (
    OWNER,
    NeverEnds,
    NothingLeft,
    Owner,
    SimulatedLoop,
    a_turn,
)


def a_loop(seed: int = 1, shuffle: float = 1.0) -> SimulatedLoop:
    return SimulatedLoop(Random(seed), shuffle)


def owned(loop: SimulatedLoop, owner: Owner, seen: list[str], name: str) -> None:
    """Start a task of an owner that says its name once a virtual second."""

    async def speak() -> None:
        for _ in range(5):
            seen.append(name)
            await asyncio.sleep(1)

    context = copy_context()
    context.run(OWNER.set, owner)
    loop.create_task(speak(), context=context)


def test_time_jumps_to_the_next_timer() -> None:
    loop = a_loop()

    async def a_day() -> float:
        await asyncio.sleep(86_400)
        return loop.time()

    assert loop.run(a_day()) == 86_400
    loop.clean()


def test_a_time_out_is_virtual_too() -> None:
    loop = a_loop()

    async def impatient() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await loop.create_future()
        return loop.time()

    assert loop.run(impatient()) == 30
    loop.clean()


@pytest.mark.parametrize(("shuffle", "orders"), [(0.0, 1), (1.0, 6)])
def test_the_seed_decides_who_is_next(shuffle: float, orders: int) -> None:
    seen = set()
    for seed in range(100):
        loop, order = a_loop(seed, shuffle), list[str]()

        async def three(loop: SimulatedLoop = loop, order: list[str] = order) -> None:
            async def say(name: str) -> None:
                order.append(name)

            await asyncio.gather(*(loop.create_task(say(name)) for name in "abc"))

        loop.run(three())
        loop.clean()
        seen.add("".join(order))
    assert len(seen) == orders


def test_a_paused_owner_goes_on_where_it_was() -> None:
    loop, owner, seen = a_loop(), Owner(), list[str]()

    async def story() -> None:
        owned(loop, owner, seen, "a")
        await asyncio.sleep(1.5)
        owner.paused = True
        await asyncio.sleep(100)
        assert seen == ["a", "a"]
        loop.release(owner)
        await asyncio.sleep(10)

    loop.run(story())
    loop.clean()
    assert len(seen) == 5


def test_the_dead_never_run_again() -> None:
    loop, owner, other, seen = a_loop(), Owner(), Owner(), list[str]()

    async def story() -> None:
        owned(loop, owner, seen, "a")
        owned(loop, other, seen, "b")
        await asyncio.sleep(1.5)
        owner.die()
        await asyncio.sleep(100)
        assert (seen.count("a"), seen.count("b")) == (2, 5)

    loop.run(story())
    loop.clean()


@pytest.mark.parametrize("fuse", [1, 2, 5])
def test_a_fuse_kills_at_that_very_callback(fuse: int) -> None:
    loop, owner, seen = a_loop(shuffle=0.0), Owner(), list[str]()

    async def story() -> None:
        owner.fuse = fuse
        owned(loop, owner, seen, "a")
        await asyncio.sleep(100)

    loop.run(story())
    loop.clean()
    assert owner.dead
    assert owner.turns == fuse
    assert len(seen) < 5


def test_no_finally_of_the_dead_runs_before_the_end() -> None:
    loop, owner, seen = a_loop(), Owner(), list[str]()

    async def careful() -> None:
        try:
            await asyncio.sleep(5)
        finally:
            seen.append("tidied up")

    async def story() -> None:
        context = copy_context()
        context.run(OWNER.set, owner)
        loop.create_task(careful(), context=context)
        await asyncio.sleep(1)
        owner.die()
        await asyncio.sleep(50)
        assert seen == []

    loop.run(story())
    loop.clean()


def test_waiting_for_nobody_is_noticed() -> None:
    loop = a_loop()

    async def forlorn() -> None:
        await loop.create_future()

    with pytest.raises(NothingLeft):
        loop.run(forlorn())
    loop.clean()


def test_running_for_ever_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entrypoints.simulation.loop.MOST_TURNS", 1_000)
    loop = a_loop()

    async def busy() -> None:
        while True:
            await a_turn()

    with pytest.raises(NeverEnds):
        loop.run(busy())
    loop.clean()
