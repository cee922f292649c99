"""One measurement beside its limit, and what several rounds of it say together."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Final


@dataclass(frozen=True, slots=True)
class Goal:
    """What a row is to reach: `least` or `most` of its ratio or, without a limit, of its value.

    A goal with neither is none: the row is there to compare others with.
    """

    least: float | None = None
    most: float | None = None

    def met(self, value: float) -> bool:
        """Tell whether a value reaches it."""
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )

    def share(self, value: float) -> float | None:
        """Return how far a value is on its way to the goal, reached from 1 on; None without way."""
        if self.least is not None:
            return value / self.least
        if self.most:
            return self.most / value if value > 0 else math.inf
        return None

    def __str__(self) -> str:
        """Return it as a table shows it."""
        if self.least is not None:
            return f"at least {self.least:g}"
        return "" if self.most is None else f"at most {self.most:g}"


def number(value: float) -> str:
    """Return a figure with as many digits as it deserves."""
    digits = next((n for n, from_ in ((0, 100), (1, 10), (2, 0.1)) if abs(value) >= from_), 3)
    return f"{value:,.{digits}f}"


REFERENCE: Final = Goal()


@dataclass(frozen=True, slots=True)
class Measured:
    """Ours and, where there is one, the limit that was measured next to it, in the same unit.

    goal: for the ratio ours / limit, or for ours where there is no limit. cpu_ms: processor time of
    one operation, by process. more: further figures. cores_full: no processor was left to do better
    with, for a goal that holds until then.
    """

    name: str
    unit: str
    ours: float
    goal: Goal
    limit: float | None = None
    limit_name: str = ""
    cpu_ms: Mapping[str, float] = field(default_factory=dict)
    more: Mapping[str, float] = field(default_factory=dict)
    cores_full: bool = False

    @property
    def judged(self) -> float:
        """What the goal is about."""
        return self.ours / self.limit if self.limit else self.ours


@dataclass(frozen=True, slots=True)
class Row:
    """All rounds of one measurement."""

    rounds: tuple[Measured, ...]

    @property
    def first(self) -> Measured:
        """A round, for what all of them share."""
        return self.rounds[0]

    @property
    def ours(self) -> float:
        """The median of ours."""
        return median(each.ours for each in self.rounds)

    @property
    def limit(self) -> float | None:
        """The median of the limit."""
        limits = [each.limit for each in self.rounds if each.limit is not None]
        return median(limits) if limits else None

    @property
    def judged(self) -> float:
        """The median of the ratios: each round's own, so that the machine's moods cancel."""
        return median(each.judged for each in self.rounds)

    @property
    def spread(self) -> tuple[float, float]:
        """The lowest and the highest ratio."""
        judged = [each.judged for each in self.rounds]
        return min(judged), max(judged)

    @property
    def met(self) -> bool:
        """Whether the median reaches the goal."""
        return self.first.goal.met(self.judged)

    @property
    def verdict(self) -> str:
        """`met`, `not met`, `cores full`, or nothing where there is no goal."""
        if self.first.goal == REFERENCE:
            return ""
        if self.met:
            return "met"
        return "cores full" if all(each.cores_full for each in self.rounds) else "not met"

    def cpu_ms(self) -> dict[str, float]:
        """Return the medians of the processor time of one operation, by process."""
        return _medians([each.cpu_ms for each in self.rounds])

    def more(self) -> dict[str, float]:
        """Return the medians of the further figures."""
        return _medians([each.more for each in self.rounds])


def _medians(rounds: list[Mapping[str, float]]) -> dict[str, float]:
    return {
        name: median(each[name] for each in rounds if name in each)
        for name in dict.fromkeys(name for each in rounds for name in each)
    }
