"""`cashout simulate`: many schedules, what they showed, and the line that replays a failure."""

import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from types import FrameType
from typing import Final

from entrypoints.cli.exits import Exit, Stopped
from entrypoints.cli.terminal import Terminal, Waiting
from entrypoints.simulation.campaign import Failure, Tally, fight, run_all, run_plans
from entrypoints.simulation.crashes import (
    Story,
    crash_of,
    double_crashes,
    single_crashes,
    stories,
)
from entrypoints.simulation.plan import FaultKind, Reduction, drawn
from entrypoints.simulation.shrink import shrink

_GROUPS: Final = (
    "transition",
    "attempt outcome",
    "verdict",
    "decision",
    "review",
    "event",
    "finding",
    "manner",
)
"""What is counted and shown beside the faults; scenarios are too many."""
_SAY_EVERY_S: Final = 30.0
"""How often progress is told where no terminal shows it: a log of a long run stays readable."""


def alone(others: Mapping[str, object], why: str) -> None:
    """Raise Stopped when one of these options was given: what is passed over in silence misleads.

    others: by name, None for what was not given. why: is told with the names.
    """
    given = [name for name, value in others.items() if value is not None]
    if given:
        raise Stopped(f"{why} {', '.join(given)}", code=Exit.USAGE)


def reduction_of(
    without: str, skip: str, *, users: int | None, cash_outs: int | None, processes: int | None
) -> Reduction:
    """Return what the options leave of each run; raise Stopped for what there is not."""
    names = [name.strip() for name in without.split(",") if name.strip()]
    unknown = [name for name in names if name not in set(FaultKind)]
    if unknown:
        raise Stopped(
            f"no such fault: {', '.join(unknown)}",
            f"the faults are: {', '.join(FaultKind)}",
            code=Exit.USAGE,
        )
    left_out = frozenset(FaultKind(name) for name in names)
    places = [place.strip() for place in skip.split(",") if place.strip()]
    if not all(place.isdecimal() for place in places):
        raise Stopped(f"--skip takes numbers between commas, not {skip}", code=Exit.USAGE)
    return Reduction(users, cash_outs, processes, left_out, frozenset(map(int, places)))


def fight_through(seeds: int, first: int | None, *, jobs: int, by: Reduction, as_json: bool) -> int:
    """Run the seeds, show what was covered, and make the first failure small."""
    terminal = Terminal()
    # Fresh ones every second: what was never tried may show what was never seen.
    first = time.time_ns() // 1_000_000 if first is None else first
    terminal.say(f"Seeds {first} to {first + seeds - 1}")
    with _progress(terminal, seeds) as progress:
        tally = fight(first, seeds, jobs=jobs, reduction=by, progress=progress.tell)
    failure = min(tally.failures, key=lambda each: each.seed, default=None)
    smallest = None if failure is None else _tell_failure(terminal, failure, by)
    left = seeds - tally.runs if failure is None else 0
    unseen = [] if left else tally.never_seen(by)
    for each in unseen:
        terminal.complain(f"never happened in {tally.runs} schedules: {each}")
    if as_json:
        terminal.json(_document(first, tally, unseen, smallest))
    else:
        _report(terminal, tally)
    if left:
        going_on = f"--from {first + tally.runs} --seeds {left} {by.options()}".rstrip()
        terminal.say(f"Stopped. Go on: cashout simulate {going_on}")
        return Exit.INTERRUPTED
    return Exit.FAILED if failure is not None or unseen else Exit.DONE


