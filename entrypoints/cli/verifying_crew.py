"""Several processes that check spans of one snapshot: each opens the same moment for itself."""

import asyncio
import gc
import multiprocessing
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from adapters.sql.books import UNHURRIED, SqlBooks
from adapters.sql.database import open_database
from application.ports.books import Span
from application.verify import Bounds, Tally, check

APPLICATION: Final = "cashout verify"
_SHARE: Final = 5
"""Spans that a process takes at a time: a second's work or less, so that all end together."""
_MOST_JOBS: Final = 64

Places = Sequence[tuple[int, Span]]


def usual_jobs() -> int:
    """Return how many processes are worth while: one for each core that we may use."""
    return max(1, min(_MOST_JOBS, len(os.sched_getaffinity(0))))


@contextmanager
def collected_afterwards() -> Iterator[None]:
    """Look for cycles only at the end: what is read has none, and looking doubles the work."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect()


@dataclass(frozen=True, slots=True)
class ProcessCrew:
    """A `Crew` of so many processes over the database of a URL."""

    url: str
    jobs: int

    async def __call__(
        self, key: str, spans: Sequence[Span], bounds: Bounds
    ) -> AsyncIterator[tuple[int, Tally]]:
        """Yield what was seen of each span with its place, as the processes come to an end."""
        placed = list(enumerate(spans))
        shares = [placed[start : start + _SHARE] for start in range(0, len(placed), _SHARE)]
        loop = asyncio.get_running_loop()
        # Spawned, not forked: a copy of open connections would speak on them.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self.jobs, mp_context=context) as pool:
            running = [
                loop.run_in_executor(pool, check_spans, self.url, key, share, bounds)
                for share in shares
            ]
            try:
                for done in asyncio.as_completed(running):
                    for place, tally in await done:
                        yield place, tally
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


def check_spans(url: str, key: str, spans: Places, bounds: Bounds) -> list[tuple[int, Tally]]:
    """Check spans of a snapshot that another process keeps open; raise StorageUnavailable."""
    with collected_afterwards():
        return asyncio.run(_check_spans(url, key, spans, bounds))


async def _check_spans(
    url: str, key: str, spans: Places, bounds: Bounds
) -> list[tuple[int, Tally]]:
    database = open_database(url, UNHURRIED, application=APPLICATION)
    try:
        async with SqlBooks(database).open(key) as snapshot:
            return [(place, check(await snapshot.shelf(span), bounds)) for place, span in spans]
    finally:
        await database.close()
