"""`cashout simulate`: many schedules, what they showed, and the line that replays a failure."""

import time
from collections.abc import Iterator
from typing import Final

from entrypoints.cli.exits import Exit, Stopped
from entrypoints.cli.terminal import Terminal, Waiting
from entrypoints.simulation.campaign import Failure, Tally, fight, run_all
from entrypoints.simulation.crashes import double_crashes, single_crashes, stories
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
    with terminal.waiting("Running") as waiting:
        tally = fight(
            first, seeds, jobs=jobs, reduction=by, progress=lambda so_far: _tell(waiting, so_far)
        )
    unseen = tally.never_seen(by)
    failure = min(tally.failures, key=lambda each: each.seed, default=None)
    smallest = None
    if failure is not None:
        terminal.complain(f"seed {failure.seed}: {failure.broken.invariant}: {failure.broken.how}")
        terminal.say(f"Replay: cashout simulate --from {failure.seed} --seeds 1")
        smallest = _smallest(failure, by)
        terminal.say(f"Smaller: cashout simulate --from {failure.seed} --seeds 1 {smallest}")
    for each in unseen:
        terminal.complain(f"never happened in {tally.runs} schedules: {each}")
    if as_json:
        terminal.json(_document(first, tally, unseen, smallest))
    else:
        _report(terminal, tally)
    return Exit.FAILED if failure is not None or unseen else Exit.DONE


def explore(*, pairs: int, jobs: int, as_json: bool) -> int:
    """Die at every await of every scenario, then at a sample of all pairs."""
    terminal = Terminal()
    told = stories()
    all_pairs = sum(each.awaits**2 for each in told)
    singles = list(single_crashes(told))
    doubles = list(double_crashes(told, every=max(1, all_pairs // pairs))) if pairs else []
    terminal.say(
        f"{len(told)} scenarios, {len(singles)} awaits to die at,"
        f" {len(doubles)} of {all_pairs} pairs of them"
    )
    tally = run_all(singles + doubles, jobs)
    for each in tally.failures:
        terminal.complain(f"{each.where}: {each.broken.invariant}: {each.broken.how}")
    if as_json:
        terminal.json(_document(0, tally, [], None))
    else:
        _speed(terminal, tally)
    return Exit.FAILED if tally.failures else Exit.DONE


def _tell(waiting: Waiting, so_far: Tally) -> None:
    waiting.now(f"{so_far.runs} schedules, {so_far.per_minute} a minute and core")


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
