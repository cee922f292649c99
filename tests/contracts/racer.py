"""A process that races for one limit: `python -m tests.contracts.racer URL NAME COUNT CAP`.

It tries to reserve one minor unit COUNT times, each in a transaction of its own, several at once,
and prints how many times there was room.
"""

import asyncio
import sys

from application.ports import Conflict, Overloaded, Units
from domain.limits import Counted, Slot
from tests.contracts.stores import in_database

AT_ONCE = 5


def slots(user_id: str) -> list[Slot]:
    """Return the day and the month that are raced for."""
    return [Slot(user_id, "orange_money", "XOF", window) for window in ("2026-11", "2026-11-23")]


async def reserve_one(units: Units, user_id: str, cap: int) -> bool:
    """Reserve one minor unit of both windows; tell whether there was room."""
    while True:
        try:
            async with units.begin() as unit:
                used = await unit.limits.lock(slots(user_id))
                if any(each >= cap for each in used.values()):
                    return False
                taken = {slot: Counted(each + 1, cap) for slot, each in used.items()}
                await unit.limits.write(taken)
        except (Conflict, Overloaded):
            continue
        return True


async def race(url: str, user_id: str, count: int, cap: int) -> int:
    """Return how many of `count` reservations fitted."""
    store = in_database("postgres" if url.startswith("postgresql") else "sqlite", url)
    room = asyncio.Semaphore(AT_ONCE)

    async def one() -> bool:
        async with room:
            return await reserve_one(store.units, user_id, cap)

    fitted = await asyncio.gather(*(one() for _ in range(count)))
    assert store.database is not None
    await store.database.close()
    return sum(fitted)


if __name__ == "__main__":
    print(asyncio.run(race(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))  # noqa: T201 -- read by the test
