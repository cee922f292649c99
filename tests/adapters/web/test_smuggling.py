"""Requests that two parsers may read differently get one refusal, and their tail is never read."""

import asyncio

import pytest

from tests.adapters.web.house import CASH_OUTS, signed_in
from tests.adapters.web.sockets import (
    HASTY,
    a_cash_out,
    closed_within,
    connected,
    head,
    open_for,
    problem_of,
    serving,
    statuses,
)

pytestmark = pytest.mark.anyio

TOKEN = signed_in()["Authorization"]
START = f"POST {CASH_OUTS} HTTP/1.1\r\nHost: api.test\r\nAuthorization: {TOKEN}\r\n".encode()
CHUNKS = b"\r\n\r\n0\r\n\r\n"
ABCD = b"\r\n\r\nabcd"
TE = b"Transfer-Encoding: "
CHUNKED = TE + b"chunked\r\n\r\n"

LENGTHS = {
    "length and chunks": b"Content-Length: 4\r\n" + TE + b"chunked" + CHUNKS,
    "chunks and length": TE + b"chunked\r\nContent-Length: 4" + CHUNKS,
    "two lengths": b"Content-Length: 4\r\nContent-Length: 5" + ABCD,
    "two equal lengths": b"Content-Length: 4\r\nContent-Length: 4" + ABCD,
    "a list of lengths": b"Content-Length: 4, 4" + ABCD,
    "a length with a sign": b"Content-Length: +4" + ABCD,
    "a negative length": b"Content-Length: -4" + ABCD,
    "a hexadecimal length": b"Content-Length: 0x4" + ABCD,
    "a length in two parts": b"Content-Length: 4 4" + ABCD,
    "a length beyond 64 bits": b"Content-Length: 18446744073709551620" + ABCD,
    "an empty length": b"Content-Length: " + ABCD,
}
LINES = {
    "a folded line": b"X-Note: a\r\n b\r\nContent-Length: 4" + ABCD,
    "a folded length": b"Content-Length:\r\n 4" + ABCD,
    "a folded coding": TE + b"\r\n chunked" + CHUNKS,
    "a bare LF": b"X-Note: a\nContent-Length: 4" + ABCD,
    "a bare CR": b"X-Note: a\rContent-Length: 4" + ABCD,
    "a bare LF at the end": b"Content-Length: 4\r\n\nabcd",
    "a NUL": b"X-Note: \x00\r\nContent-Length: 4" + ABCD,
    "a space before the colon": b"Content-Length : 4" + ABCD,
    "a tab before the colon": b"Transfer-Encoding\t: chunked" + CHUNKS,
    "a space before the name": b" Content-Length: 4" + ABCD,
    "a line without a colon": b"Content-Length 4" + ABCD,
    "a second host": b"Host: other.test\r\nContent-Length: 4" + ABCD,
}
CODINGS = {
    "xchunked": TE + b"xchunked" + CHUNKS,
    "chunked, identity": TE + b"chunked, identity" + CHUNKS,
    "identity": TE + b"identity\r\nContent-Length: 4" + ABCD,
    "identity, chunked": TE + b"identity, chunked" + CHUNKS,
    "gzip, chunked": TE + b"gzip, chunked" + CHUNKS,
    "chunked, chunked": TE + b"chunked, chunked" + CHUNKS,
    "chunked twice": TE + b"chunked\r\n" + TE + b"chunked" + CHUNKS,
    "chunked and then identity": TE + b"chunked\r\n" + TE + b"identity" + CHUNKS,
    "a vertical tab": TE + b"\x0bchunked" + CHUNKS,
    "quoted": TE + b'"chunked"' + CHUNKS,
    "with a parameter": TE + b"chunked;q=1" + CHUNKS,
    "nothing": TE + CHUNKS,
}
SIZES = {
    "a hexadecimal prefix": CHUNKED + b"0x4\r\nabcd\r\n0\r\n\r\n",
    "a sign": CHUNKED + b"+4\r\nabcd\r\n0\r\n\r\n",
    "a negative size": CHUNKED + b"-4\r\nabcd\r\n0\r\n\r\n",
    "a size beyond 64 bits": CHUNKED + b"10000000000000004\r\nabcd\r\n0\r\n\r\n",
    "a size that ends with LF": CHUNKED + b"4\nabcd\r\n0\r\n\r\n",
    "a space behind the size": CHUNKED + b"4 \r\nabcd\r\n0\r\n\r\n",
    "data that ends with LF": CHUNKED + b"4\r\nabcd\n0\r\n\r\n",
    "more data than said": CHUNKED + b"4\r\nabcdef\r\n0\r\n\r\n",
    "an extension with LF": CHUNKED + b"4;a\nb\r\nabcd\r\n0\r\n\r\n",
    "no size": CHUNKED + b"\r\nabcd\r\n0\r\n\r\n",
}
SHAPES = {
    f"{kind}: {name}": START + shape
    for kind, shapes in (
        ("length", LENGTHS),
        ("line", LINES),
        ("coding", CODINGS),
        ("chunk", SIZES),
    )
    for name, shape in shapes.items()
}
WHOLE = {
    "no host": b"POST /health HTTP/1.1\r\nContent-Length: 4" + ABCD,
    "bare LF everywhere": b"POST /health HTTP/1.1\nHost: api.test\nContent-Length: 4\n\nabcd",
    "the HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a tunnel": b"CONNECT other.test:443 HTTP/1.1\r\nHost: other.test\r\n\r\n",
    "a version that is none": b"GET /health HTTP/1.10\r\nHost: api.test\r\n\r\n",
}


