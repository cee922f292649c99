"""Time and chance under control: a clock that is moved by hand, and dice that are seeded."""

import asyncio
import base64
import heapq
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

START = datetime(2026, 1, 1, tzinfo=UTC)


class ManualClock:
    """Implements `Clock`. It stands still until it is advanced.

    Sleepers wake in the order of their time, those of one time in the order they fell asleep.
    """

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._elapsed = timedelta(0)
        self._sleepers: list[tuple[timedelta, int, asyncio.Future[None]]] = []
        self._naps = 0

    def now(self) -> datetime:
        """Return the moment it was moved to."""
        return self._now

    def elapsed(self) -> timedelta:
        """Return how far it was advanced in all; setting the wall clock does not count."""
        return self._elapsed

    async def sleep(self, duration: timedelta) -> None:
        """Wait until the clock was advanced this far; not at all for zero or less."""
        if duration <= timedelta(0):
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        self._naps += 1
        heapq.heappush(self._sleepers, (self._elapsed + duration, self._naps, woken))
        await woken

    def advance(self, duration: timedelta) -> None:
        """Move on, and wake those whose time has come."""
        self._now += duration
        self._elapsed += duration
        while self._sleepers and self._sleepers[0][0] <= self._elapsed:
            _, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)

    def set_wall(self, now: datetime) -> None:
        """Set the wall clock, forward or back, as an operator or NTP may; nobody wakes by that."""
        self._now = now

    def until_next(self) -> timedelta | None:
        """Return how long until the next sleeper wakes; None when nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] - self._elapsed if self._sleepers else None


class SeededChance:
    """Implements `Chance`: the same seed gives the same ids, references and jitter."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 -- repeatable on purpose, never in production
        self._made = 0

    def cash_out_id(self) -> UUID:
        """Return a new id in the form of a UUIDv7; later ones sort behind earlier ones."""
        self._made += 1
        tail = self._random.getrandbits(62)
        return UUID(int=self._made << 80 | 0x7 << 76 | 0b10 << 62 | tail)

    def token(self) -> UUID:
        """Return a new token in the form of a UUIDv4."""
        return UUID(int=self._random.getrandbits(128), version=4)

    def reference(self) -> str:
        """Return a new unique reference in the form of the real ones."""
        drawn = base64.b32encode(self._random.randbytes(16)).decode()
        return f"CASH-{drawn.rstrip('=')}"

    def permille(self) -> int:
        """Return an evenly spread integer from -1000 to 1000."""
        return self._random.randint(-1000, 1000)
