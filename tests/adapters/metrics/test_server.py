"""The page of figures: one path, two methods, bounds on everything, nothing of ours in errors."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from adapters.metrics import server
from adapters.metrics.catalogue import Figures
from adapters.metrics.server import Exposition

pytestmark = pytest.mark.anyio


@pytest.fixture(name="figures")
def some_figures() -> Figures:
    figures = Figures()
    figures.accepted.at["orange_money", "XOF"] += 3
    figures.completion.note(4.2, ("orange_money",))
    figures.disk.at[()] = 12
    return figures


@pytest.fixture(name="page")
async def a_page(figures: Figures) -> AsyncIterator[Exposition]:
    def collect() -> list[object]:
        return [figure.family() for figure in figures]

    async with Exposition(collect, "127.0.0.1", 0) as page:  # type: ignore[arg-type]
        yield page


async def test_figures_are_shown_as_prometheus_reads_them(page: Exposition) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(page.url)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    shown = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert shown["cashout_accepted_total", "XOF", "orange_money"] == 3
    assert shown["cashout_completion_seconds_bucket", "5.0", "orange_money"] == 1
    assert shown["cashout_data_free_bytes",] == 12


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "/metrics", 200),
        ("GET", "/metrics?x=1", 200),
        ("POST", "/metrics", 405),
        ("GET", "/", 404),
        ("GET", "/metrics/../etc/passwd", 404),
    ],
)
async def test_there_is_nothing_else(page: Exposition, method: str, path: str, status: int) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.request(method, f"http://127.0.0.1:{page.port}{path}")
    assert answer.status_code == status


@pytest.mark.parametrize("sent", [b"", b"GET /metrics", b"x" * 20_000], ids=["", "half", "long"])
async def test_who_says_no_request_is_hung_up_on(
    page: Exposition, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PATIENCE_S", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", page.port)
    writer.write(sent)
    try:
        async with asyncio.timeout(5):
            assert await reader.read() == b""
    except ConnectionResetError:
        pass
    writer.close()


async def test_only_so_many_are_listened_to_at_once(page: Exposition) -> None:
    held = [
        await asyncio.open_connection("127.0.0.1", page.port) for _ in range(server.AT_ONCE_MOST)
    ]
    await asyncio.sleep(0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", page.port)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    for _, each in (*held, (reader, writer)):
        each.close()


async def test_a_port_that_is_taken_is_said_so(page: Exposition) -> None:
    with pytest.raises(OSError, match="address already in use"):
        async with Exposition(list, "127.0.0.1", page.port):
            raise AssertionError("somebody else listens there")
