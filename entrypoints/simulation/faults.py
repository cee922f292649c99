"""Which faults strike, and when: drawn by the seed, counted, and over when the world is healed."""

from collections import Counter
from collections.abc import Callable
from random import Random

from entrypoints.simulation.plan import FaultKind, Plan

_ALL = 1_000.0


class Faults:
    """The faults of one run. on: the windows that are open now."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._draw: dict[FaultKind, Callable[[], float]] = {}
        self._rates = dict(plan.rates)
        self.struck: Counter[FaultKind] = Counter()
        self.on: set[FaultKind] = set()
        self.healed = False

    def possible(self, kind: FaultKind) -> bool:
        """Tell whether this run may have it now."""
        return not self.healed and kind in self._rates

    def strikes(self, kind: FaultKind) -> bool:
        """Tell whether it strikes on this occasion."""
        rate = self._rates.get(kind)
        if rate is None or self.healed:
            return False
        draw = self._draw.get(kind)
        if draw is None:
            draw = self._draw[kind] = self._plan.chance(kind).random
        if draw() * _ALL >= rate:
            return False
        self.struck[kind] += 1
        return True

    def is_on(self, kind: FaultKind) -> bool:
        """Tell whether something is happening inside such a window; that counts as a strike."""
        if kind not in self.on:
            return False
        self.struck[kind] += 1
        return True

    def heal(self) -> None:
        """Let nothing strike any more."""
        self.healed = True
        self.on.clear()

    def chance(self, name: str) -> Random:
        """Return a source of chance for how a fault goes."""
        return self._plan.chance(name)
