"""The load generator: what a server that stalls is told to have cost."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from tests.bench.load import Generator, Load, at
from tests.bench.requests import Requests
from tests.bench.stand import SECRET

pytestmark = pytest.mark.anyio

STALL_S = 0.5
ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def a_server(*, stall_s: float = 0.0, drops: bool = False) -> AsyncIterator[int]:
    """Yield the port of a server that answers at once, or that holds all up once for a while."""
    gate = asyncio.Event()
    held: list[asyncio.TimerHandle] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                if drops:
                    break
                if stall_s and not held:
                    held.append(loop.call_later(stall_s, gate.set))
                if held:
                    await gate.wait()
                writer.write(ANSWER)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def a_load(port: int, *, rate: float | None, connections: int = 2) -> Load:
    return Load(
        ports=[port],
        requests=Requests("take", SECRET, users=3),
        connections=connections,
        seconds=1.0,
        warm_up_s=0.0,
        rate=rate,
    )


async def test_the_open_loop_counts_what_was_due_while_the_server_stalled() -> None:
    """Two connections wait, two hundred a second are due: a hundred of them had to wait."""
    async with a_server(stall_s=STALL_S) as port:
        generator = Generator(a_load(port, rate=200))
        await generator.run()
    delayed = [each for each in generator.latencies if each > 0.05]
    assert len(generator.lateness) < 200 * (1 - STALL_S) + 20
    assert sum(generator.statuses.values()) == pytest.approx(200, abs=5)
    assert len(delayed) > 200 * (STALL_S - 0.05) * 0.8
    ordered = sorted(generator.latencies)
    assert ordered[-1] >= STALL_S * 0.9
    assert at(ordered, 0.99) >= STALL_S * 0.8
    # They were due one after another, so they waited less and less.
    assert all(later - earlier < 0.2 for earlier, later in pairwise(ordered))


async def test_the_closed_loop_sends_nothing_meanwhile_and_so_hardly_notices() -> None:
    """That is why no latency of it is judged beside a rate."""
    async with a_server(stall_s=STALL_S) as port:
        generator = Generator(a_load(port, rate=None))
        await generator.run()
    assert len([each for each in generator.latencies if each > 0.05]) <= 2 + _slow(generator)
    assert generator.served > 100


def _slow(generator: Generator) -> int:
    """Return how many a busy machine may have held up beside the two that were stalled."""
    return len(generator.latencies) // 50


async def test_what_is_never_answered_is_not_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.bench.load.PATIENCE_S", 0.2)
    async with a_server(stall_s=60) as port:
        generator = Generator(a_load(port, rate=100, connections=1))
        await generator.run()
    assert generator.served == 0
    assert generator.statuses[0] == pytest.approx(100, abs=3)
    assert max(generator.latencies) > 1.0


async def test_a_connection_that_breaks_is_counted_and_ends_nothing_else() -> None:
    async with a_server(drops=True) as port:
        generator = Generator(a_load(port, rate=None))
        await generator.run()
    assert (generator.broken, generator.served) == (2, 0)


@pytest.mark.parametrize(
    ("values", "share", "found"),
    [([5.0], 0.99, 5.0), ([1, 2, 3, 4], 0.5, 2), (range(1, 101), 0.99, 99), (range(1, 11), 1, 10)],
)
def test_a_percentile_is_a_value_that_was_measured(
    values: Sequence[float], share: float, found: float
) -> None:
    assert at(list(values), share) == found
