"""Targets: bearer tokens. Whatever we accept, PyJWT accepts under the same rules."""

import asyncio
import base64
import json
from datetime import UTC, datetime
from typing import Any, Final

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from adapters.memory.manual_time import ManualClock
from adapters.web.auth import (
    InvalidToken,
    SecretTokens,
    TokenVerifier,
    bearer,
)
from adapters.web.exchange import by_name
from adapters.web.jwks import KeySetTokens, _read_keys
from adapters.web.public_keys import PublicKeyTokens
from application.callers import Caller, Role
from tests.fuzz.target import Broken, Target, joined, parts, require

SECRET: Final = b"a-token-secret-of-the-tests-0123456789"
_CLOCK: Final = ManualClock(datetime.now(UTC))
_KEY: Final = generate_private_key(SECP256R1())
_PEM: Final = _KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
_JWK: Final[dict[str, Any]] = {
    **json.loads(jwt.algorithms.ECAlgorithm.to_jwk(_KEY.public_key())),
    "kid": "key-1",
    "use": "sig",
}
_SECRETS: Final = SecretTokens(SECRET, _CLOCK)
_KEYS: Final = PublicKeyTokens(_PEM.decode(), "ES256", _CLOCK)
# Not asked: when it was issued, and the form of an audience, an id or a subject.
_ASKED: Final[jwt.types.Options] = {
    "require": ["exp"],
    "verify_iat": False,
    "verify_aud": False,
    "verify_sub": False,
    "verify_jti": False,
}
_LOOP: Final = asyncio.new_event_loop()


async def _fetch(_url: str) -> bytes:
    return msgspec.json.encode({"keys": [_JWK]})


_KEY_SET: Final = KeySetTokens("https://issuer.test", _fetch, _CLOCK, algorithm="ES256")


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _signed(header: bytes, claims: bytes, algorithm: str) -> str:
    """Return a token with a good signature over any header and any claims."""
    signed = f"{_encoded(header)}.{_encoded(claims)}"
    by_name = jwt.PyJWS().get_algorithm_by_name(algorithm)
    key = SECRET if algorithm == "HS256" else _KEY
    return f"{signed}.{_encoded(by_name.sign(signed.encode(), key))}"


def _caller_of(verifier: TokenVerifier, token: str) -> Caller | None:
    try:
        return _LOOP.run_until_complete(verifier.verify(token))
    except InvalidToken:
        return None


def _check(verifier: TokenVerifier, token: str, algorithm: str) -> bool:
    caller = _caller_of(verifier, token)
    if caller is None:
        return False
    key = SECRET if algorithm == "HS256" else _PEM
    try:
        claims = jwt.decode(token, key, algorithms=[algorithm], options=_ASKED)
    except jwt.PyJWTError as fault:
        raise Broken(f"accepted, and PyJWT says {type(fault).__name__}: {fault}") from fault
    said = str(claims.get("userId", claims.get("sub")))
    require(caller.user_id == said, "another user than the token names")
    named = claims.get("role") if claims.get("role") in set(Role) else Role.USER
    require(caller.role == named, "another role than it names")
    require(said.isprintable() and 0 < len(said) <= len(token), "a user that cannot be shown")
    return True


def _forged(verifier: TokenVerifier, algorithm: str, data: bytes) -> bool:
    """Any text as a token; or, behind `signed`, any header and claims with a good signature."""
    kind, first, second = parts(data, 3)
    if kind == b"signed":
        return _check(verifier, _signed(first, second, algorithm), algorithm)
    return _check(verifier, data.decode("latin-1"), algorithm)


def _authorization(data: bytes) -> bool:
    """The header's value, as many of them as there are parts."""
    headers = [(b"authorization", each) for each in data.split(b"\n--\n")]
    try:
        return isinstance(bearer(by_name(headers)), str)
    except InvalidToken:
        return False


def _key_set(data: bytes) -> bool:
    algorithm, raw = parts(data, 2)
    try:
        found = _read_keys(raw, "RS256" if algorithm == b"RS256" else "ES256")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    require(all(isinstance(each, str | None) for each in found), "a key id of another kind")
    return bool(found)


def _claims(**more: object) -> bytes:
    return json.dumps({"userId": "user-1", "role": "user", "exp": 4_102_444_800, **more}).encode()


def _seeds(algorithm: str) -> list[bytes]:
    header = json.dumps({"alg": algorithm, "typ": "JWT", "kid": "key-1"}).encode()
    return [
        joined(b"signed", header, _claims()),
        joined(b"signed", header, _claims(role="admin", nbf=1, iat=2, aud=["a"], iss="i")),
        joined(b"signed", header, b'{"sub":"user-2","exp":4102444800.5}'),
        _signed(header, _claims(), algorithm).encode(),
    ]


def _refused(algorithm: str) -> list[bytes]:
    header = json.dumps({"alg": algorithm, "kid": "key-1"}).encode()
    none = f"{_encoded(b'{}')}.{_encoded(_claims())}."
    return [
        joined(b"signed", b'{"alg":"none"}', _claims()),
        joined(b"signed", header.replace(b"{", b'{"crit":["x"],'), _claims()),
        joined(b"signed", header.replace(b'"key-1"', b"true"), _claims()),
        joined(b"signed", header.replace(b"{", b'{"b64":false,'), _claims()),
        joined(b"signed", header, _claims(exp=1)),
        joined(b"signed", header, b'{"userId":"user-1"}'),
        joined(b"signed", header, b'{"userId":"\\ud800","exp":4102444800}'),
        joined(b"signed", header, b'{"userId":"user-1","exp":1%s}' % (b"0" * 400)),
        joined(b"signed", header, b"[" * 2_000),
        none.encode(),
        b"\xff.\xff.\xff",
        b"",
    ]


_RSA: Final = json.dumps(
    {"keys": [{"kty": "RSA", "kid": "a", "n": _encoded(b"\xc5" * 256), "e": "AQAB"}]}
)
_BAD_SETS: Final = (
    b"",
    joined(b"ES256", b'{"keys":[{"kty":"EC","crv":"P-256","x":1,"y":null}]}'),
    joined(b"RS256", b'{"keys":[{"kty":"RSA","n":"","e":""},{"kty":"RSA","n":1,"e":[]}]}'),
    joined(b"ES256", b'{"keys":[{"kty":"EC","crv":"P-521","x":"AA","y":"AA","kid":"\\ud800"}]}'),
    joined(b"ES256", b'{"keys":[{"kty":"EC","kid":%s1%s}]}' % (b"[" * 30_000, b"]" * 30_000)),
)

TARGETS: Final = (
    Target(
        "secret_token",
        lambda data: _forged(_SECRETS, "HS256", data),
        _seeds("HS256"),
        _refused("HS256"),
    ),
    Target(
        "public_key_token",
        lambda data: _forged(_KEYS, "ES256", data),
        _seeds("ES256"),
        _refused("ES256"),
    ),
    Target(
        "key_set_token",
        lambda data: _forged(_KEY_SET, "ES256", data),
        _seeds("ES256"),
        _refused("ES256"),
    ),
    Target(
        "authorization",
        _authorization,
        [b"Bearer a.b.c", b"bearer  x "],
        [b"", b"Basic a", joined(b"Bearer a", b"Bearer b")],
    ),
    Target(
        "key_set",
        _key_set,
        [
            joined(b"ES256", json.dumps({"keys": [_JWK]}).encode()),
            joined(b"RS256", _RSA.encode()),
        ],
        _BAD_SETS,
    ),
)
