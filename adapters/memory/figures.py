"""The figures of the overview, in memory."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from adapters.memory.store import Staging
from application.ports import SLICE, TOOK_MOST_MS, Figure
from domain.cash_out import CashOut
from domain.events import Event, EventType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PLACE = "outbox"


class MemoryFigures:
    """Implements `Figures`."""

    def __init__(self, staging: Staging) -> None:
        self._now = staging

    async def fold(self, limit: int) -> int:
        """Add up to `limit` further events to the figures; return how many were added."""
        behind = self._now.figures_place.get(PLACE) or 0
        positions = range(behind + 1, self._now.next_position)
        ahead = [each for each in positions if self._now.events.get(each) is not None][:limit]
        for position in ahead:
            event = self._now.events.get(position)
            cash_out = None if event is None else self._now.cash_outs.get(event.cash_out_id)
            if event is not None and cash_out is not None:
                self._add(event, cash_out)
        if ahead:
            self._now.figures_place.put(PLACE, ahead[-1])
        return len(ahead)

    async def prune(self, began_before: datetime) -> int:
        """Forget slices of before a moment; return how many rows."""
        gone = [key for key in self._now.figures if key[0] < began_before]
        for key in gone:
            self._now.figures.remove(key)
        return len(gone)

    def _add(self, event: Event, cash_out: CashOut) -> None:
        figure = Figure(
            began_at=event.at - (event.at - _EPOCH) % SLICE,
            provider=cash_out.provider,
            currency=cash_out.amount.currency.code,
            type=event.type,
            took_ms=_took_ms(event, cash_out),
            count=1,
            amount_minor=cash_out.amount.minor,
        )
        key = (figure.began_at, figure.provider, figure.currency, figure.type, figure.took_ms)
        there = self._now.figures.get(key)
        if there is not None:
            amount = there.amount_minor + figure.amount_minor
            figure = replace(there, count=there.count + 1, amount_minor=amount)
        self._now.figures.put(key, figure)


def _took_ms(event: Event, cash_out: CashOut) -> int:
    if event.type is not EventType.COMPLETED:
        return 0
    taken = event.at - cash_out.created_at
    return next((most for most in TOOK_MOST_MS if taken <= timedelta(milliseconds=most)), 0)
