"""The gate: the one place that decides whether cash-outs of a corridor are sent, wait or probe.

It looks at the board that all processes share, at this process's own circuits, and at the ramps by
which queues are let through. What waits stays in the database: it is left out of the claim.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from application.board import Board, corridors_of
from application.circuits import Circuit, CircuitState
from domain import ramp
from domain.corridors import Provider
from domain.evidence import Outcome
from domain.failures import FailureCode
from domain.measures import Sample, is_bad, sample_of
from domain.ramp import Ramp, RampPolicy
from domain.standings import Reason, Route, Standing, State, worst

_FLOAT = frozenset({FailureCode.FLOAT_INSUFFICIENT, FailureCode.PARTNER_LIMIT_REACHED})


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """How what is parked is probed and let through again.

    probes: submits in flight to something DELAYED, begun `every` so long; CLOSED gets one at a
    time, begun `closed_every` so long. float_threshold: submits in a row that find the float empty
    before this process leaves a corridor alone.
    """

    probes: int = 2
    every: timedelta = timedelta(seconds=5)
    closed_every: timedelta = timedelta(seconds=30)
    float_threshold: int = 2
    ramp: RampPolicy = field(default_factory=RampPolicy)


@dataclass(frozen=True, slots=True)
class Errand:
    """Where a submit goes. probe: the route that it tries out, None for one like all others."""

    route: Route
    probe: Route | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """Some cash-outs that may be begun now.

    room: how many. only: of these corridors; None for all there are. probe: the route that is
    being tried out, None where they are let through as usual.
    """

    room: int
    only: tuple[Route, ...] | None = None
    probe: Route | None = None


@dataclass(slots=True)
class Gate:
    """One provider's gate in this process. All moments are `Clock.elapsed` values."""

    provider: Provider
    board: Board = field(default_factory=Board)
    policy: GatePolicy = field(default_factory=GatePolicy)
    in_flight: Counter[Route] = field(default_factory=Counter)
    ramps: dict[Route, Ramp] = field(default_factory=dict)
    dry: dict[Route, Circuit] = field(default_factory=dict)
    """By corridor: a circuit that is open while the float is empty."""
    _probing: Counter[Route] = field(default_factory=Counter)
    _probed_at: dict[Route, timedelta] = field(default_factory=dict)
    _parked: dict[Route, Standing] = field(default_factory=dict)
    _seen: tuple[int, Sequence[Route]] = (-1, ())

    @property
    def whole(self) -> Route:
        """The route of the provider as a whole."""
        return Route(self.provider.id)

    def passages(self, at: timedelta, room: int, full: int) -> Sequence[Passage]:
        """Return what may be begun now, the usual before what is tried out.

        room: how much could be begun in all. full: how many submits the lane has places for.
        """
        self._follow(at)
        if not room:
            return ()
        if not self._parked and not self.ramps:
            return (Passage(room),)
        self._widen(at, full)
        return self._narrowed(at, room)

    def is_shut(self, route: Route, at: timedelta) -> bool:
        """Tell whether not even what was begun may be sent any more."""
        circuit = self.dry.get(route)
        dry = circuit is not None and circuit.state(at) is CircuitState.OPEN
        return dry or self.board.standing(route).shut

    def begun(self, errand: Errand, at: timedelta) -> None:
        """Note a submit that was begun."""
        for each in (errand.route, self.whole):
            self.in_flight[each] += 1
        if errand.probe is not None:
            self._probing[errand.probe] += 1
            self._probed_at[errand.probe] = at
        if errand.route in self.dry:
            self.dry[errand.route].started(at)

    def abandoned(self, errand: Errand) -> None:
        """Note what was begun and not sent."""
        for each in (errand.route, self.whole):
            self.in_flight[each] -= 1
        if errand.probe is not None:
            self._probing[errand.probe] -= 1
        if errand.route in self.dry:
            self.dry[errand.route].probing = False

    def ended(self, errand: Errand, outcome: Outcome, at: timedelta) -> None:
        """Note how a submit ended."""
        self.abandoned(errand)
        bad = is_bad(sample_of(outcome))
        self._note_the_float(errand.route, outcome, at, bad=bad)
        for each in (errand.route, self.whole):
            if each in self.ramps:
                self.ramps[each] = ramp.noted(self.ramps[each], at, self.policy.ramp, is_bad=bad)

    def trips(self, at: timedelta, believed: timedelta) -> dict[Route, Reason]:
        """Return the corridors whose float this process has found empty, `believed` ago at most."""
        dry = [route for route, each in self.dry.items() if each.opened_within(believed, at)]
        return dict.fromkeys(dry, Reason.FLOAT_EMPTY)

    def begin_ramp(self, at: timedelta) -> None:
        """Let the provider's queue through step by step from now on: it has just come back."""
        self.ramps[self.whole] = ramp.begun(at, self.policy.ramp)

    def _follow(self, at: timedelta) -> None:
        """Note what is parked now; what no longer is gets a ramp."""
        dry = [route for route, each in self.dry.items() if each.opened_at is not None]
        if self._seen == (self.board.changes, dry):
            return
        self._seen = (self.board.changes, dry)
        routes = (self.whole, *corridors_of(self.provider))
        parked = {each: found for each in routes if (found := self._own(each)).parked}
        for route in self._parked:
            if route not in parked:
                self.ramps[route] = ramp.begun(at, self.policy.ramp)
        for route in parked:
            self.ramps.pop(route, None)
        self._parked = parked

    def _own(self, route: Route) -> Standing:
        """Return a route's standing without that of the provider as a whole."""
        circuit = self.dry.get(route)
        if circuit is not None and circuit.opened_at is not None:
            return Standing(route, State.CLOSED, Reason.FLOAT_EMPTY)
        known = [self.board.standings.get(each) for each in route.upwards()[1:] or (route,)]
        return worst(each for each in known if each is not None) or Standing(route)

    def _widen(self, at: timedelta, full: int) -> None:
        for route, each in list(self.ramps.items()):
            flying = self.in_flight[route]
            wider = ramp.widened(each, at, self.policy.ramp, in_flight=flying, full=full)
            if wider is None:
                del self.ramps[route]
            else:
                self.ramps[route] = wider

    def _narrowed(self, at: timedelta, room: int) -> list[Passage]:
        routes, parked = corridors_of(self.provider), self._parked
        room = min(room, self._left(self.whole, room))
        able = tuple(each for each in routes if each not in parked or not parked[each].shut)
        if self.whole in parked:
            return [] if parked[self.whole].shut else self._probe(self.whole, able, at, room)
        free = tuple(each for each in routes if each not in parked and each not in self.ramps)
        # Without anything parked also those are meant whose corridor is in no configuration now.
        everything = len(free) == len(routes)
        found = [Passage(room, None if everything else free)] if free else []
        found += [
            Passage(min(room, self._left(route, room)), (route,))
            for route in self.ramps
            if route != self.whole
        ]
        for route in able:
            if route in parked:
                found += self._probe(route, (route,), at, room)
        return [each for each in found if each.room > 0]

    def _left(self, route: Route, room: int) -> int:
        if route not in self.ramps:
            return room
        return max(0, self.ramps[route].room - self.in_flight[route])

    def _probe(
        self, route: Route, able: tuple[Route, ...], at: timedelta, room: int
    ) -> list[Passage]:
        """Return the passage of a probe, if there is room for one and it is time."""
        delayed = self._parked[route].state is State.DELAYED
        most = self.policy.probes if delayed else 1
        pause = self.policy.every if delayed else self.policy.closed_every
        last = self._probed_at.get(route)
        due = last is None or at - last >= pause
        dry = self.dry.get(route)
        if not due or self._probing[route] >= most or (dry and not dry.room(at, 1)):
            return []
        everything = len(able) == len(corridors_of(self.provider))
        return [Passage(min(room, 1), None if everything else able, route)]

    def _note_the_float(self, route: Route, outcome: Outcome, at: timedelta, *, bad: bool) -> None:
        if outcome.code in _FLOAT:
            new = Circuit(self.policy.float_threshold, self.policy.closed_every)
            self.dry.setdefault(route, new).failed(at)
        elif not bad and sample_of(outcome) is not Sample.OURS:
            self.dry.pop(route, None)
