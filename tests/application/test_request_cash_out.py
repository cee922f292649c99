"""Taking cash-outs: one transaction for all that are asked together, and each is judged alone."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.memory.faults import Trouble
from application.ports import Conflict, Overloaded, StorageUnavailable, Work
from application.request_cash_out import MOST_TRIES, RequestCashOut, Taken
from domain.refusals import (
    AmountBelowMinimum,
    DailyLimitExceeded,
    DuplicateReference,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    InvalidProvider,
    Refusal,
)
from domain.request import CashOutRequest
from domain.states import Status
from tests.application.wiring import Bell, World
from tests.strategies import ABIDJAN, ORANGE, a_request

pytestmark = pytest.mark.anyio


async def ask(world: World, *requests: CashOutRequest) -> list[Taken | Refusal]:
    return await world.one.take_requests(requests)


def ids(results: Sequence[Taken | Refusal]) -> list[object]:
    return [each.cash_out.id for each in results if isinstance(each, Taken)]


def nothing_written(world: World) -> bool:
    store = world.store
    return not (store.cash_outs or store.events or store.counters or store.keys)


async def test_a_lone_request_is_a_batch_of_one(world: World) -> None:
    cash_out = await world.taken()
    assert world.now(cash_out) == cash_out
    assert cash_out.status is Status.PENDING
    assert world.events(cash_out) == ["initiated"]
    assert world.used(cash_out) == (1_500, 1_500)
    assert world.units.opened == 1
    assert world.provider.calls == [], "nothing is sent"


async def test_a_number_of_another_operator_is_taken_with_a_warning(world: World) -> None:
    elsewhere = replace(world.catalogue.providers[ORANGE], operators=("Orange",))
    object.__setattr__(world.catalogue, "providers", {ORANGE: elsewhere})
    (taken,) = await ask(world, a_request(msisdn=replace(ABIDJAN, operator="MTN")))
    assert isinstance(taken, Taken)
    assert len(taken.warnings) == 1


async def test_many_are_taken_in_one_transaction_in_their_order(world: World) -> None:
    requests = [
        a_request(user_id=f"user-{number}", amount=str(600 + number)) for number in range(50)
    ]
    results = await ask(world, *requests)
    amounts = [each.cash_out.amount.minor for each in results if isinstance(each, Taken)]
    assert amounts == [600 + number for number in range(50)]
    assert world.units.opened == 1
    assert len(world.store.events) == 50


async def test_one_bad_item_does_not_fail_its_neighbours(world: World) -> None:
    results = await ask(
        world,
        a_request(),
        a_request(provider="m_pesa"),
        a_request(amount="1"),
        a_request(user_id="user-2"),
    )
    kinds = [type(each) for each in results]
    assert kinds == [Taken, InvalidProvider, AmountBelowMinimum, Taken]
    assert len(world.store.cash_outs) == 2


@pytest.mark.parametrize(
    "wrong", [{"provider": "m_pesa"}, {"amount": "NaN"}, {"currency": "SLL"}, {"msisdn": None}]
)
@pytest.mark.parametrize("key", [None, "k-1"])
async def test_a_refused_request_writes_nothing_and_leaves_no_key(
    world: World, wrong: dict[str, Any], key: str | None
) -> None:
    (refused,) = await ask(world, a_request(**wrong, key=key))
    assert isinstance(refused, Refusal)
    assert nothing_written(world)
    if key is None:
        assert world.units.opened == 0, "strangers_change_nothing"
    (taken,) = await ask(world, a_request(key=key))
    assert isinstance(taken, Taken)
    assert not taken.replayed


# --- idempotency ----------------------------------------------------------------------------------


async def test_the_same_key_and_body_gives_the_same_cash_out_in_its_present_state(
    world: World,
) -> None:
    first = await world.taken(key="k-1")
    await world.one.worker.step()
    (again,) = await ask(world, a_request(key="k-1", amount="1500.0"))
    assert isinstance(again, Taken)
    assert (again.cash_out, again.replayed) == (world.now(first), True)
    assert again.cash_out.status is Status.PROCESSING
    assert world.used(first) == (1_500, 1_500)


async def test_the_same_key_with_another_body_names_the_fields(world: World) -> None:
    await world.taken(key="k-1")
    (refused,) = await ask(world, a_request(key="k-1", amount="1501", wallet_id="w"))
    assert isinstance(refused, IdempotencyKeyReused)
    assert refused.differing == ("walletId", "amount")
    assert len(world.store.cash_outs) == 1


async def test_a_key_belongs_to_its_user(world: World) -> None:
    results = await ask(world, a_request(key="k"), a_request(key="k", user_id="user-2"))
    assert len(set(ids(results))) == 2


async def test_a_replay_outlives_the_tariff_and_the_provider_that_made_it(world: World) -> None:
    first = await world.taken(key="k-1")
    object.__setattr__(world.catalogue, "providers", {})
    (again,) = await ask(world, a_request(key="k-1"))
    assert isinstance(again, Taken)
    assert again.cash_out.id == first.id


async def test_duplicates_inside_one_batch_are_one_cash_out(world: World) -> None:
    same = a_request(key="k-1", reference="MINE-0001")
    results = await ask(world, same, same, a_request(key="k-1", amount="1501"), same)
    assert [each.replayed for each in results if isinstance(each, Taken)] == [False, True, True]
    assert isinstance(results[2], IdempotencyKeyReused)
    assert len(set(ids(results))) == 1
    assert len(world.store.events) == 1


async def test_a_refused_first_leaves_the_key_to_the_second_of_the_same_batch(world: World) -> None:
    bad, good = a_request(key="k-1", amount="1"), a_request(key="k-1")
    results = await ask(world, bad, good)
    assert [type(each) for each in results] == [AmountBelowMinimum, Taken]


async def test_a_reference_is_unique_across_users_and_replays_for_its_own(world: World) -> None:
    mine = a_request(reference="MINE-0001")
    results = await ask(
        world,
        mine,
        mine,
        a_request(reference="MINE-0001", user_id="user-2"),
        a_request(reference="MINE-0001", amount="1501"),
    )
    assert [type(each) for each in results] == [
        Taken,
        Taken,
        DuplicateReference,
        DuplicateReference,
    ]
    again = await ask(world, mine, a_request(reference="MINE-0001", user_id="user-2"))
    assert [type(each) for each in again] == [Taken, DuplicateReference]
    assert len(world.store.cash_outs) == 1


async def test_a_replay_by_reference_keeps_a_new_key_for_the_same_cash_out(world: World) -> None:
    first = await world.taken(reference="MINE-0001")
    await ask(world, a_request(reference="MINE-0001", key="k-2"))
    (by_key,) = await ask(world, a_request(reference="MINE-0001", key="k-2"))
    assert isinstance(by_key, Taken)
    assert by_key.cash_out.id == first.id
    (other,) = await ask(world, a_request(key="k-2"))
    assert isinstance(other, IdempotencyKeyReused), "without the reference it is another request"


async def test_drawn_references_do_not_collide(world: World) -> None:
    requests = [a_request(user_id=f"u-{number}") for number in range(2_000)]
    taken = [each for each in await ask(world, *requests) if isinstance(each, Taken)]
    assert len({each.cash_out.reference for each in taken}) == 2_000


# --- limits ---------------------------------------------------------------------------------------

FITS = 6_000_000 // 500_000


async def test_exactly_as_many_as_fit_are_taken_of_fifty_in_one_batch(world: World) -> None:
    results = await ask(world, *[a_request(amount="500000")] * 50)
    assert [isinstance(each, Taken) for each in results] == [True] * FITS + [False] * (50 - FITS)
    assert all(isinstance(each, DailyLimitExceeded) for each in results[FITS:])
    (counter,) = {counted.used for counted in world.store.counters.values()}
    assert counter == 6_000_000


async def test_exactly_as_many_as_fit_are_taken_of_fifty_at_once(world: World) -> None:
    two = world.another()
    racing = [
        process.take_requests([a_request(amount="500000")])
        for process in (world.one, two)
        for _ in range(25)
    ]
    results = [each for (each,) in await asyncio.gather(*racing)]
    assert sum(isinstance(each, Taken) for each in results) == FITS
    assert sum(isinstance(each, DailyLimitExceeded) for each in results) == 50 - FITS


async def test_a_smaller_one_still_fits_where_a_larger_one_did_not(world: World) -> None:
    results = await ask(
        world,
        a_request(amount="3000000"),
        a_request(amount="2500000"),
        a_request(amount="600000"),
        a_request(amount="500000"),
    )
    assert [type(each) for each in results] == [Taken, Taken, DailyLimitExceeded, Taken]


async def test_limits_are_per_user_provider_and_currency_and_begin_anew_each_day(
    world: World,
) -> None:
    full = [a_request(amount="3000000")] * 2
    assert len(ids(await ask(world, *full))) == 2
    others = [a_request(user_id="user-2"), a_request(currency="USD", amount="10")]
    assert len(ids(await ask(world, *others))) == 2
    (refused,) = await ask(world, a_request())
    assert isinstance(refused, DailyLimitExceeded)
    world.clock.advance(timedelta(days=1))
    assert len(ids(await ask(world, a_request()))) == 1


# --- the store's faults ---------------------------------------------------------------------------


async def test_a_lost_commit_answer_is_resolved_by_reading(world: World) -> None:
    for trouble in (Trouble.ANSWER_LOST, Trouble.COMMIT_LOST):
        world.trouble(trouble)
        before = len(world.store.cash_outs)
        results = await ask(world, a_request(), a_request(key=f"k-{trouble}"))
        assert [each.replayed for each in results if isinstance(each, Taken)] == [False, False]
        assert len(world.store.cash_outs) == before + 2
        assert len(world.store.events) == before + 2


async def test_a_lost_commit_with_duplicates_inside_the_batch_stays_one_cash_out(
    world: World,
) -> None:
    world.trouble(Trouble.ANSWER_LOST)
    same = a_request(key="k-1")
    results = await ask(world, same, same, a_request(amount="1"))
    assert [each.replayed for each in results if isinstance(each, Taken)] == [False, True]
    assert isinstance(results[2], AmountBelowMinimum)
    assert len(world.store.cash_outs) == 1


async def test_when_it_cannot_be_read_either_the_fate_is_told_as_open(world: World) -> None:
    world.trouble(Trouble.ANSWER_LOST, Trouble.AWAY)
    with pytest.raises(StorageUnavailable) as fault:
        await ask(world, a_request(key="k-1"))
    assert fault.value.outcome_unknown
    (again,) = await ask(world, a_request(key="k-1"))
    assert isinstance(again, Taken)
    assert again.replayed
    assert len(world.store.cash_outs) == 1


async def test_two_lost_answers_in_a_row_are_told_as_open(world: World) -> None:
    world.trouble(Trouble.COMMIT_LOST, Trouble.ANSWER_LOST)
    with pytest.raises(StorageUnavailable) as fault:
        await ask(world, a_request(key="k-1"))
    assert fault.value.outcome_unknown
    (again,) = await ask(world, a_request(key="k-1"))
    assert isinstance(again, Taken)
    assert again.replayed


@pytest.mark.parametrize("trouble", [Trouble.AWAY, Trouble.FULL])
async def test_a_store_that_is_away_takes_nothing(world: World, trouble: Trouble) -> None:
    world.trouble(trouble)
    with pytest.raises((StorageUnavailable, Overloaded)):
        await ask(world, a_request())
    assert nothing_written(world)


async def test_conflicts_are_decided_again(world: World) -> None:
    world.trouble(*[Trouble.CONFLICT] * (MOST_TRIES - 1))
    assert len(ids(await ask(world, a_request()))) == 1
    assert len(world.store.cash_outs) == 1


async def test_conflicts_that_do_not_end_are_told_as_a_key_in_use(world: World) -> None:
    world.trouble(*[Trouble.CONFLICT] * MOST_TRIES)
    results = await ask(world, a_request(key="k-1"), a_request(reference="MINE-0001"))
    assert [type(each) for each in results] == [IdempotencyKeyInUse] * 2
    world.trouble(*[Trouble.CONFLICT] * MOST_TRIES)
    with pytest.raises(StorageUnavailable, match=r"^other transactions kept getting in") as fault:
        await ask(world, a_request())
    assert not fault.value.outcome_unknown
    assert nothing_written(world)


async def test_the_same_key_at_two_processes_at_once_is_one_cash_out(world: World) -> None:
    two = world.another()
    request = a_request(key="k-1", reference="MINE-0001")
    racing = [process.take_requests([request]) for process in (world.one, two)] * 1
    results = [each for (each,) in await asyncio.gather(*racing)]
    assert len(set(ids(results))) == 1
    assert len(world.store.cash_outs) == 1


async def test_a_key_taken_between_reading_and_writing_is_read_again(world: World) -> None:
    request = a_request(key="k-1")
    two = world.another()
    # The other process commits while ours is refused by a conflict.
    world.trouble(Trouble.CONFLICT)
    (mine,), (other,) = await asyncio.gather(
        world.one.take_requests([request]), two.take_requests([request])
    )
    assert isinstance(mine, Taken)
    assert isinstance(other, Taken)
    assert mine.cash_out.id == other.cash_out.id
    assert {mine.replayed, other.replayed} == {True, False}


# --- telling --------------------------------------------------------------------------------------


async def test_workers_are_nudged_for_something_new_only(world: World) -> None:
    bell = Bell()
    request = RequestCashOut(world.units, world.catalogue, world.clock, world.chance, bell)
    await request([a_request(key="k-1")])
    assert bell.kinds == [Work.SUBMIT, Work.RELAY, Work.MATCH]
    await request([a_request(key="k-1"), a_request(amount="1")])
    assert bell.kinds == [Work.SUBMIT, Work.RELAY, Work.MATCH], "a replay and a refusal are not new"


async def test_changes_are_in_the_journal_once_they_are_committed(world: World) -> None:
    world.trouble(Trouble.CONFLICT)
    await ask(world, a_request(), a_request(amount="1"))
    assert [each.after.status for each in world.one.journal.changes] == [Status.PENDING]


async def test_many_batches_through_the_door_are_coalesced(world: World) -> None:
    requests = [a_request(user_id=f"user-{number}") for number in range(100)]
    results = await asyncio.gather(*[world.one.request(each) for each in requests])
    assert len(set(ids(results))) == 100
    assert world.units.opened == 1, "all that had come when the first was looked at"


async def test_a_conflict_is_not_raised_to_the_caller(world: World) -> None:
    world.trouble(Trouble.CONFLICT, Trouble.CONFLICT)
    try:
        results = await ask(world, a_request(provider=ORANGE))
    except Conflict:
        pytest.fail("a conflict is an affair of the store")
    assert len(ids(results)) == 1
