"""Crowds of hostile clients, as raw connections to a port."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable

Visit = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_AT_ONCE = 100
_GONE = (ConnectionError, BrokenPipeError, asyncio.IncompleteReadError)


async def crowd(port: int, size: int, visit: Visit) -> None:
    """Have so many clients visit at once; a server that hangs up ends a visit."""
    door = asyncio.Semaphore(_AT_ONCE)

    async def one() -> None:
        async with door:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            with contextlib.suppress(*_GONE):
                await visit(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    await asyncio.gather(*(one() for _ in range(size)))


def saying(raw: bytes) -> Visit:
    """Return a visit that says one thing and reads until the server hangs up, or for 3 seconds."""

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(3):
                while await reader.read(65_536):
                    continue

    return visit


def repeating(head: bytes, again: bytes, most: int) -> Visit:
    """Return a visit that repeats something until the server hangs up.

    Fails when the server took `most` bytes.
    """

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        sent = 0
        while sent < most and not reader.at_eof():
            writer.write(again)
            await writer.drain()
            sent += len(again)
            await asyncio.sleep(0)
        assert sent < most, f"the server took {sent} bytes"

    return visit


def dripping(raw: bytes, pause_s: float) -> Visit:
    """Return a visit that says something byte by byte, for ever, until the server hangs up."""

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The head at once, then the drip: a bytes object without a mark drips from its start.
        begun, _, slow = raw.rpartition(DRIP)
        writer.write(begun)
        for byte in slow + b"a" * 1_000:
            writer.write(bytes([byte]))
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    if not await reader.read(65_536):
                        return
        raise AssertionError("the server never hung up")

    return visit


DRIP = b"\0drip\0"
"""Where the dripping begins."""


async def waiting(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Say nothing until the server hangs up."""
    while await reader.read(65_536):
        continue


def vanishing(raw: bytes) -> Visit:
    """Return a visit that says something and is gone, with a reset."""

    async def visit(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        plain = writer.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return visit


def deaf(raw: bytes, seconds: float) -> Visit:
    """Return a visit that asks for much and fetches none of it."""

    async def visit(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport can
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                writer.write(raw)
                await writer.drain()
                await asyncio.sleep(seconds)

    return visit
