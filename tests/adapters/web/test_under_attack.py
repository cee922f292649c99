"""The real server process under attack: bounded memory, others served, nothing left behind."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.adapters.web.besieged import Besieged, besieged, endured
from tests.adapters.web.crowds import Visit, crowd, deaf, repeating, saying, vanishing
from tests.entrypoints.orders import CASH_OUT, order, signed_in

pytestmark = pytest.mark.anyio

WEBHOOK = "/api/payments/webhook/orange_money"


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Besieged]:
    """One server for all attacks, one after the other: what they leave behind adds up."""
    folder: Path = tmp_path_factory.mktemp("besieged")
    async with besieged(folder) as started:
        yield started


def head(*lines: str, path: str = CASH_OUT, method: str = "POST") -> bytes:
    """Return the head of a signed-in request."""
    named = [f"{name}: {value}" for name, value in signed_in("user-bad").items()]
    first = [f"{method} {path} HTTP/1.1", "Host: api.test", "Content-Type: application/json"]
    return ("\r\n".join([*first, *named, *lines]) + "\r\n\r\n").encode()


def whole(raw: bytes, *lines: str, path: str = CASH_OUT) -> bytes:
    """Return a request with its length."""
    return head(*lines, f"Content-Length: {len(raw)}", path=path) + raw


BOMB = gzip.compress(bytes(60_000_000))
DEEP = b"[" * 25_000 + b"]" * 25_000
GET = b"GET /health HTTP/1.1\r\nHost: api.test\r\n"
CHUNKED = head("Transfer-Encoding: chunked")
DOCUMENT = b"GET /schema/openapi.json HTTP/1.1\r\nHost: api.test\r\n\r\n"
MUCH = 30_000_000
"""More bytes than any bound lets through, fewer than would take long."""

ATTACKS: dict[str, tuple[int, Visit]] = {
    "header lines of 100 kB": (300, saying(GET + b"X: " + b"a" * 100_000 + b"\r\n\r\n")),
    "ten thousand headers": (100, saying(GET + b"X: 1\r\n" * 10_000 + b"\r\n")),
    "an address of a megabyte": (100, saying(b"GET /" + b"a" * 1_000_000)),
    "a line without end": (20, repeating(GET + b"X: ", b"a" * 16_384, MUCH)),
    "chunks without end": (20, repeating(CHUNKED, b"4000\r\n" + b" " * 0x4000 + b"\r\n", MUCH)),
    "unsigned chunks without end": (
        20,
        repeating(
            GET.replace(b"GET", b"POST") + b"Transfer-Encoding: chunked\r\n\r\n",
            b"4000\r\n" + b" " * 0x4000 + b"\r\n",
            MUCH,
        ),
    ),
    "chunks of extensions": (20, repeating(CHUNKED, b"1;" + b"a" * 16_000 + b"\r\nx\r\n", MUCH)),
    "trailers without end": (20, repeating(CHUNKED + b"0\r\n", b"X-Trailer: 1\r\n" * 500, MUCH)),
    "gzip bombs": (100, saying(whole(BOMB, "Content-Encoding: gzip"))),
    "gzip bombs for a webhook": (
        100,
        saying(whole(BOMB, "Content-Encoding: gzip", path=WEBHOOK)),
    ),
    "gzip bombs as transfer coding": (
        100,
        saying(head("Transfer-Encoding: gzip, chunked") + BOMB),
    ),
    "JSON fifty thousand deep": (100, saying(whole(DEEP))),
    "webhooks fifty thousand deep": (100, saying(whole(DEEP, path=WEBHOOK))),
    "a thousand requests at once": (50, saying((GET + b"\r\n") * 1_000)),
    "requests without end": (20, repeating(GET + b"\r\n", (GET + b"\r\n") * 400, MUCH)),
    "nobody fetches the answers": (100, deaf(DOCUMENT * 10, 3)),
    "gone at once": (500, vanishing(b"")),
    "gone within the body": (500, vanishing(head("Content-Length: 1000") + b'{"a":')),
    "gone before the answer": (300, vanishing(whole(json.dumps(order()).encode()))),
    "HTTP/2": (100, saying(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")),
    "TLS": (100, saying(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500))),
    "a websocket": (
        100,
        saying(GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + b"\x81\x05hello"),
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_an_attack_is_endured(server: Besieged, name: str) -> None:
    size, visit = ATTACKS[name]
    await endured(server, lambda port: crowd(port, size, visit))


@pytest.mark.parametrize("path", [CASH_OUT, WEBHOOK])
async def test_a_compressed_body_is_not_inflated(server: Besieged, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(whole(BOMB[:60_000], "Content-Encoding: gzip", path=path))
    answer = await reader.readuntil(b"}}")
    assert answer.startswith(b"HTTP/1.1 415 "), answer
    writer.close()
    await writer.wait_closed()
