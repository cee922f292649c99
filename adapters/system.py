"""The real clock and real chance."""

import asyncio
import base64
import secrets
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from uuid_utils.compat import uuid7


class SystemClock:
    """Implements `Clock` with the machine's clocks."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)

    def elapsed(self) -> timedelta:
        """Return the monotonic time; setting the wall clock does not move it."""
        return timedelta(0, 0, time.monotonic_ns() // 1_000)

    async def sleep(self, duration: timedelta) -> None:
        """Wait this long."""
        await asyncio.sleep(duration.total_seconds())


class SystemChance:
    """Implements `Chance`."""

    def cash_out_id(self) -> UUID:
        """Return a new UUIDv7: later ones sort behind earlier ones, also inside a millisecond."""
        return uuid7()

    def token(self) -> UUID:
        """Return a new random UUIDv4."""
        return uuid4()

    def reference(self) -> str:
        """Return `CASH-` and 26 base32 characters of a UUIDv7: unique, upper-case, path-safe."""
        drawn = base64.b32encode(uuid7().bytes).decode("ascii")
        return f"CASH-{drawn.rstrip('=')}"

    def permille(self) -> int:
        """Return an evenly spread integer from -1000 to 1000."""
        return secrets.randbelow(2001) - 1000
