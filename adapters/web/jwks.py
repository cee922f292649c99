"""Tokens by a key set that is fetched: cached, refreshed in turn, and never fetched in a flood."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import jwt
import msgspec

from adapters.web.auth import ClaimRules, InvalidToken
from adapters.web.public_keys import Signatures
from application.callers import Caller
from application.ports import Clock, StorageUnavailable

Fetch = Callable[[str], Awaitable[bytes]]
"""Gets a document by its URL, with its own time-out.

Raises StorageUnavailable, OSError or TimeoutError.
"""

MOST_BYTES: Final = 262_144
MOST_KEYS: Final = 100


@dataclass(frozen=True, slots=True)
class Freshness:
    """fresh: how long keys are used unasked. usable: how long when the issuer cannot be reached.

    pause: between two fetches, whatever tokens say; so an unknown key id costs the issuer little.
    """

    fresh: timedelta = timedelta(minutes=10)
    usable: timedelta = timedelta(hours=24)
    pause: timedelta = timedelta(seconds=30)


class KeySetTokens:
    """Implements TokenVerifier for RS256 or ES256 with the keys at a JWKS URL."""

    def __init__(
        self,
        url: str,
        fetch: Fetch,
        clock: Clock,
        *,
        algorithm: str = "RS256",
        rules: ClaimRules | None = None,
        freshness: Freshness | None = None,
    ) -> None:
        """Take where the keys are and how to get there; nothing is fetched yet."""
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._signatures = Signatures(algorithm)
        self._rules = rules or ClaimRules()
        self._freshness = freshness or Freshness()
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched_at: timedelta | None = None
        self._tried_at: timedelta | None = None
        self._one_at_a_time = asyncio.Lock()

    async def verify(self, token: str) -> Caller:
        """Return whom it speaks for; raise InvalidToken, or StorageUnavailable without any keys."""
        key_id = _key_id(token)
        if self._age() >= self._freshness.fresh or self._find(key_id) is None:
            await self._refresh()
        if self._age() >= self._freshness.usable:
            raise StorageUnavailable("the issuer's keys cannot be fetched")
        key = self._find(key_id)
        if key is None:
            raise InvalidToken
        payload = self._signatures.payload(token, key)
        return self._rules.caller(payload, self._clock.now())

    def _find(self, key_id: str | None) -> jwt.PyJWK | None:
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id)

    def _age(self) -> timedelta:
        if self._fetched_at is None:
            return timedelta.max
        return self._clock.elapsed() - self._fetched_at

    async def _refresh(self) -> None:
        tried_before = self._tried_at
        async with self._one_at_a_time:
            now = self._clock.elapsed()
            somebody_did = self._tried_at != tried_before
            if somebody_did or (
                self._tried_at is not None and now - self._tried_at < self._freshness.pause
            ):
                return
            self._tried_at = now
            try:
                keys = _read_keys(await self._fetch(self._url), self._signatures.algorithm)
            except (
                StorageUnavailable,
                OSError,
                TimeoutError,
                msgspec.DecodeError,
                UnicodeDecodeError,
                RecursionError,
            ):
                return
            if keys:
                self._keys, self._fetched_at = keys, now


def _key_id(token: str) -> str | None:
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise InvalidToken from None
    return key_id if isinstance(key_id, str) else None


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


_KEY_SET: Final = msgspec.json.Decoder(_KeySet)


def _read_keys(raw: bytes, algorithm: str) -> dict[str | None, jwt.PyJWK]:
    if len(raw) > MOST_BYTES:
        return {}
    found: dict[str | None, jwt.PyJWK] = {}
    for each in _KEY_SET.decode(raw).keys[:MOST_KEYS]:
        if _is_for_signing(each, algorithm):
            try:
                found[each.get("kid")] = jwt.PyJWK(each, algorithm)
            except (jwt.PyJWTError, ValueError, TypeError):
                continue  # a key of a kind that is not ours says nothing about the others
    return found


def _is_for_signing(key: Mapping[str, Any], algorithm: str) -> bool:
    family = {"RS256": "RSA", "ES256": "EC"}[algorithm]
    return (
        key.get("kty") == family
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and "d" not in key
        and isinstance(key.get("kid"), str | None)
    )
