"""The sandbox's clock: the real time and an offset that the control plane moves."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SandboxClock:
    """Tells the instant, in UTC. Only the offset can be changed, in both directions."""

    def __init__(self, real: Callable[[], datetime] = _utc_now) -> None:
        self._real = real
        self.offset = timedelta()

    def now(self) -> datetime:
        """Return the present as the sandbox sees it."""
        return self._real() + self.offset

    def advance(self, seconds: float) -> None:
        """Move the present by that many seconds; back when negative."""
        self.offset += timedelta(seconds=seconds)
