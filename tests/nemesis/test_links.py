"""Links do to a connection what they say, and a harm that nobody felt is known as such."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.nemesis.links import Link, link_to
from tests.nemesis.plan import Harm
from tests.servers import LOOPBACK

pytestmark = pytest.mark.anyio

LET_PASS_S = 0.2
LONGEST_S = 10.0


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(1_024):
            writer.write(data)
    writer.close()


@asynccontextmanager
async def echoed() -> AsyncIterator[tuple[Link, asyncio.StreamReader, asyncio.StreamWriter]]:
    """Yield a link to a server that repeats what it is told, and a connection over it."""
    server = await asyncio.start_server(_echo, LOOPBACK, 0)
    async with link_to("echo", server.sockets[0].getsockname()[1]) as link:
        reader, writer = await asyncio.open_connection(LOOPBACK, link.port)
        try:
            writer.write(b"before")
            assert await reader.readexactly(6) == b"before"
            yield link, reader, writer
        finally:
            writer.close()
    server.close()


async def _heard(reader: asyncio.StreamReader, number: int) -> bytes:
    """Return what comes of so many bytes before the connection ends or says nothing for a while."""
    said = b""
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(LET_PASS_S):
            while len(said) < number and (more := await reader.read(number)):
                said += more
    return said


@pytest.mark.parametrize("harm", [each for each in Harm if each is not Harm.RESET])
async def test_a_harm_that_meets_nobody_is_not_felt(harm: Harm) -> None:
    async with echoed() as (link, _reader, _writer):
        injury = link.harm(harm, 1.0, 0.5)
        await asyncio.sleep(LET_PASS_S)
        assert not injury.felt.is_set()
        assert link.hits == 0


@pytest.mark.parametrize("harm", Harm)
async def test_a_harm_is_felt_by_who_speaks_and_counted_once(harm: Harm) -> None:
    async with echoed() as (link, reader, writer):
        injury = link.harm(harm, 1.0, 0.5)
        writer.write(b"x" * 4_096)
        async with asyncio.timeout(LONGEST_S):
            await injury.felt.wait()
        assert len(await _heard(reader, 4_096)) < 4_096
        assert link.hits == 1


@pytest.mark.parametrize("harm", Harm)
async def test_a_connection_that_is_spared_notices_nothing(harm: Harm) -> None:
    async with echoed() as (link, reader, writer):
        injury = link.harm(harm, 0.0, 0.5)
        writer.write(b"after")
        assert await reader.readexactly(5) == b"after"
        assert not injury.felt.is_set()


@pytest.mark.parametrize("harm", [Harm.STALL, Harm.SLOW])
async def test_what_was_held_up_arrives_after_healing(harm: Harm) -> None:
    async with echoed() as (link, reader, writer):
        injury = link.harm(harm, 1.0, 0.5)
        writer.write(b"x" * 4_096)
        async with asyncio.timeout(LONGEST_S):
            await injury.felt.wait()
            link.heal()
            assert await reader.readexactly(4_096) == b"x" * 4_096
