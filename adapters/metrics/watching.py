"""Watching a process: how late its event loop is, what a survey found, and what it knows itself."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from adapters.metrics.catalogue import Figures
from adapters.metrics.counting import CURRENCY, REASONS, STATUS
from adapters.metrics.figures import Closed, Labels, Level
from application.ports import Clock, Conflict, Journal, Overloaded, StorageUnavailable
from application.ports.surveying import AGES, Survey
from domain.evidence import ReviewReason

LOOK_AT_LOOP_EVERY: Final = timedelta(milliseconds=250)
_AGES: Final = Closed(AGES)
Look = Callable[[], Awaitable[Survey | None]]


async def watch_the_loop(figures: Figures, clock: Clock) -> None:
    """Note how late the event loop wakes who has slept, until cancelled."""
    while True:
        due = clock.elapsed() + LOOK_AT_LOOP_EVERY
        await clock.sleep(LOOK_AT_LOOP_EVERY)
        figures.loop_lag.note(max((clock.elapsed() - due).total_seconds(), 0.0))


class Surveying:
    """Has a survey taken again and again, and shows what the last one found.

    What another process surveys is not shown here, nor what was found before the database went
    away: each figure comes from one process, and none is older than a round.
    """

    def __init__(self, figures: Figures, look: Look, every: timedelta, clock: Clock) -> None:
        self._figures, self._look, self._every, self._clock = figures, look, every, clock

    async def run(self, journal: Journal, providers: Closed) -> None:
        """Survey until cancelled."""
        while True:
            began = self._clock.elapsed()
            found = await self._survey(journal)
            self.show(found, self._clock.elapsed() - began, providers)
            await self._clock.sleep(self._every)

    async def _survey(self, journal: Journal) -> Survey | None:
        up = self._figures.database_up.at
        try:
            # The store has its own limits for how long that may take.
            found = await self._look()
        except (Conflict, Overloaded) as fault:
            # Somebody else got there first, or all are busy: it answers.
            up[()] = 1
            journal.fault("survey", fault)
        except StorageUnavailable as fault:
            up[()] = 0
            journal.fault("survey", fault)
        else:
            up[()] = 1
            return found
        return None

    def show(self, found: Survey | None, took: timedelta, providers: Closed) -> None:
        """Show what a survey found in place of what the last one did."""
        for each in self._shown():
            each.at.clear()
        if found is not None:
            figures = self._figures
            figures.surveyed_at.at[()] = found.at.timestamp()
            figures.survey_took.at[()] = took.total_seconds()
            self._show_open(found, providers)
            self._show_waiting(found)

    def _shown(self) -> tuple[Level, ...]:
        f = self._figures
        at_large = (f.surveyed_at, f.survey_took, f.capped, f.outbox, f.outbox_oldest)
        opened = (f.open, f.open_amount, f.exposure, f.oldest, f.unknown_oldest)
        return (*at_large, *opened, f.reviews, f.reviews_oldest, f.orphans, f.orphans_oldest)

    def _show_open(self, found: Survey, providers: Closed) -> None:
        figures = self._figures
        for group in found.groups:
            provider, currency = providers.of(group.provider), CURRENCY.of(group.currency)
            age = (found.at - group.oldest_at).total_seconds()
            status = STATUS.of(group.status)
            _add(figures.open, (provider, currency, status, _AGES.of(group.age)), group.count)
            _add(figures.open_amount, (provider, currency), group.minor)
            _raise(figures.oldest, (provider,), age)
            if group.at_risk:
                _add(figures.exposure, (provider, currency), group.minor)
                _raise(figures.unknown_oldest, (provider,), age)
        figures.capped.at["open",] = found.open_capped

    def _show_waiting(self, found: Survey) -> None:
        figures = self._figures
        figures.outbox.at[()] = found.untold.count
        figures.outbox_oldest.at[()] = _age(found.untold.oldest_at, found.at)
        figures.orphans.at[()] = found.orphans.count
        figures.orphans_oldest.at[()] = _age(found.orphans.oldest_at, found.at)
        reviews = found.reviews
        for reason in ReviewReason:
            waiting = reviews.get(reason)
            figures.reviews.at[REASONS.of(reason),] = waiting.count if waiting else 0
        oldest = [_age(each.oldest_at, found.at) for each in reviews.values()]
        figures.reviews_oldest.at[()] = max(oldest, default=0.0)
        figures.capped.at["outbox",] = found.untold.capped
        figures.capped.at["orphans",] = found.orphans.capped


def _add(level: Level, labels: Labels, value: float) -> None:
    level.at[labels] = level.at.get(labels, 0) + value


def _raise(level: Level, labels: Labels, value: float) -> None:
    level.at[labels] = max(level.at.get(labels, 0.0), value)


def _age(since: datetime | None, now: datetime) -> float:
    return max((now - since).total_seconds(), 0.0) if since is not None else 0.0
