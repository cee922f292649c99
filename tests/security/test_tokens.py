"""Tokens that prove nothing: the same 401 for each of them, whatever the key is made of."""

import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest

from adapters.memory.manual_time import ManualClock
from adapters.web.auth import (
    ClaimRules,
    InvalidToken,
    SecretTokens,
    TokenVerifier,
)
from adapters.web.jwks import KeySetTokens
from adapters.web.public_keys import PublicKeyTokens
from application.callers import Caller
from tests.adapters.web.house import (
    BODY,
    CASH_OUTS,
    PROVIDERS,
    SECRET,
    START,
    check_problem,
    house,
)
from tests.adapters.web.keys import OTHER_RSA_KEY, RSA_KEY, RSA_PEM, public_jwk
from tests.adapters.web.test_tokens import GOOD, NOW, WRONG_TOKENS, signed

pytestmark = pytest.mark.anyio

RULES = ClaimRules(issuer="https://issuer.test", audience="cash-out")
RIGHT = {**GOOD, "iss": "https://issuer.test", "aud": "cash-out"}


def by_secret() -> TokenVerifier:
    return SecretTokens(SECRET, ManualClock(START), RULES)


def by_public_key() -> TokenVerifier:
    return PublicKeyTokens(RSA_PEM, "RS256", ManualClock(START), RULES)


async def _key_set(_url: str) -> bytes:
    return json.dumps({"keys": [public_jwk(RSA_KEY, "one")]}).encode()


def by_key_set() -> TokenVerifier:
    return KeySetTokens("https://issuer.test/keys", _key_set, ManualClock(START), rules=RULES)


def rs256(claims: dict[str, Any], key_id: str = "one", key: Any = RSA_KEY) -> str:  # noqa: ANN401 -- a private key
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": key_id})


WAYS: dict[str, tuple[Callable[[], TokenVerifier], Callable[[dict[str, Any]], str]]] = {
    "secret": (by_secret, signed),
    "public key": (by_public_key, rs256),
    "key set": (by_key_set, rs256),
}
WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "expired": {**RIGHT, "exp": NOW - 1},
    "not yet valid": {**RIGHT, "nbf": NOW + 1},
    "no exp": {name: value for name, value in RIGHT.items() if name != "exp"},
    "wrong issuer": {**RIGHT, "iss": "https://evil.test"},
    "no issuer": {name: value for name, value in RIGHT.items() if name != "iss"},
    "wrong audience": {**RIGHT, "aud": "another-service"},
    "no audience": {name: value for name, value in RIGHT.items() if name != "aud"},
    "role a list": {**RIGHT, "role": ["admin"]},
    "no user": {name: value for name, value in RIGHT.items() if name != "userId"},
    "user not a string": {**RIGHT, "userId": {"$ne": ""}},
    "ten kilobytes": {**RIGHT, "filler": "x" * 10_000},
}
FORGED: dict[str, str] = {
    "alg none": jwt.encode(RIGHT, "", algorithm="none"),
    "HS256 keyed with the public key": signed(RIGHT, secret=RSA_PEM.encode()),
    "HS256 keyed with the public key, said to be RS256": signed(
        RIGHT, header={"alg": "RS256", "kid": "one"}, secret=RSA_PEM.encode()
    ),
    "wrong key": rs256(RIGHT, key=OTHER_RSA_KEY),
    "empty": "",
}


async def refusal(verifier: TokenVerifier, token: str | None) -> tuple[int, dict[str, Any]]:
    """Return the answer to a request with this token, which had no effect."""
    async with house(auth=verifier) as api:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        answer = await api.client.post(CASH_OUTS, json=BODY, headers=headers)
        error = check_problem(answer, 401, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert not any(api.written)
    return answer.status_code, error


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("claims", WRONG_CLAIMS)
async def test_wrong_claims_are_401_and_never_told_why(way: str, claims: str) -> None:
    verifier, sign = WAYS[way]
    token = sign(WRONG_CLAIMS[claims])
    assert await refusal(verifier(), token) == await refusal(verifier(), None)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("forged", FORGED)
async def test_forged_tokens_are_401_and_never_told_why(way: str, forged: str) -> None:
    verifier, _ = WAYS[way]
    assert await refusal(verifier(), FORGED[forged]) == await refusal(verifier(), None)


@pytest.mark.parametrize("way", WAYS)
async def test_the_right_claims_are_let_through(way: str) -> None:
    """Otherwise the tests above would show nothing."""
    verifier, sign = WAYS[way]
    assert await verifier().verify(sign(RIGHT)) == Caller("user-1")


async def test_an_unknown_key_id_is_401() -> None:
    token = rs256(RIGHT, key_id="../../dev/null")
    assert await refusal(by_key_set(), token) == await refusal(by_key_set(), None)


async def test_an_unsigned_token_of_a_key_set_is_401() -> None:
    verifier = by_key_set()
    token = jwt.encode(RIGHT, "", algorithm="none", headers={"kid": "one"})
    assert await refusal(verifier, token) == await refusal(verifier, None)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is computed about signatures while the test runs."""
    done: list[str] = []
    digest, compare = hmac.digest, hmac.compare_digest

    def digested(*given: Any) -> bytes:  # noqa: ANN401 -- handed on
        done.append("digest")
        return digest(*given)

    def compared(*given: Any) -> bool:  # noqa: ANN401 -- handed on
        done.append("compare")
        return compare(*given)

    monkeypatch.setattr(hmac, "digest", digested)
    monkeypatch.setattr(hmac, "compare_digest", compared)
    return done


@pytest.mark.parametrize("wrong", WRONG_TOKENS)
async def test_the_same_work_is_done_for_each_wrong_token(wrong: str, work: list[str]) -> None:
    """How long a refusal takes tells nothing: each token costs one digest and one comparison."""
    with pytest.raises(InvalidToken):
        await SecretTokens(SECRET, ManualClock(START)).verify(WRONG_TOKENS[wrong])
    assert work == ["digest", "compare"]


async def test_a_very_long_token_costs_no_more_than_the_longest_allowed(work: list[str]) -> None:
    with pytest.raises(InvalidToken):
        await SecretTokens(SECRET, ManualClock(START)).verify("a." * 500_000)
    assert work == ["digest", "compare"]


async def test_a_token_is_checked_anew_with_each_request() -> None:
    """A token that has expired since the last request proves nothing any more."""
    async with house() as api:
        headers = {"Authorization": f"Bearer {signed({**GOOD, 'exp': NOW + 60})}"}
        assert (await api.client.get(PROVIDERS, headers=headers)).status_code == 200
        api.clock.advance(timedelta(seconds=61))
        answer = await api.client.get(PROVIDERS, headers=headers)
        check_problem(answer, 401, "UNAUTHORIZED")
