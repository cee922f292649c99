"""What all parts of a run share: time, faults, the trace, what was covered, what was broken."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from application.ports import Conflict, Overloaded, StorageUnavailable
from domain.cash_out import CashOut, Change
from domain.corridors import Catalogue
from domain.refusals import Refusal
from entrypoints.simulation.catalogue import catalogue
from entrypoints.simulation.faults import Faults
from entrypoints.simulation.loop import SimulatedLoop
from entrypoints.simulation.plan import Plan

Result = TypeVar("Result")

STORE_FAULTS = (Conflict, Overloaded, StorageUnavailable)

FOR_A_STRANGER: ContextVar[bool] = ContextVar("for a stranger", default=False)
"""Set while a call of somebody is served who has no business with what he asks about."""


class Invariant(StrEnum):
    """What must hold: the nine of the domain, and the bounds and rules that they rest on."""

    PAID_AT_MOST_ONCE = "paid_at_most_once"
    ACCEPTED_IS_NEVER_LOST = "accepted_is_never_lost"
    ENDINGS_ARE_FINAL = "endings_are_final"
    FAILED_MEANS_UNPAID = "failed_means_unpaid"
    COMPLETED_MEANS_PAID = "completed_means_paid"
    LIMITS_HOLD = "limits_hold"
    ONE_ENDING_ONE_EVENT = "one_ending_one_event"
    NO_NETWORK_IN_A_TRANSACTION = "no_network_in_a_transaction"
    TOTALS_ADD_UP = "totals_add_up"
    STRANGERS_CHANGE_NOTHING = "strangers_change_nothing"
    NEWS_IS_JUDGED_ONCE = "news_is_judged_once"
    OVERDUE_IS_REVIEWED = "overdue_is_reviewed"
    REVIEWS_ARE_TOLD = "reviews_are_told"
    HEALTH_IS_TOLD = "health_is_told"
    RULED_BY_TWO = "ruled_by_two"
    ENDINGS_HAVE_EVIDENCE = "endings_have_evidence"
    BOOKS_AGREE = "books_agree"
    ATTEMPT_BEFORE_FIRST_BYTE = "attempt_before_first_byte"
    SENT_UNDER_A_LEASE = "sent_under_a_lease"
    SENT_AGAIN_ONLY_WHEN_SAFE = "sent_again_only_when_safe"
    SAME_KEY_SAME_CASH_OUT = "same_key_same_cash_out"
    HISTORY_ONLY_GROWS = "history_only_grows"
    ONLY_WHAT_IS_DUE_IS_TAKEN = "only_what_is_due_is_taken"
    CALLS_ARE_FINISHED = "calls_are_finished"
    NOTHING_IS_SENT_WHERE_CLOSED = "nothing_is_sent_where_closed"
    ROOM_IS_GIVEN_BACK = "room_is_given_back"
    ATTEMPTS_ARE_BOUNDED = "attempts_are_bounded"
    QUESTIONS_ARE_BOUNDED = "questions_are_bounded"
    COMES_TO_REST = "comes_to_rest"
    NO_BUG = "no_bug"


@dataclass(frozen=True, slots=True)
class Broken:
    """An invariant that did not hold, and how that was seen."""

    invariant: Invariant
    how: str


class World:
    """One run's shared state.

    covered: what happened at least once, by group and name. denies: asked when a cash-out ends, it
    returns what the provider's books say against that ending. healed_at: since when nothing has
    struck, None while it does. on_lost_answer: called when an attempt is recorded as unknown.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.faults = Faults(plan)
        self.loop = SimulatedLoop(plan.chance("scheduler"), plan.shuffle)
        self.covered: Counter[tuple[str, str]] = Counter()
        self.broken: Broken | None = None
        self.trace: list[tuple[object, ...]] = []
        self.over = False
        self.healed_at: datetime | None = None
        self.denies: Callable[[CashOut], str] = _nothing
        self.on_lost_answer: dict[UUID, Callable[[], None]] = {}
        self.outside = copy_context()
        catalogue_ = catalogue(plan)
        self.catalogue = catalogue_
        self.capabilities = {each.id: each.capabilities for each in catalogue_.providers.values()}
        self.caps = _caps(catalogue_, plan.start)

    @property
    def elapsed(self) -> float:
        """The virtual seconds since the start."""
        return self.loop.time()

    def now(self) -> datetime:
        """Return the true time, which providers and users have."""
        return self.plan.start + timedelta(microseconds=round(self.loop.time() * 1_000_000))

    def at(self, moment: datetime) -> float:
        """Return a moment in virtual seconds."""
        return (moment - self.plan.start).total_seconds()

    async def answer_lost(self, cash_out_id: UUID, within_s: float) -> None:
        """Wait for the worst moment: when nobody knows what became of an attempt."""
        woken: asyncio.Future[None] = self.loop.create_future()
        self.on_lost_answer[cash_out_id] = lambda: _wake(woken)
        timer = self.loop.call_later(within_s, _wake, woken)
        await woken
        timer.cancel()

    def spawn(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """Run something outside of the service: a user, a provider, the weather."""
        task = self.loop.create_task(work, context=self.outside.copy())
        task.add_done_callback(self.report)
        return task

    def report(self, task: asyncio.Task[Any]) -> None:
        """Take an exception that a task ended with for a bug."""
        fault = None if task.cancelled() else task.exception()
        if fault is not None and not self.over:
            self.violated(Invariant.NO_BUG, repr(fault))

    def note(self, *facts: object) -> None:
        """Write a line of the trace."""
        self.trace.append((self.loop.time(), *facts))

    def cover(self, group: str, name: str) -> None:
        """Count that something happened."""
        self.covered[group, name] += 1

    def violated(self, invariant: Invariant, how: str) -> None:
        """Stop the run: an invariant does not hold."""
        if self.broken is None and not self.over:
            self.broken = Broken(invariant, how)
            self.note("broken", invariant, how)
            self.loop.halted = True


def is_a_bug(fault: BaseException) -> bool:
    """Tell a bug from what the service may answer: a fault of the store, or a refusal."""
    return not isinstance(fault, (*STORE_FAULTS, Refusal))


def _nothing(_: CashOut) -> str:
    return ""


def _caps(of: Catalogue, now: datetime) -> Mapping[tuple[str, str], tuple[int, int]]:
    """Return the daily and monthly limit for each provider and currency."""
    return {
        (each.id, code): (row.daily, row.monthly)
        for each in of.providers.values()
        for code, row in each.tariff_at(now).rows.items()
    }


class ProcessClock:
    """Implements `Clock` for one process: a wall clock that can be set, and time that cannot."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._born = world.elapsed
        self.offset = timedelta(0)

    def now(self) -> datetime:
        """Return what this machine takes for the present moment."""
        return self._world.now() + self.offset

    def elapsed(self) -> timedelta:
        """Return the time since the process began; nobody can set it."""
        return timedelta(microseconds=round((self._world.elapsed - self._born) * 1_000_000))

    async def sleep(self, duration: timedelta) -> None:
        """Wait this long."""
        await pause(self._world, duration.total_seconds())


async def pause(world: World, seconds: float) -> None:
    """Wait in virtual time; not at all for zero or less."""
    if seconds <= 0:
        return
    woken = world.loop.create_future()
    timer = world.loop.call_later(seconds, _wake, woken)
    try:
        await woken
    finally:
        timer.cancel()


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)


class Watcher:
    """A journal that nobody reads but the simulator: a fault that is not the store's is a bug."""

    def __init__(self, world: World) -> None:
        self._world = world

    def changed(self, changes: Sequence[Change]) -> None:
        """Say nothing: commits are watched where they happen."""

    def fault(self, where: str, fault: BaseException) -> None:
        """Count faults of the store; anything else breaks the run."""
        if isinstance(fault, STORE_FAULTS):
            self._world.cover("worker fault", type(fault).__name__)
        elif not self._world.over:
            self._world.violated(Invariant.NO_BUG, f"{where}: {fault!r}")
