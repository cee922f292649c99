"""The outbox on its way to JetStream, beside what the broker takes from its own client."""

from collections.abc import Iterator

from tests.bench import limits
from tests.bench.measured import Goal, Measured
from tests.bench.processor import Meter
from tests.bench.size import Size
from tests.bench.stand import Stand
from tests.bench.working import backlog, held_back, until


def relay(stand: Stand, size: Size) -> Iterator[Measured]:
    """Give a worker a full outbox: to a broker with its own sync interval, and to a careful one."""
    full = _outbox(stand, size)
    for sync, words in (("2m", "the broker's own sync interval"), ("always", "every write synced")):
        broker = stand.broker(sync)
        one_by_one = limits.jetstream(broker.url, events=size.backlog)
        batched = limits.jetstream_batches(broker.url, events=size.backlog)
        postgres, database = stand.need_postgres(), stand.database(full)
        environment = stand.settings(
            DATABASE_URL=postgres.dsn(database), NATS_URL=broker.url, **stand.paid_by(9)
        )
        with held_back(stand, database, _TOLD, _TO_TELL):
            worker = stand.worker(environment)
            meter = Meter({"worker": worker.pid, "postgres": postgres.pid, "broker": broker.pid})
        until(stand, database, _ALL_TOLD)
        count = int(postgres.execute("SELECT count(*) FROM outbox", database))
        cpu_ms = meter.each_ms(count)
        worker.stop()
        broker.stop()
        careful = sync == "always"
        yield Measured(
            name=f"outbox relayed to JetStream, {words}",
            unit="/s",
            ours=float(postgres.execute(_RATE, database)),
            limit=batched if careful else one_by_one,
            limit_name=(
                "nats-py alone, atomic batches of 500"
                if careful
                else "nats-py alone, 500 in flight, each acknowledged"
            ),
            goal=Goal(least=0.5 if careful else 0.6),
            cpu_ms=cpu_ms,
            more={"500 in flight /s": one_by_one, "atomic batches /s": batched},
        )


def _outbox(stand: Stand, size: Size) -> str:
    """Return a database with nothing but events: two more of each cash-out, none of them due."""
    database = backlog(stand, size.backlog // 3)
    stand.need_postgres().execute(_MORE_EVENTS, database)
    return database


_MORE_EVENTS = """
UPDATE cash_outs SET due_at = due_at + interval '10 years' WHERE due_at IS NOT NULL;
INSERT INTO outbox (event_id, type, cash_out_id, sequence, at, body)
  SELECT gen_random_uuid(), type, cash_out_id, sequence + more, at, body
  FROM generate_series(1, 2) AS more, outbox ORDER BY more, position;
"""
_TOLD = "UPDATE outbox SET sent_at = now()"
_TO_TELL = "UPDATE outbox SET sent_at = NULL"
_ALL_TOLD = "SELECT NOT EXISTS (SELECT FROM outbox WHERE sent_at IS NULL)"
# From the end of the first round to the end of the last: its events are not counted, so its
# beginning need not be known.
_RATE = """
WITH first AS (SELECT min(sent_at) AS ended FROM outbox)
SELECT count(*) FILTER (WHERE sent_at > ended) / extract(epoch FROM max(sent_at) - min(ended))
FROM outbox, first
"""
