"""The health of providers in memory."""

from collections.abc import Sequence
from datetime import datetime

from adapters.memory.store import Staging
from application.ports import Conflict, Observed
from domain.health import ProcessReport
from domain.measures import Bucket, Tally
from domain.standings import Standing


class MemoryHealth:
    """Implements `Health`."""

    def __init__(self, staging: Staging) -> None:
        self._now = staging

    async def add(self, buckets: Sequence[Bucket]) -> None:
        """Add counts to what is stored for the same route and start."""
        for each in buckets:
            place = (each.route, each.start)
            self._now.measured.put(place, (self._now.measured.get(place) or Tally()) + each.tally)

    async def report(self, report: ProcessReport) -> None:
        """Keep the latest report of a process."""
        self._now.reports.put(report.process, report)

    async def standings(self) -> list[Standing]:
        """Return every standing that was ever stored, by route."""
        found = [self._now.standings.get(each) for each in sorted(self._now.standings)]
        return [each for each in found if each is not None]

    async def observed(self, since: datetime, now: datetime) -> Observed:
        """Return the standings, the buckets from `since` on, and the reports."""
        reports = [self._now.reports.get(each) for each in sorted(self._now.reports)]
        return Observed(
            now,
            tuple(await self.standings()),
            tuple(self._from(since)),
            tuple(each for each in reports if each is not None),
        )

    async def buckets(self, provider: str, since: datetime, most: int) -> list[Bucket]:
        """Return the newest `most` buckets of a provider from `since` on, in order."""
        found = [each for each in self._from(since) if each.route.provider == provider]
        return sorted(found, key=lambda each: (each.start, each.route))[-most:]

    async def save(self, standings: Sequence[Standing]) -> None:
        """Store standings; raise Conflict unless each follows the stored version."""
        for each in standings:
            stored = self._now.standings.get(each.route)
            if each.version != (stored.version if stored else 0) + 1:
                self._now.broken = True
                raise Conflict("a standing was changed meanwhile")
            self._now.standings.put(each.route, each)

    async def prune(self, before: datetime, most: int) -> int:
        """Remove up to `most` buckets that start before, and old reports; return how many."""
        old = sorted((each for each in self._now.measured if each[1] < before), key=_by_start)
        for place in old[:most]:
            self._now.measured.remove(place)
        for process in list(self._now.reports):
            report = self._now.reports.get(process)
            if report is not None and report.at < before:
                self._now.reports.remove(process)
        return len(old[:most])

    def _from(self, since: datetime) -> list[Bucket]:
        """Return the buckets from a moment on, in order."""
        places = sorted((each for each in self._now.measured if each[1] >= since), key=_by_start)
        found = ((*place, self._now.measured.get(place)) for place in places)
        return [Bucket(route, start, tally) for route, start, tally in found if tally is not None]


def _by_start(place: tuple[object, datetime]) -> tuple[datetime, object]:
    return place[1], place[0]
