"""Tokens of every wrong kind: 401, no hint, no effect; and every route asks for one."""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import jwt
import pytest
from litestar.routes import HTTPRoute

from adapters.memory.manual_time import ManualClock
from adapters.web.auth import (
    ClaimRules,
    InvalidToken,
    SecretTokens,
    issue_token,
)
from adapters.web.public_keys import PublicKeyTokens
from application.callers import Caller, Role
from tests.adapters.web.house import (
    BODY,
    CASH_OUTS,
    PROVIDERS,
    SECRET,
    START,
    House,
    check_problem,
    token,
)
from tests.adapters.web.keys import (
    EC_KEY,
    EC_PEM,
    OTHER_RSA_KEY,
    RSA_KEY,
    RSA_PEM,
    RSA_PRIVATE_PEM,
    WEAK_RSA_PEM,
)

pytestmark = pytest.mark.anyio

NOW = int(START.timestamp())
GOOD: dict[str, Any] = {"userId": "user-1", "exp": NOW + 60}


def segment(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(
    claims: object = None,
    header: object = None,
    secret: bytes = SECRET,
    digest: str = "sha256",
) -> str:
    """Return a token as an attacker or a careless issuer would make it."""
    head = segment({"alg": "HS256", "typ": "JWT"} if header is None else header)
    text = f"{head}.{segment(GOOD if claims is None else claims)}"
    return f"{text}.{segment(hmac.new(secret, text.encode(), digest).digest())}"


def without(claim: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name != claim}


GENUINE = signed()
WRONG_TOKENS: dict[str, str] = {
    "empty": "",
    "rubbish": "abc",
    "two parts": "a.b",
    "four parts": f"{GENUINE}.x",
    "no signature": GENUINE.rpartition(".")[0] + ".",
    "cut": GENUINE[:-1],
    "lengthened": GENUINE + "A",
    "padded": GENUINE + "=",
    "signature of another": GENUINE.rpartition(".")[0] + "." + token("user-2").rpartition(".")[2],
    "alg none": signed(header={"alg": "none"}),
    "alg none, unsigned": signed(header={"alg": "none"}).rpartition(".")[0] + ".",
    "alg NONE": signed(header={"alg": "NoNe"}),
    "alg HS512": signed(header={"alg": "HS512"}, digest="sha512"),
    "alg HS512 over sha256": signed(header={"alg": "HS512"}),
    "alg RS256": signed(header={"alg": "RS256"}),
    "alg missing": signed(header={"typ": "JWT"}),
    "alg a list": signed(header={"alg": ["HS256"]}),
    "header no object": signed(header=["HS256"]),
    "header no json": signed(header=b"{"),
    "header not utf-8": signed(header=b'{"alg":"HS256","x":"\xff"}'),
    "critical extension": signed(header={"alg": "HS256", "crit": ["b64"], "b64": False}),
    "wrong key": signed(secret=b"another-secret-of-somebody-else-entirely"),
    "empty key": signed(secret=b""),
    "claims no object": signed(["user-1"]),
    "claims no json": signed(b"user-1"),
    "expired": signed({**GOOD, "exp": NOW - 1}),
    "expires now": signed({**GOOD, "exp": NOW}),
    "no exp": signed(without("exp")),
    "exp null": signed({**GOOD, "exp": None}),
    "exp a string": signed({**GOOD, "exp": str(NOW + 60)}),
    "exp true": signed({**GOOD, "exp": True}),
    "exp without end": signed(b'{"userId":"user-1","exp":1e999}'),
    "not yet valid": signed({**GOOD, "nbf": NOW + 1}),
    "nbf a string": signed({**GOOD, "nbf": "now"}),
    "no user": signed(without("userId")),
    "user a number": signed({**GOOD, "userId": 7}),
    "user null, with sub": signed({**GOOD, "userId": None, "sub": "user-1"}),
    "user a list": signed({**GOOD, "userId": ["user-1"]}),
    "user an operator": signed({**GOOD, "userId": {"$ne": ""}}),
    "user empty": signed({**GOOD, "userId": ""}),
    "user too long": signed({**GOOD, "userId": "u" * 129}),
    "user with a space": signed({**GOOD, "userId": "user 1"}),
    "user with a line": signed({**GOOD, "userId": "user-1\n"}),
    "user with NUL": signed({**GOOD, "userId": "user\u0000"}),
    "role a list": signed({**GOOD, "role": ["admin"]}),
    "role null": signed({**GOOD, "role": None}),
    "role an object": signed({**GOOD, "role": {"admin": True}}),
    "ten kilobytes": signed({**GOOD, "filler": "x" * 10_000}),
    "not ascii": "é.é.é",
    "nested": signed(b"[" * 5000),
}


async def refused(api: House, headers: Sequence[tuple[str, str]]) -> dict[str, Any]:
    answer = await api.client.post(
        CASH_OUTS,
        json=BODY,
        headers=[(name.encode(), value.encode("latin-1")) for name, value in headers],
    )
    assert answer.headers["www-authenticate"] == "Bearer"
    error = check_problem(answer, 401, "UNAUTHORIZED")
    assert not any(api.written)
    return error


@pytest.mark.parametrize("wrong", WRONG_TOKENS.values(), ids=WRONG_TOKENS.keys())
async def test_a_wrong_token_is_401_and_never_told_why(api: House, wrong: str) -> None:
    error = await refused(api, [("authorization", f"Bearer {wrong}")])
    assert error == await refused(api, [])


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("authorization", "")],
        [("authorization", "Bearer")],
        [("authorization", GENUINE)],
        [("authorization", f"Basic {GENUINE}")],
        [("authorization", f"Bearer {GENUINE}"), ("authorization", f"Bearer {GENUINE}")],
        [("x-user-id", "user-1")],
        [("cookie", f"token={GENUINE}")],
    ],
)
async def test_a_missing_token_is_401(api: House, headers: list[tuple[str, str]]) -> None:
    await refused(api, headers)


