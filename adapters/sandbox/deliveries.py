"""Webhooks on their way: when each is sent, how often it is tried again, and the log of it all."""

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from adapters.sandbox.settings import SandboxSettings


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    SCHEDULED = "scheduled"
    SENDING = "sending"
    DELIVERED = "delivered"
    GIVEN_UP = "given up"
    DROPPED = "dropped"


_GOOD: Final = range(200, 300)


@dataclass(frozen=True, slots=True)
class Sending:
    """One attempt: when its answers were in, and their statuses (None: no answer)."""

    at: datetime
    statuses: tuple[int | None, ...]

    @property
    def arrived(self) -> bool:
        """Tell whether any copy was answered with a 2xx."""
        return any(status is not None and status in _GOOD for status in self.statuses)


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One webhook.

    `copies` go out at once the first time; the first `forged` and `corrupted` are spoilt.
    """

    number: int
    provider: str
    reference: str
    transaction_id: str
    body: bytes
    due_at: datetime
    copies: int = 1
    forged: int = 0
    corrupted: int = 0
    state: DeliveryState = DeliveryState.SCHEDULED
    sendings: list[Sending] = field(default_factory=list)
    tries_left: int = 0


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What to put on the wire now: the same bytes and headers `copies` times, at once."""

    number: int
    provider: str
    body: bytes
    headers: tuple[tuple[str, str], ...]
    copies: int


class Deliveries:
    """Every webhook kept, and the timetable of those still to be sent."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        self._kept: dict[int, Delivery] = {}
        self._ended: deque[int] = deque()
        self._timetable: list[tuple[datetime, int]] = []
        self._numbered = 0

    def schedule(self, delivery: Delivery) -> int:
        """Keep a webhook until it is due (a dropped one is only kept); return its number."""
        self._numbered += 1
        delivery.number = self._numbered
        self._kept[delivery.number] = delivery
        if delivery.state is DeliveryState.DROPPED:
            self._end(delivery, DeliveryState.DROPPED)
        else:
            delivery.tries_left = self._settings.webhook_attempts
            heapq.heappush(self._timetable, (delivery.due_at, delivery.number))
        return delivery.number

    def due(self, now: datetime) -> list[Delivery]:
        """Take out what is to be sent then; each stays `sending` until it is reported."""
        taken = []
        while self._timetable and self._timetable[0][0] <= now:
            delivery = self._kept.get(heapq.heappop(self._timetable)[1])
            if delivery is not None and delivery.state is DeliveryState.SCHEDULED:
                delivery.state = DeliveryState.SENDING
                taken.append(delivery)
        return taken

    def report(self, number: int, statuses: tuple[int | None, ...], now: datetime) -> None:
        """Note a sending: delivered on any 2xx, else tried again, later each time."""
        delivery = self._kept.get(number)
        if delivery is None:
            return
        sending = Sending(now, statuses)
        delivery.sendings.append(sending)
        delivery.tries_left -= 1
        if sending.arrived:
            self._end(delivery, DeliveryState.DELIVERED)
        elif delivery.tries_left <= 0:
            self._end(delivery, DeliveryState.GIVEN_UP)
        else:
            self._schedule_again(delivery, now)

    def redeliver(self, number: int, now: datetime) -> bool:
        """Send a webhook again, whatever became of it; False when it is not kept or on its way."""
        delivery = self._kept.get(number)
        if delivery is None or delivery.state is DeliveryState.SENDING:
            return False
        delivery.tries_left = self._settings.webhook_attempts
        self._put_on_timetable(delivery, now)
        return True

    def next_due(self) -> datetime | None:
        """Return when the next webhook is to be sent, or None."""
        return self._timetable[0][0] if self._timetable else None

    def get(self, number: int) -> Delivery | None:
        """Return one delivery of the log."""
        return self._kept.get(number)

    def was_tried(self, number: int) -> bool:
        """Tell whether a first attempt is over (or there will be none)."""
        delivery = self._kept.get(number)
        ended = {DeliveryState.DROPPED, DeliveryState.GIVEN_UP, DeliveryState.DELIVERED}
        return delivery is None or bool(delivery.sendings) or delivery.state in ended

    def __iter__(self) -> Iterator[Delivery]:
        """Go through the log, oldest first."""
        return iter(tuple(self._kept.values()))

    def __len__(self) -> int:
        """Return how many deliveries the log keeps."""
        return len(self._kept)

    def _schedule_again(self, delivery: Delivery, now: datetime) -> None:
        pace = self._settings.pace
        backoff_s = pace.retry_base_s * 2 ** min(len(delivery.sendings) - 1, 30)
        wait = timedelta(seconds=min(backoff_s, pace.retry_cap_s))
        self._put_on_timetable(delivery, now + wait)

    def _put_on_timetable(self, delivery: Delivery, at: datetime) -> None:
        delivery.state = DeliveryState.SCHEDULED
        delivery.due_at = at
        heapq.heappush(self._timetable, (at, delivery.number))

    def _end(self, delivery: Delivery, state: DeliveryState) -> None:
        delivery.state = state
        self._ended.append(delivery.number)
        while len(self._kept) > self._settings.max_deliveries_kept and self._ended:
            self._forget(self._ended.popleft())

    def _forget(self, number: int) -> None:
        delivery = self._kept.get(number)
        on_its_way = {DeliveryState.SCHEDULED, DeliveryState.SENDING}
        if delivery is not None and delivery.state not in on_its_way:
            del self._kept[number]
