"""Plant each known bug in a copy of this repository and see that it is found.

    python -m tests.planted [--only NAME] [--jobs N]

NAME is a part of a bug's name. First the same seeds and tests are run with nothing planted: they
must find nothing. Ends with 1 when a bug is not found, when something is found where there is
nothing, or when no bug has that name.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from tests.planted.bug import FIRST_SEED, Asserted, Bug, Crashed, Simulated
from tests.planted.catalogue import BUGS
from tests.planted.tree import Misplanted, Report, copy_into, hunt, planted

LONGEST_S = 240.0
"""For one bug: a busy machine takes ten times as long as an idle one."""
LONGEST_CONTROL_S = 1_200.0


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: what was planted, whether it went as it must, and what was seen."""

    name: str
    is_right: bool
    by: str
    what: str
    seconds: float


def find(tree: Path, bug: Bug) -> Row:
    """Plant one bug in a copy, look for it as the catalogue says, and take it out again."""
    try:
        with planted(tree, bug):
            report = hunt(tree, bug.found.order, LONGEST_S)
    except Misplanted as fault:
        return Row(bug.name, is_right=False, by="-", what=str(fault), seconds=0.0)
    catch = report.catch
    if not catch.kind:
        what = report.trouble or "not found"
        return Row(bug.name, is_right=False, by="-", what=what, seconds=report.seconds)
    is_right = catch.kind in bug.found.shows
    how = catch.how if isinstance(bug.found, Asserted) else f"{catch.kind}: {catch.how}"
    what = how if is_right else f"not by what was expected, but by {catch.kind}: {catch.how}"
    return Row(bug.name, is_right, catch.where, what, report.seconds)


def controls(bugs: Sequence[Bug]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield every hunt that is made for these bugs, joined: to be made with nothing planted."""
    seeds = [bug.found.seeds for bug in bugs if isinstance(bug.found, Simulated)]
    every = [bug.found.every for bug in bugs if isinstance(bug.found, Crashed)]
    nodes = {node for bug in bugs if isinstance(bug.found, Asserted) for node in bug.found.nodes}
    if seeds:
        last = FIRST_SEED + max(seeds) - 1
        yield f"seeds {FIRST_SEED} to {last}", ("seeds", str(FIRST_SEED), str(max(seeds)))
    for number in sorted(set(every)):
        yield f"crashes at every {number}th await", ("crashes", str(number))
    if nodes:
        yield f"{len(nodes)} tests and files of tests", ("tests", *sorted(nodes))


def control(tree: Path, name: str, order: tuple[str, ...]) -> Row:
    """Make a hunt with nothing planted: it must find nothing."""
    report: Report = hunt(tree, order, LONGEST_CONTROL_S)
    catch, nothing = report.catch, not report.catch.kind and not report.trouble
    what = "holds" if nothing else report.trouble or f"{catch.where}: {catch.kind}: {catch.how}"
    return Row("(nothing planted)", nothing, name, what, report.seconds)


def rows(bugs: Sequence[Bug], jobs: int) -> Iterator[Row]:
    """Yield the controls, then one row for each bug, in order; each job has its own copy."""
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        free: SimpleQueue[Path] = SimpleQueue()
        for number in range(jobs):
            free.put(copy_into(Path(folder) / str(number)))

        def one(bug: Bug) -> Row:
            tree = free.get()
            try:
                return find(tree, bug)
            finally:
                free.put(tree)

        for name, order in controls(bugs):
            tree = free.get()
            yield control(tree, name, order)
            free.put(tree)
        with ThreadPoolExecutor(jobs) as pool:
            yield from pool.map(one, bugs)


def show(row: Row, width: int) -> None:
    """Print one row."""
    mark = "found" if row.is_right else "MISSED"
    mark = mark if row.name[0] != "(" else ("clean" if row.is_right else "DIRTY")
    line = f"{mark:6} {row.name:{width}} {row.seconds:6.1f} s  {row.by}: {row.what}"
    sys.stdout.write(f"{line[:400]}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description=__doc__)
    parser.add_argument("--only", default="", metavar="NAME", help="only bugs with this in a name")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="so many at once")
    chosen = parser.parse_args(arguments)
    bugs = [bug for bug in BUGS if chosen.only.casefold() in bug.name.casefold()]
    if not bugs:
        parser.error(f"no bug is named so: {chosen.only}")
    began, width = time.monotonic(), max(len(bug.name) for bug in bugs)
    wrong = 0
    for row in rows(bugs, max(1, chosen.jobs)):
        show(row, width)
        wrong += not row.is_right
    took = time.monotonic() - began
    sys.stdout.write(f"{len(bugs)} bugs, {wrong} not as they must be, {took:.0f} s\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