async def test_a_token_in_the_query_is_no_token(api: House) -> None:
    answer = await api.client.get(PROVIDERS, params={"token": GENUINE, "access_token": GENUINE})
    check_problem(answer, 401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    ("claims", "caller"),
    [
        (GOOD, Caller("user-1")),
        ({**GOOD, "role": "user"}, Caller("user-1")),
        ({**GOOD, "role": "merchant"}, Caller("user-1")),
        ({**GOOD, "role": "Admin"}, Caller("user-1")),
        *(({**GOOD, "role": role.value}, Caller("user-1", role)) for role in Role),
        ({"sub": "user-2", "exp": NOW + 0.5}, Caller("user-2")),
        ({**GOOD, "sub": "other"}, Caller("user-1")),
        ({**GOOD, "nbf": NOW, "iat": NOW + 99, "aud": "any", "iss": "any"}, Caller("user-1")),
        ({**GOOD, "exp": 10**30}, Caller("user-1")),
        ({**GOOD, "userId": "zoë@example.com"}, Caller("zoë@example.com")),
    ],
)
async def test_a_good_token_says_who_asks(claims: dict[str, Any], caller: Caller) -> None:
    assert await SecretTokens(SECRET, ManualClock(START)).verify(signed(claims)) == caller


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_s_case_does_not_matter(api: House, scheme: str) -> None:
    answer = await api.client.get(PROVIDERS, headers={"Authorization": f"{scheme} {GENUINE}"})
    assert answer.status_code == 200


RULES = ClaimRules(issuer="https://issuer.test", audience="cash-out")
RIGHT = {**GOOD, "iss": "https://issuer.test", "aud": "cash-out"}


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.test"},
        {"iss": None},
        {"iss": ["https://issuer.test"]},
        {"aud": "other"},
        {"aud": None},
        {"aud": ["a", "b"]},
        {"aud": "cash-out-2"},
    ],
)
async def test_issuer_and_audience_are_checked_when_configured(changes: dict[str, Any]) -> None:
    tokens = SecretTokens(SECRET, ManualClock(START), RULES)
    assert await tokens.verify(signed(RIGHT)) == Caller("user-1")
    assert await tokens.verify(signed({**RIGHT, "aud": ["x", "cash-out"]})) == Caller("user-1")
    with pytest.raises(InvalidToken):
        await tokens.verify(signed({**RIGHT, **changes}))


async def test_leeway_is_what_clocks_may_disagree_by() -> None:
    tokens = SecretTokens(SECRET, ManualClock(START), ClaimRules(leeway=timedelta(seconds=10)))
    late = {**GOOD, "exp": NOW - 9, "nbf": NOW + 9}
    assert await tokens.verify(signed(late)) == Caller("user-1")
    with pytest.raises(InvalidToken):
        await tokens.verify(signed({**late, "exp": NOW - 10}))


async def test_issued_tokens_carry_the_issuer_and_audience_that_are_asked_for() -> None:
    rules = ClaimRules(issuer="https://issuer.example", audience="cash-out")
    made = issue_token(SECRET, "user-1", "user", timedelta(minutes=5), now=START, rules=rules)
    asking = SecretTokens(SECRET, ManualClock(START), rules)
    assert await asking.verify(made) == Caller("user-1")


async def test_issued_tokens_are_what_any_jwt_library_reads() -> None:
    made = issue_token(SECRET, "user-1", "admin", timedelta(minutes=5), now=START)
    options: Any = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(made, SECRET, algorithms=["HS256"], options=options)
    assert claims == {"userId": "user-1", "role": "admin", "iat": NOW, "exp": NOW + 300}
    foreign = jwt.encode(GOOD, SECRET, algorithm="HS256")
    assert await SecretTokens(SECRET, ManualClock(START)).verify(foreign) == Caller("user-1")


