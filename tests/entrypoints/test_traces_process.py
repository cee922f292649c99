"""One trace from the client's request to the event, across an API, a worker and a broker."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import nats
import pytest
from nats.aio.msg import Msg

from adapters.sandbox.server import Sandbox
from adapters.sandbox.settings import SandboxSettings
from adapters.sql.schema import migrate
from tests.collector import Collector, Spanned, collecting
from tests.entrypoints.orders import (
    CASH_OUT,
    NAME,
    a_client,
    in_a_hurry,
    order,
    signed_in,
    until,
    until_ended,
)
from tests.processes import api_process, worker_process
from tests.running import JWT_SECRET
from tests.servers import NatsServer, PostgresServer

pytestmark = pytest.mark.anyio

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE_ID, CALLER = TRACE[3:35], TRACE[36:52]


@dataclass(slots=True)
class House:
    """The processes, what they exported and what others were told."""

    client: httpx.AsyncClient
    collector: Collector
    environment: dict[str, str]
    heard: list[Msg] = field(default_factory=list)

    def of_the_trace(self, name: str) -> list[Spanned]:
        return [each for each in self.collector.named(name) if each.trace == TRACE_ID]


@pytest.fixture(name="house")
async def a_house(
    tmp_path: Path, postgres_server: PostgresServer, nats_server: NatsServer
) -> AsyncIterator[House]:
    nats_server.empty()
    async with Sandbox(SandboxSettings()) as sandbox:
        with collecting() as collector:
            environment = in_a_hurry(
                **sandbox.environment(),
                DATABASE_URL=postgres_server.dsn(postgres_server.create_database()),
                NATS_URL=nats_server.url,
                WORKERS_IN_API="false",
                OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            )
            await migrate(environment["DATABASE_URL"])
            api, url = api_process(tmp_path, {**environment, "OTEL_SERVICE_NAME": "the-api"})
            worker = worker_process(
                tmp_path, "worker", {**environment, "OTEL_SERVICE_NAME": "the-worker"}
            )
            sandbox.webhook_base_url = f"{url}/api/payments/webhook"
            broker = await nats.connect(nats_server.url)
            try:
                await asyncio.gather(asyncio.to_thread(api.start), asyncio.to_thread(worker.start))
                async with a_client(url) as client:
                    house = House(client, collector, environment)

                    async def hear(message: Msg) -> None:
                        house.heard.append(message)

                    await broker.subscribe("cash_out.*", cb=hear)
                    yield house
            finally:
                await broker.close()
                for process in (api, worker):
                    process.stop()


async def test_one_trace_leads_from_the_request_to_the_event(house: House) -> None:
    headers = {**signed_in("user-1"), "traceparent": TRACE}
    answer = await house.client.post(CASH_OUT, json=order(), headers=headers)
    made = answer.json()["data"]["cashOutId"]
    await until_ended(house.client, {made: "user-1"})
    await until(lambda: len(house.of_the_trace("publish cash_out.completed")) == 1, 30)
    await until(lambda: len(house.of_the_trace("webhook")) >= 1, 30)
    await until(lambda: len(house.of_the_trace("submit")) == 1, 30)
    await until(lambda: len(house.of_the_trace("accept")) == 1, 30)

    (post,) = house.of_the_trace("POST /api/payments/cash-out")
    (accepted,) = house.of_the_trace("accept")
    (submit,) = house.of_the_trace("submit")
    (call,) = house.of_the_trace("orange_money disburse")
    webhook = house.of_the_trace("webhook")[0]
    (told,) = house.of_the_trace("publish cash_out.completed")
    assert (post.service, post.parent) == ("the-api", CALLER)
    assert (accepted.service, accepted.parent) == ("the-api", post.id)
    assert (submit.service, submit.parent) == ("the-worker", post.id)
    assert (call.service, call.parent) == ("the-worker", submit.id)
    assert (webhook.service, webhook.parent) == ("the-api", post.id)
    assert (told.service, told.parent) == ("the-worker", post.id)
    assert any(each.parent == submit.id for each in house.of_the_trace("record"))
    answered = [each for each in house.collector.spans if each.trace in webhook.links]
    assert "POST /api/payments/webhook/{provider}" in {each.name for each in answered}


async def test_what_others_are_told_carries_the_trace_on(house: House) -> None:
    headers = {**signed_in("user-1"), "traceparent": TRACE}
    answer = await house.client.post(CASH_OUT, json=order(), headers=headers)
    await house.client.post(CASH_OUT, json=order(), headers=signed_in("user-2"))
    await until(lambda: len(house.heard) >= 6, 30)
    made = answer.json()["data"]["cashOutId"]
    of_ours = {
        (each.headers or {})["traceparent"]
        for each in house.heard
        if (each.headers or {})["ce-subject"] == made
    }
    # Each event's context is that of its own telling, in the one trace.
    assert {each[3:35] for each in of_ours} == {TRACE_ID}
    assert len(of_ours) == 3
    other = [m for m in house.heard if (m.headers or {})["ce-subject"] != made]
    assert TRACE_ID not in {(each.headers or {})["traceparent"][3:35] for each in other}


async def test_nothing_personal_and_no_secret_is_exported(house: House) -> None:
    body = order()
    answer = await house.client.post(CASH_OUT, json=body, headers=signed_in("user-1"))
    await until_ended(house.client, {answer.json()["data"]["cashOutId"]: "user-1"})
    await house.client.get(f"{CASH_OUT}/{body['providerAccountId']}", headers=signed_in("user-1"))
    await house.client.get(f"/{NAME}", headers={"Authorization": "Bearer eyJ.canary.x"})
    await until(lambda: len(house.collector.named("publish cash_out.completed")) >= 1, 30)
    assert house.collector.raw
    number = str(body["providerAccountId"])
    secrets = [
        value
        for name, value in house.environment.items()
        if name.endswith(("_SECRET", "_KEY", "_CLIENT_ID"))
    ]
    for canary in (number[1:], number[4:], *NAME.split(), "canary", JWT_SECRET, *secrets):
        assert canary.encode() not in house.collector.raw, canary
