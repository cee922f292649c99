"""One measurement beside its limit, and what several rounds of it say together."""

from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Goal:
    """What a row is to reach: `least` or `most` of its ratio or, without a limit, of its value."""

    least: float | None = None
    most: float | None = None

    def met(self, value: float) -> bool:
        """Tell whether a value reaches it."""
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )

    def __str__(self) -> str:
        """Return it as a table shows it."""
        if self.least is not None:
            return f">= {self.least:g}"
        return f"<= {self.most:g}"


@dataclass(frozen=True, slots=True)
class Measured:
    """Ours and, where there is one, the limit that was measured next to it, in the same unit.

    goal: for the ratio ours / limit, or for ours where there is no limit. more: further figures.
    """

    name: str
    unit: str
    ours: float
    goal: Goal
    limit: float | None = None
    limit_name: str = ""
    more: dict[str, float] = field(default_factory=dict)

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

    def more(self) -> dict[str, float]:
        """Return the medians of the further figures."""
        return {name: median(each.more[name] for each in self.rounds) for name in self.first.more}
