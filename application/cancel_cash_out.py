"""Cancel: withdraw a cash-out of which provably nothing is on the wire."""

from dataclasses import dataclass
from uuid import UUID

from application.callers import Caller, Permission
from application.ports import SILENCE, AuditEntry, Clock, Conflict, Journal, Nudge, Units, Work
from domain.cash_out import CashOut, cancel
from domain.refusals import NotFound

MOST_TRIES = 5
ACTION = "cash_out.cancelled"
"""What the operators' log calls it when somebody cancels for a user."""


@dataclass(frozen=True, slots=True)
class CancelCashOut:
    """Cancels under the cash-out's lock, so that a submit begins before or never."""

    units: Units
    clock: Clock
    nudge: Nudge
    journal: Journal = SILENCE

    async def __call__(self, caller: Caller, cash_out_id: UUID) -> CashOut:
        """Return the cancelled cash-out; raise NotFound, Forbidden or TooLateToCancel."""
        for _ in range(MOST_TRIES - 1):
            try:
                return await self._cancel(caller, cash_out_id)
            except Conflict:
                continue
        return await self._cancel(caller, cash_out_id)

    async def _cancel(self, caller: Caller, cash_out_id: UUID) -> CashOut:
        async with self.units.begin() as unit:
            found = (await unit.cash_outs.lock([cash_out_id])).get(cash_out_id)
            if found is None:
                raise NotFound
            caller.must_own(found, unless=Permission.CANCEL_ANY)
            now, owns = self.clock.now(), caller.acts_as(found.user_id)
            change = cancel(found, now, None if owns else caller.name)
            await unit.cash_outs.save([change])
            await unit.outbox.add(change.events)
            minor = found.amount.minor
            await unit.limits.give_back({found.windows.day: minor, found.windows.month: minor})
            if not owns:
                entry = AuditEntry(now, caller.name, ACTION, str(found.id))
                await unit.audit.append(entry)
        self.journal.changed([change])
        self.nudge.changed([cash_out_id])
        self.nudge.work(Work.RELAY)
        return change.after
