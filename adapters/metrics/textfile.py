"""Figures of a command that has ended: a file for the textfile collector of a node exporter.

A verification is a command, not a process: nobody can ask it for figures once it is over.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from adapters.metrics.figures import OTHER, Closed, Level
from domain.verification import FlawKind

FILE: Final = "cashout_verify.prom"
_KINDS: Final = Closed(FlawKind)


class Verification(Collector):
    """What the last verification found."""

    def __init__(self) -> None:
        self.flaws = Level("cashout_verify_flaws", "What does not agree with itself.", "kind")
        self.at = Level("cashout_verify_timestamp_seconds", "When the last one ended.")
        self.took = Level("cashout_verify_seconds", "How long it took.")
        self.seen = Level("cashout_verify_cash_outs", "Cash-outs that it saw.")

    @property
    def names(self) -> frozenset[str]:
        """The names of all its series."""
        return frozenset(name for level in self._levels() for name in level.names)

    def note(
        self,
        flaws: Mapping[FlawKind, int],
        cash_outs: int,
        at: datetime,
        took: timedelta,
        *,
        more: int = 0,
    ) -> None:
        """Take what a verification found; a kind of flaw that was not found is 0.

        more: flaws beyond those that were told apart.
        """
        self.flaws.at[OTHER,] = more
        for kind in FlawKind:
            self.flaws.at[_KINDS.of(kind),] = flaws.get(kind, 0)
        self.at.at[()] = at.timestamp()
        self.took.at[()] = took.total_seconds()
        self.seen.at[()] = cash_outs

    def collect(self) -> Iterator[Metric]:
        """Yield the figures."""
        for level in self._levels():
            yield level.family()

    def write(self, folder: Path) -> Path:
        """Put the file into a folder, whole or not at all; raise OSError where that cannot be."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        handle, name = tempfile.mkstemp(dir=folder, prefix=f".{FILE}.")
        with os.fdopen(handle, "wb") as file:
            file.write(generate_latest(registry))
        os.chmod(name, 0o644)  # noqa: PTH101 -- for the collector, which is somebody else
        return Path(name).replace(folder / FILE)

    def _levels(self) -> tuple[Level, ...]:
        return self.flaws, self.at, self.took, self.seen
