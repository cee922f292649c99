"""Campaigns of the coverage-guided fuzzer: one child process for each target, one line about it."""

import json
import random
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.fuzz.target import LONGEST, repeat_line

SLOWEST_S: Final = 20
"""For one input, before it is a finding; on top of the bound that each target keeps by itself."""
MOST_MB: Final = 2_048
_MOST_TOLD: Final = 6_000
"""Characters of what a child printed."""
_GRACE_S: Final = 120
"""For a child to start, to read its seeds and to end, besides the time that it fuzzes."""
_NUMBERS: Final = {
    "executed": re.compile(r"stat::number_of_executed_units:\s*(\d+)"),
    "new": re.compile(r"stat::new_units_added:\s*(\d+)"),
    "branches": re.compile(r"cov: (\d+)"),
    "peak_mb": re.compile(r"stat::peak_rss_mb:\s*(\d+)"),
}


@dataclass(frozen=True, slots=True)
class Campaign:
    """What became of one target. broken: what is printed about the input that broke it."""

    name: str
    seed: int
    numbers: dict[str, int]
    broken: str = ""

    @property
    def line(self) -> str:
        """The figures on one line."""
        told = ", ".join(f"{number} {what}" for what, number in self.numbers.items())
        return f"{self.name}: seed {self.seed}, {told}"


def run_campaign(name: str, seconds: int, seed: int | None = None) -> Campaign:
    """Fuzz a target for so many seconds; return what was done and what broke."""
    chosen = random.randrange(1, 2**31) if seed is None else seed
    with tempfile.TemporaryDirectory(prefix="cashout-atheris-") as made:
        folder = Path(made)
        options = [
            f"-max_total_time={seconds}",
            f"-seed={chosen}",
            f"-max_len={LONGEST}",
            f"-timeout={SLOWEST_S}",
            f"-rss_limit_mb={MOST_MB}",
            "-print_final_stats=1",
        ]
        command = [sys.executable, "-m", "tests.fuzz.guided", name, made, json.dumps(options)]
        ended = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds + _GRACE_S,
            check=False,
        )
        output = ended.stdout.decode(errors="replace")
        numbers = {
            what: int(found[-1])
            for what, pattern in _NUMBERS.items()
            if (found := pattern.findall(output))
        }
        broken = "" if ended.returncode == 0 else _finding(name, folder, output)
    return Campaign(name, chosen, numbers, broken)


def _finding(name: str, folder: Path, output: str) -> str:
    """Return how to repeat it, also for a child that hung, and the end of what it printed."""
    kinds = ("crash-*", "timeout-*", "oom-*", "slow-unit-*")
    inputs = [path.read_bytes() for kind in kinds for path in sorted(folder.glob(kind))]
    repeated = "\n".join(f"repeat it:\n{repeat_line(name, data)}" for data in inputs)
    return f"{_told(output)}\n{repeated}"


def _told(output: str) -> str:
    """Return what a child printed without the progress of its search."""
    lines = [line for line in output.splitlines() if not re.match(r"#\d+|INFO: |0x", line)]
    return "\n".join(lines)[-_MOST_TOLD:]
