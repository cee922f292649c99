"""The clock of a race: it goes by how much of the race is run, so that every border is crossed."""

import asyncio
import mmap
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from tests.fire.tariff import BORDERS

AROUND = timedelta(seconds=2)
"""The race lives in the seconds before and after each border, and jumps from one to the next."""

_WORD = 8


def moment(share: float) -> datetime:
    """Return when it is once this share of the race (0..1) is run."""
    part = min(share, 0.999_999) * len(BORDERS)
    border = BORDERS[int(part)]
    return border - AROUND + 2 * AROUND * (part % 1)


class Progress:
    """How many requests of how many are answered: a file that all racers see, one word for each.

    A racer that is killed has left its count, and who comes after it goes on from there.
    """

    def __init__(self, path: Path, racers: int, total: int) -> None:
        self._total = total
        if not path.exists():
            path.write_bytes(bytes(racers * _WORD))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), racers * _WORD)
        self._counts = memoryview(self._shared).cast("Q")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._counts.release()
        self._shared.close()

    def of(self, racer: int) -> int:
        """Return how many this racer has done."""
        return self._counts[racer]

    def done(self, racer: int) -> None:
        """Count one more; each racer writes its own word only."""
        self._counts[racer] += 1

    @property
    def share(self) -> float:
        """How much of the whole is done, 0 to 1."""
        return sum(self._counts) / self._total


class RaceClock:
    """Implements `Clock`: the moment that the race has reached, as a machine off by `skew` has it.

    Without a progress it stands still at `stopped_at`.
    """

    def __init__(
        self,
        progress: Progress | None = None,
        skew: timedelta = timedelta(0),
        stopped_at: datetime = BORDERS[0],
    ) -> None:
        self._progress = progress
        self._skew = skew
        self.stopped_at = stopped_at

    def now(self) -> datetime:
        """Return the moment, in UTC."""
        if self._progress is None:
            return self.stopped_at
        return moment(self._progress.share) + self._skew

    def elapsed(self) -> timedelta:
        """Return the machine's monotonic time."""
        return timedelta(microseconds=time.monotonic_ns() // 1_000)

    async def sleep(self, duration: timedelta) -> None:
        """Wait, in real time."""
        await asyncio.sleep(duration.total_seconds())
