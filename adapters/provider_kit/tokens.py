"""Access tokens: fetched once however many ask, renewed ahead of time, forgotten when revoked."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from application.ports import Clock
from domain.failures import FailureCode

_EARLY: Final = timedelta(seconds=60)
_RENEW_AT_PERCENT: Final = 80
_RENEW_AGAIN_AFTER: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token that may be used until `expires_at` (wall clock, UTC)."""

    value: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token endpoint gave: a token, and for how long the provider says it holds."""

    value: str = field(repr=False)
    expires_in: timedelta


@dataclass(frozen=True, slots=True)
class TokenFault:
    """No token could be had, so nothing was sent. trips: it is our configuration."""

    code: FailureCode
    detail: str
    trips: bool = False
    retry_after_s: int | None = None


class TokenStore(Protocol):
    """Tokens shared by processes. Its outage costs token calls and never a payout: nothing raises.

    `key` names a credential: letters, digits, `.`, `_`, `-`; nothing secret can be read from it.
    """

    async def get(self, key: str) -> Token | None:
        """Return the stored token; None when there is none or the store cannot be reached."""
        ...

    async def put(self, key: str, token: Token) -> None:
        """Store a token, if that is possible."""
        ...

    async def drop(self, key: str, value: str) -> None:
        """Remove the token if it is still this very one, if that is possible."""
        ...


class OwnTokens:
    """The default store: tokens stay in this process, where the cache has them already."""

    async def get(self, _key: str) -> Token | None:
        """Return None: there is nobody to share with."""
        return None

    async def put(self, _key: str, _token: Token) -> None:
        """Keep nothing."""

    async def drop(self, _key: str, _value: str) -> None:
        """Forget nothing."""


Fetch = Callable[[timedelta], Awaitable[Grant | TokenFault]]
"""Asks the token endpoint, within the time given; raises nothing for its answer."""


@dataclass(frozen=True, slots=True)
class _Held:
    token: Token
    renew_after: timedelta
    gone_after: timedelta


class TokenCache:
    """The token of one credential. At most one call for it is under way at any moment."""

    def __init__(
        self,
        key: str,
        fetch: Fetch,
        clock: Clock,
        *,
        longest: timedelta,
        store: TokenStore | None = None,
    ) -> None:
        """Take how to fetch and `longest`, the most time that one fetch may take."""
        self._key = key
        self._fetch = fetch
        self._clock = clock
        self._longest = longest
        self._store: TokenStore = store or OwnTokens()
        self._held: _Held | None = None
        self._revoked = ""
        self._flight: asyncio.Task[Token | TokenFault] | None = None
        self._renewed_at = -_RENEW_AGAIN_AFTER

    async def get(self, within: timedelta) -> Token | TokenFault:
        """Return a token that holds, waiting at most `within` for one."""
        held, now = self._held, self._clock.elapsed()
        if held is not None and now < held.gone_after:
            if now >= held.renew_after and now - self._renewed_at >= _RENEW_AGAIN_AFTER:
                self._renewed_at = now
                self._begin(renewing=True)
            return held.token
        # Whoever gives up waiting must not take the call away from the others.
        flight = asyncio.shield(self._begin(renewing=False))
        try:
            async with asyncio.timeout(within.total_seconds()):
                return await flight
        except TimeoutError:
            return TokenFault(FailureCode.PROVIDER_UNAVAILABLE, "no token in time")

    async def discard(self, token: Token) -> None:
        """Forget this very token; one that was fetched meanwhile stays."""
        if self._held is not None and self._held.token.value == token.value:
            self._held = None
        self._revoked = token.value
        await self._store.drop(self._key, token.value)

    async def aclose(self) -> None:
        """Stop the call that is under way, if any."""
        flight, self._flight = self._flight, None
        if flight is not None:
            flight.cancel()
            await asyncio.gather(flight, return_exceptions=True)

    def _begin(self, *, renewing: bool) -> asyncio.Task[Token | TokenFault]:
        if self._flight is None or self._flight.done():
            self._flight = asyncio.create_task(self._obtain(renewing=renewing))
        return self._flight

    async def _obtain(self, *, renewing: bool) -> Token | TokenFault:
        held = self._held.token.value if self._held is not None else ""
        began, began_at = self._clock.elapsed(), self._clock.now()
        shared = await self._store.get(self._key)
        known = {held, self._revoked} if renewing else {self._revoked}
        if shared is not None and shared.value not in known and shared.expires_at > began_at:
            self._hold(shared, began, shared.expires_at - began_at)
            return shared
        grant = await self._fetch(self._longest)
        if isinstance(grant, TokenFault):
            return grant
        lifetime = max(grant.expires_in - _EARLY, grant.expires_in / 2)
        token = Token(grant.value, began_at + lifetime)
        self._hold(token, began, lifetime)
        await self._store.put(self._key, token)
        return token

    def _hold(self, token: Token, began: timedelta, lifetime: timedelta) -> None:
        renew_after = began + lifetime * _RENEW_AT_PERCENT / 100
        self._held = _Held(token, renew_after, began + lifetime)
