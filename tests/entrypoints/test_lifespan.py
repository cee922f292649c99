"""Opening and closing: what cannot be built is refused by name, and nothing is left open."""

import asyncio
import contextlib
import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from uuid import UUID

import pytest

from adapters.memory.gateway import MemoryProvider
from adapters.provider_kit.wiring import Misconfigured, Setting, Wiring
from adapters.sandbox.faults import Endpoint
from adapters.sandbox.server import Sandbox
from adapters.sql.schema import migrate
from application.ports import StorageUnavailable
from application.request_cash_out import Taken
from domain.attempts import OutcomeKind
from domain.request import CashOutRequest
from domain.states import Status
from entrypoints.api import open_api
from entrypoints.configuration import SHIPPED
from entrypoints.container import Service
from entrypoints.lifespan import at_work, open_service
from entrypoints.settings import Settings, SettingsRefused, read_settings
from tests.running import HASTY, JWT_SECRET, settings_for
from tests.servers import NatsServer, free_port
from tests.strategies import a_request

pytestmark = pytest.mark.anyio

SECRET = "a-secret-that-nobody-may-see-0123456789"
LONESTAR = """
[providers.lonestar]
name = "Lonestar Money"
module = "lonestar_for_tests"
capabilities = { idempotent_submit = true, lookup_by_reference = true, webhook_proves = true }
corridors = { SL = { currencies = ["SLE"] } }

[[providers.lonestar.tariffs]]
version = "lonestar-1"
effective_from = 2020-01-01T00:00:00Z
rows.SLE = { fee_percent = "1", fee_minimum = "2", minimum = "10", maximum = "1000", \
daily = "2000", monthly = "3000" }
"""


class Lonestar(ModuleType):
    """A provider whose gateway tells when it is closed, or which cannot be built."""

    SETTINGS = (Setting("API_KEY", secret=True),)

    def __init__(self, *, breaks: bool) -> None:
        super().__init__("lonestar_for_tests")
        self.breaks = breaks
        self.closed = 0

    def build(self, wiring: Wiring) -> "ClosingProvider":
        if self.breaks:
            raise Misconfigured([f"{wiring.name_of('API_KEY')} is of no use here"])
        return ClosingProvider(self)


class ClosingProvider(MemoryProvider):
    """A provider in memory with a connection, as it were."""

    def __init__(self, lonestar: Lonestar) -> None:
        super().__init__()
        self.lonestar = lonestar

    async def aclose(self) -> None:
        self.lonestar.closed += 1


def settings_with(folder: Path, **environ: str) -> Settings:
    return read_settings(
        {"CASHOUT_DATA_DIR": str(folder), "JWT_SECRET": JWT_SECRET, **HASTY, **environ}
    )


def with_lonestar(folder: Path, **environ: str) -> Settings:
    config = folder / "cashout.toml"
    config.write_text(SHIPPED.read_text(encoding="utf-8") + LONESTAR, encoding="utf-8")
    more = {"CASHOUT_CONFIG": str(config), "LONESTAR_API_KEY": SECRET}
    return settings_with(folder, **more, **environ)


