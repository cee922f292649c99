"""Circuits: a provider that does not answer is left alone, and probed by one."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from domain.attempts import OutcomeKind
from domain.evidence import Outcome
from domain.failures import FailureCode


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
    by_configuration: bool = field(default=False, compare=False)
    """Whether what opened it is a fault in our configuration."""

    def state(self, at: timedelta) -> CircuitState:
        """Return the state at a moment."""
        if self.opened_at is None:
            return CircuitState.CLOSED
        return CircuitState.HALF_OPEN if at - self.opened_at >= self.rest else CircuitState.OPEN

    def opened_within(self, span: timedelta, at: timedelta) -> bool:
        """Tell whether it is not closed, and the last failure is not longer ago than this."""
        return self.opened_at is not None and at - self.opened_at < span

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
        if outcome.trips:
            self.failures = self.threshold
            self.failed(at)
        elif _was_answered(outcome):
            self.answered()
        else:
            self.failed(at)
        self.by_configuration = outcome.trips

    def answered(self) -> None:
        """Note a submit that was answered: it is closed, and the count begins anew."""
        self.probing = False
        self.failures = 0
        self.opened_at = None

    def failed(self, at: timedelta) -> None:
        """Note a submit that was not: the one too many opens it, or keeps it open."""
        self.probing = False
        self.failures = min(self.failures + 1, self.threshold)
        if self.failures >= self.threshold:
            self.opened_at = at


def _was_answered(outcome: Outcome) -> bool:
    unreachable = {None, FailureCode.PROVIDER_UNAVAILABLE}
    return outcome.kind in {OutcomeKind.ACCEPTED, OutcomeKind.REFUSED} or (
        outcome.code not in unreachable
    )
