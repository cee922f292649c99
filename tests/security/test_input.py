"""Hostile bodies, queries and headers: refused as documented, in bounded time and memory."""

import gc
import json
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.adapters.web.house import BODY, CASH_OUTS, QUOTE, House, check_problem, signed_in

pytestmark = pytest.mark.anyio

MOST_BYTES = 6 * 1024 * 1024
"""Of memory for one request of 64 KiB; parsing the worst of them takes two."""
MOST_S = 2.0
"""Generous on a shared machine; what is measured takes milliseconds."""
SIZE = 65_536


def filled(piece: bytes, head: bytes = b"", tail: bytes = b"") -> bytes:
    """Return as many pieces as fit into the largest body."""
    return head + piece * ((SIZE - len(head) - len(tail)) // len(piece)) + tail


def with_field(field: str, value: bytes) -> bytes:
    """Return a good body with one field written as told."""
    body = {name: each for name, each in BODY.items() if name != field}
    return json.dumps(body)[:-1].encode() + b',"' + field.encode() + b'":' + value + b"}"


BOMBS: dict[str, tuple[bytes, int, str]] = {
    "arrays": (filled(b"["), 400, "BAD_REQUEST"),
    "closed arrays": (b"[" * 32_000 + b"]" * 32_000, 400, "BAD_REQUEST"),
    "objects": (filled(b'{"a":'), 400, "BAD_REQUEST"),
    "many fields": (
        b"{" + b",".join(b'"%d":1' % n for n in range(6_000)) + b"}",
        400,
        "BAD_REQUEST",
    ),
    "many small arrays": (with_field("amount", b"[" + b"[]," * 20_000 + b"1]"), 400, "BAD_REQUEST"),
    "one key many times": (filled(b'"a":1,', b"{", b'"b":1}'), 400, "BAD_REQUEST"),
    "a long number": (with_field("amount", b"9" * 60_000), 400, "BAD_REQUEST"),
    "a long exponent": (with_field("amount", b"1e" + b"9" * 60_000), 400, "BAD_REQUEST"),
    "a huge exponent": (with_field("amount", b"1e999999999"), 400, "INVALID_AMOUNT"),
    "minus nothing": (with_field("amount", b"-0"), 400, "INVALID_AMOUNT"),
    "NaN": (with_field("amount", b"NaN"), 400, "INVALID_AMOUNT"),
    "a long text": (with_field("providerAccountName", b'"' + b"x" * 60_000 + b'"'), 400, ""),
    "combining marks": (
        with_field("providerAccountName", '"a{}"'.format("\u0301" * 30_000).encode()),
        400,
        "BAD_REQUEST",
    ),
    "text that grows when composed": (
        with_field("providerAccountName", '"{}"'.format("\ufdfa" * 20_000).encode()),
        400,
        "BAD_REQUEST",
    ),
    "escapes": (with_field("walletId", b'"' + b"\\u0000" * 10_000 + b'"'), 400, "BAD_REQUEST"),
    "an operator": (with_field("reference", b'{"$ne":null}'), 400, "BAD_REQUEST"),
    "a path": (with_field("reference", b'"../../etc/passwd"'), 400, "BAD_REQUEST"),
    "a header": (with_field("reference", b'"ORDER-1\\r\\nX-Evil: 1"'), 400, "BAD_REQUEST"),
    "a header in the name": (
        with_field("providerAccountName", b'"Awa\\r\\nX-Evil: 1"'),
        400,
        "BAD_REQUEST",
    ),
    "utf-16": (json.dumps(BODY).encode("utf-16"), 400, "BAD_REQUEST"),
    "latin-1": (json.dumps(BODY, ensure_ascii=False).encode("latin-1"), 400, "BAD_REQUEST"),
    "a byte too many": (json.dumps(BODY).encode().ljust(SIZE + 1), 413, "PAYLOAD_TOO_LARGE"),
    "a megabyte": (b"[" * 1_000_000, 413, "PAYLOAD_TOO_LARGE"),
}


@asynccontextmanager
async def bounded(warm_up: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Assert that the body takes little time and memory; what is made once is made before."""
    await warm_up()
    gc.collect()
    tracemalloc.start()
    began = time.monotonic()
    try:
        yield
        took, (_, peak) = time.monotonic() - began, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert took < MOST_S
    assert peak < MOST_BYTES


@pytest.mark.parametrize("bomb", BOMBS)
async def test_a_hostile_body_is_refused_in_bounded_time_and_memory(api: House, bomb: str) -> None:
    raw, status, code = BOMBS[bomb]
    async with bounded(lambda: api.post_raw(b"{}")):
        answer = await api.post_raw(raw)
    check_problem(answer, status, code or "BAD_REQUEST")
    assert "x-evil" not in answer.headers
    assert len(answer.content) < 10_000, "what is refused is not repeated"
    assert not any(api.written)


QUERIES = {
    "operators": "status[$ne]=pending&walletId[$gt]=",
    "many names": "&".join(f"a{n}=1" for n in range(5_000)),
    "one name many times": "page=1&" * 5_000,
    "a long value": "walletId=" + "w" * 30_000,
    "a long number": "page=" + "9" * 30_000,
    "a long cursor": "cursor=" + "A" * 30_000,
    "NUL": "walletId=a%00b",
    "bytes": "walletId=%FF%FE",
    "a header": "walletId=a%0d%0aX-Evil:%201",
    "a path": "provider=../../etc/passwd",
    "SQL": "walletId=w'%20OR%20'1'='1",
}


@pytest.mark.parametrize("path", [CASH_OUTS, QUOTE])
@pytest.mark.parametrize("query", QUERIES)
async def test_a_hostile_query_is_400_in_bounded_time_and_memory(
    api: House, query: str, path: str
) -> None:
    url = httpx.URL(f"http://api.test{path}", query=QUERIES[query].encode())

    async def ask() -> httpx.Response:
        return await api.client.get(url, headers=signed_in())

    async with bounded(ask):
        answer = await ask()
    check_problem(answer, 400, "BAD_REQUEST")
    assert "x-evil" not in answer.headers
    assert len(answer.content) < 10_000


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("idempotency-key", "k" * 256, 400),
        ("idempotency-key", "a b", 400),
        ("idempotency-key", "é", 400),
        ("idempotency-key", "", 400),
        ("prefer", "wait=" + "9" * 5_000, 202),
        ("prefer", "wait=-1, wait=NaN, ;;;,=", 202),
        ("x-request-id", "a\tb<script>", 202),
        ("accept-language", "fr;q=" + "9" * 5_000 + ",x" * 5_000, 202),
        ("content-encoding", "gzip", 415),
        ("x-http-method-override", "DELETE", 202),
    ],
)
async def test_a_hostile_header_is_refused_or_passed_over(
    api: House, name: str, value: str, status: int
) -> None:
    headers = {**signed_in(), "content-type": "application/json"}
    raw = [*((k.encode(), v.encode()) for k, v in headers.items())]
    raw.append((name.encode(), value.encode("latin-1")))

    async def ask() -> httpx.Response:
        return await api.client.post(CASH_OUTS, content=json.dumps(BODY).encode(), headers=raw)

    async with bounded(ask):
        answer = await ask()
    assert answer.status_code == status, answer.text
    assert "<script>" not in str(answer.headers)
