"""Republish events: have what a broker has lost told again, from the outbox."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from application.ports import Nudge, Units, Work

SPAN = timedelta(hours=6)
"""How much history one transaction marks: a day of it must not hold up the service."""
LONGEST = timedelta(days=31)
"""The longest history that is marked by one call."""


@dataclass(frozen=True, slots=True)
class RepublishEvents:
    """Has told events wait again; the relay tells them in order, under their old ids.

    Consumers know an event by its id, so telling it twice is harmless. A broker that still has it
    inside its duplicate window drops the second.
    """

    units: Units
    nudge: Nudge

    async def __call__(self, since: datetime, until: datetime) -> int:
        """Return how many events wait again: those that happened from `since` to before `until`.

        Raises ValueError when the span is empty or longer than LONGEST.
        """
        if not timedelta(0) < until - since <= LONGEST:
            message = f"give a span of time of at most {LONGEST.days} days"
            raise ValueError(message)
        waiting = 0
        while since < until:
            ends = min(since + SPAN, until)
            async with self.units.begin() as unit:
                waiting += await unit.outbox.wait_again(since, ends)
            since = ends
        if waiting:
            self.nudge.work(Work.RELAY)
        return waiting
