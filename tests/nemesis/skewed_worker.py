"""`cashout worker` on a machine whose clock is wrong: by the seconds in the file of CLOCK_OFF_BY.

The file is read each time the clock is looked at, so the clock jumps when it changes. Monotonic
time is left alone, as setting a machine's clock leaves it.
"""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.system import SystemClock
from entrypoints import lifespan
from entrypoints.cli import main

_OFF_BY = Path(os.environ["CLOCK_OFF_BY"])


class WrongClock(SystemClock):
    """The machine's clock, set wrong."""

    def now(self) -> datetime:
        """Return what the clock shows."""
        off_by = timedelta(seconds=float(_OFF_BY.read_text(encoding="ascii")))
        return datetime.now(UTC) + off_by


if __name__ == "__main__":
    lifespan.SystemClock = WrongClock  # type: ignore[attr-defined]
    sys.argv[1:] = ["worker"]
    main()
