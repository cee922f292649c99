"""What operators read costs what is shown, and is the same from every store."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from adapters.memory.console_reader import MemoryConsoleReader
from adapters.memory.reader import MemoryReader
from adapters.sql.console_reader import SqlConsoleReader
from application.callers import Role
from application.ports import (
    SLICE,
    Account,
    ConsoleReader,
    Delivery,
    Figure,
    Listed,
    Lookup,
    Open,
    Session,
    Untold,
)
from domain.cash_out import CashOut
from domain.events import EventType
from domain.evidence import Doorbell, ReviewReason
from domain.payee import Msisdn, Payee
from domain.states import Status
from tests.contracts.stores import Store, a_new, changed, keep, moved, put
from tests.strategies import NOW

pytestmark = pytest.mark.anyio

ADA = Account("ada", Role.APPROVER, NOW, "scrypt$15$8$1$c2FsdA==$aGFzaA==")
OPENED = Session("d" * 64, "ada", NOW, NOW, "a-form-token")


def reader_of(store: Store) -> ConsoleReader:
    """Return the console's reader over a store."""
    if store.database is not None:
        return SqlConsoleReader(store.database)
    assert isinstance(store.reader, MemoryReader)
    return MemoryConsoleReader(store.reader._store)


async def some(store: Store, count: int, **fields: object) -> list[CashOut]:
    """Store so many new cash-outs, a second apart; return them in their order."""
    at = [NOW + timedelta(seconds=number) for number in range(1, count + 1)]
    new = [
        a_new(number, created_at=moment, updated_at=moment, **fields)
        for number, moment in enumerate(at, start=1)
    ]
    return await put(store, new)


def ids(listed: Sequence[Listed]) -> list[int]:
    return [each.id.int for each in listed]


async def test_an_account_is_kept_once(store: Store) -> None:
    async with store.units.begin() as unit:
        assert await unit.accounts.add(ADA)
        assert not await unit.accounts.add(replace(ADA, role=Role.VIEWER))
    async with store.units.begin() as unit:
        assert await unit.accounts.find("ada") == ADA
        assert await unit.accounts.find("bob") is None
        assert await unit.accounts.every() == [ADA]


async def test_an_account_is_changed(store: Store) -> None:
    later = replace(ADA, role=Role.VIEWER, secret="another", disabled=True)
    async with store.units.begin() as unit:
        await unit.accounts.add(ADA)
        await unit.accounts.change(later)
    async with store.units.begin() as unit:
        assert await unit.accounts.find("ada") == later


async def test_a_session_is_found_by_its_digest_until_it_is_closed(store: Store) -> None:
    reader = reader_of(store)
    async with store.units.begin() as unit:
        await unit.accounts.add(ADA)
        await unit.accounts.open(OPENED)
        await unit.accounts.seen(OPENED.digest, NOW + timedelta(minutes=2))
    found = await reader.signed_in(OPENED.digest)
    assert found is not None
    assert found.account == ADA
    assert found.session == replace(OPENED, seen_at=NOW + timedelta(minutes=2))
    assert await reader.signed_in("e" * 64) is None
    async with store.units.begin() as unit:
        await unit.accounts.close(OPENED.digest)
    assert await reader.signed_in(OPENED.digest) is None


async def test_all_sessions_of_an_operator_end_at_once(store: Store) -> None:
    reader, bob = reader_of(store), replace(ADA, name="bob")
    others = Session("b" * 64, "bob", NOW, NOW, "f")
    async with store.units.begin() as unit:
        for account in (ADA, bob):
            await unit.accounts.add(account)
        for session in (OPENED, replace(OPENED, digest="c" * 64), others):
            await unit.accounts.open(session)
        await unit.accounts.close_all("ada")
    assert await reader.signed_in(OPENED.digest) is None
    assert await reader.signed_in("c" * 64) is None
    assert await reader.signed_in(others.digest) is not None


async def test_sessions_that_are_over_are_forgotten(store: Store) -> None:
    reader = reader_of(store)
    long_ago = replace(OPENED, digest="a" * 64, opened_at=NOW - timedelta(days=1))
    idle = replace(OPENED, digest="b" * 64, seen_at=NOW - timedelta(hours=1))
    async with store.units.begin() as unit:
        await unit.accounts.add(ADA)
        for session in (OPENED, long_ago, idle):
            await unit.accounts.open(session)
        before = (NOW - timedelta(hours=12), NOW - timedelta(minutes=30))
        assert await unit.accounts.prune(*before) == 2
    assert await reader.signed_in(OPENED.digest) is not None


