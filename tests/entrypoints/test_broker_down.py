"""The broker is away: cash-outs go on, their events wait in order, and none is lost or doubled."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from adapters.nats.connection import NatsConnection
from adapters.nats.stream import JetStreamEvents
from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY
from domain.events import Event
from tests.entrypoints.orders import order, taken, until_ended
from tests.running import Running, running
from tests.servers import NatsServer

pytestmark = pytest.mark.anyio

ENDING = {"cash_out.completed", "cash_out.failed", "cash_out.cancelled"}


@pytest.fixture(name="nats")
def an_empty_broker_that_is_up_again_afterwards(nats_server: NatsServer) -> Iterator[NatsServer]:
    nats_server.empty()
    yield nats_server
    if not nats_server._process.running:
        nats_server.restart()


async def ended(service: Running, users: list[str]) -> dict[str, dict[str, Any]]:
    """Have these users ask, and return their cash-outs once all have ended."""
    asked = {
        await taken(
            service.client,
            user,
            order((ORANGE_MONEY, AFRIMONEY)[n % 2], ("789", "089")[n % 3 == 2]),
        ): user
        for n, user in enumerate(users)
    }
    return await until_ended(service.client, asked)


async def readiness(service: Running) -> dict[str, Any]:
    answer = await service.client.get("/health/ready")
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def until_all_is_told(service: Running) -> None:
    async with asyncio.timeout(20):
        while True:
            if (await service.service.reader.health()).oldest_event is None:
                return
            await asyncio.sleep(0.05)


async def told(nats: NatsServer, cash_outs: int) -> list[Event]:
    """Read the stream from its start, up to the ending of so many cash-outs."""
    connection = NatsConnection(nats.url)
    events: list[Event] = []
    try:
        async with asyncio.timeout(15):
            async for event in JetStreamEvents(connection).follow(since_start=True):
                events.append(event)
                if sum(each.type in ENDING for each in events) >= cash_outs:
                    break
            # Whatever is there twice is there by now.
            await asyncio.sleep(0.2)
    finally:
        await connection.close()
    return events


def whole_stories(events: list[Event], records: Mapping[str, Mapping[str, Any]]) -> None:
    """Each cash-out's events, deduplicated by id: 1..n without gaps, in order, one ending."""
    once = {event.id: event for event in events}
    stories: defaultdict[str, list[Event]] = defaultdict(list)
    for event in once.values():
        stories[str(event.cash_out_id)].append(event)
    assert stories.keys() == records.keys()
    for cash_out_id, story in stories.items():
        assert [event.sequence for event in story] == list(range(1, len(story) + 1))
        assert story[0].type == "cash_out.initiated"
        endings = [event.type.removeprefix("cash_out.") for event in story if event.type in ENDING]
        assert endings == [records[cash_out_id]["status"]]


async def test_cash_outs_go_on_while_the_broker_is_killed(tmp_path: Path, nats: NatsServer) -> None:
    async with running(tmp_path, NATS_URL=nats.url) as service:
        before = await ended(service, [f"before-{n}" for n in range(6)])
        nats.kill()
        meanwhile = await ended(service, [f"meanwhile-{n}" for n in range(9)])
        data = await readiness(service)
        assert (data["status"], data["broker"]) == ("degraded", "down")
        waiting = await service.service.reader.health()
        assert waiting.oldest_event is not None
        await asyncio.to_thread(nats.restart)
        after = await ended(service, [f"after-{n}" for n in range(3)])
        await until_all_is_told(service)
        records = {**before, **meanwhile, **after}
        assert {each["status"] for each in records.values()} == {"completed", "failed"}
        whole_stories(await told(nats, len(records)), records)
        # Readiness is remembered for a second.
        await asyncio.sleep(1.1)
        assert (await readiness(service))["status"] == "ready"


async def test_an_api_starts_without_a_broker_and_tells_it_all_later(
    tmp_path: Path, nats: NatsServer
) -> None:
    nats.stop()
    async with running(tmp_path, NATS_URL=nats.url) as service:
        records = await ended(service, [f"early-{n}" for n in range(4)])
        await asyncio.to_thread(nats.restart)
        await until_all_is_told(service)
        whole_stories(await told(nats, len(records)), records)


async def test_what_a_service_could_not_tell_its_successor_does(
    tmp_path: Path, nats: NatsServer
) -> None:
    """The process ends with its events untold: they are in the database, not in its memory."""
    nats.stop()
    async with running(tmp_path, NATS_URL=nats.url) as service:
        records = await ended(service, [f"first-{n}" for n in range(4)])
    await asyncio.to_thread(nats.restart)
    async with running(tmp_path, NATS_URL=nats.url) as service:
        await until_all_is_told(service)
        whole_stories(await told(nats, len(records)), records)
