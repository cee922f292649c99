"""What is stored about the health of providers: standings, what was measured, who reports."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.health import ProcessReport
from domain.measures import Bucket
from domain.standings import Standing


@dataclass(frozen=True, slots=True)
class Observed:
    """What a judgement is made from. now: by the store's clock where it has one."""

    now: datetime
    standings: tuple[Standing, ...]
    buckets: tuple[Bucket, ...]
    reports: tuple[ProcessReport, ...]


class UnreadableStandings(Exception):
    """Stored standings in words that this version does not know: they count as closed."""

    def __init__(self, standings: Iterable[Standing]) -> None:
        super().__init__(", ".join(f"{each.route}: {each.unread}" for each in standings))


class Health(Protocol):
    """The stored health. Every method takes many and costs a fixed number of statements."""

    async def add(self, buckets: Sequence[Bucket]) -> None:
        """Add counts to what is stored for the same route and start."""
        ...

    async def report(self, report: ProcessReport) -> None:
        """Keep the latest report of a process in place of its last one."""
        ...

    async def standings(self) -> list[Standing]:
        """Return every standing that was ever stored, by route.

        One in words that are not known here is closed by hand, and has them in `unread`.
        """
        ...

    async def observed(self, since: datetime, now: datetime) -> Observed:
        """Return the standings, the buckets that start from `since` on, and the reports.

        `now` is used by stores that have no clock of their own, and `since` moves with theirs.
        """
        ...

    async def buckets(self, provider: str, since: datetime, most: int) -> list[Bucket]:
        """Return the newest `most` buckets of a provider that start from `since` on, in order."""
        ...

    async def save(self, standings: Sequence[Standing]) -> None:
        """Store standings; raise Conflict unless each follows the stored version."""
        ...

    async def prune(self, before: datetime, most: int) -> int:
        """Remove up to `most` buckets that start before, and old reports; return how many."""
        ...


class HealthJournal(Protocol):
    """Where a person reads how providers are."""

    def health_changed(self, before: Standing, after: Standing) -> None:
        """Tell of a change that has been committed."""
        ...


class _Nobody:
    """The journal that nobody reads."""

    def health_changed(self, before: Standing, after: Standing) -> None:
        """Say nothing."""


HEARD_BY_NOBODY = _Nobody()