async def test_figures_count_each_event_once(store: Store) -> None:
    made = await some(store, 3)
    done = moved(made[0], Status.COMPLETED, NOW + timedelta(seconds=4))
    async with store.units.begin() as unit:
        await unit.cash_outs.save([done])
        await unit.outbox.add(done.events)
    folded = [await fold(store, 2) for _ in range(5)]
    assert sum(folded) == 4
    assert max(folded) == 2
    began = datetime(NOW.year, NOW.month, NOW.day, NOW.hour, NOW.minute // 5 * 5, tzinfo=UTC)
    amount = made[0].amount.minor
    currency, provider = made[0].amount.currency.code, made[0].provider
    assert await reader_of(store).figures(began, began + SLICE) == [
        Figure(began, provider, currency, EventType.COMPLETED, 3_000, 1, amount),
        Figure(began, provider, currency, EventType.INITIATED, 0, 3, 3 * amount),
    ]
    assert await reader_of(store).figures(began + SLICE, began + 2 * SLICE) == []


async def test_figures_of_long_ago_are_forgotten(store: Store) -> None:
    await some(store, 1)
    while not await fold(store, 10):
        pass
    async with store.units.begin() as unit:
        assert await unit.figures.prune(NOW - timedelta(days=1)) == 0
        assert await unit.figures.prune(NOW + timedelta(days=1)) == 1
    assert await reader_of(store).figures(NOW - timedelta(days=1), NOW + timedelta(days=1)) == []


async def fold(store: Store, limit: int) -> int:
    async with store.units.begin() as unit:
        return await unit.figures.fold(limit)


async def test_what_is_open_is_added_up_and_what_has_ended_is_not(store: Store) -> None:
    made = await some(store, 5)
    await keep(
        store,
        moved(made[0], Status.COMPLETED),
        moved(made[1], Status.PROCESSING),
        changed(made[2], review=ReviewReason.UNKNOWN_TOO_LONG),
        changed(made[3], plan=None),
        changed(made[4], plan=None, review=ReviewReason.ECHO_MISMATCH),
    )
    amount = made[0].amount.minor
    provider, currency = made[0].provider, made[0].amount.currency.code
    now = NOW + timedelta(minutes=2)

    def some_open(status: Status, count: int, first: int, *, in_review: bool) -> Open:
        oldest = NOW + timedelta(seconds=first)
        return Open(provider, currency, status, "hour", in_review, count, count * amount, oldest)

    assert await reader_of(store).open_now(now) == [
        some_open(Status.PENDING, 1, 4, in_review=False),
        some_open(Status.PENDING, 2, 3, in_review=True),
        some_open(Status.PROCESSING, 1, 2, in_review=False),
    ]


async def test_open_ones_are_told_by_their_age(store: Store) -> None:
    await some(store, 1)
    ages = {
        name: [each.age for each in await reader_of(store).open_now(NOW + later)]
        for name, later in {
            "at once": timedelta(seconds=30),
            "soon": timedelta(minutes=30),
            "later": timedelta(hours=20),
            "at last": timedelta(days=2),
        }.items()
    }
    assert ages == {"at once": ["minute"], "soon": ["hour"], "later": ["day"], "at last": ["older"]}


async def test_what_waits_to_be_told_is_counted_from_its_oldest(store: Store) -> None:
    reader = reader_of(store)
    assert await reader.untold() == Untold(0, None)
    await some(store, 3)
    assert await reader.untold() == Untold(3, NOW + timedelta(seconds=1))


async def test_the_newest_come_first_and_go_on_behind_an_id(store: Store) -> None:
    made, reader = await some(store, 5), reader_of(store)
    assert ids(await reader.latest(2)) == [5, 4]
    assert ids(await reader.latest(9, before=made[3].id)) == [3, 2, 1]


async def test_a_line_of_a_list_says_what_is_stored(store: Store) -> None:
    (made,) = await some(store, 1)
    await keep(store, changed(made, review=ReviewReason.CONTRADICTION, contradicted=True))
    (shown,) = await reader_of(store).latest(1)
    assert shown == Listed(
        id=made.id,
        created_at=made.created_at,
        updated_at=made.updated_at,
        status=made.status,
        provider=made.provider,
        amount=made.amount,
        msisdn=made.payee.msisdn,
        user_id=made.user_id,
        reference=made.reference,
        review=ReviewReason.CONTRADICTION,
        contradicted=True,
    )


async def test_the_longest_open_come_first(store: Store) -> None:
    made = await some(store, 4)
    await keep(
        store,
        moved(made[0], Status.FAILED),
        changed(made[1], plan=None, review=ReviewReason.ECHO_MISMATCH),
    )
    assert ids(await reader_of(store).longest_open(2)) == [2, 3]


async def test_a_cash_out_is_found_by_each_of_its_names(store: Store) -> None:
    made, reader = await some(store, 3), reader_of(store)
    one = made[1]
    await keep(store, changed(one, provider_transaction_id="OM-77"))
    assert ids(await reader.by_id([one.id, UUID(int=99)])) == [2]
    assert ids(await reader.by_reference(one.reference)) == [2]
    assert ids(await reader.by_reference("nobody's")) == []
    assert ids(await reader.by_provider_id(["somebody", one.provider], "OM-77")) == [2]
    assert ids(await reader.by_provider_id(["somebody"], "OM-77")) == []
    assert ids(await reader.of_user(one.user_id, 2)) == [3, 2]
    assert ids(await reader.of_user("nobody", 2)) == []


async def test_a_number_is_found_by_how_it_ends(store: Store) -> None:
    other = Payee(Msisdn("+2250700000123", "CI"), "Somebody")
    await put(store, [a_new(1), a_new(2, payee=other), a_new(3, payee=other)])
    await keep(store, *[moved(each, Status.FAILED) for each in await stored(store, 2)])
    reader = reader_of(store)
    assert ids(await reader.to_number("123", 10)) == [3, 2]
    assert ids(await reader.to_number("123", 1)) == [3]
    assert ids(await reader.to_number("999", 10)) == []


async def stored(store: Store, number: int) -> list[CashOut]:
    found = await store.reader.cash_out(UUID(int=number))
    assert found is not None
    return [found]


async def test_the_events_of_a_cash_out_are_read_with_when_they_were_told(store: Store) -> None:
    (made,), reader = await some(store, 1), reader_of(store)
    done = moved(made, Status.COMPLETED)
    async with store.units.begin() as unit:
        await unit.cash_outs.save([done])
        await unit.outbox.add(done.events)
        (first, _) = await unit.outbox.waiting(10)
        await unit.outbox.mark_sent([first.position], NOW)
    told = await reader.events(made.id)
    assert [each.event.type for each in told] == [EventType.INITIATED, EventType.COMPLETED]
    assert [each.sent_at for each in told] == [NOW, None]
    assert await reader.cash_out_of_event(told[1].event.id) == made.id
    assert await reader.cash_out_of_event(UUID(int=1)) is None


async def test_webhooks_are_listed_whatever_became_of_them(store: Store) -> None:
    (made,), reader = await some(store, 1), reader_of(store)
    bell = Doorbell("REF-1", "DONE", Status.COMPLETED)
    lookup = Lookup(made.provider, "REF-1", "OM-1")

    def delivery(number: int, *, readable: bool) -> Delivery:
        return Delivery(
            id=UUID(int=number),
            provider=made.provider,
            digest=f"{number:064x}",
            received_at=NOW + timedelta(seconds=number),
            raw=b"{}",
            finding=bell if readable else None,
            lookup=lookup if readable else None,
        )

    deliveries = [delivery(number, readable=number != 2) for number in (1, 2, 3)]
    async with store.units.begin() as unit:
        await unit.inbox.store(deliveries, NOW)
        await unit.inbox.match({UUID(int=1): made.id})
    shown = await reader.webhooks(10)
    assert [each.id.int for each in shown] == [3, 2, 1]
    assert [each.readable for each in shown] == [True, False, True]
    assert [each.cash_out_id for each in shown] == [None, None, made.id]
    assert (shown[0].reference, shown[0].provider_transaction_id) == ("REF-1", "OM-1")
    assert [each.id.int for each in await reader.webhooks(1)] == [3]
