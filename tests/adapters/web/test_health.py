"""Health: liveness says nothing else, readiness says what is wrong and never where."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import pytest

from adapters.memory.reader import MemoryReader
from adapters.memory.store import MemoryStore
from adapters.web.app import WebSettings
from application.ports import OutboxEntry, StoreHealth
from tests.adapters.web.house import START, House, check_problem, house

pytestmark = pytest.mark.anyio

UP = StoreHealth(reachable=True, schema="current")


class Store(MemoryReader):
    """A reader whose health a test decides; `hangs` never says anything."""

    def __init__(self, state: StoreHealth, *, hangs: bool = False) -> None:
        super().__init__(MemoryStore())
        self.state = state
        self.hangs = hangs
        self.asked = 0

    async def health(self) -> StoreHealth:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        return self.state


@dataclass
class Broker:
    """A publisher that is there or not."""

    up: bool = True
    hangs: bool = False

    async def publish(self, entries: Sequence[OutboxEntry]) -> list[int]:
        return [each.position for each in entries] if self.up else []

    async def healthy(self) -> bool:
        if self.hangs:
            await asyncio.Event().wait()
        return self.up


async def test_liveness_is_bare_and_asks_nobody() -> None:
    store = Store(UP, hangs=True)
    async with house(reader=store) as api:
        answer = await api.client.get("/health")
    assert answer.json() == {
        "status": "ok",
        "service": "payment-integration-service",
        "timestamp": "2026-11-23T10:15:30.000Z",
    }
    assert store.asked == 0


async def test_a_service_with_all_it_needs_is_ready(api: House) -> None:
    answer = await api.client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json()["data"] == {
        "status": "ready",
        "database": "up",
        "schema": "current",
        "broker": "none",
        "outboxBacklogSeconds": 0,
        "providers": {
            "orange_money": {"state": "OPERATIONAL", "parked": {}},
            "afrimoney": {"state": "OPERATIONAL", "parked": {}},
        },
    }


@pytest.mark.parametrize(
    ("state", "schema"),
    [
        (StoreHealth(reachable=False, schema="unknown"), "unknown"),
        (StoreHealth(reachable=True, schema="old"), "old"),
        (StoreHealth(reachable=True, schema="missing"), "missing"),
        (StoreHealth(reachable=True, schema="new"), "new"),
    ],
)
async def test_without_database_or_schema_it_is_not(state: StoreHealth, schema: str) -> None:
    async with house(reader=Store(state)) as api:
        answer = await api.client.get("/health/ready")
    error = check_problem(answer, 503, "NOT_READY")
    assert {each["field"] for each in error["details"]} == {"database", "schema", "broker"}
    assert answer.json()["data"]["schema"] == schema
    assert int(answer.headers["retry-after"]) > 0


async def test_a_database_that_hangs_is_down_in_bounded_time() -> None:
    settings = WebSettings(check_most=timedelta(milliseconds=20))
    async with house(settings, reader=Store(UP, hangs=True), publisher=Broker(hangs=True)) as api:
        data = (await api.client.get("/health/ready")).json()["data"]
    assert (data["database"], data["broker"]) == ("down", "down")


@pytest.mark.parametrize(
    ("up", "said", "status"), [(True, "up", "ready"), (False, "down", "degraded")]
)
async def test_without_the_broker_it_still_takes_cash_outs(
    up: bool, said: str, status: str
) -> None:
    async with house(publisher=Broker(up=up)) as api:
        answer = await api.client.get("/health/ready")
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert (data["broker"], data["status"]) == (said, status)


async def test_an_old_backlog_is_told_in_seconds() -> None:
    oldest = START - timedelta(minutes=6)
    state = StoreHealth(reachable=True, schema="current", oldest_event=oldest)
    async with house(reader=Store(state)) as api:
        data = (await api.client.get("/health/ready")).json()["data"]
    assert (data["status"], data["outboxBacklogSeconds"]) == ("degraded", 360)


async def test_many_who_ask_cost_one_question_a_second() -> None:
    store = Store(UP)
    async with house(reader=store) as api:
        await asyncio.gather(*(api.client.get("/health/ready") for _ in range(20)))
        assert store.asked == 1
        api.clock.advance(timedelta(seconds=1))
        await api.client.get("/health/ready")
    assert store.asked == 2
