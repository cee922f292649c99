"""Lanes: one per provider, with its gateway, its circuit breaker and its room for calls."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from application.ports import Gateway, Order
from domain.attempts import OutcomeKind
from domain.cash_out import CashOut
from domain.corridors import Provider
from domain.evidence import Outcome
from domain.failures import FailureCode
from domain.payee import NumberFormat


class CircuitState(StrEnum):
    """closed: calls pass. open: none do. half_open: one probe does."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(slots=True)
class Circuit:
    """A circuit breaker over submits. All moments are `Clock.elapsed` values.

    It opens after `threshold` submits in a row that were not answered, or at once when the fault
    is in our configuration; after `rest` one probe may pass, and its outcome decides.
    """

    threshold: int = 5
    rest: timedelta = timedelta(seconds=30)
    failures: int = 0
    opened_at: timedelta | None = None
    probing: bool = False

    def state(self, at: timedelta) -> CircuitState:
        """Return the state at a moment."""
        if self.opened_at is None:
            return CircuitState.CLOSED
        return CircuitState.HALF_OPEN if at - self.opened_at >= self.rest else CircuitState.OPEN

    def room(self, at: timedelta, wanted: int) -> int:
        """Return how many of the wanted submits may start."""
        match self.state(at):
            case CircuitState.CLOSED:
                return wanted
            case CircuitState.HALF_OPEN:
                return 0 if self.probing else min(1, wanted)
            case _:
                return 0

    def started(self, at: timedelta) -> None:
        """Note a submit that begins: in the half-open state it is the probe."""
        self.probing = self.state(at) is CircuitState.HALF_OPEN

    def ended(self, outcome: Outcome, at: timedelta) -> None:
        """Note how a submit ended."""
        self.probing = False
        if outcome.trips:
            self.failures = self.threshold
            self.opened_at = at
        elif _was_answered(outcome):
            self.failures = 0
            self.opened_at = None
        else:
            self.failures += 1
            if self.failures >= self.threshold:
                self.opened_at = at


def _was_answered(outcome: Outcome) -> bool:
    unreachable = {None, FailureCode.PROVIDER_UNAVAILABLE}
    return outcome.kind in {OutcomeKind.ACCEPTED, OutcomeKind.REFUSED} or (
        outcome.code not in unreachable
    )


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
    turns: asyncio.Semaphore = field(init=False, repr=False)
    """The places on the wire, given in the order of asking."""
    _tempo: Tempo = field(default_factory=Tempo)

    def __post_init__(self) -> None:
        """Open as many places as submits may be in flight."""
        self.turns = asyncio.Semaphore(self.most_submits)

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

    def is_open(self, at: timedelta) -> bool:
        """Tell whether a submit that was begun may be made now."""
        return at >= self.paused_until and self.circuit.state(at) is not CircuitState.OPEN

    def room_for_queries(self) -> int:
        """Return how many status queries may start now."""
        return max(0, self.most_queries - self.queries)

    def submits_begin(self, number: int, at: timedelta) -> None:
        """Note submits that are committed and will be made."""
        self.submits += number
        if number:
            self.circuit.started(at)

    def submit_abandoned(self) -> None:
        """Note a submit that was not made, or of which nothing can be said."""
        self.submits -= 1
        self.circuit.probing = False

    def submit_ended(self, outcome: Outcome, at: timedelta) -> None:
        """Note how a submit ended: the circuit, and the silence that the provider asked for."""
        self.submits -= 1
        self._tempo.ended(at)
        self.circuit.ended(outcome, at)
        if outcome.retry_after_s and outcome.code is FailureCode.RATE_LIMITED:
            pause = at + timedelta(seconds=outcome.retry_after_s)
            self.paused_until = max(self.paused_until, pause)

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
        )


Lanes = Mapping[str, Lane]
"""The lanes by provider id; a provider that is switched off has none."""
