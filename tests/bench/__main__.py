"""`python -m tests.bench`: our figures beside their limits, measured in turns on this machine."""

import argparse
import json
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import lasting, reading, relaying, scaling, starting, taking, working
from tests.bench.chart import as_svg
from tests.bench.measured import Measured, Row
from tests.bench.report import as_json, as_text, into_document
from tests.bench.size import Size
from tests.bench.stand import Stand, stand


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured together. once: it takes its turns by itself, all of them in one go."""

    measure: Callable[[Stand, Size], Iterator[Measured]]
    once: bool = False


SUBJECTS: dict[str, Subject] = {
    "taking": Subject(taking.on_postgres),
    "sqlite": Subject(taking.on_sqlite),
    "whole": Subject(working.whole),
    "webhooks": Subject(working.webhooks),
    "workers": Subject(working.workers),
    "relay": Subject(relaying.relay),
    "starting": Subject(starting.starting),
    "scaling": Subject(scaling.scaling),
    "reading": Subject(reading.reading, once=True),
    "lasting": Subject(lasting.lasting, once=True),
}


@dataclass(slots=True)
class Run:
    """What was found so far, by the names of the rows, and whose measurement crashed."""

    subjects: Mapping[str, Subject]
    found: dict[str, list[Measured]] = field(default_factory=dict)
    crashed: dict[str, str] = field(default_factory=dict)

    def measure(self, name: str, size: Size) -> None:
        """Measure one subject on a stand of its own; a crash costs only what it had yet to say."""
        began = time.monotonic()
        try:
            with stand() as here:
                for each in self.subjects[name].measure(here, size):
                    self.found.setdefault(each.name, []).append(each)
        except Exception as fault:  # noqa: BLE001 -- this is a main: the other rows are still worth having
            self.crashed[name] = f"{type(fault).__name__}: {fault}"
            traceback.print_exc()
        sys.stderr.write(f"{name}: {time.monotonic() - began:.0f} s\n")

    def measure_all(self, names: Sequence[str], size: Size) -> None:
        """Measure subjects in turns, round after round, so that a mood of the machine meets all."""
        for number in range(1, size.rounds + 1):
            for name in names:
                if number == 1 or not self.subjects[name].once:
                    sys.stderr.write(f"round {number} of {size.rounds}: {name}\n")
                    self.measure(name, size)

    def rows(self) -> list[Row]:
        """Return what was found, in the order in which it was first met."""
        return [Row(tuple(rounds)) for rounds in self.found.values()]


def main(words: Sequence[str] | None = None) -> int:
    """Measure what was asked for, print a table; return 0 when every goal was met, 1 if not."""
    asked = _read(words)
    # A request to end is an exception, so that every context closes and no server is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    run = Run(SUBJECTS)
    try:
        run.measure_all(asked.only or list(SUBJECTS), _size(asked))
    finally:
        _tell(asked, run)
    whole = not run.crashed and all(row.verdict != "not met" for row in run.rows())
    return 0 if whole else 1


def _size(asked: argparse.Namespace) -> Size:
    return Size(
        seconds=asked.seconds,
        warm_up_s=asked.warm_up,
        backlog=asked.backlog,
        rounds=asked.rounds,
        archive=asked.archive,
        sustained_s=asked.sustained,
    )


def _tell(asked: argparse.Namespace, run: Run) -> None:
    rows = run.rows()
    sys.stdout.write(as_text(rows, run.crashed))
    if asked.json:
        asked.json.write_text(json.dumps(as_json(rows, run.crashed), indent=2) + "\n")
    if asked.document:
        asked.document.write_text(into_document(asked.document.read_text(), rows))
    if asked.svg:
        asked.svg.write_text(as_svg(rows))


def _read(words: Sequence[str] | None) -> argparse.Namespace:
    usual = Size()
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--rounds", type=int, default=usual.rounds, help="how often all is measured")
    add("--seconds", type=float, default=usual.seconds, help="of each measurement")
    add("--warm-up", type=float, default=usual.warm_up_s, help="seconds that do not count")
    add("--backlog", type=int, default=usual.backlog, help="cash-outs that workers are given")
    add("--archive", type=int, default=usual.archive, help="cash-outs stored before reading")
    add("--sustained", type=float, default=usual.sustained_s, help="seconds of the whole path")
    add("--only", action="append", choices=list(SUBJECTS), help="one subject; may be repeated")
    add("--json", type=Path, help="write the figures there")
    add("--document", type=Path, help="replace the table in this page")
    add("--svg", type=Path, help="draw the figures there")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
