"""Load from a process of its own: `python -m tests.bench.load` reads a Load as JSON, prints a Told.

Closed loop: each connection sends its next request when the last one is answered. Open loop:
requests are due at fixed moments, and a latency counts from the moment that a request was due,
also when all connections were busy then: an answer that comes late delays nobody's clock
(coordinated omission).
"""

import asyncio
import math
import random
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from typing import Final, cast

import msgspec
import uvloop

from tests.bench.requests import Requests

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length: "
PATIENCE_S: Final = 5.0
"""How long the open loop waits at its end for the last answers."""


class Load(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to send where.

    ports: of the servers, which get the connections in turns. rate: requests a second of the open
    loop; None for the closed one. warm_up_s: sent before, and not counted. seed: which request each
    connection draws. stop_when_done: end when the requests that are to be sent once are all
    answered.
    """

    ports: list[int]
    requests: Requests
    host: str = "127.0.0.1"
    connections: int = 64
    seconds: float = 5.0
    warm_up_s: float = 1.0
    rate: float | None = None
    seed: int = 1
    stop_when_done: bool = False


class Told(msgspec.Struct, frozen=True):
    """What was answered. Latencies in milliseconds; `statuses` counts answers by status.

    statuses, latencies: of the seconds that count; 0 stands for what nobody answered. served: 2xx
    answers from the first moment to the last, warm-up included: what processor time is divided by.
    cpu_s: the load's own. late_ms: the p99 of what the load itself was late although a connection
    was idle: on a busy machine it waits for its turn too, and the latencies have that in them.
    """

    seconds: float
    statuses: dict[str, int]
    broken: int
    p50_ms: float
    p99_ms: float
    longest_ms: float
    served: int
    cpu_s: float
    late_ms: float

    @property
    def answered(self) -> int:
        """How many answers were 2xx."""
        return sum(count for status, count in self.statuses.items() if status.startswith("2"))

    @property
    def per_second(self) -> float:
        """How many 2xx answers came each second."""
        return self.answered / self.seconds


class _Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request in flight."""

    def __init__(self, answered: "Callable[[_Connection, int], None]") -> None:
        self.due_at = 0.0
        self.gone = False
        self._answered = answered
        self._read = bytearray()
        self._wanted = -1
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _why: Exception | None) -> None:
        if not self.gone:
            self.gone = True
            self._answered(self, 0)

    def send(self, request: bytes, due_at: float) -> None:
        if self._transport is not None:
            self.due_at = due_at
            self._transport.write(request)

    def close(self) -> None:
        self.gone = True
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        read = self._read
        read += data
        if self._wanted < 0:
            end = read.find(_HEAD_END)
            if end < 0:
                return
            head = bytes(read[:end]).lower()
            start = head.find(_LENGTH)
            length = 0
            if start >= 0:
                start += len(_LENGTH)
                length = int(head[start:].split(b"\r\n", 1)[0])
            self._wanted = end + len(_HEAD_END) + length
        if len(read) >= self._wanted:
            status = int(read[9:12])
            del read[: self._wanted]
            self._wanted = -1
            self._answered(self, status)


class Generator:
    """Sends one Load and keeps what came of it."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._chance = random.Random(load.seed)
        self._supply = load.requests.supply(self._chance)
        self._idle: deque[_Connection] = deque()
        self._late: deque[float] = deque()
        self._counts_from = 0.0
        self._ends_at = 0.0
        self._over = asyncio.Event()
        self.latencies: list[float] = []
        self.lateness: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.served = 0
        self.broken = 0

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        load = self._load
        connections = [
            (await loop.create_connection(self._connection, load.host, port))[1]
            for port in islice(cycle(load.ports), load.connections)
        ]
        self._counts_from = time.perf_counter() + load.warm_up_s
        self._ends_at = self._counts_from + load.seconds
        if load.rate is None:
            for each in connections:
                self._next(each)
            await asyncio.wait_for(self._over.wait(), load.warm_up_s + load.seconds + 60)
        else:
            self._idle.extend(connections)
            await self._at_rate(load.rate)
            self._give_up(connections)
        for each in connections:
            each.close()

    def _connection(self) -> _Connection:
        return _Connection(self._answered)

    async def _at_rate(self, rate: float) -> None:
        began, sent = time.perf_counter(), 0
        while (now := time.perf_counter()) < self._ends_at:
            due = 1 + int((now - began) * rate)
            for number in range(sent, due):
                due_at = began + number / rate
                if self._idle:
                    self.lateness.append(now - due_at)
                    self._idle.popleft().send(self._one(), due_at)
                else:
                    self._late.append(due_at)
            sent = max(sent, due)
            # Until the next is due, and a millisecond at least: the loop would take less for
            # nothing at all, and turn for ever, on a core that the service then lacks.
            await asyncio.sleep(max(0.001, began + sent / rate - time.perf_counter()))
        for _ in range(int(PATIENCE_S / 0.01)):
            if len(self._idle) >= self._load.connections - self.broken:
                return
            await asyncio.sleep(0.01)

    def _give_up(self, connections: "Sequence[_Connection]") -> None:
        """Count what was due and has no answer yet as slow as it is by now: it is not left out."""
        idle, now = set(self._idle), time.perf_counter()
        waiting = [each.due_at for each in connections if each not in idle]
        for due_at in (*waiting, *self._late):
            if self._counts_from <= due_at < self._ends_at:
                self.statuses[0] += 1
                self.latencies.append(now - due_at)

    def _one(self) -> bytes:
        request = self._supply()
        if request is None:
            raise ValueError("an open loop needs requests that do not end")
        return request

    def _next(self, connection: _Connection) -> None:
        now = time.perf_counter()
        if now >= self._ends_at and not self._load.stop_when_done:
            self._over.set()
            return
        request = self._supply()
        if request is None:
            self._over.set()
        else:
            connection.send(request, now)

    def _answered(self, connection: _Connection, status: int) -> None:
        now = time.perf_counter()
        if connection.gone:
            self.broken += 1
            if self.broken >= self._load.connections:
                self._over.set()
            return
        self.served += 200 <= status < 300
        # In the open loop by when it was due, in the closed one by when it was answered.
        moment = now if self._load.rate is None else connection.due_at
        if self._counts_from <= moment < self._ends_at:
            self.statuses[status] += 1
            self.latencies.append(now - connection.due_at)
        if self._load.rate is None:
            self._next(connection)
        elif self._late:
            connection.send(self._one(), self._late.popleft())
        else:
            self._idle.append(connection)


def at(ordered: Sequence[float], share: float) -> float:
    """Return the value that `share` of the ordered values do not exceed."""
    return ordered[min(len(ordered) - 1, math.ceil(len(ordered) * share) - 1)]


async def _run(load: Load) -> Told:
    generator = Generator(load)
    began = time.process_time()
    await generator.run()
    ordered = sorted(generator.latencies) or [0.0]
    return Told(
        seconds=load.seconds,
        statuses={str(status): count for status, count in sorted(generator.statuses.items())},
        broken=generator.broken,
        p50_ms=1000 * at(ordered, 0.5),
        p99_ms=1000 * at(ordered, 0.99),
        longest_ms=1000 * ordered[-1],
        served=generator.served,
        cpu_s=time.process_time() - began,
        late_ms=1000 * at(sorted(generator.lateness) or [0.0], 0.99),
    )


def main() -> None:
    """Read a Load from standard input, send it, print what came of it."""
    load = msgspec.json.decode(sys.stdin.buffer.read(), type=Load)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(_run(load))))


if __name__ == "__main__":
    main()
