"""A campaign: many seeds, on as many cores as wanted, and what they showed together."""

import gc
import multiprocessing
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from entrypoints.simulation.coverage import ENOUGH_SEEDS, missing
from entrypoints.simulation.crashes import crash_at
from entrypoints.simulation.plan import FaultKind, Plan, Reduction, drawn
from entrypoints.simulation.run import Result, Run
from entrypoints.simulation.world import Broken

_SHARE: Final = 25
"""Runs that one core makes at a time: about a second, which is how soon a stop is heard."""
_AHEAD: Final = 4
"""Shares that wait for each core; more would only fill the memory."""
_FAILURES_KEPT: Final = 20


Progress = Callable[["Tally"], bool]
"""Is shown how it stands after each share; tells whether to go on."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A run in which an invariant did not hold."""

    plan: Plan
    broken: Broken

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return self.plan.seed

    @property
    def where(self) -> str:
        """Which run it was."""
        if not self.plan.fuses:
            return f"seed {self.seed}"
        return f"{crash_at(self.plan)}, dying there"

    @property
    def replay(self) -> str:
        """The command that runs it again."""
        if not self.plan.fuses:
            return f"cashout simulate --from {self.seed} --seeds 1"
        return f"cashout simulate --crash-at {crash_at(self.plan)}"


@dataclass(slots=True)
class Tally:
    """What many runs showed. cpu_s: the seconds that they took, on all cores together."""

    runs: int = 0
    cash_outs: int = 0
    turns: int = 0
    virtual_s: float = 0.0
    cpu_s: float = 0.0
    covered: Counter[tuple[str, str]] = field(default_factory=Counter)
    struck: Counter[FaultKind] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    def count(self, result: Result) -> None:
        """Add one run."""
        self.runs += 1
        self.cash_outs += result.cash_outs
        self.turns += result.turns
        self.virtual_s += result.virtual_s
        self.covered.update(result.covered)
        self.struck.update(result.struck)
        if result.broken is not None and len(self.failures) < _FAILURES_KEPT:
            self.failures.append(Failure(result.plan, result.broken))

    def add(self, other: "Tally") -> None:
        """Add what another core did."""
        self.runs += other.runs
        self.cash_outs += other.cash_outs
        self.turns += other.turns
        self.virtual_s += other.virtual_s
        self.cpu_s += other.cpu_s
        self.covered.update(other.covered)
        self.struck.update(other.struck)
        room = _FAILURES_KEPT - len(self.failures)
        self.failures += other.failures[:room]

    @property
    def per_minute(self) -> int:
        """How many schedules a core makes in a minute."""
        return round(self.runs / self.cpu_s * 60) if self.cpu_s else 0

    def never_seen(self, reduction: Reduction) -> list[str]:
        """Return what should have happened and did not; empty where too few seeds were run."""
        if self.runs < ENOUGH_SEEDS or reduction != Reduction(without=reduction.without):
            return []
        return list(missing(self.covered, self.struck, reduction.without, self.runs))


def fight(
    first: int,
    seeds: int,
    *,
    jobs: int = 1,
    reduction: Reduction | None = None,
    progress: Progress | None = None,
) -> Tally:
    """Run the seeds from `first` on, in order; stop early where something is broken.

    The tally says how far it came: `runs` seeds from the first on.
    """
    by = reduction or Reduction()
    shares = ((start, number, by) for start, number in _shares(first, seeds))
    return _together(run_seeds, shares, jobs, progress, to_the_last=False)


def run_all(plans: Iterable[Plan], jobs: int = 1, progress: Progress | None = None) -> Tally:
    """Run these plans to the last, whatever breaks."""
    left = iter(plans)
    shares = ((share,) for share in iter(lambda: list(islice(left, _SHARE)), []))
    return _together(run_plans, shares, jobs, progress, to_the_last=True)


def _together(
    work: Callable[..., Tally],
    shares: Iterable[tuple[object, ...]],
    jobs: int,
    progress: Progress | None,
    *,
    to_the_last: bool,
) -> Tally:
    whole = Tally()
    for tally in _spread(work, shares, jobs):
        whole.add(tally)
        goes_on = progress is None or progress(whole)
        if not goes_on or (whole.failures and not to_the_last):
            break
    return whole


def _shares(first: int, seeds: int) -> Iterator[tuple[int, int]]:
    for start in range(first, first + seeds, _SHARE):
        yield start, min(_SHARE, first + seeds - start)


def _spread(
    work: Callable[..., Tally], shares: Iterable[tuple[object, ...]], jobs: int
) -> Iterator[Tally]:
    """Yield what comes of each share, in order, from as many processes as there are jobs."""
    if jobs <= 1:
        for share in shares:
            yield work(*share)
        return
    # Fresh interpreters: nothing of this one, threads included, is carried over.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        ahead: deque[Future[Tally]] = deque()
        try:
            for share in shares:
                with _deaf_to_stopping():
                    ahead.append(pool.submit(work, *share))
                if len(ahead) >= jobs * _AHEAD:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _deaf_to_stopping() -> Iterator[None]:
    """Start processes that leave it to this one what Ctrl-C means: a terminal tells them all."""
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


def run_seeds(first: int, number: int, by: Reduction) -> Tally:
    """Run some seeds in this process."""
    return run_plans(drawn(seed).reduced(by) for seed in range(first, first + number))


def run_plans(plans: Iterable[Plan]) -> Tally:
    """Run some plans in this process; what each leaves behind is collected at once.

    While it is small that costs a quarter of what it costs when many runs lie about.
    """
    tally, began = Tally(), time.process_time()
    was_enabled = gc.isenabled()
    gc.disable()
    # What is there before is none of the runs' garbage: looking through it would cost the most.
    gc.freeze()
    try:
        for plan in plans:
            tally.count(Run(plan).go())
            gc.collect(1)
    finally:
        gc.unfreeze()
        if was_enabled:
            gc.enable()
    tally.cpu_s = time.process_time() - began
    return tally
