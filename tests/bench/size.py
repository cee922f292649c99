"""How long and how much: the same for all rows of a run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """seconds: of each measurement. backlog: cash-outs that workers and relays are given.

    rounds: how often all is measured. archive: ended cash-outs that are stored before reading is
    measured. sustained_s: how long the whole path is held at one rate.
    """

    seconds: float = 2.0
    warm_up_s: float = 0.5
    backlog: int = 4_000
    rounds: int = 3
    archive: int = 100_000
    sustained_s: float = 20.0
