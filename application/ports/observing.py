"""Being seen from outside: figures, and traces of single requests. Both are off by default.

What is told here is told on the way of every request: an observer neither waits nor raises.
"""

import contextlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeVar
from uuid import UUID

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")
Door = Callable[[Asked], Awaitable[Answered]]
"""A use case for one: what is asked of it, and what it answers."""


@dataclass(frozen=True, slots=True)
class Answering:
    """How a request to the API ended.

    route: the pattern that it found, `none` without one. code: of the problem, empty without one.
    patient: the client wanted to wait for something, so that `took` says nothing about us.
    """

    method: str
    route: str
    status: int
    code: str
    took: timedelta
    cash_out_id: UUID | None = None
    patient: bool = False


class RequestSpan(Protocol):
    """A request under way, as part of a trace."""

    @property
    def context(self) -> str:
        """The context for what it causes, as a `traceparent`."""
        ...

    def end(self, answering: Answering) -> None:
        """Note that it has been answered."""
        ...


class RequestWatch(Protocol):
    """Sees the requests to the API."""

    def begin(self, method: str, trace: str | None) -> RequestSpan | None:
        """Note a request that begins; None where it is not traced. trace: the client's context."""
        ...

    def answered(self, answering: Answering) -> None:
        """Note a request that ended."""
        ...


class Step(StrEnum):
    """What is done about a cash-out, as traces call it."""

    ACCEPT = "accept"
    SUBMIT = "submit"
    ASK = "ask"
    WEBHOOK = "webhook"
    RECORD = "record"


class Tracing(Protocol):
    """Traces of what is done about single cash-outs.

    A context is a `traceparent` as the cash-out keeps it; without one, a step belongs to the step
    around it, and without that to no trace.
    """

    def step(
        self, step: Step, trace: str | None, *, attempt: int | None = None
    ) -> AbstractContextManager[None]:
        """Trace the body as a step."""
        ...

    def around(self, step: Step, door: Door[Asked, Answered]) -> Door[Asked, Answered]:
        """Return the door, such that passing it is a step of whoever passes."""
        ...

    def happened(self, step: Step, trace: str | None, began: datetime) -> None:
        """Tell of a step of which it is known only now, at its end, whose trace it belongs to."""
        ...


class Unwatched:
    """The default of both ports: nobody looks."""

    _NOTHING = contextlib.nullcontext()

    def begin(self, method: str, trace: str | None) -> None:
        """Note nothing."""

    def answered(self, answering: Answering) -> None:
        """Note nothing."""

    def step(
        self,
        step: Step,  # noqa: ARG002 -- the port's
        trace: str | None,  # noqa: ARG002
        *,
        attempt: int | None = None,  # noqa: ARG002
    ) -> AbstractContextManager[None]:
        """Run the body as it is."""
        return self._NOTHING

    def around(self, step: Step, door: Door[Asked, Answered]) -> Door[Asked, Answered]:  # noqa: ARG002
        """Return the door itself."""
        return door

    def happened(self, step: Step, trace: str | None, began: datetime) -> None:
        """Tell nobody."""


UNWATCHED = Unwatched()
