"""The publisher: tells events to JetStream, many at once but in order per cash-out."""

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import islice
from uuid import UUID

from adapters.nats.acknowledged import (
    BATCHES_NOT_ALLOWED,
    Acknowledged,
    Message,
    Refused,
)
from adapters.nats.condition import Condition
from adapters.nats.connection import FAULTS, NatsConnection
from adapters.nats.messages import headers_of, subject_of
from adapters.nats.stream_settings import StreamSettings, make_if_absent
from application.ports import OutboxEntry

IN_FLIGHT_MOST = 500
"""Events that wait for their acknowledgement at the same time, as one batch or as a wave.

A broker takes at most 1,000 as one batch.
"""
ACK_TIMEOUT_S = 5.0
"""For the acknowledgements of one batch or wave.

A broker that syncs every write takes about a tenth of a second for a full wave. What is late is
told again, and the broker drops it as a duplicate if it had it.
"""
ROUND_TIMEOUT_S = 20.0
"""For a whole call, connecting included: shorter than the lease under which the relay calls."""
PROBE_TIMEOUT_S = 1.0
HEADERS_LONGEST = 1024
"""Bytes allowed for headers. A broker cuts off who sends it more than it said it takes."""


class JetStreamPublisher:
    """A Publisher that speaks to a NATS broker with JetStream.

    It connects when there is something to publish, makes the stream if it is absent, and warns
    about an existing one that does not fit, which it leaves as it is.
    """

    def __init__(
        self,
        connection: NatsConnection,
        settings: StreamSettings | None = None,
        *,
        in_flight_most: int = IN_FLIGHT_MOST,
        ack_timeout_s: float = ACK_TIMEOUT_S,
    ) -> None:
        self._connection = connection
        self._settings = settings or StreamSettings()
        self._in_flight_most = in_flight_most
        self._ack_timeout_s = ack_timeout_s
        self._acks: Acknowledged | None = None
        self._stream_is_there = False
        self._takes_batches = False
        self._telling = Condition("events_wait", "events_are_told")
        self._fit = Condition("event_stream_does_not_fit", "event_stream_fits")

    async def publish(self, entries: Sequence[OutboxEntry]) -> list[int]:
        """Publish events; return the positions that were acknowledged, in ascending order.

        Never raises for a broker that is away, slow or unwilling: what it did not acknowledge is
        missing from the answer, and so is everything later of the same cash-out.
        """
        acknowledged: set[int] = set()
        try:
            async with asyncio.timeout(ROUND_TIMEOUT_S):
                left = await self._tell_together(entries, acknowledged)
                await self._tell_in_waves(left, acknowledged)
        except FAULTS as fault:
            # The stream may be the reason; looking at it again costs one request.
            self._stream_is_there = False
            self._telling.worsen(type(fault).__name__, fault=str(fault))
        if entries and len(acknowledged) == len(entries):
            self._telling.recover(stream=self._settings.name)
        return sorted(acknowledged)

    async def healthy(self) -> bool:
        """Tell whether the broker answers and has JetStream, connecting if need be."""
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                client = await self._connection.client()
                # Not a flush: a pong that comes after its time-out ends the client's read loop.
                await client.jetstream(timeout=PROBE_TIMEOUT_S).account_info()
        except FAULTS:
            return False
        return True

    async def _ready(self) -> Acknowledged:
        """Return the way to the stream over the present connection, once the stream is there."""
        client = await self._connection.client()
        if self._acks is None or self._acks.client is not client:
            self._stream_is_there = False
            self._acks = await Acknowledged.open(client, self._settings.name)
        if not self._stream_is_there:
            jetstream = client.jetstream(timeout=self._ack_timeout_s)
            config = await make_if_absent(jetstream, self._settings)
            self._stream_is_there = True
            self._takes_batches = bool(config.allow_atomic)
            misfits = self._settings.misfits(config)
            if misfits:
                self._fit.worsen("; ".join(misfits), stream=self._settings.name)
            else:
                self._fit.recover(stream=self._settings.name)
        return self._acks

    async def _tell_together(
        self, entries: Sequence[OutboxEntry], acknowledged: set[int]
    ) -> list[OutboxEntry]:
        """Tell events in batches, in order; return those that are to be told one by one.

        A batch is stored as a whole or not at all. One event in it that the stream has already,
        told under a doubt before, or cannot take, and it is refused: then each is told by itself.
        """
        acks = await self._ready()
        left = self._of_a_size(acks, sorted(entries, key=lambda entry: entry.position))
        while left and self._takes_batches:
            batch = left[: self._in_flight_most]
            answer = await acks.send([_message(entry) for entry in batch])
            try:
                await asyncio.wait({answer}, timeout=self._ack_timeout_s)
            finally:
                fault = _fault_of(answer)
            if isinstance(fault, Refused):
                self._takes_batches = fault.code != BATCHES_NOT_ALLOWED
                break
            if fault is not None:
                raise fault
            acknowledged.update(entry.position for entry in batch)
            del left[: len(batch)]
        return left

    async def _tell_in_waves(self, entries: Sequence[OutboxEntry], acknowledged: set[int]) -> None:
        """Tell events by themselves, in each wave one of each cash-out."""
        queues = _by_cash_out(entries)
        while queues:
            acks = await self._ready()
            heads = islice(queues.values(), self._in_flight_most)
            wave = [queue.popleft() for queue in heads]
            await self._tell(acks, wave, acknowledged)
            for entry in wave:
                _requeue(queues, entry, acknowledged)

    async def _tell(
        self, acks: Acknowledged, wave: Sequence[OutboxEntry], acknowledged: set[int]
    ) -> None:
        """Send a wave and add what is acknowledged of it; raise when the broker fell silent."""
        answers: dict[int, asyncio.Future[None]] = {}
        try:
            for entry in wave:
                answers[entry.position] = await acks.send([_message(entry)])
            await asyncio.wait(answers.values(), timeout=self._ack_timeout_s)
        finally:
            faults = {position: _fault_of(answer) for position, answer in answers.items()}
            acknowledged.update(position for position, fault in faults.items() if fault is None)
        for fault in faults.values():
            if isinstance(fault, Refused):
                # A refusal concerns this event; whether the others are refused is theirs to learn.
                self._telling.worsen("refused", fault=str(fault))
            elif fault is not None:
                raise fault

    def _of_a_size(self, acks: Acknowledged, entries: Sequence[OutboxEntry]) -> list[OutboxEntry]:
        """Return what the broker can take: without what is too large and what follows that."""
        fitting: list[OutboxEntry] = []
        stuck: set[UUID] = set()
        most = acks.client.max_payload - HEADERS_LONGEST
        for entry in entries:
            if len(entry.event.body.encode()) > most:
                stuck.add(entry.event.cash_out_id)
                facts = {"event_id": str(entry.event.id), "largest": acks.client.max_payload}
                self._telling.worsen("too large", **facts)
            if entry.event.cash_out_id not in stuck:
                fitting.append(entry)
        return fitting


def _message(entry: OutboxEntry) -> Message:
    event = entry.event
    return Message(subject_of(event), event.body.encode(), headers_of(event))


def _by_cash_out(entries: Sequence[OutboxEntry]) -> dict[UUID, deque[OutboxEntry]]:
    queues: dict[UUID, deque[OutboxEntry]] = {}
    for entry in entries:
        queues.setdefault(entry.event.cash_out_id, deque()).append(entry)
    return queues


def _requeue(
    queues: dict[UUID, deque[OutboxEntry]], told: OutboxEntry, acknowledged: set[int]
) -> None:
    """Put a cash-out behind the others, or drop it: when its event did not get through, for now."""
    queue = queues.pop(told.event.cash_out_id)
    if queue and told.position in acknowledged:
        queues[told.event.cash_out_id] = queue


def _fault_of(answer: "asyncio.Future[None]") -> BaseException | None:
    """Return what went wrong, or None for an acknowledgement. Whoever is late is given up."""
    if answer.cancel() or answer.cancelled():
        return TimeoutError("not acknowledged in time")
    return answer.exception()
