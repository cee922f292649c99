"""Housekeeping: webhooks that came too early, cash-outs open for too long, old rows."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from application.ports import Chance, Clock, Delivery, Units
from application.record_news import Arrival, Record, Recorded
from domain.corridors import Policy
from domain.evidence import Doorbell, News, Overdue, Source
from domain.record import Report

ORPHANS_KEPT = timedelta(hours=24)
"""How long a webhook for an unknown reference is matched again."""
SHORTEST_RETENTION = timedelta(days=1)
"""Longer than the window in which a signature may not come again."""

SHORTEST_STATEMENTS = timedelta(days=90)
"""Longer than two statements of a month: what crossed their border is looked for in both."""
STATEMENTS_REST = timedelta(minutes=10)
"""After no old line was found, so long none is looked for: a day's file is old once a day."""


@dataclass(frozen=True, slots=True)
class RematchOrphans:
    """Judges parked webhooks whose cash-out has appeared since."""

    units: Units
    record: Record
    clock: Clock
    chance: Chance
    largest: int = 100

    async def __call__(self) -> int:
        """Judge one round of them; return how many found their cash-out."""
        async with self.units.begin() as unit:
            since = self.clock.now() - ORPHANS_KEPT
            parked = await unit.inbox.orphans(since, self.largest)
        arrivals = [
            self._arrival(each, each.finding) for each in parked if each.finding is not None
        ]
        recorded = await _each(self.record, arrivals)
        return sum(each.cash_out is not None for each in recorded)

    def _arrival(self, parked: Delivery, finding: News | Doorbell) -> Arrival:
        report = Report(
            source=Source.WEBHOOK,
            finding=finding,
            digest=parked.digest,
            raw=parked.raw,
            permille=self.chance.permille(),
            happened_at=parked.received_at,
        )
        return Arrival(parked.provider, report, lookup=parked.lookup, orphan=parked.id)


@dataclass(frozen=True, slots=True)
class RaiseReviews:
    """Calls a human for cash-outs that have been open for longer than `review_after`."""

    units: Units
    record: Record
    policy: Policy
    clock: Clock
    largest: int = 100

    async def __call__(self) -> int:
        """Raise one round of reviews; return how many."""
        opened_before = self.clock.now() - self.policy.review_after
        async with self.units.begin() as unit:
            ids = await unit.cash_outs.overdue(opened_before, self.largest)
        report = Report(source=Source.CLOCK, finding=Overdue())
        arrivals = [Arrival("", report, cash_out_id=each) for each in ids]
        recorded = await _each(self.record, arrivals)
        return sum(each.cash_out is not None and each.cash_out.needs_review for each in recorded)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long is kept what has done its work: events told, webhooks and statements' lines matched.

    At least a day each: events for `RepublishEvents`, webhooks for telling a replayed signature;
    lines for 90 days, since the next statements are compared with them.
    """

    events: timedelta = timedelta(days=30)
    webhooks: timedelta = timedelta(days=30)
    statements: timedelta = timedelta(days=400)

    def __post_init__(self) -> None:
        """Refuse less than that; raise ValueError."""
        if min(self.events, self.webhooks) < SHORTEST_RETENTION:
            message = "what is done with must be kept for a day at least"
            raise ValueError(message)
        if self.statements < SHORTEST_STATEMENTS:
            message = "matched lines of statements must be kept for 90 days at least"
            raise ValueError(message)


@dataclass(slots=True)
class PruneBoxes:
    """Removes old rows of outbox and inbox, and old matched lines of statements.

    Nothing untold or unmatched, and nothing about which a break is open, however old it is.

    Any number of processes may do so at once.
    """

    units: Units
    clock: Clock
    retention: Retention = field(default_factory=Retention)
    largest: int = 500
    _rests_until: timedelta | None = None

    async def __call__(self) -> int:
        """Remove one round of them; return how many."""
        now = self.clock.now()
        async with self.units.begin() as unit:
            told = await unit.outbox.prune(now - self.retention.events, self.largest)
            judged = await unit.inbox.prune(now - self.retention.webhooks, self.largest)
        return told + judged + await self._prune_statements(now)

    async def _prune_statements(self, now: datetime) -> int:
        """Remove lines apart from the rest, which a fault here does not undo."""
        at = self.clock.elapsed()
        if self._rests_until is not None and at < self._rests_until:
            return 0
        # Said first: what fails is not tried again at once either.
        self._rests_until = at + STATEMENTS_REST
        async with self.units.begin() as unit:
            compared = await unit.statements.prune(now - self.retention.statements, self.largest)
        if compared:
            self._rests_until = None
        return compared


async def _each(record: Record, arrivals: Sequence[Arrival]) -> list[Recorded]:
    """Record all, so that a fault with one keeps none of the others; then raise the first fault."""
    waiting = (record(arrival) for arrival in arrivals)
    results = await asyncio.gather(*waiting, return_exceptions=True)
    recorded: list[Recorded] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        recorded.append(result)
    return recorded
