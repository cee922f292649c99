"""Time, ids, chance, and what the world knows about phone numbers."""

from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from domain.payee import Msisdn


class Clock(Protocol):
    """Time: `now` is the wall clock in UTC, `elapsed` never jumps and is for durations."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...

    def elapsed(self) -> timedelta:
        """Return the time since some fixed moment of this process; it only grows."""
        ...

    async def sleep(self, duration: timedelta) -> None:
        """Wait this long."""
        ...


class Chance(Protocol):
    """Everything that is not determined: ids, references, jitter."""

    def cash_out_id(self) -> UUID:
        """Return a new time-ordered id (UUIDv7)."""
        ...

    def token(self) -> UUID:
        """Return a new random token for a lease."""
        ...

    def reference(self) -> str:
        """Return a new unique reference, as the provider will see it."""
        ...

    def permille(self) -> int:
        """Return an evenly spread integer from -1000 to 1000, for jitter."""
        ...


class NumberingPlan(Protocol):
    """What the world knows about phone numbers."""

    def read(self, text: str) -> Msisdn | None:
        """Return the mobile number written in `text` (+, spaces or 00 allowed), or None."""
        ...
