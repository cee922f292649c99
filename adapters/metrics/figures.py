"""Three kinds of figures, cheap enough to be kept on the way of every request.

Counting is adding to a dict in the one thread of the event loop; the client library sees the
figures only when they are asked for. A label's value is one of a closed set: see `Closed`.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

Labels = tuple[str, ...]
"""The values of a figure's labels, in the order of their names."""
OTHER: Final = "other"
NONE: Final = "none"


class Closed:
    """The values that a label may have; anything else is `other`: no id, number or name gets in."""

    def __init__(self, values: Iterable[str]) -> None:
        self._values: Mapping[str, str] = {str(each): str(each) for each in values}

    def of(self, value: str | None) -> str:
        """Return the value as plain text, `other` for what is not expected, `none` for nothing."""
        return self._values.get(value, OTHER) if value else NONE

    def __iter__(self) -> Iterator[str]:
        """Yield what is expected, in the order it was given."""
        return iter(self._values)

    def __contains__(self, value: str) -> bool:
        """Tell whether a label may say this."""
        return value in self._values or value in {OTHER, NONE}


class Count:
    """How often something has happened."""

    def __init__(self, name: str, what: str, *labels: str) -> None:
        self.name, self.what, self.labels = name, what, labels
        self.at: defaultdict[Labels, float] = defaultdict(int)
        """Adding to it is counting."""

    @property
    def names(self) -> set[str]:
        """The names of its series."""
        return {f"{self.name}_total"}

    def family(self) -> Metric:
        """Return it as it is now."""
        family = CounterMetricFamily(self.name, self.what, labels=self.labels)
        for labels, value in self.at.items():
            family.add_metric(labels, value)
        return family


class Level:
    """How much of something there is; filled when it is asked for, or by a survey."""

    def __init__(self, name: str, what: str, *labels: str) -> None:
        self.name, self.what, self.labels = name, what, labels
        self.at: dict[Labels, float] = {}

    @property
    def names(self) -> set[str]:
        """The names of its series."""
        return {self.name}

    def family(self) -> Metric:
        """Return it as it is now."""
        family = GaugeMetricFamily(self.name, self.what, labels=self.labels)
        for labels, value in self.at.items():
            family.add_metric(labels, value)
        return family


class Spread:
    """How values are spread over ranges. bounds: their upper ends, included."""

    def __init__(self, name: str, what: str, bounds: Sequence[float], *labels: str) -> None:
        self.name, self.what, self.labels = name, what, labels
        self.bounds = tuple(bounds)
        self.at: dict[Labels, list[int]] = {}
        self.sums: defaultdict[Labels, float] = defaultdict(float)

    @property
    def names(self) -> set[str]:
        """The names of its series."""
        return {f"{self.name}_{part}" for part in ("bucket", "sum", "count")}

    def note(self, value: float, labels: Labels = ()) -> None:
        """Add a value."""
        counts = self.at.get(labels)
        if counts is None:
            counts = self.at[labels] = [0] * (len(self.bounds) + 1)
        counts[bisect_left(self.bounds, value)] += 1
        self.sums[labels] += value

    def family(self) -> Metric:
        """Return it as it is now."""
        family = HistogramMetricFamily(self.name, self.what, labels=self.labels)
        ends = [*map(repr, map(float, self.bounds)), "+Inf"]
        for labels, counts in self.at.items():
            buckets = list(zip(ends, accumulate(counts), strict=True))
            family.add_metric(labels, buckets, self.sums[labels])
        return family


Figure = Count | Level | Spread
