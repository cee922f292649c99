"""Figures of real processes: an API and a worker, each on a port of its own."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from adapters.metrics.catalogue import Figures
from adapters.sandbox.server import Sandbox
from adapters.sandbox.settings import SandboxSettings
from adapters.sql.schema import migrate
from entrypoints.lifespan import open_service
from entrypoints.observing import Observers
from entrypoints.settings import SettingsRefused, read_settings
from tests.entrypoints.orders import a_client, ask, in_a_hurry, order, taken, until_ended
from tests.processes import api_process, worker_process
from tests.servers import free_port

pytestmark = pytest.mark.anyio

Shown = Mapping[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class House:
    """An API and a worker over one database file, and where each shows its figures."""

    client: httpx.AsyncClient
    api: int
    worker: int

    async def shown(self, port: int) -> Shown:
        answer = await self.client.get(f"http://127.0.0.1:{port}/metrics")
        assert answer.status_code == 200
        return {
            (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }

    async def until(self, port: int, *series: str, least: float = 1) -> Shown:
        async with asyncio.timeout(30):
            while (shown := await self.shown(port)).get(series, 0) < least:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        return shown


@pytest.fixture(name="house")
async def a_house(tmp_path: Path) -> AsyncIterator[House]:
    api_port, worker_port = free_port(), free_port()
    async with Sandbox(SandboxSettings()) as sandbox:
        environment = in_a_hurry(
            **sandbox.environment(),
            DATABASE_URL=f"sqlite+aiosqlite:///{tmp_path / 'cashout.db'}",
            WORKERS_IN_API="false",
            METRICS_SURVEY_SECONDS="0.5",
        )
        await migrate(environment["DATABASE_URL"])
        api, url = api_process(tmp_path, {**environment, "METRICS_PORT": str(api_port)})
        worker = worker_process(
            tmp_path, "worker", {**environment, "METRICS_PORT": str(worker_port)}
        )
        sandbox.webhook_base_url = f"{url}/api/payments/webhook"
        try:
            await asyncio.gather(asyncio.to_thread(api.start), asyncio.to_thread(worker.start))
            async with a_client(url) as client:
                yield House(client, api_port, worker_port)
        finally:
            for process in (api, worker):
                process.stop()
        said = api.log.read_text(encoding="utf-8") + worker.log.read_text(encoding="utf-8")
        assert '"bug"' not in said


async def test_each_process_shows_what_it_did_and_one_of_them_what_is_open(house: House) -> None:
    for number in range(3):
        made = await taken(house.client, f"user-{number}")
        await until_ended(house.client, {made: f"user-{number}"})
    await ask(house.client, "user-9", order(amount=10**9))
    # Of these the provider says nothing: they stay open, and may be paid.
    await taken(house.client, "user-8", order(suffix="129"))
    api = await house.until(
        house.api, "cashout_http_requests_total", "POST", TAKING, "202", least=4
    )
    worker = await house.until(house.worker, "cashout_attempts_total", "none", *ACCEPTED, least=3)
    assert api["cashout_accepted_total", "XOF", "orange_money"] == 4
    assert api["cashout_batches_total", "2", "take"] >= 1
    assert sum(v for k, v in api.items() if k[0] == "cashout_refusals_total") == 1
    assert api["cashout_webhooks_total", "orange_money", "Authentic"] >= 3
    assert worker["cashout_events_told_total",] >= 3
    both = {**await house.shown(house.api), **await house.shown(house.worker)}
    for name in ("cashout_event_loop_lag_seconds_count", "process_resident_memory_bytes"):
        assert both[name,] > 0
    await exactly_one_surveys(house)


TAKING = "/api/payments/cash-out"
ACCEPTED = ("accepted", "orange_money")


async def exactly_one_surveys(house: House) -> None:
    await asyncio.sleep(1)
    shown = [await house.shown(port) for port in (house.api, house.worker)]
    surveys = [("cashout_survey_timestamp_seconds",) in each for each in shown]
    assert sorted(surveys) == [False, True]
    assert all(each["cashout_database_up",] == 1 for each in shown)
    surveyed = shown[surveys.index(True)]
    assert sum(v for k, v in surveyed.items() if k[0] == "cashout_open") == 1
    assert surveyed["cashout_exposure_minor_units", "XOF", "orange_money"] == 1500


async def test_nothing_is_imported_or_opened_where_it_is_off(tmp_path: Path) -> None:
    observers = Observers(read_settings({"CASHOUT_DATA_DIR": str(tmp_path)}))
    assert observers._figures is None


async def test_a_port_that_somebody_has_stops_the_start_with_a_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken_by:
        port = str(taken_by.getsockname()[1])
        settings = read_settings({"CASHOUT_DATA_DIR": str(tmp_path), "METRICS_PORT": port})
        with pytest.raises(SettingsRefused, match="METRICS_HOST and METRICS_PORT: nobody can"):
            async with open_service(settings, Observers(settings)):
                pytest.fail("somebody else listens there")


def test_the_names_are_as_prometheus_wants_them() -> None:
    for name in Figures().names:
        assert name.startswith("cashout_")
        assert name == name.lower()
