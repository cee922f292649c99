"""Processor time and memory, as the kernel counts them."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
CORES: Final = len(os.sched_getaffinity(0))
FULL: Final = 0.93
"""The share of all cores from which on none can be called free: the kernel wants some too."""


class Meter:
    """Processor time from its making on: of processes with all their children, and of the machine.

    processes: what they are called in a table, with their process ids. A name may have several.
    """

    def __init__(self, processes: Mapping[str, int | tuple[int, ...]]) -> None:
        self._pids = {
            name: pids if isinstance(pids, tuple) else (pids,) for name, pids in processes.items()
        }
        self._began = time.monotonic()
        self._before = self._now()
        self._busy_before = _busy_s()

    def used_s(self) -> dict[str, float]:
        """Return the seconds that each has used."""
        now = self._now()
        return {name: now[name] - self._before[name] for name in now}

    def each_ms(self, count: int) -> dict[str, float]:
        """Return the milliseconds that each has used for one of so many operations."""
        return {name: 1000 * used / max(count, 1) for name, used in self.used_s().items()}

    def cores_busy(self) -> float:
        """Return how many cores the whole machine has kept busy, others' work included."""
        return (_busy_s() - self._busy_before) / (time.monotonic() - self._began)

    def _now(self) -> dict[str, float]:
        table = _processes()
        return {name: sum(_tree_s(pid, table) for pid in pids) for name, pids in self._pids.items()}


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process in megabytes."""
    resident = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(resident) * _PAGE / 1e6


def _processes() -> dict[int, tuple[int, float]]:
    """Return parent and seconds of each process; those of its ended children are its own."""
    found: dict[int, tuple[int, float]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks = sum(int(each) for each in after_name[11:15])
        found[int(path.parent.name)] = (int(after_name[1]), ticks / _TICKS)
    return found


def _tree_s(pid: int, table: Mapping[int, tuple[int, float]]) -> float:
    own = table[pid][1] if pid in table else 0.0
    return own + sum(_tree_s(child, table) for child, (parent, _) in table.items() if parent == pid)


def _busy_s() -> float:
    """Return the seconds that all cores together have worked."""
    user, nice, system, _idle, _waiting, *interrupts = (
        int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + sum(interrupts[:2])) / _TICKS
