"""Surveys: what is open in the whole store and at risk, counted at a cost that has a bound."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from domain.evidence import ReviewReason
from domain.states import Status

AGES: Mapping[str, timedelta] = {
    "1m": timedelta(minutes=1),
    "5m": timedelta(minutes=5),
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "older": timedelta.max,
}
"""The bands of age, each by what its cash-outs are younger than."""
LOOKED_AT_MOST = 20_000
"""Rows of each kind that a survey looks at: where there are more, it says so."""


@dataclass(frozen=True, slots=True)
class OpenGroup:
    """Open cash-outs that are alike.

    at_risk: they may be paid, and nobody knows. age: a band of AGES. minor: what they amount to.
    """

    provider: str
    currency: str
    status: Status
    at_risk: bool
    age: str
    count: int
    minor: int
    oldest_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits of one kind: how many, at most LOOKED_AT_MOST, and since when."""

    count: int = 0
    oldest_at: datetime | None = None

    @property
    def capped(self) -> bool:
        """Tell whether there may be more."""
        return self.count >= LOOKED_AT_MOST


@dataclass(frozen=True, slots=True)
class Survey:
    """What one look at the store found. at: when. groups: what is open, of LOOKED_AT_MOST."""

    at: datetime
    groups: Sequence[OpenGroup]
    reviews: Mapping[ReviewReason, Waiting]
    untold: Waiting
    orphans: Waiting

    @property
    def open_capped(self) -> bool:
        """Tell whether more may be open than was counted."""
        return sum(group.count for group in self.groups) >= LOOKED_AT_MOST


class Surveyor(Protocol):
    """Reads by indexes over what is open or waits: it costs that, never what is stored."""

    async def survey(self, now: datetime) -> Survey:
        """Look once. Raises StorageUnavailable or Overloaded."""
        ...


def band_of(age: timedelta) -> str:
    """Return the band that an age belongs to."""
    return next(name for name, younger_than in AGES.items() if age < younger_than)
