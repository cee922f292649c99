"""One HTTP call, and how it ended, as data: answered, provably not sent, or unclear.

The transport is called directly, not through `httpx.AsyncClient`: so there are no redirects,
cookies, proxies, environment settings or log lines with addresses in them to switch off.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Final, cast

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from adapters.provider_kit.limits import CallLimits

_ALWAYS: Final = {"User-Agent": "cashout", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer. content_type and retry_after are header values, empty when absent."""

    status: int
    body: bytes = field(default=b"", repr=False)
    content_type: str = ""
    retry_after: str = ""


@dataclass(frozen=True, slots=True)
class NotSent:
    """Proven: not one byte of the request reached the provider. `reason` is safe to log."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """The provider may have read the request. `reason` is safe to log."""

    reason: str


Exchange = Answer | NotSent | Unclear

# The transport reports every broken connection as httpx.ConnectTimeout, also one that broke after
# the request was read and paid. Only its cause tells them apart: these happen before a byte leaves.
_BEFORE_SENDING: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (aiohttp.ClientConnectorDNSError, "the provider's name was not resolved"),
    (aiohttp.ClientSSLError, "no TLS connection could be made"),
    (aiohttp.ClientConnectorCertificateError, "the provider's certificate is not trusted"),
    (aiohttp.ClientConnectorError, "no connection could be made"),
    (aiohttp.ConnectionTimeoutError, "no connection in time"),
)
_AFTER_SENDING: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (aiohttp.ServerTimeoutError, "no answer in time"),
    (TimeoutError, "no complete answer in time"),
    (aiohttp.ServerDisconnectedError, "the connection ended without an answer"),
    (aiohttp.ClientPayloadError, "the answer was cut short"),
    (aiohttp.ClientResponseError, "the answer was not HTTP"),
    (BaseException, "the connection broke"),
)


@lru_cache(maxsize=256)
def _parsed(url: str) -> httpx.URL:
    """Return an address parsed: those of submits and tokens are always the same."""
    return httpx.URL(url)


def _provider_tls() -> ssl.SSLContext:
    """Certificates and names verified, TLS 1.2 or newer, whatever this machine's policy allows."""
    tls = httpx.create_ssl_context(trust_env=False)
    # A Python built for a distribution leaves the floor to the distribution: it may be TLS 1.0.
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    return tls


class JsonClient:
    """Calls one provider. Opened by its first call, inside the running loop; closed by `aclose`."""

    def __init__(self, limits: CallLimits, tls: ssl.SSLContext | None = None) -> None:
        self._limits = limits
        self._tls = tls or _provider_tls()
        self._transport = AiohttpTransport(
            verify=self._tls, trust_env=False, client=self._open_session
        )
        self._timeouts = {
            "connect": limits.connect.total_seconds(),
            "pool": limits.pool.total_seconds(),
            "read": limits.answer.total_seconds(),
        }

    async def call(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        body: bytes = b"",
        within: timedelta | None = None,
    ) -> Exchange:
        """Make one call, never repeated here; raise nothing for what goes wrong on the wire.

        The whole of it ends within `total`, and within `within` where that is shorter.
        """
        longest = min(within, self._limits.total) if within is not None else self._limits.total
        if longest <= timedelta(0):
            return NotSent("no time was left to call")
        request = httpx.Request(
            method,
            _parsed(url),
            headers={**_ALWAYS, **headers},
            # As a stream: given as content, httpx adds the headers that the transport adds anyway.
            stream=httpx.ByteStream(body),
            extensions={"timeout": self._timeouts},
        )
        request.read()
        try:
            async with asyncio.timeout(longest.total_seconds()):
                return await self._exchange(request)
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as problem:
            return _ending_of(problem)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    async def _exchange(self, request: httpx.Request) -> Exchange:
        response = await self._transport.handle_async_request(request)
        stream = cast("httpx.AsyncByteStream", response.stream)
        body = bytearray()
        try:
            async for chunk in stream:
                body += chunk
                if len(body) > self._limits.body_bytes:
                    return Unclear(f"HTTP {response.status_code} with a body that is too large")
        finally:
            await stream.aclose()
        return Answer(
            response.status_code,
            bytes(body),
            response.headers.get("content-type", ""),
            response.headers.get("retry-after", ""),
        )

    def _open_session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            ssl=self._tls,
            limit=self._limits.connections,
            keepalive_timeout=self._limits.idle.total_seconds(),
        )
        # A cookie of the provider's load balancer must not tie one payout to another.
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


def _ending_of(problem: Exception) -> NotSent | Unclear:
    cause = problem.__cause__ if isinstance(problem, httpx.HTTPError) else problem
    for kind, reason in _BEFORE_SENDING:
        if isinstance(cause, kind):
            return NotSent(reason)
    return Unclear(next(reason for kind, reason in _AFTER_SENDING if isinstance(cause, kind)))
