"""Watch health: write down what was measured, judge it, and read what all processes know."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from application.board import Board, corridors_of
from application.lanes import Lanes
from application.measuring import Meter
from application.ports import (
    SILENCE,
    Clock,
    Conflict,
    Journal,
    Nudge,
    Observed,
    Overloaded,
    StorageUnavailable,
    Unit,
    Units,
    Work,
)
from application.ports.health import HEARD_BY_NOBODY, HealthJournal, UnreadableStandings
from domain.corridors import Catalogue
from domain.health import HealthPolicy, ProcessReport, evaluated
from domain.health_events import health_changed
from domain.measures import Bucket
from domain.standings import Route, Standing

LEASE_NAME: Final = "health"
LEASE: Final = timedelta(seconds=10)
PRUNED_EVERY: Final = timedelta(minutes=10)
PRUNED_MOST: Final = 5_000


@dataclass(slots=True)
class WatchHealth:
    """One process's look at health, every `policy.look`. One process at a time judges.

    process: who this is. What could not be written is lost: the counts of two seconds.
    """

    units: Units
    catalogue: Catalogue
    lanes: Lanes
    board: Board
    meter: Meter
    clock: Clock
    nudge: Nudge
    process: UUID
    journal: HealthJournal = HEARD_BY_NOBODY
    policy: HealthPolicy = field(default_factory=HealthPolicy)
    faults: Journal = SILENCE
    _tripped: bool = False
    _unread: dict[Route, Standing] = field(default_factory=dict)
    _pruned_at: timedelta | None = None

    async def __call__(self) -> int:
        """Look once; return how many standings changed by it.

        Raises Conflict, Overloaded or StorageUnavailable: the board shows what it showed then, and
        what is stored already when it showed nothing.
        """
        if self.board.read_at is None:
            await self._read()
        buckets, report = self.meter.take(), self._report()
        async with self.units.begin() as unit:
            observed, changed = await self._look(unit, buckets, report)
        self._tripped = bool(report.trips)
        before = {each.route: each for each in observed.standings}
        after = {**before, **{each.route: each for each in changed}}
        self._show(after.values())
        for each in changed:
            self.journal.health_changed(before.get(each.route, Standing(each.route)), each)
        if changed:
            self.nudge.work(Work.RELAY, Work.SUBMIT)
        return len(changed)

    async def run(self) -> None:
        """Look for ever, where no worker does; a store that is away is told and got over."""
        while True:
            try:
                await self()
            except (Conflict, Overloaded, StorageUnavailable) as fault:
                self.faults.fault(Work.HEALTH, fault)
            await self.clock.sleep(self.policy.look)

    async def _read(self) -> None:
        """Put up what is stored, and have sent what waited for that.

        By itself: whatever may be wrong with a look, a process that starts learns what is closed.
        """
        async with self.units.begin() as unit:
            standings = await unit.health.standings()
        self._show(standings)
        self.nudge.work(Work.SUBMIT)

    def _show(self, standings: Collection[Standing]) -> None:
        """Put up a newer snapshot; what cannot be read in it is told when it comes up."""
        self.board.show(standings, self.clock.now())
        unread = {each.route: each for each in standings if each.unread}
        news = [each for route, each in unread.items() if self._unread.get(route) != each]
        self._unread = unread
        if news:
            self.faults.fault(Work.HEALTH, UnreadableStandings(news))

    def _report(self) -> ProcessReport:
        at = self.clock.elapsed()
        trips = {
            route: why for lane in self.lanes.values() for route, why in lane.trips(at).items()
        }
        return ProcessReport(self.process, self.clock.now(), tuple(sorted(self.lanes)), trips)

    async def _look(
        self, unit: Unit, buckets: Sequence[Bucket], report: ProcessReport
    ) -> tuple[Observed, list[Standing]]:
        if buckets:
            await unit.health.add(buckets)
        if buckets or report.trips or self._tripped:
            # Who has sent nothing lately knows nothing, and has no say in whether others are right.
            await unit.health.report(report)
        now = self.clock.now()
        observed = await unit.health.observed(self.policy.start_of(now - self.policy.window), now)
        if not _is_worth_judging(observed) or not await self._may_judge(unit, now):
            return observed, []
        changed = self._judged(observed)
        if changed:
            await unit.health.save(changed)
            before = {each.route: each for each in observed.standings}
            await unit.outbox.add(
                [
                    health_changed(before.get(each.route, Standing(each.route)), each)
                    for each in changed
                ]
            )
        await self._prune(unit, now)
        return observed, changed

    def _judged(self, observed: Observed) -> list[Standing]:
        corridors: list[Route] = []
        for provider in self.catalogue.providers.values():
            if provider.available:
                corridors += corridors_of(provider)
        return evaluated(
            {each.route: each for each in observed.standings},
            corridors,
            observed.buckets,
            observed.reports,
            observed.now,
            self.policy,
        )

    async def _may_judge(self, unit: Unit, now: datetime) -> bool:
        return await unit.leases.take(LEASE_NAME, self.process, now, now + LEASE)

    async def _prune(self, unit: Unit, now: datetime) -> None:
        at = self.clock.elapsed()
        if self._pruned_at is not None and at - self._pruned_at < PRUNED_EVERY:
            return
        self._pruned_at = at
        await unit.health.prune(now - self.policy.keep, PRUNED_MOST)


def _is_worth_judging(observed: Observed) -> bool:
    """Tell whether anything can change: idle processes write nothing at all."""
    trips = any(report.trips for report in observed.reports)
    return bool(observed.buckets) or trips or any(each.parked for each in observed.standings)
