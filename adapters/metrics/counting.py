"""Counting: decorators over ports that count on the way, and change nothing of what passes."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from adapters.metrics.catalogue import Figures
from adapters.metrics.figures import NONE, OTHER, Closed
from application.ports import (
    Clock,
    Conflict,
    Gateway,
    Journal,
    Order,
    OutboxEntry,
    Overloaded,
    Publisher,
    StorageUnavailable,
    WebhookReading,
    Work,
)
from application.ports.observing import Answering
from domain.attempts import Attempt, OutcomeKind
from domain.cash_out import Change
from domain.evidence import News, NoAnswer, NotFound, Outcome, ReviewReason, Source
from domain.failures import FAILURES, FailureCode, Fault
from domain.money import CURRENCIES
from domain.refusals import Refusal
from domain.states import Status, Verdict

MOST_ROUTES: Final = 200
"""Patterns of our own; more would mean that something else got in."""
METHODS: Final = Closed(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
STATUSES: Final = Closed(map(str, range(100, 600)))
CURRENCY: Final = Closed(CURRENCIES)
STATUS: Final = Closed(Status)
CODES: Final = Closed(FailureCode)
OUTCOMES: Final = Closed([*OutcomeKind, *(kind.__name__ for kind in (News, NotFound, NoAnswer))])
REASONS: Final = Closed(ReviewReason)
SOURCES: Final = Closed(Source)
VERDICTS: Final = Closed(Verdict)
WORKS: Final = Closed([*Work, "api", "survey"])
FAULTS: Final = Closed([kind.__name__ for kind in (Conflict, Overloaded, StorageUnavailable)])
READINGS: Final = Closed(["Authentic", "Unauthentic", "Unreadable"])
BUG: Final = "bug"
OURS: Final = tuple(code for code, failure in FAILURES.items() if failure.fault is Fault.OURS)
"""The codes by which a provider says that the fault is ours: somebody has to act."""
TAKING: Final = "/api/payments/cash-out"
_BAD_REQUEST: Final = 400


def refusal_codes() -> Closed:
    """Return the codes of all refusals there are, and those of the API that are none."""
    known = {"BAD_REQUEST", "UNAUTHORIZED", "FORBIDDEN", "RATE_LIMITED", "OVERLOADED"}
    known |= {"PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE", "SERVICE_UNAVAILABLE", "CLIENT_GONE"}
    return Closed(known | {each.code for each in _kinds(Refusal) if hasattr(each, "code")})


def _kinds(kind: type[Refusal]) -> Iterable[type[Refusal]]:
    for each in kind.__subclasses__():
        yield each
        yield from _kinds(each)


def begin_at_zero(figures: Figures, providers: Iterable[str]) -> None:
    """Show what alerts wait for before it happens: an increase is seen from a value that was there.

    Of a series that begins with 1 nobody can tell that it has grown.
    """
    for provider in providers:
        for outcome in OutcomeKind:
            figures.attempts.at[provider, outcome.value, NONE] = 0
        for code in OURS:
            figures.attempts.at[provider, OutcomeKind.UNSENT.value, code.value] = 0
        for reading in READINGS:
            figures.webhooks.at[provider, reading] = 0
    for source in Source:
        for verdict in Verdict:
            figures.news.at[source.value, verdict.value] = 0
    for where in WORKS:
        for kind in (*FAULTS, BUG):
            figures.faults.at[where, kind] = 0
    for reason in ReviewReason:
        figures.reviews_raised.at[reason.value,] = 0


class MeteredJournal:
    """A Journal that counts what it tells, and hands it on. providers: those there are here."""

    def __init__(self, figures: Figures, inner: Journal, providers: Closed) -> None:
        self._figures = figures
        self._inner = inner
        self._providers = providers

    def changed(self, changes: Sequence[Change]) -> None:
        """Count what each change did."""
        self._inner.changed(changes)
        for change in changes:
            self._count(change)

    def fault(self, where: str, fault: BaseException) -> None:
        """Count a fault by its kind."""
        self._inner.fault(where, fault)
        kind = type(fault).__name__
        self._figures.faults.at[WORKS.of(where), kind if kind in FAULTS else BUG] += 1

    def _count(self, change: Change) -> None:
        figures, before, after = self._figures, change.before, change.after
        provider = self._providers.of(after.provider)
        if not before.events:
            figures.accepted.at[provider, CURRENCY.of(after.amount.currency.code)] += 1
        elif after.status is not before.status:
            moved = (provider, STATUS.of(before.status), STATUS.of(after.status))
            figures.transitions.at[moved] += 1
            if after.status is Status.COMPLETED:
                took = (after.completed_at or after.updated_at) - after.created_at
                figures.completion.note(took.total_seconds(), (provider,))
        if after.attempts is not before.attempts:
            self._count_attempts(provider, before.attempts, after.attempts)
        for piece in change.evidence:
            figures.news.at[SOURCES.of(piece.source), VERDICTS.of(piece.verdict)] += 1
        if after.review is not None and before.review is None:
            figures.reviews_raised.at[REASONS.of(after.review),] += 1

    def _count_attempts(
        self, provider: str, before: Sequence[Attempt], after: Sequence[Attempt]
    ) -> None:
        for attempt in after:
            if attempt.outcome is not None and attempt not in before:
                ended = (provider, OUTCOMES.of(attempt.outcome), CODES.of(attempt.code))
                self._figures.attempts.at[ended] += 1


class RequestMeter:
    """Counts the requests to the API; traces none."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._codes = refusal_codes()
        self._routes: set[str] = set()

    def begin(self, method: str, trace: str | None) -> None:
        """Note nothing: a request counts at its end."""

    def answered(self, answering: Answering) -> None:
        """Count a request by what it asked and how it ended."""
        figures, route = self._figures, self._route(answering.route)
        method, status = METHODS.of(answering.method), STATUSES.of(str(answering.status))
        figures.requests.at[method, route, status] += 1
        if not answering.patient:
            figures.request_time.note(answering.took.total_seconds(), (route,))
        if route == TAKING and method == "POST" and answering.status >= _BAD_REQUEST:
            figures.refusals.at[self._codes.of(answering.code),] += 1

    def _route(self, pattern: str) -> str:
        if pattern in self._routes:
            return pattern
        if len(self._routes) >= MOST_ROUTES:
            return OTHER
        self._routes.add(pattern)
        return pattern


