"""Republish events: have what a broker has lost told again, from the outbox."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from application.ports import AuditEntry, Clock, Nudge, Units, Work
from application.ports.audit import Fact

SPAN = timedelta(hours=6)
"""How much history one transaction marks: a day of it must not hold up the service."""
LONGEST = timedelta(days=31)
"""The longest history that is marked by one call."""
ACTION: Final = "events.republished"
SUBJECT: Final = "events"


@dataclass(frozen=True, slots=True)
class RepublishEvents:
    """Has told events wait again; the relay tells them in order, under their old ids.

    Consumers know an event by its id, so telling it twice is harmless. A broker that still has it
    inside its duplicate window drops the second. Each transaction that changes something has its
    entry in the operators' log: a span that was marked in part is told as what it came to.
    """

    units: Units
    nudge: Nudge
    clock: Clock

    async def __call__(self, since: datetime, until: datetime, *, by: str) -> int:
        """Return how many events wait again: those that happened from `since` to before `until`.

        by: who has it done, as the operators' log names them. Raises ValueError when the span is
        empty or longer than LONGEST.
        """
        if not timedelta(0) < until - since <= LONGEST:
            message = f"give a span of time of at most {LONGEST.days} days"
            raise ValueError(message)
        waiting = 0
        while since < until:
            ends = min(since + SPAN, until)
            waiting += await self._mark(since, ends, by)
            since = ends
        if waiting:
            self.nudge.work(Work.RELAY)
        return waiting

    async def _mark(self, since: datetime, until: datetime, by: str) -> int:
        async with self.units.begin() as unit:
            marked = await unit.outbox.wait_again(since, until)
            if marked:
                facts: dict[str, Fact] = {
                    "since": since.isoformat(),
                    "until": until.isoformat(),
                    "events": marked,
                }
                entry = AuditEntry(self.clock.now(), by, ACTION, SUBJECT, facts)
                await unit.audit.append(entry)
        return marked
