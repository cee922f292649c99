"""The token cache: one call however many ask, renewed ahead of time, forgotten when revoked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest

from adapters.provider_kit.tokens import Grant, Token, TokenCache, TokenFault, TokenStore
from domain.failures import FailureCode
from tests.adapters.providers.given import NOW, ShiftedClock

pytestmark = pytest.mark.anyio

LONG = timedelta(seconds=5)
HOUR = timedelta(hours=1)
FAULT = TokenFault(FailureCode.PROVIDER_UNAVAILABLE, "no token")


class Endpoint:
    """Grants token-1, token-2, ... after a moment; or whatever is put into `next`."""

    def __init__(self, expires_in: timedelta = HOUR, takes: timedelta = timedelta(0)) -> None:
        self.calls = 0
        self.expires_in = expires_in
        self.takes = takes
        self.next: list[Grant | TokenFault] = []

    async def __call__(self, _within: timedelta) -> Grant | TokenFault:
        self.calls += 1
        number = self.calls
        await asyncio.sleep(self.takes.total_seconds())
        return self.next.pop(0) if self.next else Grant(f"token-{number}", self.expires_in)


class Shelf:
    """A store in memory that several caches share."""

    def __init__(self) -> None:
        self.kept: dict[str, Token] = {}

    async def get(self, key: str) -> Token | None:
        return self.kept.get(key)

    async def put(self, key: str, token: Token) -> None:
        self.kept[key] = token

    async def drop(self, key: str, value: str) -> None:
        if key in self.kept and self.kept[key].value == value:
            del self.kept[key]


@asynccontextmanager
async def caching(
    endpoint: Endpoint, clock: ShiftedClock | None = None, store: TokenStore | None = None
) -> AsyncIterator[TokenCache]:
    cache = TokenCache("k", endpoint, clock or ShiftedClock(), longest=LONG, store=store)
    try:
        yield cache
    finally:
        await cache.aclose()


async def value_of(cache: TokenCache) -> str:
    token = await cache.get(LONG)
    assert isinstance(token, Token)
    return token.value


async def test_fifty_concurrent_misses_make_one_call() -> None:
    endpoint = Endpoint(takes=timedelta(milliseconds=50))
    async with caching(endpoint) as cache:
        values = await asyncio.gather(*(value_of(cache) for _ in range(50)))
    assert set(values) == {"token-1"}
    assert endpoint.calls == 1


async def test_fifty_refusals_of_one_token_make_one_new_call() -> None:
    endpoint = Endpoint(takes=timedelta(milliseconds=20))
    async with caching(endpoint) as cache:
        old = await cache.get(LONG)
        assert isinstance(old, Token)

        async def refused() -> str:
            await cache.discard(old)
            return await value_of(cache)

        values = await asyncio.gather(*(refused() for _ in range(50)))
        await cache.discard(old)
        assert set(values) == {"token-2"}
        assert await value_of(cache) == "token-2"
    assert endpoint.calls == 2


@pytest.mark.parametrize(
    ("expires_in_s", "lifetime_s"), [(3600, 3540), (120, 60), (60, 30), (10, 5), (1, 0.5)]
)
async def test_a_token_holds_a_minute_less_or_half_its_life(
    expires_in_s: int, lifetime_s: float
) -> None:
    clock, endpoint = ShiftedClock(), Endpoint(timedelta(seconds=expires_in_s))
    async with caching(endpoint, clock) as cache:
        assert await value_of(cache) == "token-1"
        clock.ahead += timedelta(seconds=lifetime_s) * 0.7
        assert await value_of(cache) == "token-1"
        assert endpoint.calls == 1
        clock.ahead += timedelta(seconds=lifetime_s) * 0.31
        assert await value_of(cache) == "token-2"


async def test_the_lifetime_counts_from_before_the_request() -> None:
    clock, endpoint = ShiftedClock(), Endpoint(timedelta(seconds=120))

    async def slowly(_within: timedelta) -> Grant | TokenFault:
        clock.ahead += timedelta(seconds=30)
        return await endpoint(_within)

    cache = TokenCache("k", slowly, clock, longest=LONG)
    token = await cache.get(LONG)
    assert isinstance(token, Token)
    assert abs(token.expires_at - NOW - timedelta(seconds=60)) < timedelta(seconds=1)
    clock.ahead += timedelta(seconds=31)
    assert await value_of(cache) == "token-2"


async def test_a_token_is_renewed_behind_the_scenes_at_four_fifths_of_its_life() -> None:
    clock, endpoint = ShiftedClock(), Endpoint()
    async with caching(endpoint, clock) as cache:
        await value_of(cache)
        clock.ahead += timedelta(seconds=3540 * 0.81)
        assert [await value_of(cache) for _ in range(5)] == ["token-1"] * 5
        await asyncio.sleep(0.02)
        assert await value_of(cache) == "token-2"
    assert endpoint.calls == 2


async def test_a_failed_renewal_costs_nothing_and_is_tried_again_later() -> None:
    clock, endpoint = ShiftedClock(), Endpoint()
    async with caching(endpoint, clock) as cache:
        await value_of(cache)
        endpoint.next = [FAULT]
        clock.ahead += timedelta(seconds=3540 * 0.85)
        for _ in range(10):
            assert await value_of(cache) == "token-1"
            await asyncio.sleep(0.002)
        assert endpoint.calls == 2
        clock.ahead += timedelta(seconds=6)
        assert await value_of(cache) == "token-1"
        await asyncio.sleep(0.02)
        assert await value_of(cache) == "token-3"


async def test_a_fault_reaches_everybody_who_waits_and_is_not_remembered() -> None:
    endpoint = Endpoint(takes=timedelta(milliseconds=20))
    endpoint.next = [FAULT]
    async with caching(endpoint) as cache:
        assert set(await asyncio.gather(*(cache.get(LONG) for _ in range(10)))) == {FAULT}
        assert await value_of(cache) == "token-2"


async def test_whoever_gives_up_waiting_leaves_the_call_to_the_others() -> None:
    endpoint = Endpoint(takes=timedelta(milliseconds=100))
    async with caching(endpoint) as cache:
        hurried, patient = await asyncio.gather(
            cache.get(timedelta(milliseconds=10)), cache.get(LONG)
        )
    assert hurried == TokenFault(FailureCode.PROVIDER_UNAVAILABLE, "no token in time")
    assert isinstance(patient, Token)
    assert endpoint.calls == 1


async def test_a_cancelled_caller_leaves_the_call_to_the_others() -> None:
    endpoint = Endpoint(takes=timedelta(milliseconds=50))
    async with caching(endpoint) as cache:
        first = asyncio.create_task(cache.get(LONG))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(value_of(cache))
        await asyncio.sleep(0.01)
        first.cancel()
        assert await second == "token-1"


async def test_closing_stops_a_call_that_is_under_way() -> None:
    endpoint = Endpoint(takes=timedelta(seconds=30))
    async with caching(endpoint) as cache:
        await cache.get(timedelta(milliseconds=10))
    assert endpoint.calls == 1


async def test_a_shared_token_spares_the_other_process_its_call() -> None:
    shelf, endpoint = Shelf(), Endpoint()
    async with caching(endpoint, store=shelf) as one, caching(endpoint, store=shelf) as other:
        assert await value_of(one) == "token-1"
        assert await value_of(other) == "token-1"
    assert endpoint.calls == 1


async def test_a_refused_token_is_not_taken_from_the_shelf_again() -> None:
    class Sticky(Shelf):
        async def drop(self, key: str, value: str) -> None:
            """Fail silently, as a store that is away does."""

    shelf, endpoint = Sticky(), Endpoint()
    async with caching(endpoint, store=shelf) as cache:
        token = await cache.get(LONG)
        assert isinstance(token, Token)
        await cache.discard(token)
        assert await value_of(cache) == "token-2"


async def test_an_outdated_shared_token_is_not_used() -> None:
    shelf, endpoint = Shelf(), Endpoint()
    shelf.kept["k"] = Token("old", datetime.fromisoformat("2026-11-03T11:59:59Z"))
    async with caching(endpoint, store=shelf) as cache:
        assert await value_of(cache) == "token-1"
    assert shelf.kept["k"].value == "token-1"


async def test_renewing_takes_a_newer_shared_token_but_not_the_present_one() -> None:
    clock, shelf, endpoint = ShiftedClock(), Shelf(), Endpoint()
    async with caching(endpoint, clock, shelf) as cache:
        await value_of(cache)
        clock.ahead += timedelta(seconds=3540 * 0.81)
        await value_of(cache)
        await asyncio.sleep(0.02)
        assert await value_of(cache) == "token-2"
        shelf.kept["k"] = Token("from-elsewhere", clock.now() + HOUR)
        clock.ahead += timedelta(seconds=3540 * 0.81)
        await value_of(cache)
        await asyncio.sleep(0.02)
        assert await value_of(cache) == "from-elsewhere"
    assert endpoint.calls == 2


def test_a_token_is_never_shown() -> None:
    held, grant = Token("secret-value", NOW), Grant("secret-value", HOUR)
    assert "secret-value" not in f"{held!r} {held} {grant!r} {grant}"
