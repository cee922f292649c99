"""The limits that our figures stand beside, measured with nothing of ours in the way."""

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

import nats
from nats.aio.client import Client

from tests.bench.stand import Stand
from tests.servers import LOOPBACK, POSTGRES_USER

_HERE: Final = Path(__file__).parent
_SUBJECT: Final = "raw.event"
_EVENT: Final = b"x" * 700
_TPS: Final = re.compile(r"tps = ([0-9.]+)")


def pgbench(stand: Stand, database: str, *, clients: int, seconds: int, users: int) -> float:
    """Return naive transactions a second, each durable, spread over so many users."""
    postgres = stand.need_postgres()
    program = postgres.programs / "pgbench"
    done = subprocess.run(
        [
            *(str(program), "--no-vacuum", "--protocol=prepared", "--file=/dev/stdin"),
            *(f"--client={clients}", "--jobs=2", f"--time={seconds}", f"--define=users={users}"),
            *(f"--host={LOOPBACK}", f"--port={postgres.port}", f"--username={POSTGRES_USER}"),
            database,
        ],
        input=(_HERE / "naive.sql").read_text(),
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 60,
    )
    found = _TPS.search(done.stdout)
    if found is None:
        raise RuntimeError(done.stderr)
    return float(found[1])


def make_naive_tables(stand: Stand) -> str:
    """Return a database with the tables of the naive transaction."""
    postgres = stand.need_postgres()
    name = postgres.create_database()
    postgres.execute((_HERE / "naive_tables.sql").read_text(), name)
    return name


def commits(folder: Path, seconds: float) -> float:
    """Return how often a second a small write at the end of a file can be made durable."""
    path = folder / "commits"
    done, began = 0, time.perf_counter()
    with path.open("wb", buffering=0) as file:
        while time.perf_counter() - began < seconds:
            file.write(b"x" * 8192)
            os.fdatasync(file.fileno())
            done += 1
    path.unlink()
    return done / seconds


def sqlite_grouped(folder: Path, seconds: float, *, group: int = 100) -> float:
    """Return rows a second that sqlite3 alone takes in durable groups: no decisions, no HTTP."""
    file = NaiveFile(folder / "alone.db")
    number, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        file.take([f"user-{each % 10_000}" for each in range(number, number + group)])
        number += group
    took = time.perf_counter() - began
    file.close()
    return number / took


class NaiveFile:
    """The naive transaction over sqlite3, many at once, fully durable."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        for statement in (_HERE / "naive_sqlite.sql").read_text().split(";\n"):
            self._connection.execute(statement)
        self._taken = 0

    def take(self, users: Sequence[str]) -> None:
        """Keep a row for each, in one transaction."""
        moment = "2026-11-01 00:00:00.000000"
        first, self._taken = self._taken + 1, self._taken + len(users)
        rows = [
            (number, user, f"reference-{number}", moment, moment)
            for number, user in enumerate(users, first)
        ]
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(
            "INSERT INTO counters VALUES (?, 600, 1000000000) ON CONFLICT (user_id) "
            "DO UPDATE SET used = used + 600 WHERE used + 600 <= cap",
            [(user,) for user in users],
        )
        self._connection.executemany(
            "INSERT INTO cash_outs VALUES (?, ?, 'wallet-1', 'orange_money', 'XOF', 600, 600, "
            "'orange_money-2026-11', '+2250700000789', 'CI', 'Awa Diallo', ?, ?, ?, 'pending', "
            "NULL, NULL, NULL, 'submit', '2026')",
            rows,
        )
        self._connection.executemany(
            "INSERT INTO outbox (cash_out_id, type, body) VALUES (?, 'cash_out.initiated', ?)",
            [(row[0], "x" * 500) for row in rows],
        )
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def jetstream(url: str, *, events: int, in_flight: int = 500, replicas: int = 1) -> float:
    """Return acknowledged publishes a second of the broker's own client, many in flight."""
    return asyncio.run(_publish(url, events, in_flight, replicas))


def jetstream_batches(url: str, *, events: int, batch: int = 500, replicas: int = 1) -> float:
    """Return publishes a second in atomic batches: one acknowledgement and one sync for each."""
    return asyncio.run(_publish_batches(url, events, batch, replicas))


async def _publish(url: str, events: int, in_flight: int, replicas: int) -> float:
    async with _raw_stream(url, replicas) as client:
        stream, one, began = client.jetstream(), uuid4().hex, time.perf_counter()
        for start in range(0, events, in_flight):
            waiting = [
                stream.publish(_SUBJECT, _EVENT, headers={"Nats-Msg-Id": f"{one}-{start + number}"})
                for number in range(in_flight)
            ]
            await asyncio.gather(*waiting)
        return events / (time.perf_counter() - began)


async def _publish_batches(url: str, events: int, batch: int, replicas: int) -> float:
    async with _raw_stream(url, replicas) as client:
        one, began = uuid4().hex, time.perf_counter()
        for start in range(0, events, batch):
            for number in range(1, batch):
                await client.publish(_SUBJECT, _EVENT, headers=_in_batch(one, start, number))
            last = {**_in_batch(one, start, batch), "Nats-Batch-Commit": "1"}
            answer = await client.request(_SUBJECT, _EVENT, headers=last, timeout=10)
            if b'"error"' in answer.data:
                raise RuntimeError(answer.data.decode())
        return events / (time.perf_counter() - began)


def _in_batch(one: str, start: int, number: int) -> dict[str, str]:
    return {
        "Nats-Msg-Id": f"{one}-{start + number}",
        "Nats-Batch-Id": f"{one}-{start}",
        "Nats-Batch-Sequence": str(number),
    }


@asynccontextmanager
async def _raw_stream(url: str, replicas: int) -> AsyncIterator[Client]:
    """Yield a connection to a broker that has a stream of nobody's for its time."""
    client = await nats.connect(url)
    stream = client.jetstream()
    await stream.add_stream(
        name="RAW", subjects=[_SUBJECT], allow_atomic=True, num_replicas=replicas
    )
    yield client
    await stream.delete_stream("RAW")
    await client.close()


if __name__ == "__main__":
    sys.stdout.write(f"{commits(Path(), 2.0):.0f} durable writes a second\n")
