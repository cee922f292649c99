"""Limits: what a user may take per provider, currency and UTC day or month."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Self

from domain.corridors import TariffRow
from domain.money import Money
from domain.refusals import DailyLimitExceeded, MonthlyLimitExceeded


class Slot(NamedTuple):
    """One counter: `window` is a UTC day (`2026-11-23`) or month (`2026-11`).

    Slots are ordered so that everybody locks them in the same order.
    """

    user_id: str
    provider: str
    currency: str
    window: str


@dataclass(frozen=True, slots=True)
class Windows:
    """The day and the month that a cash-out counts in, by the moment it was accepted."""

    day: Slot
    month: Slot

    @classmethod
    def of(cls, user_id: str, provider: str, currency: str, accepted_at: datetime) -> Self:
        """Return both counters for a moment (aware; taken in UTC)."""
        day = accepted_at.astimezone(UTC).date().isoformat()
        month = day.rpartition("-")[0]
        return cls(Slot(user_id, provider, currency, day), Slot(user_id, provider, currency, month))


def day_ends(now: datetime) -> datetime:
    """Return the next UTC midnight."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=1)


def month_ends(now: datetime) -> datetime:
    """Return the first moment of the next UTC month."""
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


@dataclass(frozen=True, slots=True)
class Counted:
    """A counter after a reservation: what is used of it and its cap, in minor units."""

    used: int
    cap: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """What both counters are to say once the amount is reserved."""

    day: Counted
    month: Counted


def reserve(
    amount: Money, row: TariffRow, *, day_used: int, month_used: int, now: datetime
) -> Reservation:
    """Add the amount to both windows; raise DailyLimitExceeded or MonthlyLimitExceeded.

    `day_used` and `month_used` are minor units reserved or paid so far.
    """
    if day_used + amount.minor > row.daily:
        raise DailyLimitExceeded(
            _sentence("day", row.money(row.daily), row.money(max(0, row.daily - day_used))),
            limit=row.money(row.daily),
            left=row.money(max(0, row.daily - day_used)),
            resets_at=day_ends(now),
        )
    if month_used + amount.minor > row.monthly:
        raise MonthlyLimitExceeded(
            _sentence("month", row.money(row.monthly), row.money(max(0, row.monthly - month_used))),
            limit=row.money(row.monthly),
            left=row.money(max(0, row.monthly - month_used)),
            resets_at=month_ends(now),
        )
    return Reservation(
        Counted(day_used + amount.minor, row.daily), Counted(month_used + amount.minor, row.monthly)
    )


def _sentence(window: str, limit: Money, left: Money) -> str:
    return f"The limit for a UTC {window} is {limit}; {left} is left."
