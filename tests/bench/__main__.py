"""`python -m tests.bench`: our figures beside their limits, measured in turns on this machine."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.bench import taking, working
from tests.bench.measured import Measured, Row
from tests.bench.report import as_json, as_svg, as_text
from tests.bench.size import Size
from tests.bench.stand import Stand, stand

Subject = Callable[[Stand, Size], Iterator[Measured]]
SUBJECTS: dict[str, Subject] = {
    "taking": taking.on_postgres,
    "sqlite": taking.on_sqlite,
    "whole": working.whole,
    "webhooks": working.webhooks,
    "workers": working.workers,
    "relay": working.relay,
}


def main(words: Sequence[str] | None = None) -> int:
    """Measure what was asked for, print a table; return 0 when every goal was met, 1 if not."""
    asked = _read(words)
    size = Size(asked.seconds, asked.warm_up, asked.backlog, asked.archive)
    found: dict[str, list[Measured]] = {}
    for number in range(1, asked.rounds + 1):
        for subject in asked.only or SUBJECTS:
            sys.stderr.write(f"round {number} of {asked.rounds}: {subject}\n")
            with stand() as here:
                for each in SUBJECTS[subject](here, size):
                    found.setdefault(each.name, []).append(each)
    rows = [Row(tuple(rounds)) for rounds in found.values()]
    sys.stdout.write(as_text(rows))
    if asked.json:
        asked.json.write_text(json.dumps(as_json(rows), indent=2) + "\n")
    if asked.svg:
        asked.svg.write_text(as_svg(rows))
    return 0 if all(row.met for row in rows) else 1


def _read(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often all is measured (3)")
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement (5)")
    parser.add_argument("--warm-up", type=float, default=1, help="seconds that do not count (1)")
    parser.add_argument("--backlog", type=int, default=10_000, help="work given at once (10000)")
    parser.add_argument("--archive", type=int, default=1_000_000, help="stored before reading")
    parser.add_argument("--only", action="append", choices=list(SUBJECTS), help="one subject")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--svg", type=Path, help="draw the ratios there")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
