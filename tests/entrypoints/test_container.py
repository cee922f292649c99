"""The container: every object builds, once per process, from whatever ports it is given."""

import inspect
from dataclasses import dataclass, fields
from pathlib import Path

import pytest
from dependency_injector import providers
from dependency_injector.errors import Error

from adapters.memory.audit import MemoryAuditReader
from adapters.memory.console_reader import MemoryConsoleReader
from adapters.memory.events import LocalEvents
from adapters.memory.gateway import MemoryProvider
from adapters.memory.manual_time import ManualClock
from adapters.memory.reader import MemoryReader
from adapters.memory.rulings import MemoryReviewReader
from adapters.memory.signals import Signals
from adapters.memory.store import MemoryStore
from adapters.memory.units import MemoryUnits
from application.callers import Caller
from application.request_cash_out import Taken
from domain.events import EventType
from domain.states import Status
from entrypoints import container as the_container
from entrypoints.container import Container, Service
from entrypoints.settings import Settings, read_settings
from tests.running import JWT_SECRET
from tests.strategies import ORANGE, a_request

ONE_PAGE = 230
BUILT = sorted(
    name for name, each in Container.providers.items() if isinstance(each, providers.Singleton)
)


@dataclass(frozen=True, slots=True)
class InMemory:
    """A container over memory, and what it stands on."""

    container: Container
    store: MemoryStore
    provider: MemoryProvider
    events: LocalEvents
    clock: ManualClock


@pytest.fixture(name="settings")
def some_settings(tmp_path: Path) -> Settings:
    return read_settings({"CASHOUT_DATA_DIR": str(tmp_path), "JWT_SECRET": JWT_SECRET})


@pytest.fixture(name="memory")
def a_container_over_memory(settings: Settings) -> InMemory:
    clock, store, events = ManualClock(), MemoryStore(), LocalEvents()
    provider = MemoryProvider()
    signals = Signals(clock)
    container = Container(
        settings=settings,
        units=MemoryUnits(store),
        reader=MemoryReader(store),
        review_reader=MemoryReviewReader(store),
        log=MemoryAuditReader(store),
        console=MemoryConsoleReader(store),
        gateways={ORANGE: provider},
        publisher=events,
        nudge=signals,
        signals=signals,
        clock=clock,
    )
    return InMemory(container, store, provider, events, clock)


@pytest.mark.parametrize("name", BUILT)
def test_every_provider_builds_one_object_per_process(memory: InMemory, name: str) -> None:
    """What comes out is the object itself, never a promise of one, and always the same."""
    built = memory.container.providers[name]()
    assert not inspect.isawaitable(built)
    assert built is not None
    assert memory.container.providers[name]() is built


def test_the_container_knows_two_kinds_of_providers_only() -> None:
    """Resources, factories and configuration of its own would be a second way to do the same."""
    kinds = {type(each) for each in Container.providers.values()}
    assert kinds == {providers.Singleton, providers.Dependency}
    assert {"take_requests", "record_news", "worker", "service"} <= set(BUILT)


def test_every_part_of_the_service_is_what_it_is_declared_to_be(memory: InMemory) -> None:
    service = memory.container.service()
    for field in fields(Service):
        part = getattr(service, field.name)
        assert part is not None
        # Ports are Protocols and generics are erased: a class can be compared with its instance.
        if inspect.isclass(field.type) and not getattr(field.type, "_is_protocol", False):
            assert isinstance(part, field.type), field.name


def test_what_is_shared_is_one_object(memory: InMemory) -> None:
    """News from any door and requests from any caller queue up at one door each."""
    container, service = memory.container, memory.container.service()
    assert service.record is container.record()
    assert container.patient_record().door is service.record
    assert service.receive.record is service.record
    assert service.worker.lanes is service.lanes
    assert service.worker.submit.units is service.units
    assert service.request is container.request()


def test_two_containers_share_nothing(memory: InMemory, settings: Settings) -> None:
    other = Container(settings=settings, gateways={})
    assert other.policy() is not memory.container.policy()
    assert other.holder() != memory.container.holder()


@pytest.mark.parametrize("name", ["units", "gateways", "publisher", "clock"])
def test_a_port_that_was_not_given_is_named(settings: Settings, name: str) -> None:
    clock = ManualClock()
    given = {
        "settings": settings,
        "units": MemoryUnits(MemoryStore()),
        "gateways": {},
        "publisher": LocalEvents(),
        "nudge": Signals(clock),
        "signals": Signals(clock),
        "clock": clock,
    }
    del given[name]
    with pytest.raises(Error, match=f"Container.{name}"):
        Container(**given).worker()


def test_the_graph_fits_on_a_page() -> None:
    source = inspect.getsource(the_container)
    assert len(source.splitlines()) <= ONE_PAGE
    for magic in ("@inject", "Provide[", ".wire(", "providers.Resource"):
        assert magic not in source


@pytest.mark.anyio
async def test_the_same_graph_pays_over_adapters_in_memory(memory: InMemory) -> None:
    """Tests are the composition root with other arguments: memory, and a clock moved by hand."""
    service = memory.container.service()
    taken = await service.request(a_request())
    assert isinstance(taken, Taken)
    assert await service.worker.step() > 0
    memory.provider.settle_all()
    memory.clock.advance(service.policy.first_poll * 2)
    await service.worker.step()
    found = await service.get(Caller("user-1"), taken.cash_out.id)
    assert found.status is Status.COMPLETED
    assert len(memory.provider.paid(found.reference)) == 1
    told = [entry.event.type for entry in await service.reader.events_after(0, 10)]
    assert told == [EventType.INITIATED, EventType.PROCESSING, EventType.COMPLETED]