class MeteredGateway:
    """A Gateway that times its calls."""

    def __init__(self, figures: Figures, provider: str, inner: Gateway, clock: Clock) -> None:
        self._figures, self._provider = figures, provider
        self._inner, self._clock = inner, clock

    async def disburse(self, order: Order) -> Outcome:
        """Have the provider pay; time it by how the attempt ended."""
        began = self._clock.elapsed()
        outcome = await self._inner.disburse(order)
        took = self._clock.elapsed() - began
        called = (self._provider, "disburse", OUTCOMES.of(outcome.kind))
        self._figures.provider_calls.note(took.total_seconds(), called)
        return outcome

    async def look_up(self, order: Order) -> News | NotFound | NoAnswer:
        """Ask; time it by what kind of answer came."""
        began = self._clock.elapsed()
        found = await self._inner.look_up(order)
        took = self._clock.elapsed() - began
        called = (self._provider, "look_up", OUTCOMES.of(type(found).__name__))
        self._figures.provider_calls.note(took.total_seconds(), called)
        return found

    def read_webhook(
        self, headers: Sequence[tuple[str, str]], raw: bytes, now: datetime
    ) -> WebhookReading:
        """Verify and read; count what came of it."""
        reading = self._inner.read_webhook(headers, raw, now)
        self._figures.webhooks.at[self._provider, READINGS.of(type(reading).__name__)] += 1
        return reading

    async def check(self) -> str | None:
        """Check that the provider can be reached."""
        return await self._inner.check()


class MeteredPublisher:
    """A Publisher that counts what the broker took."""

    def __init__(self, figures: Figures, inner: Publisher) -> None:
        self._figures = figures
        self._inner = inner

    async def publish(self, entries: Sequence[OutboxEntry]) -> list[int]:
        """Publish; count what was acknowledged and what was not."""
        told = await self._inner.publish(entries)
        self._figures.told.at[()] += len(told)
        self._figures.untold.at[()] += len(entries) - len(told)
        return told

    async def healthy(self) -> bool:
        """Tell whether the broker can be reached."""
        return await self._inner.healthy()
