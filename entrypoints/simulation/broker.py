"""The broker: away, slow, or silent about what it took; and what its readers see in the end."""

from collections.abc import Sequence
from uuid import UUID

from application.ports import OutboxEntry
from domain.events import Event
from entrypoints.simulation.loop import a_turn
from entrypoints.simulation.plan import FaultKind
from entrypoints.simulation.store import in_unit
from entrypoints.simulation.world import Invariant, World, pause

_TIMES_OUT_S = 5.0
_SLOWEST_S = 45.0


class Broker:
    """The stream after its readers have dropped what they know already, by the event's id."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.seen: dict[UUID, Event] = {}
        self.told: dict[UUID, list[Event]] = {}
        self.repeated = 0

    def store(self, event: Event) -> None:
        """Keep one message."""
        if event.id in self.seen:
            self.repeated += 1
            return
        self.seen[event.id] = event
        mine = self.told.setdefault(event.cash_out_id, [])
        mine.append(event)
        self._world.note("told", event.type, event.cash_out_id, event.sequence)
        self._world.cover("event", event.type)
        if event.sequence != len(mine):
            how = f"{event.cash_out_id}: event {event.sequence} is the {len(mine)}. that was told"
            self._world.violated(Invariant.ONE_ENDING_ONE_EVENT, how)


class SimulatedPublisher:
    """Implements `Publisher` for one process."""

    def __init__(self, world: World, broker: Broker) -> None:
        self._world = world
        self._broker = broker
        self._slow = world.plan.chance("slow broker")

    async def publish(self, entries: Sequence[OutboxEntry]) -> list[int]:
        """Publish in order; stop at the first that the broker does not take."""
        world, faults = self._world, self._world.faults
        if in_unit():
            world.violated(Invariant.NO_NETWORK_IN_A_TRANSACTION, "publishing")
        acknowledged: list[int] = []
        for entry in entries:
            # Between any two of them the process may die.
            await a_turn()
            if faults.is_on(FaultKind.BROKER_AWAY):
                await pause(world, _TIMES_OUT_S)
                break
            if faults.strikes(FaultKind.BROKER_SLOW):
                await pause(world, self._slow.random() * _SLOWEST_S)
            self._broker.store(entry.event)
            if faults.strikes(FaultKind.ACK_LOST):
                await pause(world, _TIMES_OUT_S)
                continue
            acknowledged.append(entry.position)
        await a_turn()
        return acknowledged

    async def healthy(self) -> bool:
        """Tell whether the broker can be reached."""
        return FaultKind.BROKER_AWAY not in self._world.faults.on
