"""Tokens by the key set of an issuer, who may be away, change its keys, or send rubbish."""

import json
from datetime import timedelta
from typing import Any

import jwt
import pytest

from adapters.memory.manual_time import ManualClock
from adapters.web.auth import InvalidToken, TokenVerifier
from adapters.web.jwks import Freshness, KeySetTokens
from application.callers import Caller
from application.ports import StorageUnavailable
from tests.adapters.web.house import PROVIDERS, START, check_problem, house
from tests.adapters.web.keys import EC_KEY, OTHER_RSA_KEY, RSA_KEY, public_jwk

pytestmark = pytest.mark.anyio

NOW = int(START.timestamp())
GOOD: dict[str, Any] = {"userId": "user-1", "exp": NOW + 60}


class Issuer:
    """A key set that can change, be away, or be rubbish."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.document: object = {"keys": list(keys)}
        self.raw: bytes | None = None
        self.fault: Exception | None = None
        self.fetched = 0

    async def fetch(self, url: str) -> bytes:
        assert url == "https://issuer.test/keys"
        self.fetched += 1
        if self.fault is not None:
            raise self.fault
        return json.dumps(self.document).encode() if self.raw is None else self.raw

    def tokens(self, clock: ManualClock, algorithm: str = "RS256") -> KeySetTokens:
        return KeySetTokens("https://issuer.test/keys", self.fetch, clock, algorithm=algorithm)


def by_rsa(key_id: str | None = "one", key: Any = RSA_KEY) -> str:  # noqa: ANN401 -- as above
    headers = {"kid": key_id} if key_id else None
    return jwt.encode({**GOOD, "exp": NOW + 10**6}, key, algorithm="RS256", headers=headers)


async def test_a_key_set_is_fetched_once_and_kept() -> None:
    issuer, clock = Issuer(public_jwk(RSA_KEY, "one"), public_jwk(EC_KEY, "ec")), ManualClock(START)
    tokens = issuer.tokens(clock)
    assert issuer.fetched == 0
    for _ in range(5):
        assert await tokens.verify(by_rsa()) == Caller("user-1")
    assert issuer.fetched == 1


async def test_unknown_key_ids_do_not_flood_the_issuer() -> None:
    issuer, clock = Issuer(public_jwk(RSA_KEY, "one")), ManualClock(START)
    tokens = issuer.tokens(clock)
    await tokens.verify(by_rsa())
    clock.advance(Freshness().pause)
    for number in range(20):
        with pytest.raises(InvalidToken):
            await tokens.verify(by_rsa(f"unknown-{number}"))
    assert issuer.fetched == 2


async def test_a_new_key_is_found_when_a_token_names_it() -> None:
    issuer, clock = Issuer(public_jwk(RSA_KEY, "one")), ManualClock(START)
    tokens = issuer.tokens(clock)
    await tokens.verify(by_rsa())
    issuer.document = {"keys": [public_jwk(OTHER_RSA_KEY, "two")]}
    clock.advance(Freshness().pause)
    assert await tokens.verify(by_rsa("two", OTHER_RSA_KEY)) == Caller("user-1")
    with pytest.raises(InvalidToken):
        await tokens.verify(by_rsa())


async def test_a_withdrawn_key_is_forgotten_in_time() -> None:
    issuer, clock = Issuer(public_jwk(RSA_KEY, "one")), ManualClock(START)
    tokens = issuer.tokens(clock)
    await tokens.verify(by_rsa())
    issuer.document = {"keys": [public_jwk(OTHER_RSA_KEY, "two")]}
    clock.advance(Freshness().fresh)
    with pytest.raises(InvalidToken):
        await tokens.verify(by_rsa())


@pytest.mark.parametrize("fault", [TimeoutError(), OSError("away"), StorageUnavailable("away")])
async def test_an_issuer_that_is_away_costs_nothing_for_a_day(fault: Exception) -> None:
    issuer, clock = Issuer(public_jwk(RSA_KEY, "one")), ManualClock(START)
    tokens = issuer.tokens(clock)
    await tokens.verify(by_rsa())
    issuer.fault = fault
    clock.advance(timedelta(hours=23))
    assert await tokens.verify(by_rsa()) == Caller("user-1")
    clock.advance(timedelta(hours=1))
    with pytest.raises(StorageUnavailable):
        await tokens.verify(by_rsa())


async def test_without_any_key_the_answer_is_503_and_not_a_verdict() -> None:
    issuer, clock = Issuer(), ManualClock(START)
    issuer.fault = TimeoutError()
    async with house(auth=issuer.tokens(clock)) as api:
        answer = await api.client.get(PROVIDERS, headers={"Authorization": f"Bearer {by_rsa()}"})
        check_problem(answer, 503, "SERVICE_UNAVAILABLE")


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"keys": "x"},
        {"keys": [1]},
        {"keys": []},
        "x" * 300_000,
        {"keys": [{"kty": "RSA", "kid": "one"}]},
        {"keys": [{"kty": "oct", "k": "AA"}]},
    ],
)
async def test_a_document_that_is_no_key_set_is_as_good_as_none(document: object) -> None:
    issuer = Issuer()
    issuer.document = document
    with pytest.raises(StorageUnavailable):
        await issuer.tokens(ManualClock(START)).verify(by_rsa())


async def test_a_key_set_that_is_nested_without_end_leaves_the_keys_that_were_there() -> None:
    issuer, clock = Issuer(public_jwk(RSA_KEY, "one")), ManualClock(START)
    tokens = issuer.tokens(clock)
    await tokens.verify(by_rsa())
    issuer.raw = b'{"keys":[{"kty":"RSA","kid":%s1%s}]}' % (b"[" * 100_000, b"]" * 100_000)
    clock.advance(Freshness().fresh)
    assert await tokens.verify(by_rsa()) == Caller("user-1")
    assert issuer.fetched == 2


async def test_keys_that_are_not_for_this_are_not_used() -> None:
    unfit = [
        {**public_jwk(RSA_KEY, "one"), "use": "enc"},
        {**public_jwk(RSA_KEY, "one"), "alg": "RS512"},
        {**public_jwk(EC_KEY, "one")},
    ]
    issuer = Issuer(*unfit, public_jwk(OTHER_RSA_KEY, "two"))
    tokens = issuer.tokens(ManualClock(START))
    with pytest.raises(InvalidToken):
        await tokens.verify(by_rsa())


async def test_a_lone_key_needs_no_name_and_several_do() -> None:
    clock = ManualClock(START)
    alone = Issuer(public_jwk(RSA_KEY, "one")).tokens(clock)
    assert await alone.verify(by_rsa(None)) == Caller("user-1")
    both = Issuer(public_jwk(RSA_KEY, "one"), public_jwk(OTHER_RSA_KEY, "two")).tokens(clock)
    with pytest.raises(InvalidToken):
        await both.verify(by_rsa(None))
    for rubbish in ("", "a.b.c", "W10.e30.e30"):
        with pytest.raises(InvalidToken):
            await alone.verify(rubbish)


async def test_elliptic_key_sets_work_too() -> None:
    tokens: TokenVerifier = Issuer(public_jwk(EC_KEY, "ec")).tokens(ManualClock(START), "ES256")
    good = jwt.encode(GOOD, EC_KEY, algorithm="ES256", headers={"kid": "ec"})
    assert await tokens.verify(good) == Caller("user-1")
