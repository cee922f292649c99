"""The inbox keeps each webhook once and finds it again when its cash-out appears."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from application.ports import Delivery, Lookup, Receipt
from domain.evidence import Doorbell, News
from domain.failures import FailureCode
from domain.states import Status
from tests.contracts.stores import Store, a_new, changed, keep, put
from tests.strategies import AFRI, NOW, ORANGE

pytestmark = pytest.mark.anyio

WINDOW = NOW - timedelta(minutes=10)


def a_delivery(number: int, body: bytes = b"{}", *, key: str | None = None) -> Delivery:
    return Delivery(
        id=UUID(int=number),
        provider=ORANGE,
        digest=body.hex().ljust(64, "0"),
        received_at=NOW + timedelta(microseconds=number),
        raw=body,
        replay_key=key,
    )


async def store_all(store: Store, *deliveries: Delivery) -> list[Receipt]:
    async with store.units.begin() as unit:
        return await unit.inbox.store(deliveries, WINDOW)


async def orphans(store: Store, limit: int = 10) -> Sequence[Delivery]:
    async with store.units.begin() as unit:
        return await unit.inbox.orphans(NOW, limit)


def fresh(receipts: Sequence[Receipt]) -> list[tuple[bool, bool]]:
    return [(receipt.fresh, receipt.replayed) for receipt in receipts]


async def test_an_equal_body_of_one_provider_is_fresh_once(store: Store) -> None:
    first, second = a_delivery(1, b"a"), a_delivery(2, b"b")
    again = a_delivery(3, b"a")
    stranger = replace(a_delivery(4, b"a"), provider=AFRI)
    receipts = await store_all(store, first, again, second, stranger)
    assert [receipt.delivery_id.int for receipt in receipts] == [1, 3, 2, 4]
    assert fresh(receipts) == [(True, False), (False, False), (True, False), (True, False)]
    assert fresh(await store_all(store, a_delivery(5, b"b"))) == [(False, False)]


async def test_an_equal_one_tells_whom_the_first_was_for(store: Store) -> None:
    await store_all(store, a_delivery(1))
    async with store.units.begin() as unit:
        await unit.inbox.match({UUID(int=1): UUID(int=77), UUID(int=2): UUID(int=78)})
    (receipt,) = await store_all(store, a_delivery(2))
    assert receipt.cash_out_id == UUID(int=77)


async def test_one_whose_cash_out_is_known_is_kept_with_it(store: Store) -> None:
    news, lookup = News("OK", Status.COMPLETED), Lookup(ORANGE, "REF-000001")
    await put(store, [a_new(1)])
    parked = replace(a_delivery(2, b"b"), finding=news, lookup=lookup)
    known = replace(parked, id=UUID(int=1), digest="a" * 64, cash_out_id=UUID(int=1))
    assert fresh(await store_all(store, known, parked)) == [(True, False)] * 2
    assert [each.id.int for each in await orphans(store)] == [2]
    (receipt,) = await store_all(store, replace(known, id=UUID(int=3)))
    assert receipt == Receipt(UUID(int=3), fresh=False, cash_out_id=UUID(int=1))


async def test_ten_equal_ones_at_once_are_fresh_once(store: Store) -> None:
    receipts = await asyncio.gather(*(store_all(store, a_delivery(n)) for n in range(1, 11)))
    assert sum(each.fresh for (each,) in receipts) == 1


async def test_a_signature_with_another_body_is_replayed_and_not_kept(store: Store) -> None:
    receipts = await store_all(
        store,
        a_delivery(1, b"a", key="s"),
        a_delivery(2, b"b", key="s"),
        a_delivery(3, b"a", key="s"),
        a_delivery(4, b"c", key="t"),
    )
    assert fresh(receipts) == [(True, False), (False, True), (False, False), (True, False)]
    assert fresh(await store_all(store, a_delivery(5, b"d", key="s"))) == [(False, True)]
    # Not kept: the same body is fresh under a signature of its own.
    assert fresh(await store_all(store, a_delivery(6, b"b", key="u"))) == [(True, False)]
    other = replace(a_delivery(7, b"e", key="s"), provider=AFRI)
    assert fresh(await store_all(store, other)) == [(True, False)]


async def test_of_one_signature_with_many_bodies_at_once_one_is_kept(store: Store) -> None:
    bodies = (a_delivery(n, bytes([n]), key="s") for n in range(1, 9))
    receipts = await asyncio.gather(*(store_all(store, each) for each in bodies))
    assert sum(each.fresh for (each,) in receipts) == 1
    assert sum(each.replayed for (each,) in receipts) == 7


async def test_a_signature_is_forgotten_after_its_window(store: Store) -> None:
    old = replace(a_delivery(1, b"a", key="s"), received_at=WINDOW)
    await store_all(store, old)
    assert fresh(await store_all(store, a_delivery(2, b"b", key="s"))) == [(True, False)]


NEWS = News(
    word="SUCCESS\u0000",
    status=Status.COMPLETED,
    provider_transaction_id="T-1",
    reference="REF-000001",
    amount=Decimal("1500.00"),
    currency="XOF",
    payee="+2250700000789",
    code=FailureCode.EXPIRED,
    reason="é",
)


@pytest.mark.parametrize(
    "finding",
    [
        NEWS,
        News(word="?", status=None),
        Doorbell("REF-000001", "COMPLETED", Status.COMPLETED, "T-1"),
        Doorbell("REF-000001", "", None),
    ],
    ids=["news", "unknown word", "doorbell", "silent doorbell"],
)
async def test_what_a_parked_webhook_says_is_read_back_equal(
    store: Store, finding: News | Doorbell
) -> None:
    lookup = Lookup(ORANGE, "REF-000001", None)
    parked = replace(a_delivery(1, b"\x00\xff", key="s"), finding=finding, lookup=lookup)
    await store_all(store, parked)
    assert await orphans(store) == []
    await put(store, [a_new(1)])
    assert await orphans(store) == [parked]
    (found,) = await orphans(store)
    assert type(found.finding) is type(finding)
    if isinstance(found.finding, News) and found.finding.amount is not None:
        assert str(found.finding.amount) == "1500.00"


async def test_orphans_are_the_readable_unmatched_ones_whose_cash_out_exists(
    store: Store,
) -> None:
    news = News("OK", Status.COMPLETED)
    by_reference, by_their_id, unknown, strange, matched = (
        replace(a_delivery(n, bytes([n])), finding=news, lookup=lookup)
        for n, lookup in enumerate(
            [
                Lookup(ORANGE, "REF-000001"),
                Lookup(ORANGE, "?", "T-1"),
                Lookup(ORANGE, "?", "T-9"),
                Lookup(AFRI, "REF-000001"),
                Lookup(ORANGE, "REF-000001"),
            ],
            start=1,
        )
    )
    unreadable, early = a_delivery(6, b"6"), replace(by_reference, id=UUID(int=7), digest="7" * 64)
    early = replace(early, received_at=NOW)
    everything = (by_their_id, by_reference, unknown, strange, matched, unreadable, early)
    await store_all(store, *everything)
    (kept,) = await put(store, [a_new(1)])
    await keep(store, changed(kept, provider_transaction_id="T-1"))
    async with store.units.begin() as unit:
        await unit.inbox.match({matched.id: kept.id})
    assert await orphans(store) == [by_reference, by_their_id]
    assert await orphans(store, limit=1) == [by_reference]


async def test_only_matched_webhooks_are_pruned_and_only_old_ones_oldest_first(
    store: Store,
) -> None:
    deliveries = [a_delivery(number, bytes([number])) for number in range(1, 6)]
    await store_all(store, *deliveries)
    async with store.units.begin() as unit:
        # The second is parked for ever: its cash-out never came.
        await unit.inbox.match({each.id: UUID(int=9) for each in deliveries if each.id.int != 2})
    limit = deliveries[4].received_at
    async with store.units.begin() as unit:
        assert await unit.inbox.prune(deliveries[0].received_at, 10) == 0
        assert await unit.inbox.prune(limit, 2) == 2
    assert fresh(await store_all(store, a_delivery(11, b"\x04"))) == [(False, False)]
    async with store.units.begin() as unit:
        assert await unit.inbox.prune(limit, 10) == 1
        assert await unit.inbox.prune(limit, 10) == 0
    again = [a_delivery(20 + number, bytes([number])) for number in range(1, 6)]
    receipts = await store_all(store, *again)
    assert [receipt.fresh for receipt in receipts] == [True, False, True, True, False]
