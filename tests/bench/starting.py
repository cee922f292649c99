"""How long a process takes to be ready, and how much memory it has."""

import time
import urllib.request
from collections.abc import Iterator
from typing import Final

from tests.bench.load import Load
from tests.bench.measured import Goal, Measured
from tests.bench.requests import Requests
from tests.bench.size import Size
from tests.bench.stand import SECRET, Stand, send
from tests.bench.taking import CONNECTIONS, USERS, service
from tests.servers import LOOPBACK

MOST_MB: Final = 120
MOST_S: Final = 2


def starting(stand: Stand, size: Size) -> Iterator[Measured]:
    """Start an API and a worker process, with PostgreSQL and NATS; then have the API busy."""
    environment = service(stand, NATS_URL=stand.broker().url)
    began = time.monotonic()
    api = stand.api(environment)
    with urllib.request.urlopen(f"http://{LOOPBACK}:{api.port}/health/ready", timeout=10) as answer:
        answer.read()
    ready_s, idle_mb = time.monotonic() - began, api.memory_mb()
    began = time.monotonic()
    worker = stand.worker(environment)
    working_s, worker_mb = time.monotonic() - began, worker.memory_mb()
    worker.stop()
    for name, seconds in (("API", ready_s), ("worker", working_s)):
        yield Measured(
            name=f"{name} process, from its start to ready",
            unit="s",
            ours=seconds,
            goal=Goal(most=MOST_S),
        )
    told = send(
        Load(
            ports=[api.port],
            requests=Requests("take", SECRET, users=USERS),
            connections=CONNECTIONS,
            seconds=size.seconds,
            warm_up_s=size.warm_up_s,
        )
    )
    yield Measured(
        name="memory of an API process under load",
        unit="MB",
        ours=api.memory_mb(),
        goal=Goal(most=MOST_MB),
        more={
            "when ready": idle_mb,
            "cash-outs taken": told.served,
            "worker when ready": worker_mb,
        },
    )
