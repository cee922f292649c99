"""What the nemesis may do, as a table, and the order that a seed draws from it."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import count


class Harm(StrEnum):
    """What can happen to the connections of a link."""

    RESET = "reset"
    STALL = "stall"
    TRUNCATE = "truncate"
    SLOW = "slow"
    BLACK_HOLE = "black hole"
    ANSWER_LOST = "answer lost"


class Deed(StrEnum):
    """What can happen to a process."""

    KILL = "kill"
    TERM = "term"
    PAUSE = "pause"
    CLOCK = "clock"


LINKS = ("provider", "database", "broker", "webhooks", "clients")
WORKER = "worker"
"""Stands for one of the workers: which one is drawn."""

Range = tuple[float, float]
"""The least and the most, in seconds."""


@dataclass(frozen=True, slots=True)
class Lane:
    """Faults that come one after the other. gap: before each. hold: how long each lasts."""

    name: str
    kinds: tuple[tuple[Deed | Harm, str], ...]
    gap: Range
    hold: Range


def _lane_of(link: str) -> Lane:
    return Lane(link, tuple((harm, link) for harm in Harm), gap=(1.5, 6.0), hold=(0.3, 2.5))


LEASE_S = 10.0
"""The shortest lease that the service gives."""

LANES = (
    Lane(
        "processes",
        (
            *((Deed.KILL, each) for each in ("api", WORKER, "postgres", "nats", "sandbox")),
            *((Deed.TERM, each) for each in ("api", WORKER)),
        ),
        gap=(0.2, 2.5),
        hold=(0.0, 1.5),
    ),
    Lane("pauses", ((Deed.PAUSE, WORKER),), gap=(2.0, 12.0), hold=(LEASE_S + 1, LEASE_S + 4)),
    Lane("clocks", ((Deed.CLOCK, WORKER),), gap=(2.0, 9.0), hold=(0.0, 0.0)),
    *(_lane_of(link) for link in LINKS),
)
"""Lanes run beside each other, so that faults of different lanes meet."""


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault of the plan.

    wait_s: since the lane's last one. share: of the connections that it hits. draw: from 0 to 1,
    for whatever else is to be chosen.
    """

    what: Deed | Harm
    target: str
    wait_s: float
    hold_s: float
    share: float
    draw: float

    @property
    def kind(self) -> str:
        """Return how it is counted."""
        return kind_of(self.what, self.target)


def kind_of(what: Deed | Harm, target: str) -> str:
    """Return how a fault is counted: what happened, and to whom."""
    return f"{what.value} {target}"


KINDS = tuple(kind_of(*each) for lane in LANES for each in lane.kinds)
"""Everything that has to happen at least once."""


def strikes(lane: Lane, seed: int) -> Iterator[Strike]:
    """Yield a lane's faults for ever: each kind once, in the seed's order, then as it draws."""
    chance = random.Random(f"{seed} {lane.name}")
    first = chance.sample(lane.kinds, len(lane.kinds))
    for number in count():
        is_first = number < len(first)
        what, target = first[number] if is_first else chance.choice(lane.kinds)
        yield Strike(
            what,
            target,
            wait_s=chance.uniform(*lane.gap),
            hold_s=chance.uniform(*lane.hold),
            # A link of few connections may have none in that half: the first one is to be felt.
            share=max(float(is_first), chance.choice((1.0, 1.0, 0.5))),
            draw=chance.random(),
        )