@pytest.mark.parametrize("shape", [*SHAPES, *WHOLE])
@pytest.mark.parametrize("apart", [False, True], ids=["at once", "tail later"])
async def test_an_ambiguous_request_gets_one_answer_and_its_tail_none(
    shape: str, apart: bool
) -> None:
    raw = {**SHAPES, **WHOLE}[shape]
    async with serving(HASTY) as (server, api), connected(server) as (reader, writer):
        writer.write(raw if apart else raw + a_cash_out())
        if apart:
            await asyncio.sleep(0.05)
            writer.write(a_cash_out())
        came = await closed_within(reader, 5)
        assert statuses(came) == [400], came
        assert problem_of(came) == (400, "BAD_REQUEST")
        assert not any(api.written)


CLOSING = {
    "it asks for the end": head("Connection: close", path="/health", method="GET"),
    "HTTP/1.0": b"GET /health HTTP/1.0\r\n\r\n",
    "HTTP/1.0 that would stay": b"GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "no version at all": b"GET /health\r\n\r\n",
}


@pytest.mark.parametrize("why", CLOSING)
async def test_what_follows_the_last_request_of_a_connection_is_not_read(why: str) -> None:
    async with serving(HASTY) as (server, api), connected(server) as (reader, writer):
        writer.write(CLOSING[why] + a_cash_out())
        assert statuses(await closed_within(reader, 5)) == [200]
        assert not any(api.written)


async def test_a_body_where_none_belongs_is_no_second_request() -> None:
    inner = a_cash_out()
    async with serving(HASTY) as (server, api), connected(server) as (reader, writer):
        writer.write(head(f"Content-Length: {len(inner)}", path="/health", method="GET") + inner)
        assert statuses(await open_for(reader, 0.5)) == [200]
        assert not any(api.written)


@pytest.mark.parametrize("to", ["websocket", "h2c", "x"])
@pytest.mark.parametrize("at", range(0, 200, 40))
async def test_after_an_upgrade_that_is_not_made_requests_go_on_where_they_were(
    to: str, at: int
) -> None:
    """However the bytes fall into packets: the second request is read from its beginning."""
    offer = head("Connection: Upgrade", f"Upgrade: {to}", path="/health", method="GET")
    second = head(path="/health/ready", method="GET") + head(path="/none", method="GET")
    async with serving() as (server, _), connected(server) as (reader, writer):
        writer.write(offer + second[:at])
        await asyncio.sleep(0.05)
        writer.write(second[at:])
        came = await open_for(reader, 0.5)
        assert statuses(came) == [200, 200, 404], came


async def test_trailers_are_no_headers() -> None:
    """What comes behind a chunked body may have passed a proxy that looks at heads alone."""
    without = START.replace(b"Authorization", b"X-Nothing") + b"Content-Type: application/json\r\n"
    trailers = b"2\r\n{}\r\n0\r\nAuthorization: " + TOKEN.encode() + b"\r\n\r\n"
    async with serving(HASTY) as (server, _), connected(server) as (reader, writer):
        writer.write(without + CHUNKED + trailers)
        assert statuses(await open_for(reader, 0.5)) == [401]
