"""Cancelling against sending, many at once: each cash-out is withdrawn or sent, and never both."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from random import Random
from uuid import UUID

import pytest

from adapters.memory.gateway import MemoryProvider
from adapters.memory.manual_time import SeededChance
from adapters.memory.signals import Signals
from application.callers import Caller
from application.cancel_cash_out import CancelCashOut
from application.group_commit import GroupCommit
from application.lanes import Lane
from application.ports import Conflict, Overloaded
from application.record_news import RecordNews
from application.submit_cash_out import SubmitCashOut
from domain.cash_out import CashOut
from domain.corridors import Catalogue
from domain.limits import Counted, Slot
from domain.refusals import TooLateToCancel
from domain.states import Status
from tests.contracts.stores import Store, a_new, in_database, put
from tests.strategies import ORANGE, POLICY, a_provider

pytestmark = pytest.mark.anyio

CASH_OUTS = 48
CANCELLERS = 3
"""How many want to withdraw the same cash-out at once."""
PROCESSES = 3
MOST_TURNS = 400


def counted(cash_outs: Iterable[CashOut]) -> Counter[Slot]:
    """Return what these use up of their limits, in minor units."""
    used = Counter[Slot]()
    for each in cash_outs:
        used.update(dict.fromkeys((each.windows.day, each.windows.month), each.amount.minor))
    return used


async def reserve(store: Store, cash_outs: list[CashOut]) -> None:
    """Count the cash-outs in their limits, as taking them does."""
    used: Counter[object] = Counter()
    async with store.units.begin() as unit:
        for each in cash_outs:
            used.update(
                {each.windows.day: each.amount.minor, each.windows.month: each.amount.minor}
            )
        await unit.limits.write({slot: Counted(n, n) for slot, n in used.items()})  # type: ignore[misc]


async def sends(store: Store, provider: MemoryProvider, number: int, random: Random) -> None:
    """Be one process's worker: begin a few, send them, until nothing is due any more."""
    lane, signals = Lane(a_provider(), provider), Signals(store.clock)
    catalogue = Catalogue({ORANGE: lane.provider})
    record = GroupCommit(RecordNews(store.units, catalogue, POLICY, store.clock, signals))
    submit = SubmitCashOut(store.units, record, POLICY, store.clock, SeededChance(number))
    idle = 0
    for _ in range(MOST_TURNS):
        try:
            begun = await submit.begin(lane, random.randint(1, 3))
        except (Conflict, Overloaded):
            continue
        idle = 0 if begun else idle + 1
        if idle > 10:
            return
        await asyncio.gather(*(submit.send(lane, each) for each in begun))
        await asyncio.sleep(random.random() / 200)


async def cancels(
    cancel: CancelCashOut, cash_out: CashOut, random: Random
) -> TooLateToCancel | Status:
    await asyncio.sleep(random.random() / 10)
    try:
        return (await cancel(Caller(cash_out.user_id), cash_out.id)).status
    except TooLateToCancel as refusal:
        return refusal


async def test_a_cash_out_is_withdrawn_once_or_sent_once_and_never_both(postgres_url: str) -> None:
    """Three processes send while three callers withdraw each cash-out, over PostgreSQL."""
    random, provider = Random(20_261_123), MemoryProvider()
    stores = [in_database("postgres", postgres_url) for _ in range(PROCESSES)]
    cash_outs = await put(stores[0], [a_new(n) for n in range(1, CASH_OUTS + 1)])
    await reserve(stores[0], cash_outs)
    cancelling = [CancelCashOut(each.units, each.clock, Signals(each.clock)) for each in stores]
    tries = [
        asyncio.create_task(cancels(cancelling[number % PROCESSES], cash_out, random))
        for cash_out in cash_outs
        for number in range(CANCELLERS)
    ]
    await asyncio.gather(*(sends(s, provider, n, random) for n, s in enumerate(stores)))
    answers = await asyncio.gather(*tries)

    sent = Counter(order.cash_out_id for name, order in provider.calls if name == "disburse")
    withdrawn = Counter[UUID]()
    for number, answer in enumerate(answers):
        if answer is Status.CANCELLED:
            withdrawn[cash_outs[number // CANCELLERS].id] += 1
        else:
            # Who is too late is told the state that it has instead.
            assert isinstance(answer, TooLateToCancel)
            assert answer.status in set(Status)
    for each in cash_outs:
        assert (sent[each.id], withdrawn[each.id]) in {(1, 0), (0, 1)}, each.id
    assert sent, "the workers won none of these races: it was none"
    assert withdrawn, "the callers won none of these races: it was none"

    slots = sorted({slot for each in cash_outs for slot in (each.windows.day, each.windows.month)})
    used = await stores[0].reader.used(slots)
    left = Counter[object]()
    for each in cash_outs:
        if each.id not in withdrawn:
            left.update(
                {each.windows.day: each.amount.minor, each.windows.month: each.amount.minor}
            )
    assert used == {slot: left[slot] for slot in slots}
    for each in cash_outs:
        now = await stores[0].reader.cash_out(each.id)
        assert now is not None
        assert (now.status is Status.CANCELLED) == (each.id in withdrawn)
        assert len(now.attempts) == sent[each.id]
    for store in stores:
        assert store.database is not None
        await store.database.close()
