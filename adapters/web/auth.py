"""Who asks: bearer tokens with a pinned algorithm, checked once per request, refused without why.

HS256 is verified here, with the standard library over the raw parts: it is on the path of every
request. Public keys have a file of their own, whose libraries only those load who use them.
"""

import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final, Protocol

import msgspec

from adapters.web.exchange import Headers
from application.callers import Caller, Role
from application.ports import Clock

LONGEST_TOKEN: Final = 8_192
SHORTEST_SECRET: Final = 32
"""Bytes: as many as HS256 has in its digest."""
_LONGEST_USER_ID: Final = 128
_PLAIN: Final = bytes.maketrans(b"-_", b"+/")
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
PUBLIC: Final = "public"
"""The mark of a route that needs no token."""


class InvalidToken(Exception):
    """The token proves nothing. There is no reason inside: none must leave."""


class TokenVerifier(Protocol):
    """Tells who a token speaks for."""

    async def verify(self, token: str) -> Caller:
        """Return whom it speaks for; raise InvalidToken.

        Raises StorageUnavailable while the keys that decide cannot be had.
        """
        ...


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """What a token has to say besides a valid signature and `exp`.

    issuer, audience: required when given. leeway: how far clocks may disagree.
    """

    issuer: str | None = None
    audience: str | None = None
    leeway: timedelta = timedelta(0)

    def caller(self, payload: bytes, now: datetime) -> Caller:
        """Return whom the claims speak for at this moment; raise InvalidToken."""
        claims = _json_object(payload)
        moment, leeway = now.timestamp(), self.leeway.total_seconds()
        if _seconds(claims.get("exp")) + leeway <= moment:
            raise InvalidToken
        if "nbf" in claims and _seconds(claims["nbf"]) - leeway > moment:
            raise InvalidToken
        if self.issuer is not None and claims.get("iss") != self.issuer:
            raise InvalidToken
        if self.audience is not None and self.audience not in _audiences(claims.get("aud")):
            raise InvalidToken
        return Caller(_user_id(claims), _role(claims.get("role", Role.USER.value)))


@dataclass(frozen=True, slots=True)
class SecretTokens:
    """Implements TokenVerifier for HS256. Raises ValueError for a secret that is too short."""

    secret: bytes
    clock: Clock
    rules: ClaimRules = ClaimRules()

    def __post_init__(self) -> None:
        """Refuse a secret that could be guessed."""
        _check_secret(self.secret)

    def __repr__(self) -> str:
        return "SecretTokens(***)"

    async def verify(self, token: str) -> Caller:
        """Return whom it speaks for; the signature is computed and compared whatever it says."""
        signed, _, signature = token[:LONGEST_TOKEN].rpartition(".")
        expected = _sign(self.secret, signed.encode())
        genuine = hmac.compare_digest(expected, signature.encode())
        header, dot, payload = signed.partition(".")
        if not genuine or not dot or "." in payload or len(token) > LONGEST_TOKEN:
            raise InvalidToken
        _check_header(header)
        return self.rules.caller(_decode(payload), self.clock.now())


def issue_token(
    secret: bytes,
    user_id: str,
    role: str,
    lifetime: timedelta,
    *,
    now: datetime,
    rules: ClaimRules | None = None,
) -> str:
    """Return an HS256 token for a user, for development and operators.

    rules: the issuer and audience that its reader asks for. Raises ValueError for a short secret,
    an unknown role or an id that would not be accepted.
    """
    _check_secret(secret)
    if role not in set(Role):
        message = f"the role must be one of: {', '.join(Role)}"
        raise ValueError(message)
    if not _is_user_id(user_id):
        message = f"the user id must be 1 to {_LONGEST_USER_ID} visible characters"
        raise ValueError(message)
    began = int(now.timestamp())
    ends = began + int(lifetime.total_seconds())
    claims: dict[str, object] = {"userId": user_id, "role": role, "iat": began, "exp": ends}
    if rules is not None and rules.issuer is not None:
        claims["iss"] = rules.issuer
    if rules is not None and rules.audience is not None:
        claims["aud"] = rules.audience
    signed = ".".join(
        _encode(msgspec.json.encode(each)) for each in ({"alg": "HS256", "typ": "JWT"}, claims)
    )
    return f"{signed}.{_sign(secret, signed.encode()).decode()}"


def bearer(headers: Headers) -> str:
    """Return the one bearer token of a request; raise InvalidToken."""
    values = headers.get(b"authorization", ())
    if len(values) != 1:
        raise InvalidToken
    scheme, _, token = values[0].decode("latin-1").strip().partition(" ")
    if scheme.lower() != "bearer":
        raise InvalidToken
    return token.strip()


def _check_secret(secret: bytes) -> None:
    if len(secret) < SHORTEST_SECRET:
        message = f"the token secret must have at least {SHORTEST_SECRET} bytes"
        raise ValueError(message)


def _sign(secret: bytes, signed: bytes) -> bytes:
    return _in_base64(hmac.digest(secret, signed, hashlib.sha256))


def _encode(raw: bytes) -> str:
    return _in_base64(raw).decode()


def _in_base64(raw: bytes) -> bytes:
    return binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE).rstrip(b"=")


def _decode(part: str) -> bytes:
    padded = part + "=" * (-len(part) % 4)
    try:
        return binascii.a2b_base64(padded.encode("ascii").translate(_PLAIN), strict_mode=True)
    except ValueError:
        raise InvalidToken from None


def _json_object(raw: bytes) -> Mapping[str, Any]:
    try:
        return _OBJECT.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidToken from None


_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])


@lru_cache(maxsize=8)
def _check_header(part: str) -> None:
    """Raise InvalidToken unless the header says HS256 and nothing that we do not understand.

    An issuer writes the same header into each of its tokens: what is in it is read once. Only a
    genuine one gets here, and whether it will do is nothing that can change.
    """
    header = _json_object(_decode(part))
    # An extension marked critical that is not understood makes a token invalid (RFC 7515, 4.1.11),
    # and so do a key id that is no string (4.1.4) and a payload in another form (RFC 7797).
    if header.get("alg") != "HS256" or "crit" in header or "b64" in header:
        raise InvalidToken
    if not isinstance(header.get("kid", ""), str):
        raise InvalidToken


def _seconds(claim: object) -> float:
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        raise InvalidToken
    try:
        return float(claim)
    except OverflowError:
        raise InvalidToken from None


def _audiences(claim: object) -> list[object]:
    return claim if isinstance(claim, list) else [claim]


def _user_id(claims: Mapping[str, Any]) -> str:
    user_id = claims["userId"] if "userId" in claims else claims.get("sub")
    if not isinstance(user_id, str) or not _is_user_id(user_id):
        raise InvalidToken
    return user_id


def _is_user_id(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_USER_ID and text.isprintable() and " " not in text


def _role(role: object) -> Role:
    """Read a role: an issuer may know more of them than we do, and they mean a plain user here."""
    if not isinstance(role, str):
        raise InvalidToken
    return Role.of(role)
