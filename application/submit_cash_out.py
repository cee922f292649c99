"""Submit: have providers pay what is due. The attempt is committed before the first byte leaves."""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from application.board import route_of
from application.gate import Errand, Passage
from application.lanes import Lane
from application.ports import (
    SILENCE,
    Chance,
    Clock,
    Journal,
    Order,
    StorageUnavailable,
    Unit,
    Units,
    UnreadableCashOuts,
    Work,
)
from application.ports.observing import UNWATCHED, Step, Tracing
from application.record_news import Arrival, Record, Recorded, digest_of
from domain.attempts import NextStep, OutcomeKind
from domain.cash_out import Action, Change, Lease, ask_instead, begin_attempt
from domain.corridors import Policy
from domain.evidence import Outcome, Source
from domain.failures import FAILURES, Fault
from domain.record import Report, next_step


@dataclass(frozen=True, slots=True)
class Begun:
    """An attempt that is committed and may be made now. since: `Clock.elapsed` before its lease."""

    order: Order
    lease: UUID
    since: timedelta
    errand: Errand


@dataclass(frozen=True, slots=True)
class SubmitCashOut:
    """Claims what is due, commits the attempts, then sends them one by one and records answers."""

    units: Units
    record: Record
    policy: Policy
    clock: Clock
    chance: Chance
    journal: Journal = SILENCE
    tracing: Tracing = UNWATCHED

    async def begin(self, lane: Lane, limit: int, passage: Passage | None = None) -> list[Begun]:
        """Claim up to `limit` due cash-outs and commit an attempt for each; send nothing.

        passage: which of them; what it leaves out stays as it is, whoever is behind it.

        Raises Conflict or StorageUnavailable: nothing may be sent then. A commit whose answer was
        lost is resolved by reading: what it wrote under our leases may be sent.
        """
        since = self.clock.elapsed()
        changes: list[Change] = []
        try:
            async with self.units.begin() as unit:
                await self._draw_up(unit, lane, limit, changes, passage)
        except StorageUnavailable as fault:
            if not fault.outcome_unknown:
                raise
            changes = await self._those_committed(changes)
        self.journal.changed(changes)
        probe = passage.probe if passage is not None else None
        begun = [
            Begun(
                lane.order(change.after),
                change.after.lease.token,
                since,
                Errand(route_of(change.after), probe),
            )
            for change in changes
            if change.after.lease is not None
        ]
        errands = [each.errand for each in begun]
        lane.submits_begin(len(begun), self.clock.elapsed(), errands)
        return begun

    async def _draw_up(
        self, unit: Unit, lane: Lane, limit: int, changes: list[Change], passage: Passage | None
    ) -> None:
        only = passage.only if passage is not None else None
        claimed = await unit.cash_outs.claim(
            lane.provider.id, Action.SUBMIT, limit, self.clock.now(), only
        )
        for cash_out in claimed.cash_outs:
            capabilities = lane.provider.capabilities
            decision = next_step(cash_out, capabilities, self.policy, claimed.now)
            if decision.step is NextStep.SEND:
                lease = Lease(self.chance.token(), claimed.now + self.policy.lease)
                changes.append(begin_attempt(cash_out, claimed.now, lease))
            else:
                changes.append(ask_instead(cash_out, claimed.now))
        if claimed.unreadable:
            self.journal.fault(Work.SUBMIT, UnreadableCashOuts(claimed.unreadable))
        if changes:
            await unit.cash_outs.save(changes)
            events = [event for change in changes for event in change.events]
            await unit.outbox.add(events)

    async def _those_committed(self, changes: list[Change]) -> list[Change]:
        leased = {each.after.id: each.after.lease for each in changes if each.after.lease}
        async with self.units.begin() as unit:
            stored = await unit.cash_outs.lock(list(leased))
        ours = {each.id for each in stored.values() if each.holds(leased[each.id].token)}
        return [change for change in changes if change.after.id in ours]

    async def send(self, lane: Lane, begun: Begun) -> Recorded:
        """Make one committed attempt in its turn and record how it ended. Called once per attempt.

        What may not be made any more when its turn comes is recorded as unsent.
        """
        order = begun.order
        with self.tracing.step(Step.SUBMIT, order.trace, attempt=order.attempt):
            return await self._send(lane, begun)

    async def _send(self, lane: Lane, begun: Begun) -> Recorded:
        with ExitStack() as unless_it_was_tried:
            unless_it_was_tried.callback(lane.submit_abandoned, begun.errand)
            async with lane.turns:
                hindrance = self._hindrance(lane, begun)
                called_at = self.clock.elapsed()
                outcome = hindrance or await lane.gateway.disburse(begun.order)
            unless_it_was_tried.pop_all()
        if hindrance is None:
            ended_at = self.clock.elapsed()
            lane.submit_ended(outcome, ended_at, begun.errand, ended_at - called_at)
        else:
            lane.submit_abandoned(begun.errand)
        if begun.errand.probe is not None:
            outcome = _of_a_probe(outcome)
        return await self.record(self._arrival(lane, begun, outcome))

    def _hindrance(self, lane: Lane, begun: Begun) -> Outcome | None:
        if self.lease_is_too_short(begun):
            # Somebody else may take over while the call runs: better not to begin it.
            return Outcome(OutcomeKind.UNSENT, detail="the lease ran out before sending")
        if not lane.is_open(self.clock.elapsed(), begun.errand.route):
            return Outcome(OutcomeKind.UNSENT, detail="the provider was left alone before sending")
        return None

    def lease_is_too_short(self, begun: Begun) -> bool:
        """Tell whether a call begun now could outlive its lease."""
        held_for = self.clock.elapsed() - begun.since
        return held_for + self.policy.call_deadline > self.policy.lease

    def _arrival(self, lane: Lane, begun: Begun, outcome: Outcome) -> Arrival:
        report = Report(
            source=Source.SUBMIT,
            finding=outcome,
            attempt=begun.order.attempt,
            lease=begun.lease,
            digest=digest_of(outcome.raw),
            raw=outcome.raw,
            permille=self.chance.permille(),
        )
        return Arrival(lane.provider.id, report, cash_out_id=begun.order.cash_out_id)


def _of_a_probe(outcome: Outcome) -> Outcome:
    """Return what is recorded of a try that was made to see whether its provider is back.

    Not taken, it spends no retry: the others have waited meanwhile without spending one.
    """
    code = outcome.code
    waits = outcome.kind is OutcomeKind.UNSENT and code is not None
    if not waits or code is None or FAILURES[code].fault is not Fault.PROVIDER:
        return outcome
    return replace(outcome, code=None, detail=f"a probe: {code} {outcome.detail}".rstrip())
