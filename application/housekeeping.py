"""Housekeeping: webhooks that came before their cash-out, and cash-outs open for too long."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from application.ports import Chance, Clock, Delivery, Units
from application.record_news import Arrival, Record, Recorded
from domain.corridors import Policy
from domain.evidence import Doorbell, News, Overdue, Source
from domain.record import Report

ORPHANS_KEPT = timedelta(hours=24)
"""How long a webhook for an unknown reference is matched again."""


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
