"""Queries: what callers may read. None of them waits for a provider."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from application.board import Board
from application.callers import Caller
from application.ports import (
    Clock,
    Conflict,
    HistoryFilter,
    HistoryPage,
    Nudge,
    NumberingPlan,
    Overloaded,
    Place,
    Reader,
    StorageUnavailable,
    StoredEvidence,
    Units,
    Waiting,
    Work,
)
from domain.cash_out import Action, CashOut
from domain.corridors import Catalogue, Policy, Provider, TariffRow
from domain.limits import Windows, day_ends, month_ends
from domain.money import Money
from domain.refusals import NotFound
from domain.request import Quote, quote
from domain.standings import Standing, State

LONGEST_WAIT = timedelta(seconds=30)
"""The longest that a caller can have us wait for a provider's first answer."""
_LOOK_AGAIN = timedelta(milliseconds=500)
"""How often a waiting caller looks without being told, for changes made by other processes."""


COUNTED_MOST = 10_000
"""How many cash-outs a history counts: what a page costs must not grow with what is stored."""


def total(counted: int, seen: int, most: int = COUNTED_MOST) -> int:
    """Return how many there are in a history, as its pages tell it.

    counted: how many match, counted up to `most`. seen: how many are known to match up to the end
    of this page, and one more when there is another page. Exact below `most`; from there on at
    least what is told, and always enough that the next page is announced.
    """
    return counted if counted < most else max(counted, seen)


@dataclass(frozen=True, slots=True)
class GetCashOut:
    """Reads one cash-out, and brings its next status query forward where that helps its user."""

    reader: Reader
    units: Units
    clock: Clock
    policy: Policy
    nudge: Nudge

    async def __call__(self, caller: Caller, cash_out_id: UUID) -> CashOut:
        """Return what is stored; raise NotFound or Forbidden, both without any effect."""
        found = await self.reader.cash_out(cash_out_id)
        if found is None:
            raise NotFound
        caller.must_own(found)
        if self._is_worth_asking(found):
            await self._hasten(found)
        return found

    def _is_worth_asking(self, cash_out: CashOut) -> bool:
        now, plan = self.clock.now(), cash_out.plan
        if cash_out.lease is not None or plan is None or plan.action is not Action.ASK:
            return False
        tried_at = cash_out.attempts[-1].started_at if cash_out.attempts else cash_out.created_at
        last = cash_out.asked_at or tried_at
        return plan.due_at > now and now - last >= self.policy.first_poll

    async def _hasten(self, cash_out: CashOut) -> None:
        now = self.clock.now()
        since = now - self.policy.first_poll
        try:
            async with self.units.begin() as unit:
                hastened = await unit.cash_outs.hasten(cash_out.id, now, since)
        except (Conflict, Overloaded, StorageUnavailable):
            # A hint only: what is stored has been read, and the query comes on its schedule.
            return
        if hastened:
            self.nudge.work(Work.ASK)

    async def evidence(self, caller: Caller, cash_out_id: UUID) -> list[StoredEvidence]:
        """Return everything that was learnt about a cash-out, in order."""
        found = await self.reader.cash_out(cash_out_id)
        if found is None:
            raise NotFound
        caller.must_own(found)
        return await self.reader.evidence(cash_out_id)


@dataclass(slots=True)
class AwaitAnswer:
    """Waits until a cash-out has had its provider's first answer, for `Prefer: wait`."""

    reader: Reader
    clock: Clock
    waiting: Waiting
    _stopping: bool = False

    async def __call__(self, cash_out: CashOut, longest: timedelta) -> CashOut:
        """Return the cash-out once an attempt or it has ended, or as it is when time is up."""
        deadline = self.clock.elapsed() + min(longest, LONGEST_WAIT)
        while not _was_answered(cash_out) and not self._stopping:
            left = deadline - self.clock.elapsed()
            if left <= timedelta(0):
                break
            await self.waiting.for_change(cash_out.id, min(left, _LOOK_AGAIN))
            cash_out = await self.reader.cash_out(cash_out.id) or cash_out
        return cash_out

    def stop(self) -> None:
        """Keep nobody waiting any more: all are told how it stands, the last in half a second."""
        self._stopping = True


def _was_answered(cash_out: CashOut) -> bool:
    return cash_out.ended or any(attempt.outcome is not None for attempt in cash_out.attempts)


