"""CORS: closed unless origins are listed, and then open for those alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Header = tuple[bytes, bytes]

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
_ALLOWED: Final = (
    b"Authorization, Content-Type, Idempotency-Key, Prefer, X-Request-Id, Accept-Language"
)
_REMEMBERED_S: Final = b"600"


@dataclass(frozen=True, slots=True)
class Cors:
    """Which pages of other origins may call, as browsers understand it. No cookies, ever."""

    origins: frozenset[bytes]

    @classmethod
    def of(cls, origins: tuple[str, ...]) -> "Cors":
        """Take origins like `https://app.example.com`."""
        return cls(frozenset(each.encode("ascii") for each in origins))

    def headers(self, seen: Mapping[bytes, bytes]) -> list[Header]:
        """Return what an answer says to the origin that asks; nothing to strangers."""
        if not self.origins:
            return []
        said: list[Header] = [(b"vary", b"Origin")]
        origin = seen.get(b"origin")
        if origin in self.origins and origin is not None:
            said.append((b"access-control-allow-origin", origin))
            said.append((b"access-control-expose-headers", _EXPOSED))
        return said

    def preflight(self, method: str, seen: Mapping[bytes, bytes]) -> list[Header] | None:
        """Return what a listed origin's preflight is told; None when it is no such thing."""
        is_preflight = method == "OPTIONS" and b"access-control-request-method" in seen
        if not is_preflight or seen.get(b"origin") not in self.origins:
            return None
        return [
            (b"access-control-allow-methods", b"GET, POST"),
            (b"access-control-allow-headers", _ALLOWED),
            (b"access-control-max-age", _REMEMBERED_S),
        ]
