"""Lanes: one per provider, with its gateway, its gate, its circuit and its room for calls."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from application.board import Board
from application.circuits import Circuit, CircuitState
from application.gate import Errand, Gate, GatePolicy, Passage
from application.measuring import Meter
from application.ports import Gateway, Order
from domain.cash_out import CashOut
from domain.corridors import Provider
from domain.evidence import Outcome
from domain.failures import FailureCode
from domain.measures import is_bad, sample_of
from domain.payee import NumberFormat
from domain.standings import Reason, Route

__all__ = ["Circuit", "CircuitState", "Errand", "Lane", "Lanes", "Tempo"]

SEEN: Final = timedelta(minutes=5)
"""For how long an open circuit says something about its provider after the last failure."""


@dataclass(slots=True)
class Tempo:
    """How many submits end in a span of time. All moments are `Clock.elapsed` values."""

    span: timedelta = timedelta(milliseconds=500)
    _since: timedelta = timedelta(0)
    _ended: int = 0
    _before: int = 0

    def ended(self, at: timedelta) -> None:
        """Note a submit that ended."""
        self._turn(at)
        self._ended += 1

    def of_late(self, at: timedelta) -> int:
        """Return how many ended in the last whole span."""
        self._turn(at)
        return self._before

    def _turn(self, at: timedelta) -> None:
        spans = (at - self._since) // self.span
        if spans:
            self._before = self._ended if spans == 1 else 0
            self._ended = 0
            self._since += spans * self.span


@dataclass(slots=True)
class Lane:
    """A provider, the way to it, and how much may be on that way at once.

    most_submits and most_queries bound the calls in flight of this process. most_ahead: submits
    that may be begun beyond those and wait for their turn, so that none is drawn up while a place
    is free; never more than the provider has lately answered in half a second, so that none waits
    long, and few are in doubt when this process dies. submits: begun and not ended, whether they
    have had their turn or not.
    """

    provider: Provider
    gateway: Gateway
    circuit: Circuit = field(default_factory=Circuit)
    most_submits: int = 32
    most_queries: int = 16
    most_ahead: int = 100
    submits: int = 0
    queries: int = 0
    paused_until: timedelta = timedelta(0)
    board: Board = field(default_factory=Board)
    gating: GatePolicy = field(default_factory=GatePolicy)
    meter: Meter | None = None
    gate: Gate = field(init=False)
    """What decides which corridors are let through."""
    turns: asyncio.Semaphore = field(init=False, repr=False)
    """The places on the wire, given in the order of asking."""
    _tempo: Tempo = field(default_factory=Tempo)

    def __post_init__(self) -> None:
        """Open as many places as submits may be in flight."""
        self.turns = asyncio.Semaphore(self.most_submits)
        self.gate = Gate(self.provider, self.board, self.gating)

    def passages(self, at: timedelta) -> Sequence[Passage]:
        """Return which cash-outs may be begun now, and how many of them."""
        return self.gate.passages(at, self.room_for_submits(at), self.most_submits)

    def room_for_submits(self, at: timedelta) -> int:
        """Return how many submits may be begun now.

        None while enough of them wait: they are begun in few batches rather than one by one.
        """
        if at < self.paused_until:
            return 0
        ahead = min(self.most_ahead, self._tempo.of_late(at))
        if self.submits - self.most_submits > ahead // 2:
            return 0
        return self.circuit.room(at, max(0, self.most_submits + ahead - self.submits))

    def is_open(self, at: timedelta, route: Route | None = None) -> bool:
        """Tell whether a submit that was begun may be made now."""
        if at < self.paused_until or self.circuit.state(at) is CircuitState.OPEN:
            return False
        return route is None or not self.gate.is_shut(route, at)

    def trips(self, at: timedelta) -> dict[Route, Reason]:
        """Return what this process sees closed by itself, and why: to be told to the others."""
        found = self.gate.trips(at, SEEN)
        if self.circuit.opened_within(SEEN, at):
            ours = self.circuit.by_configuration
            found[self.gate.whole] = Reason.CREDENTIALS if ours else Reason.CIRCUIT_OPEN
        return found

    def room_for_queries(self) -> int:
        """Return how many status queries may start now."""
        return max(0, self.most_queries - self.queries)

    def submits_begin(self, number: int, at: timedelta, errands: Sequence[Errand] = ()) -> None:
        """Note submits that are committed and will be made."""
        self.submits += number
        if number:
            self.circuit.started(at)
        for errand in errands:
            self.gate.begun(errand, at)

    def submit_abandoned(self, errand: Errand | None = None) -> None:
        """Note a submit that was not made, or of which nothing can be said."""
        self.submits -= 1
        self.circuit.probing = False
        if errand is not None:
            self.gate.abandoned(errand)

    def submit_ended(
        self,
        outcome: Outcome,
        at: timedelta,
        errand: Errand | None = None,
        took: timedelta = timedelta(0),
    ) -> None:
        """Note how a submit ended: the circuit, and the silence that the provider asked for."""
        self.submits -= 1
        self._tempo.ended(at)
        self._tell_the_circuit(outcome, at, errand)
        if errand is not None:
            self.gate.ended(errand, outcome, at)
            if self.meter is not None:
                self.meter.submitted(errand.route, outcome, took)
        if outcome.retry_after_s and outcome.code is FailureCode.RATE_LIMITED:
            pause = at + timedelta(seconds=outcome.retry_after_s)
            self.paused_until = max(self.paused_until, pause)

    def _tell_the_circuit(self, outcome: Outcome, at: timedelta, errand: Errand | None) -> None:
        was_open = self.circuit.opened_at is not None
        probes_a_corridor = errand is not None and errand.probe not in {None, self.gate.whole}
        if probes_a_corridor and not was_open and is_bad(sample_of(outcome)):
            # That this corridor does not answer is known: it says nothing new of its provider.
            return
        self.circuit.ended(outcome, at)
        if was_open and self.circuit.opened_at is None:
            self.gate.begin_ramp(at)

    def order(self, cash_out: CashOut) -> Order:
        """Return what the gateway needs to know of a cash-out, also where we pay no longer."""
        corridor = self.provider.corridors.get(cash_out.payee.msisdn.country)
        how = corridor.number_format if corridor else NumberFormat.E164_DIGITS
        return Order(
            cash_out_id=cash_out.id,
            reference=cash_out.reference,
            amount=cash_out.amount,
            payee=cash_out.payee,
            account=cash_out.payee.msisdn.written(how),
            attempt=max(1, len(cash_out.attempts)),
            provider_transaction_id=cash_out.provider_transaction_id,
            trace=cash_out.trace,
        )


Lanes = Mapping[str, Lane]
"""The lanes by provider id; a provider that is switched off has none."""