@dataclass(frozen=True, slots=True)
class History:
    """Reads a user's own cash-outs, newest first."""

    reader: Reader

    async def page(self, which: HistoryFilter, limit: int, page: int) -> HistoryPage:
        """Return a page by number, 1 being the newest."""
        return await self.reader.history(which, limit, page=page)

    async def behind(self, which: HistoryFilter, limit: int, place: Place) -> HistoryPage:
        """Return the page behind a place: as quick at any depth."""
        return await self.reader.history(which, limit, behind=place)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a user has used of a limit, what is left of it, and when it resets."""

    limit: Money
    used: Money
    left: Money
    resets_at: datetime


@dataclass(frozen=True, slots=True)
class PricedFor:
    """A quote, what the user has left in its provider and currency, and how the provider is.

    standing: of the corridor where the payee's number names one, else of the provider.
    """

    quote: Quote
    day: Allowance
    month: Allowance
    standing: Standing


@dataclass(frozen=True, slots=True)
class QuoteCashOut:
    """Tells what a cash-out would cost and what is left of the limits; reserves nothing."""

    reader: Reader
    catalogue: Catalogue
    numbers: NumberingPlan
    clock: Clock
    board: Board = field(default_factory=Board)

    async def __call__(
        self, caller: Caller, provider: str, code: str, amount: str, account: str | None = None
    ) -> PricedFor:
        """Return the price; raise the refusal that a request would get, limits excepted."""
        now = self.clock.now()
        priced = quote(
            self.catalogue,
            now,
            provider=provider,
            code=code,
            amount=amount,
            msisdn=self.numbers.read(account) if account else None,
            account_given=account is not None,
        )
        windows = Windows.of(caller.user_id, provider, code, now)
        used = await self.reader.used([windows.day, windows.month])
        day, month = _allowances(priced.row, used[windows.day], used[windows.month], now)
        standing = self._standing(priced)
        waits = [_WAITS[standing.state]] if standing.parked else []
        warnings = (*priced.warnings, *_short(priced.amount, day, month), *waits)
        return PricedFor(replace(priced, warnings=warnings), day, month, standing)

    def _standing(self, priced: Quote) -> Standing:
        if priced.corridor is None:
            return self.board.of_provider(priced.provider)
        return self.board.of_corridor(priced.provider, priced.corridor, priced.row.currency.code)


_WAITS: Final = {
    State.DELAYED: "The provider is slower than usual: a cash-out may wait before it is sent, and"
    " can be cancelled meanwhile.",
    State.CLOSED: "The provider cannot be reached now: a cash-out waits until it can, and can be"
    " cancelled meanwhile.",
}


def _allowances(
    row: TariffRow, day_used: int, month_used: int, now: datetime
) -> tuple[Allowance, Allowance]:
    return (
        _allowance(row.money(row.daily), day_used, day_ends(now)),
        _allowance(row.money(row.monthly), month_used, month_ends(now)),
    )


def _allowance(limit: Money, used: int, resets_at: datetime) -> Allowance:
    left = replace(limit, minor=max(0, limit.minor - used))
    return Allowance(limit, replace(limit, minor=used), left, resets_at)


def _short(amount: Money, day: Allowance, month: Allowance) -> list[str]:
    """Return a warning for each window in which too little is left for this amount now."""
    windows = {"day": day, "month": month}
    return [
        f"This is more than is left in this UTC {name}: {each.left} until"
        f" {each.resets_at.isoformat(timespec='minutes').replace('+00:00', 'Z')}."
        for name, each in windows.items()
        if amount.minor > each.left.minor
    ]


@dataclass(frozen=True, slots=True)
class LimitLine:
    """A user's limits at one provider in one currency: for one cash-out, a day and a month."""

    provider: Provider
    row: TariffRow
    day: Allowance
    month: Allowance


@dataclass(frozen=True, slots=True)
class ListLimits:
    """Tells a caller's limits at every provider in every currency; reserves nothing."""

    reader: Reader
    catalogue: Catalogue
    clock: Clock

    async def __call__(self, caller: Caller) -> list[LimitLine]:
        """Return a line for each currency of each provider, switched off ones included."""
        now = self.clock.now()
        tariffs = [
            (each, row, Windows.of(caller.user_id, each.id, row.currency.code, now))
            for each in self.catalogue.providers.values()
            for row in each.tariff_at(now).rows.values()
        ]
        slots = [slot for _, _, windows in tariffs for slot in (windows.day, windows.month)]
        used = await self.reader.used(slots)
        return [
            LimitLine(each, row, *_allowances(row, used[windows.day], used[windows.month], now))
            for each, row, windows in tariffs
        ]


@dataclass(frozen=True, slots=True)
class ListProviders:
    """Tells which providers there are, where they pay, and at what price."""

    catalogue: Catalogue

    def __call__(self) -> Sequence[Provider]:
        """Return all providers, the ones that are switched off included."""
        return tuple(self.catalogue.providers.values())
