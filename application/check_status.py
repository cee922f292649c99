"""Check status: ask providers about what is silent."""

from dataclasses import dataclass
from uuid import UUID

from application.lanes import Lane
from application.ports import (
    SILENCE,
    Chance,
    Clock,
    Journal,
    Order,
    Units,
    UnreadableCashOuts,
    Work,
)
from application.ports.observing import UNWATCHED, Step, Tracing
from application.record_news import Arrival, Record, Recorded, digest_of
from domain.cash_out import Action, Lease, hold
from domain.corridors import Policy
from domain.evidence import NoAnswer, Source
from domain.record import Report


@dataclass(frozen=True, slots=True)
class Question:
    """A status query that this worker is to make."""

    order: Order
    lease: UUID


@dataclass(frozen=True, slots=True)
class CheckStatus:
    """Claims what is due to be asked about, asks outside of any transaction, records answers."""

    units: Units
    record: Record
    policy: Policy
    clock: Clock
    chance: Chance
    journal: Journal = SILENCE
    tracing: Tracing = UNWATCHED

    async def begin(self, lane: Lane, limit: int) -> list[Question]:
        """Claim up to `limit` cash-outs that are due for a question."""
        async with self.units.begin() as unit:
            claimed = await unit.cash_outs.claim(
                lane.provider.id, Action.ASK, limit, self.clock.now()
            )
            until = claimed.now + self.policy.lease
            changes = [hold(each, Lease(self.chance.token(), until)) for each in claimed.cash_outs]
            if changes:
                await unit.cash_outs.save(changes)
        if claimed.unreadable:
            self.journal.fault(Work.ASK, UnreadableCashOuts(claimed.unreadable))
        lane.queries += len(changes)
        held = [change.after for change in changes]
        return [
            Question(lane.order(each), each.lease.token) for each in held if each.lease is not None
        ]

    async def ask(self, lane: Lane, question: Question) -> Recorded:
        """Ask the provider and record what it says, or that it said nothing."""
        try:
            with self.tracing.step(Step.ASK, question.order.trace):
                return await self._ask(lane, question)
        finally:
            lane.queries -= 1

    async def _ask(self, lane: Lane, question: Question) -> Recorded:
        order = question.order
        known = order.provider_transaction_id is not None
        if known or lane.provider.capabilities.lookup_by_reference:
            finding = await lane.gateway.look_up(order)
        else:
            finding = NoAnswer("this provider cannot be asked by our reference")
        report = Report(
            source=Source.STATUS_QUERY,
            finding=finding,
            lease=question.lease,
            digest=digest_of(finding.raw),
            raw=finding.raw,
            permille=self.chance.permille(),
        )
        return await self.record(Arrival(lane.provider.id, report, cash_out_id=order.cash_out_id))
