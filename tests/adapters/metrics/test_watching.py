"""Watching: what a survey found is shown by one process, and gone when it is no longer known."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from adapters.memory.manual_time import ManualClock
from adapters.memory.store import MemoryStore
from adapters.memory.surveyor import MemorySurveyor
from adapters.memory.units import MemoryUnits
from adapters.metrics.catalogue import Figures
from adapters.metrics.figures import Closed
from adapters.metrics.watching import Surveying, watch_the_loop
from adapters.system import SystemClock
from application.ports import SILENCE, Conflict, StorageUnavailable
from application.ports.surveying import OpenGroup, Survey, Waiting
from application.survey import TakeSurvey
from domain.evidence import ReviewReason
from domain.states import Status
from tests.strategies import NOW, ORANGE

pytestmark = pytest.mark.anyio

EVERY = timedelta(seconds=15)
PROVIDERS = Closed([ORANGE])


def group(
    status: Status, minor: int, *, at_risk: bool, age: int, provider: str = ORANGE
) -> OpenGroup:
    since = NOW - timedelta(seconds=age)
    return OpenGroup(provider, "XOF", status, at_risk, "5m", 2, minor, since)


FOUND = Survey(
    at=NOW,
    groups=[
        group(Status.PENDING, 500, at_risk=False, age=100),
        group(Status.PROCESSING, 700, at_risk=True, age=90),
        group(Status.PROCESSING, 100, at_risk=True, age=80),
        group(Status.PENDING, 1, at_risk=False, age=1, provider="of another configuration"),
    ],
    reviews={ReviewReason.CONTRADICTION: Waiting(3, NOW - timedelta(hours=1))},
    untold=Waiting(4, NOW - timedelta(seconds=9)),
    orphans=Waiting(),
)


class Looks:
    """Surveys that are given, or faults."""

    def __init__(self, results: Sequence[Survey | Exception | None]) -> None:
        self._results = list(results)
        self.over = asyncio.Event()

    async def __call__(self) -> Survey | None:
        if not self._results:
            self.over.set()
            await asyncio.Event().wait()
        result = self._results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result


async def surveyed(*results: Survey | Exception | None) -> Figures:
    """Return the figures after so many rounds."""
    figures, looks, clock = Figures(), Looks(results), ManualClock(NOW)
    surveying = Surveying(figures, looks, EVERY, clock)
    running = asyncio.create_task(surveying.run(SILENCE, PROVIDERS))
    while not looks.over.is_set():
        await asyncio.sleep(0)
        clock.advance(EVERY)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return figures


async def test_what_is_open_and_at_risk_is_shown_by_whose_it_is() -> None:
    figures = await surveyed(FOUND)
    assert figures.open.at == {
        (ORANGE, "XOF", "pending", "5m"): 2,
        (ORANGE, "XOF", "processing", "5m"): 4,
        ("other", "XOF", "pending", "5m"): 2,
    }
    assert figures.open_amount.at == {(ORANGE, "XOF"): 1_300, ("other", "XOF"): 1}
    assert figures.exposure.at == {(ORANGE, "XOF"): 800}
    assert (figures.oldest.at[ORANGE,], figures.unknown_oldest.at[ORANGE,]) == (100, 90)
    assert figures.reviews.at["contradiction",] == 3
    assert figures.reviews.at["echo_mismatch",] == 0
    assert figures.reviews_oldest.at[()] == 3_600
    assert (figures.outbox.at[()], figures.outbox_oldest.at[()]) == (4, 9)
    assert (figures.orphans.at[()], figures.orphans_oldest.at[()]) == (0, 0)
    assert figures.capped.at == {("open",): 0, ("outbox",): 0, ("orphans",): 0}
    assert figures.surveyed_at.at[()] == NOW.timestamp()
    assert figures.database_up.at == {(): 1}


@pytest.mark.parametrize(
    ("then", "up"), [(None, 1), (Conflict("x"), 1), (StorageUnavailable("x"), 0)]
)
async def test_what_is_not_known_any_more_is_not_shown(then: Exception | None, up: int) -> None:
    figures = await surveyed(FOUND, then)
    assert figures.open.at == figures.exposure.at == figures.reviews.at == {}
    assert figures.surveyed_at.at == figures.outbox.at == {}
    assert figures.database_up.at == {(): up}


async def test_one_process_of_all_surveys_and_another_one_when_it_is_gone() -> None:
    store, clock = MemoryStore(), ManualClock(NOW)
    one, other = (
        TakeSurvey(MemoryUnits(store), MemorySurveyor(store), clock, UUID(int=number), EVERY)
        for number in (1, 2)
    )
    assert await one() is not None
    assert await other() is None
    clock.advance(EVERY)
    assert await one() is not None
    assert await other() is None
    clock.advance(4 * EVERY)
    assert await other() is not None
    assert await one() is None
    await other.stop()
    assert await one() is not None


async def test_a_loop_that_is_held_up_is_seen() -> None:
    figures, clock = Figures(), SystemClock()
    watching = asyncio.create_task(watch_the_loop(figures, clock))
    await asyncio.sleep(0)
    held_up_until = clock.elapsed() + timedelta(seconds=0.6)
    while clock.elapsed() < held_up_until:
        pass
    await asyncio.sleep(0.01)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert figures.loop_lag.sums[()] >= 0.3
