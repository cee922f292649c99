"""The configuration that ships, with other numbers where a test needs them."""

import re
from pathlib import Path
from typing import Final

from entrypoints.configuration import SHIPPED

UNMOVED: Final = {"threshold": 1_000, "samples": 1_000}
"""Circuits and health that no test reaches: what goes wrong there is not what is tested."""

HURRIED: Final = {
    "rest": 1,
    "bucket": 1,
    "window": 10,
    "recent": 2,
    "samples": 8,
    "recovery_samples": 2,
    "hold": 1,
    "delayed_every": 1,
    "closed_every": 1,
    "every": 1,
}
"""Parking and coming back within seconds instead of minutes."""


def shipped_with(folder: Path, **numbers: int) -> Path:
    """Write the shipped configuration with these numbers in its circuits and health; return where.

    Each is the first of its name from `[circuit]` on.
    """
    before, start, text = SHIPPED.read_text(encoding="utf-8").partition("[circuit]")
    for name, number in numbers.items():
        text, found = re.subn(rf"(?m)^{name} = [0-9]+", f"{name} = {number}", text, count=1)
        assert found, name
    written = folder / "cashout.toml"
    written.write_text(before + start + text, encoding="utf-8")
    return written
