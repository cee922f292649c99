import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from nats.aio.client import Client
from structlog.testing import capture_logs

from adapters.nats.connection import NatsConnection
from adapters.nats.nudge import SUBJECT, NatsNudge
from application.ports import Work
from tests.adapters.nats.until import broker_has_read, until
from tests.event_entries import cash_out_id
from tests.servers import NatsServer

pytestmark = pytest.mark.anyio


@dataclass
class Process:
    """What one process hears of work and of changes."""

    worked: list[Work] = field(default_factory=list)
    ids: list[UUID] = field(default_factory=list)

    def work(self, *kinds: Work) -> None:
        self.worked += kinds

    def changed(self, ids: Sequence[UUID]) -> None:
        self.ids += ids


@asynccontextmanager
async def running(url: str, process: Process) -> AsyncIterator[NatsNudge]:
    """A nudge on a connection of its own, subscribed where the broker is up."""
    connection = NatsConnection(url, retry_after_s=0.05)
    nudge = NatsNudge(connection, process)
    task = asyncio.create_task(nudge.run())
    try:
        yield nudge
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await connection.close()


async def test_a_nudge_reaches_the_other_process_and_does_not_come_back(
    broker: NatsServer,
) -> None:
    here, there = Process(), Process()
    async with running(broker.url, here) as nudge, running(broker.url, there) as other:
        await until(lambda: Work.TIDY in there.worked, again=lambda: nudge.work(Work.TIDY))
        await until(lambda: Work.TIDY in here.worked, again=lambda: other.work(Work.TIDY))
        here.worked.clear()
        nudge.work(Work.SUBMIT, Work.RELAY)
        nudge.changed([cash_out_id(1), cash_out_id(2)])
        assert here == Process([Work.SUBMIT, Work.RELAY], [cash_out_id(1), cash_out_id(2)])
        await until(lambda: len(there.ids) == 2)
        assert there.ids == [cash_out_id(1), cash_out_id(2)]
        assert {Work.SUBMIT, Work.RELAY} <= set(there.worked)
        await asyncio.sleep(0.1)
        assert here == Process([Work.SUBMIT, Work.RELAY], [cash_out_id(1), cash_out_id(2)])


async def test_many_changes_travel_in_several_messages(
    broker: NatsServer, operator: Client
) -> None:
    here, there = Process(), Process()
    many = [cash_out_id(number) for number in range(1_000)]
    async with running(broker.url, here) as nudge, running(broker.url, there):
        await until(lambda: bool(there.worked), again=lambda: nudge.work(Work.TIDY))
        wire = await operator.subscribe(SUBJECT)
        await broker_has_read(operator)
        nudge.changed(many)
        await until(lambda: len(there.ids) == 1_000)
        assert set(there.ids) == set(many)
        sizes = [len((await wire.next_msg(timeout=5)).data) for _ in range(4)]
        assert max(sizes) <= 17 + 256 * 16


async def test_without_a_broker_only_this_process_hears_and_nothing_raises() -> None:
    here = Process()
    with capture_logs() as logs:
        async with running("nats://127.0.0.1:1", here) as nudge:
            for number in range(20_000):
                nudge.work(Work.SUBMIT)
                nudge.changed([cash_out_id(number)])
            await asyncio.sleep(0.05)
    assert len(here.worked) == len(here.ids) == 20_000
    assert len(nudge._changed) == 10_000
    assert [line["event"] for line in logs] == ["broker_away", "nudges_stay_here"]


async def test_nudges_flow_again_when_the_broker_is_back(broker: NatsServer) -> None:
    here, there = Process(), Process()
    async with running(broker.url, here) as nudge, running(broker.url, there):
        await until(lambda: bool(there.worked), again=lambda: nudge.work(Work.TIDY))
        await asyncio.to_thread(broker.kill)
        nudge.work(Work.SUBMIT)
        await asyncio.to_thread(broker.restart)
        await until(lambda: Work.ASK in there.worked, again=lambda: nudge.work(Work.ASK))


async def test_what_is_not_a_nudge_is_passed_over(broker: NatsServer, operator: Client) -> None:
    here, there = Process(), Process()
    async with running(broker.url, here) as nudge, running(broker.url, there):
        await until(lambda: bool(there.worked), again=lambda: nudge.work(Work.TIDY))
        there.worked.clear()
        sender = bytes(16)
        oversized = b"c" + bytes(16 * 257)
        for said in (b"", b"x", sender, sender + b"c123", sender + b"z", sender + oversized):
            await operator.publish(SUBJECT, said)
        await operator.publish(SUBJECT, sender + b"wdance,ask")
        await until(lambda: Work.ASK in there.worked)
        assert there.ids == []
        assert set(there.worked) <= {Work.TIDY, Work.ASK}
