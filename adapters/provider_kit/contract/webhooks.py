"""Trials of webhooks: whatever comes, only what is provably the provider's is believed."""

import json
from collections.abc import Iterator
from datetime import timedelta

from adapters.provider_kit.contract.bench import NUMBER, Bench, order
from adapters.provider_kit.wiring import ProviderGateway
from application.ports import Authentic, Unauthentic, Unreadable

_ANYWHERE = "https://api.bench.example"
_SIGNATURES = ("", "0" * 64, "sha256=" + "0" * 64, "é" * 10, "x" * 10_000)


def _bodies() -> Iterator[bytes]:
    """Yield bodies of every kind, among them what looks like good news of any provider."""
    told = order()
    news = {
        "transactionId": "T-1",
        "status": "SUCCESSFUL",
        "externalId": told.reference,
        "externalReference": told.reference,
        "reference": told.reference,
        "amount": 10.5,
        "payee": NUMBER,
    }
    yield json.dumps(news).encode()
    yield from (b"", b"null", b"[]", b"{", b"\xff\xfe", b'{"a": NaN}', b'{"a": ' * 2_000)
    yield b'{"status": 1, "status": 2}'
    yield b"x" * 300_000


async def unsigned_is_not_believed(bench: Bench) -> list[str]:
    """Return a complaint for each forged webhook that was believed."""
    now = bench.clock.now()
    async with bench.at(_ANYWHERE) as gateway:
        return [
            f"{body[:30]!r} was believed, with {headers[:2]}"[:200]
            for body in _bodies()
            for headers in _headers(str(int(now.timestamp() * 1000)))
            if isinstance(gateway.read_webhook(headers, body, now), Authentic)
        ]


async def nothing_makes_it_raise(bench: Bench) -> list[str]:
    """Return a complaint for each webhook that made it raise, or return something else."""
    async with bench.at(_ANYWHERE) as gateway:
        return [
            complaint
            for body in _bodies()
            for headers in _headers("not a time")
            if (complaint := _read(gateway, headers, body, bench))
        ]


def _read(
    gateway: ProviderGateway, headers: list[tuple[str, str]], body: bytes, bench: Bench
) -> str:
    later = bench.clock.now() + timedelta(days=400)
    try:
        reading = gateway.read_webhook(headers, body, later)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as fault:
        return f"{body[:30]!r} made it raise {type(fault).__name__}"
    known = isinstance(reading, Authentic | Unauthentic | Unreadable)
    return "" if known else f"{body[:30]!r} was read as {type(reading).__name__}"


def _headers(at: str) -> Iterator[list[tuple[str, str]]]:
    yield []
    for signature in _SIGNATURES:
        named = [("X-Signature", signature), ("X-Timestamp", at)]
        yield named
        yield [*named, *named]
        yield [("x-signature", signature), ("Authorization", f"Bearer {signature}")]
