"""A planted bug as data: what is made wrong, what that would cost, and who must notice."""

from collections.abc import Sequence
from dataclasses import dataclass

from entrypoints.simulation.world import Invariant

FIRST_SEED = 1
"""Where the simulator starts in every hunt: the same seeds for everybody, the control included."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """The simulator finds it: one of these invariants breaks within so many seeds."""

    seeds: int
    shows: frozenset[str]

    @property
    def order(self) -> tuple[str, ...]:
        """The command of `tests.planted.hunt` that looks for it."""
        return ("seeds", str(FIRST_SEED), str(self.seeds))


@dataclass(frozen=True, slots=True)
class Crashed:
    """The crash explorer finds it, by dying at every so-manieth await of every scenario."""

    every: int
    shows: frozenset[str]

    @property
    def order(self) -> tuple[str, ...]:
        """The command of `tests.planted.hunt` that looks for it."""
        return ("crashes", str(self.every))


@dataclass(frozen=True, slots=True)
class Asserted:
    """One of these tests finds it, by an assertion or by the exception that is named."""

    nodes: tuple[str, ...]
    shows: frozenset[str]

    @property
    def order(self) -> tuple[str, ...]:
        """The command of `tests.planted.hunt` that looks for it."""
        return ("tests", *self.nodes)


@dataclass(frozen=True, slots=True)
class Edit:
    """`old`, which is in `file` exactly once, becomes `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Bug:
    """One bug. name: what is wrong. costs: one sentence. `old` is in `file` exactly once.

    also: what else is changed, where two guards stand behind each other and one alone would do.
    """

    name: str
    costs: str
    file: str
    old: str
    new: str
    found: Simulated | Crashed | Asserted
    also: tuple[Edit, ...] = ()

    @property
    def edits(self) -> tuple[Edit, ...]:
        """Everything that is changed, in order."""
        return (Edit(self.file, self.old, self.new), *self.also)


def by_seeds(most: int, *shows: Invariant) -> Simulated:
    """Return that the simulator needs at most so many seeds to break one of these invariants."""
    return Simulated(most, frozenset(shows))


def by_crashes(every: int, *shows: Invariant) -> Crashed:
    """Return that the crash explorer breaks one of these invariants."""
    return Crashed(every, frozenset(shows))


def by_tests(*nodes: str, raises: Sequence[str] = ()) -> Asserted:
    """Return that a test among these fails.

    raises: names of exceptions of ours with which it may end, where the bug makes our code refuse.
    """
    return Asserted(nodes, frozenset({"AssertionError", "Failed", *raises}))