@pytest.fixture(name="lonestar", params=[False], ids=["builds"])
def a_third_provider(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Lonestar:
    module = Lonestar(breaks=request.param)
    monkeypatch.setitem(sys.modules, "lonestar_for_tests", module)
    return module


@asynccontextmanager
async def leaving_nothing_open() -> AsyncIterator[None]:
    """Fail when the body leaves a task, a socket or a file behind.

    Whatever is closed by the garbage collector alone makes a ResourceWarning, which is an error.
    """
    gc.collect()
    tasks, files = asyncio.all_tasks(), _open_files()
    yield
    await asyncio.sleep(0)
    gc.collect()
    assert asyncio.all_tasks() == tasks
    assert _open_files() - files == set()


def _open_files() -> set[str]:
    found = set()
    for link in Path("/dev/fd").iterdir():
        # The one that lists this folder is gone by now.
        with contextlib.suppress(FileNotFoundError):
            found.add(f"{link.name} {link.readlink()}")
    return found


async def test_every_setting_that_a_provider_lacks_is_named_at_once(tmp_path: Path) -> None:
    """Two providers, each with one setting of several: a line for each that is not there."""
    settings = settings_with(
        tmp_path,
        ORANGE_MONEY_CLIENT_SECRET=SECRET,
        AFRIMONEY_API_SECRET=SECRET,
        AFRIMONEY_API_URL="not an address",
    )
    async with leaving_nothing_open():
        with pytest.raises(SettingsRefused) as refused:
            async with open_service(settings):
                pytest.fail("it opened")
    faults = refused.value.faults
    named = [fault.split()[0] for fault in faults]
    assert {"ORANGE_MONEY_API_URL", "ORANGE_MONEY_CLIENT_ID", "AFRIMONEY_API_KEY"} <= set(named)
    assert "AFRIMONEY_API_URL" in named
    assert len(named) == len(set(named))
    assert SECRET not in "".join(faults)
    assert "not an address" not in "".join(faults)


@pytest.mark.parametrize("lonestar", [True], indirect=True, ids=["breaks"])
async def test_what_was_opened_is_closed_when_a_later_part_fails(
    tmp_path: Path, lonestar: Lonestar, nats_server: NatsServer
) -> None:
    """Database, broker, nudges and two gateways are open when the third provider fails."""
    async with Sandbox() as sandbox, leaving_nothing_open():
        settings = with_lonestar(tmp_path, **sandbox.environment(), NATS_URL=nats_server.url)
        with pytest.raises(SettingsRefused) as refused:
            async with open_service(settings):
                pytest.fail("it opened")
    assert refused.value.faults == ("LONESTAR_API_KEY is of no use here",)
    assert lonestar.closed == 0


async def test_a_gateway_that_was_built_is_closed_when_another_cannot_be(
    tmp_path: Path, lonestar: Lonestar
) -> None:
    settings = with_lonestar(tmp_path, AFRIMONEY_API_KEY=SECRET)
    async with leaving_nothing_open():
        with pytest.raises(SettingsRefused, match="AFRIMONEY_API_URL is not set"):
            async with open_service(settings):
                pytest.fail("it opened")
    assert lonestar.closed == 1


async def test_gateways_are_closed_once_when_all_goes_well(
    tmp_path: Path, lonestar: Lonestar
) -> None:
    async with leaving_nothing_open(), open_service(with_lonestar(tmp_path)) as service:
        assert set(service.lanes) == {"lonestar"}
        assert lonestar.closed == 0
    assert lonestar.closed == 1


async def test_nothing_stays_open_after_a_service_that_worked(
    tmp_path: Path, nats_server: NatsServer
) -> None:
    """Database file, broker, providers' connections and the worker's tasks: all have gone."""
    nats_server.empty()
    async with Sandbox() as sandbox, leaving_nothing_open():
        settings = settings_for(sandbox, tmp_path, NATS_URL=nats_server.url)
        await migrate(settings.database_url)
        async with open_service(settings) as service, open_api(service), at_work(service):
            taken = await service.request(a_request())
            assert isinstance(taken, Taken)
            await _until_answered(service, taken.cash_out.id)


async def test_a_broker_that_is_away_does_not_keep_a_service_from_closing(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, NATS_URL=f"nats://127.0.0.1:{free_port()}")
    await migrate(settings.database_url)
    async with (
        asyncio.timeout(10),
        leaving_nothing_open(),
        open_service(settings) as service,
        at_work(service),
    ):
        await asyncio.sleep(0.2)
        assert not await service.publisher.healthy()


async def test_a_folder_that_cannot_be_made_is_refused_by_its_setting() -> None:
    settings = settings_with(Path("/dev/null/folder"))
    with pytest.raises(SettingsRefused, match="CASHOUT_DATA_DIR: the folder cannot be made"):
        async with open_service(settings):
            pytest.fail("it opened")


async def test_services_can_share_a_providers_token(
    tmp_path: Path, nats_server: NatsServer
) -> None:
    """NATS_SHARED_TOKENS: one process asks Orange Money for it, the others use it."""
    nats_server.empty()
    shared = {"NATS_URL": nats_server.url, "NATS_SHARED_TOKENS": "true"}
    async with Sandbox() as sandbox:
        for name in ("first", "second"):
            settings = settings_for(sandbox, tmp_path / name, **shared)
            settings.data_dir.mkdir()
            await migrate(settings.database_url)
            async with open_service(settings) as service, at_work(service):
                taken = await service.request(a_request())
                assert isinstance(taken, Taken)
                await _until_answered(service, taken.cash_out.id)
        assert len(sandbox.ledger) == 2
        assert sandbox.engine.calls["orange_money", Endpoint.TOKEN] == 1


async def test_opening_meets_no_database(tmp_path: Path) -> None:
    """A database that is away is met on first use, so that a process can say what is wrong."""
    away = f"postgresql+asyncpg://cashout:{SECRET}@127.0.0.1:{free_port()}/cashout"
    settings = settings_with(tmp_path, DATABASE_URL=away)
    async with leaving_nothing_open(), open_service(settings) as service:
        with pytest.raises(StorageUnavailable) as unavailable:
            await service.reader.cash_out(UUID(int=1))
    assert SECRET not in str(unavailable.value)


async def test_what_was_asked_is_decided_before_the_database_is_closed(tmp_path: Path) -> None:
    """A caller who goes away does not take the request back, nor does the end of the process."""
    async with Sandbox() as sandbox:
        settings = settings_for(sandbox, tmp_path)
        await migrate(settings.database_url)
        async with open_service(settings) as service:
            asked = [
                asyncio.ensure_future(service.request(a_request(key=f"key-{number}")))
                for number in range(50)
            ]
            await asyncio.sleep(0)
        answers = await asyncio.gather(*asked)
        ids = {answer.cash_out.id for answer in answers if isinstance(answer, Taken)}
        assert len(ids) == 50
        async with open_service(settings) as service:
            for each in ids:
                assert await service.reader.cash_out(each) is not None


async def test_the_worker_records_what_is_in_flight_before_it_ends(
    tmp_path: Path, lonestar: Lonestar
) -> None:
    """Its end is asked for while the provider is being called: the answer is kept all the same."""
    called, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(_name: str, _order: object) -> None:
        called.set()
        await go_on.wait()

    settings = with_lonestar(tmp_path)
    await migrate(settings.database_url)
    async with open_service(settings) as service:
        gateway = service.lanes["lonestar"].gateway
        assert isinstance(gateway, ClosingProvider)
        gateway.before = slowly
        async with at_work(service):
            taken = await service.request(_to_freetown(service))
            assert isinstance(taken, Taken)
            await called.wait()
            asyncio.get_running_loop().call_later(0.2, go_on.set)
        found = await service.reader.cash_out(taken.cash_out.id)
    assert found is not None
    assert [attempt.outcome for attempt in found.attempts] == [OutcomeKind.ACCEPTED]
    assert found.status is Status.PROCESSING
    assert lonestar.closed == 1


async def test_a_call_that_outlives_the_grace_period_is_given_up_and_stays_unknown(
    tmp_path: Path, lonestar: Lonestar
) -> None:
    """It may have been paid: the attempt stays open, and whoever comes next asks first."""
    called = asyncio.Event()

    async def for_ever(_name: str, _order: object) -> None:
        called.set()
        await asyncio.Event().wait()

    settings = with_lonestar(tmp_path, SHUTDOWN_GRACE_SECONDS="0.3")
    await migrate(settings.database_url)
    async with asyncio.timeout(10), open_service(settings) as service:
        gateway = service.lanes["lonestar"].gateway
        assert isinstance(gateway, ClosingProvider)
        gateway.before = for_ever
        async with at_work(service):
            taken = await service.request(_to_freetown(service))
            assert isinstance(taken, Taken)
            await called.wait()
        found = await service.reader.cash_out(taken.cash_out.id)
    assert found is not None
    assert [attempt.settled for attempt in found.attempts] == [OutcomeKind.UNKNOWN]
    assert lonestar.closed == 1


def _to_freetown(service: Service) -> CashOutRequest:
    number = service.numbers.read("+23277000789")
    return a_request(
        provider="lonestar", currency="SLE", amount="100", account="+23277000789", msisdn=number
    )


async def _until_answered(service: Service, cash_out_id: UUID) -> None:
    async with asyncio.timeout(10):
        while True:
            found = await service.reader.cash_out(cash_out_id)
            if found is not None and found.ended:
                return
            await asyncio.sleep(0.02)