def explore(*, pairs: int, short: int, jobs: int, as_json: bool) -> int:
    """Die at every await of every scenario, at every pair of the short ones, and at a sample."""
    terminal = Terminal()
    told = stories()
    singles = sum(each.awaits for each in told)
    brief = [each for each in told if each.awaits <= short]
    others = [each for each in told if each.awaits > short] if pairs else []
    every = max(1, _pairs_of(others) // max(1, pairs))
    terminal.say(
        f"{len(told)} stories, {singles} awaits to die at; pairs of them: all {_pairs_of(brief)} of"
        f" {len(brief)} short stories, about {_pairs_of(others) // every} of"
        f" {_pairs_of(others)} of the others"
    )
    plans = chain(single_crashes(told), double_crashes(brief), double_crashes(others, every))
    most = singles + _pairs_of(brief) + _pairs_of(others) // every
    with _progress(terminal, most) as progress:
        tally = run_all(plans, jobs, progress.tell)
    _tell_crashes(terminal, tally, as_json=as_json)
    if tally.failures:
        return Exit.FAILED
    return Exit.INTERRUPTED if progress.stopped else Exit.DONE


def crash_again(written: str, *, as_json: bool) -> int:
    """Run one crash again, as the explorer has told it."""
    terminal = Terminal()
    try:
        plan = crash_of(written)
    except ValueError as fault:
        raise Stopped(
            f"--crash-at takes PROVIDER:SCENARIO:STORE:AWAITS, not {written}",
            "for example orange_money:304:server:12,40; STORE is file or server",
            code=Exit.USAGE,
        ) from fault
    tally = run_plans([plan])
    _tell_crashes(terminal, tally, as_json=as_json)
    return Exit.FAILED if tally.failures else Exit.DONE


def _tell_crashes(terminal: Terminal, tally: Tally, *, as_json: bool) -> None:
    for each in tally.failures:
        terminal.complain(f"{each.where}: {each.broken.invariant}: {each.broken.how}")
        terminal.say(f"Replay: {each.replay}")
    if as_json:
        terminal.json(_document(0, tally, [], None))
    else:
        _speed(terminal, tally)


def _pairs_of(told: Sequence[Story]) -> int:
    return sum(each.awaits**2 for each in told)


@dataclass(slots=True)
class _Progress:
    """Tells how a campaign stands, and whether it was asked to stop."""

    waiting: Waiting
    most: int
    stopped: bool = False
    said_at: float = 0.0

    def tell(self, so_far: Tally) -> bool:
        """Show it; return whether to go on."""
        now = time.monotonic()
        if self.waiting.spinner is not None or now - self.said_at >= _SAY_EVERY_S:
            self.said_at = now
            faults = sum(so_far.struck.values())
            self.waiting.now(
                f"{so_far.runs} of {self.most} schedules, {faults} faults,"
                f" {so_far.per_minute} schedules a minute and core"
            )
        return not self.stopped

    def stop(self, _signal: int, _frame: FrameType | None) -> None:
        """End after the schedules that are under way; asked again, end at once."""
        self.stopped = True
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _progress(terminal: Terminal, most: int) -> Iterator[_Progress]:
    """Yield who tells how it goes; Ctrl-C ends it with a report of what was done by then."""
    with terminal.waiting("Running") as waiting:
        progress = _Progress(waiting, most, said_at=time.monotonic())
        usual = signal.signal(signal.SIGINT, progress.stop)
        try:
            yield progress
        finally:
            signal.signal(signal.SIGINT, usual)


def _tell_failure(terminal: Terminal, failure: Failure, by: Reduction) -> str:
    """Tell what broke and the lines that replay it; return the options of the smaller one."""
    line = failure.replay
    terminal.complain(f"seed {failure.seed}: {failure.broken.invariant}: {failure.broken.how}")
    terminal.say(f"Replay: {line} {by.options()}".rstrip())
    smallest = _smallest(failure, by)
    terminal.say(f"Smaller: {line} {smallest}".rstrip())
    return smallest


def _smallest(failure: Failure, by: Reduction) -> str:
    plan = drawn(failure.seed).reduced(by)
    return by.joined(shrink(plan, failure.broken)).options()


def _report(terminal: Terminal, tally: Tally) -> None:
    terminal.table(("happened", "times"), list(_rows(tally)))
    _speed(terminal, tally)


def _rows(tally: Tally) -> Iterator[tuple[str, str]]:
    for kind in FaultKind:
        yield f"fault: {kind}", str(tally.struck[kind])
    for group in _GROUPS:
        for (of, name), times in sorted(tally.covered.items()):
            if of == group:
                yield f"{group}: {name}", str(times)


def _speed(terminal: Terminal, tally: Tally) -> None:
    days = tally.virtual_s / 86_400
    terminal.say(
        f"{tally.runs} schedules with {tally.cash_outs} cash-outs, {tally.turns} steps and"
        f" {days:.0f} days of virtual time, {tally.per_minute} schedules a minute and core"
    )
    if not tally.failures:
        terminal.say("Every invariant held.")


def _document(
    first: int, tally: Tally, unseen: list[str], smallest: str | None
) -> dict[str, object]:
    return {
        "from": first,
        "schedules": tally.runs,
        "cashOuts": tally.cash_outs,
        "steps": tally.turns,
        "virtualSeconds": round(tally.virtual_s),
        "perMinuteAndCore": tally.per_minute,
        "failures": [
            {"where": each.where, "invariant": each.broken.invariant, "how": each.broken.how}
            for each in tally.failures
        ],
        "smallest": smallest,
        "neverHappened": unseen,
        "faults": {kind: tally.struck[kind] for kind in FaultKind},
        "covered": {f"{of}: {name}": n for (of, name), n in sorted(tally.covered.items())},
    }
