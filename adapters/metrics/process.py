"""What a process knows of itself: read when the figures are asked for, at no cost before."""

import os
import platform
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.process_collector import ProcessCollector

from adapters.metrics.catalogue import Figures
from application.board import corridors_of
from application.circuits import CircuitState
from application.group_commit import GroupCommit
from application.lanes import Lanes
from application.ports import Clock
from domain.money import CURRENCIES
from domain.standings import GRAVITY

Doors = Mapping[str, GroupCommit[Any, Any]]
"""The group commits, by what passes them."""


class Pool(Protocol):
    """How the connections of this process are used now."""

    @property
    def in_use(self) -> int:
        """Connections that work."""
        ...

    @property
    def idle(self) -> int:
        """Connections that are open and do not."""
        ...

    @property
    def most(self) -> int:
        """How many there may be."""
        ...

    @property
    def waits(self) -> int:
        """How often somebody waited for one."""
        ...

    @property
    def waited_s(self) -> float:
        """Seconds of waiting, all together."""
        ...


class Process:
    """Fills the levels that only show how things are at this moment."""

    def __init__(
        self,
        figures: Figures,
        *,
        version: str,
        lanes: Lanes,
        doors: Doors,
        clock: Clock,
        pool: Callable[[], Pool],
        data: Path | None,
    ) -> None:
        """Take what is looked at. data: the folder of the database file, None for a server."""
        self._figures, self._lanes, self._doors = figures, lanes, doors
        self._clock, self._pool, self._data = clock, pool, data
        self._kernel = ProcessCollector(registry=CollectorRegistry(auto_describe=False))
        figures.build.at[version, platform.python_version()] = 1
        for code, currency in CURRENCIES.items():
            figures.minor_units.at[code,] = 10**currency.exponent

    def collect(self) -> Iterable[Metric]:
        """Return every figure as it is now, those of the kernel among them."""
        self._fill()
        yield from self._kernel.collect()
        for figure in self._figures:
            yield figure.family()

    def _fill(self) -> None:
        figures, pool = self._figures, self._pool()
        for name, door in self._doors.items():
            figures.queued.at[name,] = door.waiting
            for bits, batches in enumerate(door.sizes):
                figures.batches.at[name, str(2 ** (bits + 1))] = batches
        figures.connections.at["in_use",] = pool.in_use
        figures.connections.at["idle",] = pool.idle
        figures.connections.at["most",] = pool.most
        figures.pool_waits.at[()] = pool.waits
        figures.pool_wait_time.at[()] = pool.waited_s
        if self._data is not None:
            room = os.statvfs(self._data)
            figures.disk.at[()] = room.f_bavail * room.f_frsize
        self._fill_lanes()

    def _fill_lanes(self) -> None:
        figures, at = self._figures, self._clock.elapsed()
        figures.reasons.at.clear()
        for provider, lane in self._lanes.items():
            figures.in_flight.at[provider, "disburse"] = lane.submits
            figures.in_flight.at[provider, "look_up"] = lane.queries
            circuit = lane.circuit.state(at)
            for state in CircuitState:
                figures.circuits.at[provider, state.value] = state is circuit
            for route in corridors_of(lane.provider):
                standing = lane.board.standing(route)
                whose = (provider, route.country, route.currency)
                figures.gravity.at[whose] = GRAVITY[standing.state]
                if standing.reason is not None:
                    figures.reasons.at[*whose, standing.reason.value] = 1