@pytest.mark.parametrize(
    ("secret", "user", "role"),
    [
        (b"x" * 31, "user-1", "user"),
        (SECRET, "", "user"),
        (SECRET, "a b", "user"),
        (SECRET, "user-1", "root"),
        (SECRET, "user-1", "Approver"),
    ],
)
def test_tokens_that_would_not_be_accepted_are_not_issued(
    secret: bytes, user: str, role: str
) -> None:
    with pytest.raises(ValueError, match="must"):
        issue_token(secret, user, role, timedelta(hours=1), now=START)


def test_a_short_secret_refuses_to_start_and_no_secret_shows() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        SecretTokens(b"x" * 31, ManualClock(START))
    assert SECRET.decode() not in repr(SecretTokens(SECRET, ManualClock(START)))


# --- public keys ----------------------------------------------------------------------------------

ALGORITHMS = [("RS256", RSA_KEY, RSA_PEM), ("ES256", EC_KEY, EC_PEM)]


@pytest.mark.parametrize(("algorithm", "key", "pem"), ALGORITHMS)
async def test_public_keys_prove_tokens(
    algorithm: str,
    key: Any,  # noqa: ANN401 -- a private key of the cryptography package
    pem: str,
) -> None:
    tokens = PublicKeyTokens(pem, algorithm, ManualClock(START))
    good = jwt.encode(GOOD, key, algorithm=algorithm)
    assert await tokens.verify(good) == Caller("user-1")
    for wrong in (
        jwt.encode({**GOOD, "exp": NOW - 1}, key, algorithm=algorithm),
        jwt.encode(without("exp"), key, algorithm=algorithm),
        jwt.encode({**GOOD, "role": ["admin"]}, key, algorithm=algorithm),
        jwt.encode(GOOD, "", algorithm="none"),
        signed(secret=pem.encode()),
        signed(header={"alg": algorithm}, secret=pem.encode()),
        signed(),
        good[:-2],
        good + "x" * 9000,
        "rubbish",
        "",
    ):
        with pytest.raises(InvalidToken):
            await tokens.verify(wrong)


async def test_another_key_proves_nothing() -> None:
    tokens = PublicKeyTokens(RSA_PEM, "RS256", ManualClock(START))
    with pytest.raises(InvalidToken):
        await tokens.verify(jwt.encode(GOOD, OTHER_RSA_KEY, algorithm="RS256"))


async def test_the_algorithm_is_the_configured_one_even_with_a_key_that_fits_another() -> None:
    tokens = PublicKeyTokens(RSA_PEM, "RS256", ManualClock(START))
    for algorithm in ("RS512", "PS256"):
        with pytest.raises(InvalidToken):
            await tokens.verify(jwt.encode(GOOD, RSA_KEY, algorithm=algorithm))


@pytest.mark.parametrize(
    ("pem", "algorithm"),
    [
        (RSA_PEM, "HS256"),
        (RSA_PEM, "none"),
        (RSA_PEM, "ES256"),
        (EC_PEM, "RS256"),
        ("rubbish", "RS256"),
        ("", "ES256"),
    ],
)
def test_a_key_that_does_not_fit_refuses_to_start(pem: str, algorithm: str) -> None:
    with pytest.raises(ValueError, match=r"key|algorithm"):
        PublicKeyTokens(pem, algorithm, ManualClock(START))


def test_weak_and_private_keys_refuse_to_start() -> None:
    for pem in (WEAK_RSA_PEM, RSA_PRIVATE_PEM):
        with pytest.raises(ValueError, match=r"key|algorithm"):
            PublicKeyTokens(pem, "RS256", ManualClock(START))


# --- default deny ---------------------------------------------------------------------------------

OPEN = {
    "/health",
    "/health/ready",
    "/schema",
    "/schema/openapi.json",
    "/schema/{asset:str}",
    "/favicon.ico",
    "/api/payments/webhook/{provider:str}",
}


async def test_every_route_needs_a_token_but_the_listed_ones(api: House) -> None:
    closed = set()
    for route in api.app.routes:
        assert isinstance(route, HTTPRoute)
        if route.path in OPEN:
            continue
        closed.add(route.path)
        concrete = route.path.replace("{cash_out_id:str}", "019ab0c4-7a1e-7c3f-9d52-6f0f4f1f2a3b")
        for method in sorted(set(route.methods) - {"OPTIONS"}):
            answer = await api.client.request(method, concrete)
            check_problem(answer, 401, "UNAUTHORIZED")
    assert len(closed) == 22
    assert not any(api.written)


def test_hmac_is_the_standard_library_s() -> None:
    made = token()
    text, _, given = made.rpartition(".")
    assert given == segment(hmac.new(SECRET, text.encode(), hashlib.sha256).digest())
