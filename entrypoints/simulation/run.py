"""One run: build the world, let faults strike, heal it, let it come to rest, look at it."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from entrypoints.simulation.broker import Broker
from entrypoints.simulation.fleet import Fleet
from entrypoints.simulation.loop import NeverEnds, NothingLeft
from entrypoints.simulation.operators import Operators
from entrypoints.simulation.plan import FaultKind, Plan
from entrypoints.simulation.providers import ProviderSide
from entrypoints.simulation.rest import Rest
from entrypoints.simulation.store import SimulatedStore
from entrypoints.simulation.users import Users
from entrypoints.simulation.weather import Weather
from entrypoints.simulation.world import Broken, Invariant, World, is_a_bug, pause

_LOOK_FIRST_S: Final = 5.0
_LOOK_LEAST_OFTEN_S: Final = 3_600.0
_LONGEST_DRAIN_S: Final = 5 * 86_400.0


@dataclass(frozen=True, slots=True)
class Result:
    """What a run showed.

    broken: the invariant that did not hold, or None. covered and struck: what happened how often.
    turns: callbacks in all; turns_of_first: those of the process that was started first.
    fingerprint: equal for two runs that did the same in the same order; empty without a trace.
    """

    plan: Plan
    broken: Broken | None
    covered: Counter[tuple[str, str]]
    struck: Counter[FaultKind]
    cash_outs: int
    turns: int
    turns_of_first: int
    virtual_s: float
    fingerprint: str
    trace: tuple[tuple[object, ...], ...] = field(repr=False, default=())


class Run:
    """A run of one plan."""

    def __init__(self, plan: Plan) -> None:
        self.world = world = World(plan)
        self.store = SimulatedStore(world)
        self.side = ProviderSide(world, self.store)
        self.broker = Broker(world)
        self.fleet = Fleet(world, self.store, self.side, self.broker)
        self.users = Users(world, self.fleet)
        self.operators = Operators(world, self.store, self.side, self.fleet)
        self.weather = Weather(world, self.fleet, self.store)
        self.rest = Rest(
            world, self.store, self.side, self.broker, self.users, self.operators, self.fleet
        )
        self.side.courier.door = self.fleet

    def go(self, *, keep_trace: bool = False) -> Result:
        """Run to rest or to the first broken invariant, whichever comes first."""
        world = self.world
        try:
            world.loop.run(self._story())
        except NothingLeft:
            world.violated(Invariant.COMES_TO_REST, "everybody waits for somebody else")
        except NeverEnds:
            world.violated(Invariant.COMES_TO_REST, "it never ends")
        for fault in world.loop.faults:
            world.violated(Invariant.NO_BUG, f"{fault}")
        for unheard in filter(is_a_bug, world.loop.unheard()):
            world.violated(Invariant.NO_BUG, f"nobody was told of {unheard!r}")
        result = self._result(keep_trace=keep_trace)
        world.over = True
        world.loop.clean()
        return result

    async def _story(self) -> None:
        world, plan = self.world, self.world.plan
        first = self.fleet.start()
        for _ in range(plan.processes - 1):
            self.fleet.start()
        self.users.begin()
        self.operators.begin()
        self.weather.begin()
        if plan.rates:
            await pause(world, plan.phase_s)
        world.note("healed")
        world.faults.heal()
        world.healed_at = world.now()
        self.fleet.heal()
        await self._come_to_rest()
        self._turns_of_first = first.turns
        for invariant, how in self.rest.faults():
            world.violated(invariant, how)

    _turns_of_first = 0

    async def _come_to_rest(self) -> None:
        world = self.world
        until, look = world.elapsed + _LONGEST_DRAIN_S, _LOOK_FIRST_S
        while why_not := self.rest.reached():
            if world.elapsed >= until:
                world.violated(Invariant.COMES_TO_REST, why_not)
                return
            await pause(world, look)
            look = min(look * 1.5, _LOOK_LEAST_OFTEN_S)

    def _result(self, *, keep_trace: bool) -> Result:
        world = self.world
        return Result(
            plan=world.plan,
            broken=world.broken,
            covered=world.covered,
            struck=world.faults.struck,
            cash_outs=len(self.store.rows.cash_outs),
            turns=world.loop.turns,
            turns_of_first=self._turns_of_first,
            virtual_s=world.elapsed,
            fingerprint=self._fingerprint() if keep_trace else "",
            trace=tuple(world.trace) if keep_trace else (),
        )

    def _fingerprint(self) -> str:
        world = self.world
        seen = repr((world.loop.checksum, world.loop.turns, world.trace))
        return hashlib.sha256(seen.encode()).hexdigest()[:16]
