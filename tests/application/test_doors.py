"""Doors: whatever brings news in, it is kept as it came and judged for its provider."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256

import pytest

from adapters.memory.gateway import Manner, MemoryProvider
from adapters.memory.manual_time import SeededChance
from application.ports import Order
from domain.cash_out import CashOut
from domain.evidence import News, NoAnswer, NotFound, Outcome, ReviewReason, Source
from domain.states import Status
from tests.application.wiring import World

pytestmark = pytest.mark.anyio

ANSWER = b'{"transaction": "as the provider wrote it"}'
MINE = "MINE-0001"


@dataclass(slots=True)
class Frank(MemoryProvider):
    """A provider that shows its answers as they were on the wire, and can give all one id."""

    its_id: str | None = None
    said: list[bytes] = field(default_factory=list)

    async def disburse(self, order: Order) -> Outcome:
        """Pay, and answer in bytes."""
        outcome = await MemoryProvider.disburse(self, order)
        news = outcome.news
        if news is not None and news.provider_transaction_id is not None:
            outcome = replace(outcome, news=self._named(news))
        return replace(outcome, raw=ANSWER)

    async def look_up(self, order: Order) -> News | NotFound | NoAnswer:
        """Answer in bytes."""
        found = await MemoryProvider.look_up(self, order)
        return replace(self._named(found) if isinstance(found, News) else found, raw=ANSWER)

    def _named(self, news: News) -> News:
        return replace(news, provider_transaction_id=self.its_id or news.provider_transaction_id)


class Leaning(SeededChance):
    """Chance that always falls to one side."""

    def __init__(self, side: int) -> None:
        super().__init__(seed=1)
        self.side = side

    def permille(self) -> int:
        """Return the same each time."""
        return self.side


def a_world(side: int = 0, its_id: str | None = None) -> World:
    """Return a world with a frank provider."""
    world = World()
    world.chance = Leaning(side)
    world.provider = world.gateways["orange_money"] = Frank(its_id=its_id)
    world.one = world.another()
    return world


# Each brings in that a cash-out of user-2 is processing, and returns it.


async def by_submit(world: World) -> CashOut:
    return await world.sent(user_id="user-2")


async def by_webhook(world: World) -> CashOut:
    world.provider.manner = lambda _: Manner.ACCEPTS_BLANK
    cash_out = await world.sent(user_id="user-2")
    its_id = _its_id(world)
    await world.tell(News("PROCESSING", Status.PROCESSING, its_id, cash_out.reference))
    return world.now(cash_out)


async def by_orphan(world: World) -> CashOut:
    """Its webhook comes before the request: nobody has been told the provider's id by then."""
    earlier = dict(world.store.by_provider_id)
    world.store.by_provider_id.clear()
    await world.tell(News("PROCESSING", Status.PROCESSING, _its_id(world), MINE))
    world.store.by_provider_id.update(earlier)
    world.provider.manner = lambda _: Manner.ACCEPTS_BLANK
    cash_out = await world.sent(user_id="user-2", reference=MINE)
    assert await world.one.rematch() == 1
    return world.now(cash_out)


async def by_status_query(world: World) -> CashOut:
    world.provider.manner = lambda _: Manner.ACCEPTS_BLANK
    cash_out = await world.sent(user_id="user-2")
    world.clock.advance(timedelta(seconds=30))
    lane = world.one.lane
    for question in await world.one.check.begin(lane, 10):
        if question.order.cash_out_id == cash_out.id:
            await world.one.check.ask(lane, question)
    return world.now(cash_out)


def _its_id(world: World) -> str:
    assert isinstance(world.provider, Frank)
    return world.provider.its_id or "MP-1"


Door = Callable[[World], Awaitable[CashOut]]
DOORS = [by_submit, by_webhook, by_orphan, by_status_query]
BROUGHT: list[tuple[Door, Source]] = [
    (by_submit, Source.SUBMIT),
    (by_webhook, Source.WEBHOOK),
    (by_orphan, Source.WEBHOOK),
    (by_status_query, Source.STATUS_QUERY),
]


@pytest.mark.parametrize(("door", "source"), BROUGHT)
async def test_what_was_said_is_kept_under_its_door_with_its_bytes_and_their_digest(
    door: Door, source: Source
) -> None:
    world = a_world()
    cash_out = await door(world)
    piece = world.store.evidence[cash_out.id][-1]
    deliveries = [each.delivery.raw for each in world.store.deliveries.values()]
    (raw,) = deliveries or [ANSWER]
    assert (piece.source, piece.raw) == (source, raw)
    assert piece.digest == sha256(raw).hexdigest()


@pytest.mark.parametrize("door", DOORS)
async def test_what_is_due_next_is_spread_by_chance(door: Door) -> None:
    due: list[timedelta] = []
    for side in (-1_000, 0, 1_000):
        world = a_world(side)
        plan = (await door(world)).plan
        assert plan is not None
        due.append(plan.due_at - world.clock.now())
    assert due[0] < due[1] < due[2]


@pytest.mark.parametrize("door", DOORS)
async def test_an_id_that_another_cash_out_has_is_believed_of_no_other(door: Door) -> None:
    world = a_world(its_id="SAME")
    first = await world.sent()
    assert first.provider_transaction_id == "SAME"
    second = await door(world)
    assert second.provider_transaction_id is None
    assert second.review is ReviewReason.PROVIDER_ID_CONFLICT
    assert world.now(first).review is None
