"""CORS: closed unless origins are listed, and then open for those alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from adapters.web.exchange import Header, Headers

_EXPOSED: Final = b", ".join(
    (
        b"Location",
        b"Retry-After",
        b"X-Request-Id",
        b"Idempotent-Replayed",
        b"Preference-Applied",
        b"Content-Language",
    )
)
_PREFLIGHT: Final = (
    (b"access-control-allow-methods", b"GET, POST"),
    (
        b"access-control-allow-headers",
        b"Authorization, Content-Type, Idempotency-Key, Prefer, X-Request-Id, Accept-Language",
    ),
    (b"access-control-max-age", b"600"),
)


@dataclass(frozen=True, slots=True)
class Cors:
    """Which pages of other origins may call, as browsers understand it. No cookies, ever."""

    origins: frozenset[bytes]

    @classmethod
    def of(cls, origins: tuple[str, ...]) -> "Cors":
        """Take origins like `https://app.example.com`."""
        return cls(frozenset(each.encode("ascii") for each in origins))

    def headers(self, given: Headers) -> list[Header]:
        """Return what an answer says to the origin that asks; nothing to strangers."""
        if not self.origins:
            return []
        said: list[Header] = [(b"vary", b"Origin")]
        origin = _origin(given)
        if origin in self.origins:
            said.append((b"access-control-allow-origin", origin))
            said.append((b"access-control-expose-headers", _EXPOSED))
        return said

    def preflight(self, method: str, given: Headers) -> Sequence[Header] | None:
        """Return what a listed origin's preflight is told; None when it is no such thing."""
        is_preflight = method == "OPTIONS" and b"access-control-request-method" in given
        return _PREFLIGHT if is_preflight and _origin(given) in self.origins else None


def _origin(given: Headers) -> bytes:
    return given.get(b"origin", (b"",))[-1]
