"""Real sockets that fail in every way: what is provably not sent, and what may have been read."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters.provider_kit.client import (
    Answer,
    Exchange,
    JsonClient,
    NotSent,
    Unclear,
    _parsed,
)
from adapters.provider_kit.contract.partner import Partner, Raw, Reply, Seen, read_request, reset
from adapters.provider_kit.limits import CallLimits

pytestmark = pytest.mark.anyio

LIMITS = replace(
    CallLimits(),
    connect=timedelta(milliseconds=300),
    pool=timedelta(milliseconds=300),
    answer=timedelta(milliseconds=300),
    total=timedelta(seconds=1),
    body_bytes=1000,
)
BODY = b'{"pay":1}'


@asynccontextmanager
async def calling(limits: CallLimits = LIMITS) -> AsyncIterator[JsonClient]:
    client = JsonClient(limits)
    try:
        yield client
    finally:
        await client.aclose()


async def post(url: str, limits: CallLimits = LIMITS) -> Exchange:
    async with calling(limits) as client:
        return await client.call("POST", url, {"Accept": "application/json"}, body=BODY)


async def facing(raw: Raw, scheme: str = "http") -> Exchange:
    async with Partner(raw=raw) as partner:
        return await post(f"{scheme}://127.0.0.1:{partner.port}/pay")


async def reads_then_resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    reset(writer)


async def resets(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    reset(writer)


async def reads_then_closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.close()


async def hangs(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    await asyncio.sleep(5)


async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 500\r\n\r\n")
    while True:
        writer.write(b" ")
        await asyncio.sleep(0.1)


def writes(answer: bytes) -> Raw:
    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()
        writer.close()

    return act


async def test_nobody_listening_is_not_sent() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        exchange = await post(f"http://127.0.0.1:{unused.getsockname()[1]}/")
    assert exchange == NotSent("no connection could be made")


async def test_a_name_that_does_not_resolve_is_not_sent() -> None:
    assert await post("http://nobody.invalid/") == NotSent("the provider's name was not resolved")


async def test_a_plain_port_asked_for_tls_is_not_sent() -> None:
    exchange = await facing(writes(b""), scheme="https")
    assert isinstance(exchange, NotSent)


async def test_a_connection_reset_during_tls_is_not_sent() -> None:
    assert isinstance(await facing(resets, scheme="https"), NotSent)


async def test_tls_that_never_comes_about_is_not_sent() -> None:
    exchange = await facing(silent, scheme="https")
    assert exchange == NotSent("no connection in time")


async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)


async def test_a_certificate_that_nobody_vouches_for_is_not_sent(tmp_path: Path) -> None:
    async with Partner(lambda _seen: Reply(202), tls=own_certificate(tmp_path)) as partner:
        assert isinstance(await post(partner.url), NotSent)
        assert partner.seen == []


async def test_waiting_for_a_free_connection_in_vain_is_not_sent() -> None:
    async with Partner(raw=hangs) as partner, calling(replace(LIMITS, connections=1)) as client:
        url = f"{partner.url}/pay"
        calls = [client.call("POST", url, {}, body=BODY) for _ in range(2)]
        first, second = await asyncio.gather(*calls)
    assert isinstance(first, Unclear)
    assert second == NotSent("no connection in time")


async def test_no_time_left_is_not_sent() -> None:
    async with Partner() as partner, calling() as client:
        exchange = await client.call("POST", partner.url, {}, within=timedelta(0))
        assert isinstance(exchange, NotSent)
        assert partner.connections == 0


MAYBE_READ: dict[str, tuple[Raw, str]] = {
    "reset at once": (resets, "the connection broke"),
    "reset after reading": (reads_then_resets, "the connection broke"),
    "closed after reading": (reads_then_closes, "the connection ended without an answer"),
    "silence": (hangs, "no answer in time"),
    "a drip-fed body": (drips, "no complete answer in time"),
    "a body cut short": (
        writes(b"HTTP/1.1 202 A\r\nContent-Length: 9\r\n\r\n{"),
        "the answer was cut short",
    ),
    "a chunk cut short": (
        writes(b"HTTP/1.1 202 A\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}"),
        "the answer was cut short",
    ),
    "another protocol": (writes(b"SSH-2.0-OpenSSH\r\n\r\n"), "the answer was not HTTP"),
    "a giant header": (
        writes(b"HTTP/1.1 202 A\r\nX: " + b"x" * 99_999 + b"\r\n\r\n"),
        "the answer was not HTTP",
    ),
    "a giant body": (
        writes(b"HTTP/1.1 202 A\r\nContent-Length: 1001\r\n\r\n" + b" " * 1001),
        "HTTP 202 with a body that is too large",
    ),
}


@pytest.mark.parametrize("fault", MAYBE_READ)
async def test_what_the_provider_may_have_read_is_unclear(fault: str) -> None:
    raw, reason = MAYBE_READ[fault]
    assert await facing(raw) == Unclear(reason)


async def test_a_chunk_that_breaks_late_is_unclear() -> None:
    async def breaks_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 202 A\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n")
        await asyncio.sleep(0.05)
        writer.write(b"ZZ\r\nnonsense\r\n")
        await asyncio.sleep(0.2)

    assert isinstance(await facing(breaks_late), Unclear)


async def test_a_drip_fed_answer_ends_with_the_deadline() -> None:
    began = asyncio.get_running_loop().time()
    await facing(drips)
    assert asyncio.get_running_loop().time() - began < 1.5


async def test_a_reset_kept_alive_connection_is_unclear_and_never_sent_twice() -> None:
    replies: list[Reply | None] = [Reply(202), None, Reply(202)]
    async with Partner(lambda _seen: replies.pop(0)) as partner, calling() as client:
        first = await client.call("POST", partner.url, {}, body=BODY)
        second = await client.call("POST", partner.url, {}, body=BODY)
    assert first == Answer(202)
    assert isinstance(second, Unclear)
    assert len(partner.seen) == 2


async def test_an_address_that_is_called_again_is_not_parsed_again() -> None:
    before = _parsed.cache_info().misses
    async with Partner(lambda _seen: Reply(202)) as partner, calling() as client:
        for _ in range(3):
            await client.call("POST", f"{partner.url}/once", {}, body=BODY)
    assert [seen.target for seen in partner.seen] == ["/once"] * 3
    assert _parsed.cache_info().misses == before + 1


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with Partner(lambda _seen: Reply(307, b"", {"Location": "/elsewhere"})) as partner:
        assert await post(f"{partner.url}/pay") == Answer(307)
        assert [seen.target for seen in partner.seen] == ["/pay"]


async def test_a_call_carries_what_it_was_given_and_nothing_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login stranger password secret")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    answer = Reply(202, b"", {"Set-Cookie": "a=b"})
    async with Partner(lambda _seen: answer) as partner, calling() as client:
        await client.call("POST", partner.url, {"X-Ours": "1"}, body=BODY)
        await client.call("POST", partner.url, {"X-Ours": "2"}, body=BODY)
    second = partner.seen[1]
    assert second.body == BODY
    assert second.header("accept-encoding") == "identity"
    assert second.header("user-agent") == "cashout"
    assert second.header("x-ours") == "2"
    assert second.header("cookie") is None
    assert second.header("authorization") is None
    assert partner.connections == 1


async def test_a_compressed_answer_is_not_inflated() -> None:
    bomb = Reply(200, b"\x1f\x8b not really", {"Content-Encoding": "gzip"})
    async with Partner(lambda _seen: bomb) as partner:
        assert await post(partner.url) == Answer(200, b"\x1f\x8b not really")


async def test_an_idle_connection_is_not_kept_for_long() -> None:
    limits = replace(LIMITS, idle=timedelta(milliseconds=50))
    async with Partner(lambda _seen: Reply(202)) as partner, calling(limits) as client:
        await client.call("POST", partner.url, {}, body=BODY)
        await asyncio.sleep(0.2)
        await client.call("POST", partner.url, {}, body=BODY)
    assert partner.connections == 2


async def test_an_answer_keeps_out_of_sight_what_it_says() -> None:
    def answer(_seen: Seen) -> Reply:
        return Reply(400, b"Awa Kone 2250700000789", {"Retry-After": "7", "Content-Type": "a/b"})

    async with Partner(answer) as partner:
        exchange = await post(partner.url)
    assert exchange == Answer(400, b"Awa Kone 2250700000789", "a/b", "7")
    assert "Awa" not in repr(exchange)


def test_limits_follow_one_figure() -> None:
    limits = CallLimits.of(timedelta(seconds=3))
    assert (limits.connect, limits.pool) == (timedelta(seconds=3), timedelta(seconds=3))
    assert (limits.answer, limits.total) == (timedelta(seconds=3), timedelta(seconds=3))
    assert limits.budget == timedelta(seconds=4.5)
    assert CallLimits.of(timedelta(seconds=30)) == CallLimits()


def own_certificate(folder: Path) -> ssl.SSLContext:
    """Return a server's side of TLS with a certificate that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context
