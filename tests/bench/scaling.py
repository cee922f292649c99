"""Twice the processes of ours over the same database and broker."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.bench.admission import Admission
from tests.bench.measured import REFERENCE, Goal, Measured
from tests.bench.processor import CORES, FULL, Meter
from tests.bench.provider import Light
from tests.bench.size import Size
from tests.bench.stand import HOOK_SECRET, Stand
from tests.bench.taking import CALLERS, USERS, admit, service
from tests.bench.working import take_whole, whole_rate
from tests.servers import free_port


def scaling(stand: Stand, size: Size) -> Iterator[Measured]:
    """Measure with one process of each kind, then with two: taking alone, then the whole way."""
    yield from _admission(stand, size)
    yield from _whole(stand, size)


def _admission(stand: Stand, size: Size) -> Iterator[Measured]:
    """Have two processes take at once: for many users, and for one, whose counter both need."""
    for users, whom in ((USERS, "10,000 users"), (1, "one user")):
        asked = Admission(CALLERS, users, seconds=size.seconds)
        one = admit(service(stand), asked).per_second
        shared = service(stand)
        with ThreadPoolExecutor(2) as pool:
            both = [pool.submit(admit, shared, asked) for _ in range(2)]
            two = sum(each.result().per_second for each in both)
        yield Measured(
            name=f"admission alone by two processes at once, {whom}",
            unit="/s",
            ours=two,
            limit=one,
            limit_name="one process",
            goal=REFERENCE,
        )


def _whole(stand: Stand, size: Size) -> Iterator[Measured]:
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
