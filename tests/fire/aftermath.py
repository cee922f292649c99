"""After a race: what is left can be had to the last unit, no more, and nothing is lost for good."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

from application.callers import Caller
from application.ports import HistoryFilter
from application.request_cash_out import Taken
from domain.cash_out import CashOut
from domain.refusals import AmountAboveMaximum, DailyLimitExceeded, MonthlyLimitExceeded
from domain.states import Status
from entrypoints.container import Service
from tests.fire import recorder
from tests.fire.clock import RaceClock
from tests.fire.oracle import Window, sums, windows_of
from tests.fire.orders import UNPAID, USERS, request, version_at
from tests.fire.race import looking
from tests.fire.stand import hear, standing
from tests.fire.tariff import BORDERS, MARKETS, Market

DAYS = (
    *(border - timedelta(minutes=1) for border in BORDERS),
    BORDERS[-1] + timedelta(minutes=1),
)
"""A moment in each day that the race touched."""

_AT_ONCE = 20


async def look_after(url: str, folder: Path) -> int:
    """Check both, by asking; return how many units-to-the-last were asked for.

    What was left in the race's windows is filled up; then everything that is open ends unpaid, and
    all that is not paid can be had again.
    """
    clock, asked = RaceClock(), 0
    async with standing(url, folder, clock) as service, looking(url) as database:
        for _ in range(2):
            for day in DAYS:
                clock.stopped_at = day
                held = sums(await recorder.kept(database))
                for user in USERS:
                    asked += sum([await _fill_up(held, service, user, m, day) for m in MARKETS])
            await _end_all(service)
        for day in DAYS:
            clock.stopped_at = day
            asked += sum([await _take_a_whole_day(service, m, day) for m in MARKETS])
    return asked


async def _fill_up(
    held: Counter[Window], service: Service, user: str, market: Market, day: datetime
) -> int:
    left = _left(held, user, market, day)
    await _is_refused(service, user, market, left + market.step)
    if left:
        await _is_taken(service, user, market, left)
        await _is_refused(service, user, market, market.step)
    return 1


async def _take_a_whole_day(service: Service, market: Market, day: datetime) -> int:
    """Everything this user had ended unpaid: a whole day is there for the asking."""
    whole = market.limits[version_at(day)].day
    cash_out = await _is_taken(service, UNPAID, market, whole)
    await _is_refused(service, UNPAID, market, market.step)
    await service.cancel(Caller(UNPAID), cash_out.id)
    return 1


def _left(held: Counter[Window], user: str, market: Market, day: datetime) -> int:
    limit = market.limits[version_at(day)]
    of_day, of_month = windows_of(user, market.provider, market.currency, day)
    # A month whose limit was lowered may hold more than that: then there is nothing left of it.
    return max(0, min(limit.day - held[of_day], limit.month - held[of_month]))


async def _is_taken(service: Service, user: str, market: Market, minor: int) -> CashOut:
    answer = await service.request(request(user, market, minor))
    assert isinstance(answer, Taken), (answer, market.currency, minor)
    return answer.cash_out


async def _is_refused(service: Service, user: str, market: Market, minor: int) -> None:
    """More than one cash-out may be is refused for that; everything else for a limit."""
    answer = await service.request(request(user, market, minor))
    provider = service.catalogue.provider(market.provider)
    one_may_be = provider.row_for(market.currency, service.clock.now()).maximum
    why = (DailyLimitExceeded, MonthlyLimitExceeded, AmountAboveMaximum)
    assert isinstance(answer, why[:2] if minor <= one_may_be else why[2:]), answer


async def _end_all(service: Service) -> None:
    """End every open cash-out unpaid: cancelled or failed, in turns."""
    for user in USERS:
        while True:
            open_now = HistoryFilter(user, status=Status.PENDING)
            page = await service.reader.history(open_now, 100)
            if not page.cash_outs:
                break
            for part in range(0, len(page.cash_outs), _AT_ONCE):
                some = page.cash_outs[part : part + _AT_ONCE]
                await asyncio.gather(*(_end(service, each) for each in some))


async def _end(service: Service, cash_out: CashOut) -> None:
    if cash_out.id.int % 2:
        await service.cancel(Caller(cash_out.user_id), cash_out.id)
    else:
        await hear(service, cash_out, Status.FAILED)
