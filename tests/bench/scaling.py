"""Twice the processes of ours over the same database and broker."""

from collections.abc import Iterator

from tests.bench.measured import Goal, Measured
from tests.bench.processor import CORES, FULL, Meter
from tests.bench.provider import Light
from tests.bench.size import Size
from tests.bench.stand import HOOK_SECRET, Stand
from tests.bench.working import take_whole, whole_rate
from tests.servers import free_port


def scaling(stand: Stand, size: Size) -> Iterator[Measured]:
    """Measure the whole way with one API and one worker process, then with two of each."""
    one_rate, one_busy, one_accepted = _with(stand, size, 1)
    two_rate, two_busy, two_accepted = _with(stand, size, 2)
    yield Measured(
        name="whole cash-outs, two API and two worker processes",
        unit="/s",
        ours=two_rate,
        limit=one_rate,
        limit_name="one API and one worker process",
        goal=Goal(least=1.6),
        cores_full=two_busy >= FULL * CORES,
        more={
            "cores": CORES,
            "busy with one of each": one_busy,
            "busy with two of each": two_busy,
            "accepted /s with one": one_accepted,
            "accepted /s with two": two_accepted,
        },
    )


def _with(stand: Stand, size: Size, each: int) -> tuple[float, float, float]:
    """Return whole cash-outs a second, cores busy, and how many were accepted a second."""
    postgres, broker, database = stand.need_postgres(), stand.broker(), stand.database()
    ports = [free_port() for _ in range(each)]
    _, provider_port = stand.provider(Light(secret=HOOK_SECRET, api_ports=ports))
    environment = stand.settings(
        DATABASE_URL=postgres.dsn(database), NATS_URL=broker.url, **stand.paid_by(provider_port)
    )
    running = [stand.api(environment, port=port) for port in ports]
    running += [stand.worker(environment) for _ in range(each)]
    meter = Meter({})
    told = take_whole(stand, database, ports, size)
    busy = meter.cores_busy()
    for process in running:
        process.stop()
    broker.stop()
    return whole_rate(stand, database), busy, told.per_second
