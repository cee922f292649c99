"""How long and how much: the same for all rows of a run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """seconds: of each measurement. backlog: cash-outs that workers and relays are given.

    archive: ended cash-outs that are stored before reading is measured.
    """

    seconds: float = 5.0
    warm_up_s: float = 1.0
    backlog: int = 10_000
    archive: int = 1_000_000
