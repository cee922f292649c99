"""What befalls a run from outside: crashes, pauses, restarts, clocks, outages, helping hands."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

from application.board import corridors_of
from application.callers import Caller, Role
from application.ports import Order
from domain.payee import NumberFormat
from domain.standings import Route
from domain.states import Status
from entrypoints.simulation.fleet import Fleet
from entrypoints.simulation.plan import TOLD_BY_WEBHOOK, WINDOWS, FaultKind
from entrypoints.simulation.process import Gone, Impatient, Process
from entrypoints.simulation.store import SimulatedStore
from entrypoints.simulation.world import STORE_FAULTS, World, pause

_MEAN_S: Final = 4_000.0
"""A fault of one per mille comes about this often; of a hundred, a hundred times as often."""
_SOONEST_S: Final = 0.5
_PATIENCE_S: Final = 10.0
_LOOKED_AGAIN_S: Final = 3_600.0
_ASKED_AGAIN_S: Final = 2.0
_OPERATOR: Final = Caller("olga", Role.ADMIN)
_PAUSES_S: Final = (3.0, 20.0, 130.0, 200.0, 1_500.0)
_JUMPS_S: Final = (1.0, 60.0, 400.0, 3_600.0)
_COMMON_JUMP: Final = timedelta(seconds=400)
"""How far off the clock can be that all processes and the store share."""


class Weather:
    """Everything that strikes by itself, until the world is healed."""

    def __init__(self, world: World, fleet: Fleet, store: SimulatedStore) -> None:
        self._world = world
        self._fleet = fleet
        self._store = store
        self._paid: set[str] = set()
        self._chance = world.plan.chance("weather")

    def begin(self) -> None:
        """Let each fault of this run come and go."""
        acts: dict[FaultKind, Callable[[], None]] = {
            FaultKind.CRASH: self._crash,
            FaultKind.PAUSE: self._pause,
            FaultKind.RESTART: self._restart,
            FaultKind.CLOCK_FORWARD: lambda: self._jump(FaultKind.CLOCK_FORWARD, 1),
            FaultKind.CLOCK_BACK: lambda: self._jump(FaultKind.CLOCK_BACK, -1),
            FaultKind.PAID_BY_HAND: self._pay_by_hand,
        }
        for kind, act in acts.items():
            if self._world.faults.possible(kind):
                self._world.spawn(self._now_and_then(kind, act))
        for kind in WINDOWS:
            if self._world.faults.possible(kind):
                by_hand = kind is FaultKind.CLOSED_BY_HAND
                self._world.spawn(self._closings() if by_hand else self._windows(kind))
        if self._world.faults.possible(FaultKind.CLOSED_BY_HAND):
            self._world.spawn(self._openings())

    async def _now_and_then(self, kind: FaultKind, act: Callable[[], None]) -> None:
        chance = self._world.faults.chance(f"weather {kind}")
        rate = self._world.plan.rates[kind]
        while self._world.faults.possible(kind):
            await pause(self._world, _SOONEST_S + chance.expovariate(rate / _MEAN_S))
            if self._world.faults.possible(kind):
                act()

    async def _windows(self, kind: FaultKind) -> None:
        faults, chance = self._world.faults, self._world.faults.chance(f"weather {kind}")
        shortest, longest = WINDOWS[kind]
        rate = self._world.plan.rates[kind]
        while faults.possible(kind):
            await pause(self._world, chance.expovariate(rate / _MEAN_S))
            if not faults.possible(kind):
                return
            self._world.note("begins", kind)
            faults.on.add(kind)
            if kind is FaultKind.FLOAT_EMPTY:
                faults.struck[kind] += bool(self._fleet.side.accounts())
                self._fleet.side.empty_floats()
            await pause(self._world, chance.uniform(shortest, longest))
            faults.on.discard(kind)
            if kind is FaultKind.FLOAT_EMPTY:
                self._fleet.side.fill_floats()

    async def _closings(self) -> None:
        """Have an operator close a provider or corridor now and then, and open it again."""
        kind, faults = FaultKind.CLOSED_BY_HAND, self._world.faults
        chance = faults.chance(f"weather {kind}")
        rate = self._world.plan.rates[kind]
        providers = list(self._world.catalogue.providers.values())
        while faults.possible(kind):
            await pause(self._world, chance.expovariate(rate / _MEAN_S))
            if not faults.possible(kind):
                return
            provider = chance.choice(providers)
            route = chance.choice((Route(provider.id), *corridors_of(provider)))
            await self._steer(route, close=True)
            faults.struck[kind] += 1
            await pause(self._world, chance.uniform(*WINDOWS[kind]))
            await self._steer(route, close=False)

    async def _openings(self) -> None:
        """Have an operator open in the end what a command that came late has closed again."""
        while not self._world.over:
            await pause(self._world, _LOOKED_AGAIN_S)
            if self._world.healed_at is None:
                continue
            shut = [each.route for each in self._store.rows.standings.values() if each.shut]
            for route in shut:
                await self._steer(route, close=False)

    async def _steer(self, route: Route, *, close: bool) -> None:
        """Have an operator close or open a route, who asks until it is done."""
        while not self._world.over:
            try:
                process = self._fleet.any()
                steer = process.service.steer
                how = steer.close if close else steer.open
                # Bound now: a process that is frozen comes to it when another was asked meanwhile.
                order = partial(how, _OPERATOR, route, "by the weather")
                await process.call(order, _PATIENCE_S)
            except (Gone, Impatient, *STORE_FAULTS):
                await pause(self._world, _ASKED_AGAIN_S)
            else:
                return

    def _somebody(self) -> Process | None:
        fit = [each for each in self._fleet.alive if not each.paused]
        return self._chance.choice(fit) if fit else None

    def _crash(self) -> None:
        process = self._somebody()
        if process is not None:
            process.pause_s = 0.0
            process.fuse = self._soon()

    def _pause(self) -> None:
        process = self._somebody()
        if process is not None:
            process.pause_s = self._chance.choice(_PAUSES_S)
            process.fuse = self._soon()

    def _soon(self) -> int:
        """Return after how many awaits it strikes: not between two actions, but inside of one."""
        return self._chance.choice((1, 2, 3, 5, 8, 13, 21, 34))

    def _restart(self) -> None:
        process = self._somebody()
        if process is not None:
            self._world.faults.struck[FaultKind.RESTART] += 1
            self._world.spawn(self._fleet.restart_gently(process))

    def _jump(self, kind: FaultKind, sign: int) -> None:
        process = self._somebody()
        if process is None:
            return
        by = timedelta(seconds=sign * self._chance.choice(_JUMPS_S))
        common = self._world.plan.common_clock
        if common:
            by = min(max(by, -_COMMON_JUMP), _COMMON_JUMP) - process.clock.offset
        self._world.faults.struck[kind] += bool(by)
        for each in self._fleet.alive if common else [process]:
            each.clock.offset += by
        self._store.changed()
        self._world.note("clock", by)

    def _pay_by_hand(self) -> None:
        """Pay what waits to be sent, where the provider executes a reference once."""
        rows = self._store.rows
        for cash_out_id in rows.planned:
            cash_out = rows.cash_outs[cash_out_id]
            promises = self._world.capabilities[cash_out.provider]
            safe = promises.idempotent_submit and cash_out.reference not in self._paid
            payable = cash_out.payee.msisdn.e164[-3:] in TOLD_BY_WEBHOOK
            if cash_out.status is Status.PENDING and safe and payable:
                self._paid.add(cash_out.reference)
                self._world.faults.struck[FaultKind.PAID_BY_HAND] += 1
                self._fleet.side.pay_by_hand(
                    cash_out.provider,
                    Order(
                        cash_out.id,
                        cash_out.reference,
                        cash_out.amount,
                        cash_out.payee,
                        cash_out.payee.msisdn.written(NumberFormat.E164_DIGITS),
                    ),
                )
                return
