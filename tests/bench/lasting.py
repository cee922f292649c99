"""The whole way of a cash-out at a steady rate for long, and what grows meanwhile."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from statistics import linear_regression, median
from typing import Final

from tests.bench.load import Load
from tests.bench.measured import Goal, Measured
from tests.bench.provider import Light
from tests.bench.requests import Requests
from tests.bench.size import Size
from tests.bench.stand import HOOK_SECRET, SECRET, Running, Stand, send
from tests.bench.taking import CONNECTIONS, USERS
from tests.bench.working import take_whole, whole_rate
from tests.servers import free_port

HELD: Final = 0.6
"""The share of the maximum rate that is held: a service that is always full is a broken one."""
LOOKS: Final = 60
FLAT: Final = 1.1
PILES_UP_MOST: Final = 0.01
_OPEN = "SELECT count(*) FROM cash_outs WHERE completed_at IS NULL"
_UNTOLD = "SELECT count(*) FROM outbox WHERE sent_at IS NULL"


@dataclass(slots=True)
class Looks:
    """What was seen, in order: seconds from the beginning, and each figure by its name."""

    at_s: list[float] = field(default_factory=list)
    seen: dict[str, list[float]] = field(default_factory=dict)

    def note(self, at_s: float, **figures: float) -> None:
        """Keep one look."""
        self.at_s.append(at_s)
        for name, value in figures.items():
            self.seen.setdefault(name, []).append(value)

    def slope(self, name: str) -> float:
        """Return by how much a second a figure rises, the first sixth left out."""
        skipped = len(self.at_s) // 6
        return linear_regression(self.at_s[skipped:], self.seen[name][skipped:]).slope


def lasting(stand: Stand, size: Size) -> Iterator[Measured]:
    """Find the maximum of the whole way, then hold a share of it and look what grows."""
    postgres, broker, database = stand.need_postgres(), stand.broker(), stand.database()
    api_port = free_port()
    _, port = stand.provider(Light(secret=HOOK_SECRET, api_ports=[api_port]))
    environment = stand.settings(
        DATABASE_URL=postgres.dsn(database), NATS_URL=broker.url, **stand.paid_by(port)
    )
    api, worker = stand.api(environment, port=api_port), stand.worker(environment)
    take_whole(stand, database, [api.port], size)
    rate = HELD * whole_rate(stand, database)
    load = Load(
        ports=[api.port],
        requests=Requests("take", SECRET, users=USERS),
        connections=CONNECTIONS,
        seconds=size.sustained_s,
        warm_up_s=0,
        rate=rate,
    )
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send, load)
        looks = _look(stand, database, api, worker, size.sustained_s)
        told = sending.result()
    for name, figure in (("open cash-outs", "waiting"), ("untold events", "untold")):
        yield Measured(
            name=f"at 60 % of the whole rate: share that piles up, {name}",
            unit="",
            ours=looks.slope(figure) / rate,
            goal=Goal(most=PILES_UP_MOST),
            more={
                "rate /s": rate,
                "seconds": size.sustained_s,
                "median of them": median(looks.seen[figure]),
                "most of them": max(looks.seen[figure]),
                "accepted": told.answered,
                "p50 ms": told.p50_ms,
                "p99 ms": told.p99_ms,
            },
        )
    for process in ("API", "worker"):
        values = looks.seen[process]
        yield Measured(
            name=f"memory of the {process} process, at the end beside the beginning",
            unit="MB",
            ours=median(values[-len(values) // 3 :]),
            limit=median(_settled(values)),
            limit_name="the second sixth of the time",
            goal=Goal(most=FLAT),
            more={"first": values[0], "most": max(values)},
        )


def _look(stand: Stand, database: str, api: Running, worker: Running, seconds: float) -> Looks:
    postgres, looks, began = stand.need_postgres(), Looks(), time.monotonic()
    for number in range(1, LOOKS + 1):
        time.sleep(max(0.0, began + number * seconds / LOOKS - time.monotonic()))
        looks.note(
            time.monotonic() - began,
            API=api.memory_mb(),
            worker=worker.memory_mb(),
            waiting=float(postgres.execute(_OPEN, database)),
            untold=float(postgres.execute(_UNTOLD, database)),
        )
    return looks


def _settled(values: Sequence[float]) -> Sequence[float]:
    return values[len(values) // 6 : len(values) // 3]
