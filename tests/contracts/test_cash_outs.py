"""What every store of cash-outs does."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from application.ports import Conflict, Lookup, Unit
from domain.attempts import Attempt, OutcomeKind
from domain.cases import Case
from domain.cash_out import Action, CashOut, Change, Lease, Plan, begin_attempt
from domain.evidence import RAW_LIMIT, Evidence, ReviewReason, Source
from domain.failures import FailureCode
from domain.money import CURRENCIES, Money
from domain.states import Status, Verdict
from tests.contracts.stores import Store, a_new, changed, keep, moved, put, some_new
from tests.strategies import AFRI, NOW, ORANGE, OTHER_TOKEN, TOKEN

pytestmark = pytest.mark.anyio

SECOND = timedelta(seconds=1)
LATER = NOW + timedelta(hours=1, microseconds=1)


def full(before: CashOut) -> CashOut:
    """Return a cash-out with something else than the default in every field."""
    return replace(
        before,
        status=Status.FAILED,
        updated_at=LATER,
        provider_transaction_id="OM-é-1",
        failure_code=FailureCode.RECIPIENT_BLOCKED,
        failure_reason="This account cannot receive money at present. 中",
        review=ReviewReason.ECHO_MISMATCH,
        contradicted=True,
        completed_at=LATER,
        plan=Plan(Action.ASK, LATER),
        lease=Lease(TOKEN, LATER),
        attempts=(
            Attempt(
                1, before.reference, NOW, OutcomeKind.UNSENT, FailureCode.RATE_LIMITED, "x", NOW
            ),
            Attempt(2, before.reference, LATER),
        ),
        asked=3,
        asked_at=LATER,
        not_found_at=LATER,
        claim=Status.COMPLETED,
        claimed_at=LATER,
        case=Case(opened_at=LATER),
        version=before.version + 1,
        events=4,
        pieces=5,
    )


async def test_every_field_is_read_back_as_it_was_stored(store: Store) -> None:
    big = Money(2**53 + 1, CURRENCIES["MGA"])
    (kept,) = await put(store, [a_new(1, amount=big, fee=Money(0, big.currency))])
    assert await store.reader.cash_out(kept.id) == kept
    after = full(kept)
    await keep(store, Change(kept, after))
    assert await store.reader.cash_out(kept.id) == after
    async with store.units.begin() as unit:
        assert await unit.cash_outs.lock([kept.id]) == {kept.id: after}


async def test_an_attempt_is_stored_open_and_then_with_its_outcome(store: Store) -> None:
    (kept,) = await put(store, [a_new(1)])
    begun = begin_attempt(kept, NOW, Lease(TOKEN, LATER))
    await keep(store, begun)
    (open_one,) = begun.after.attempts
    closed = replace(open_one, outcome=OutcomeKind.ACCEPTED, detail="202", ended_at=LATER)
    ended = changed(begun.after, attempts=(closed,))
    await keep(store, ended)
    assert await store.reader.cash_out(kept.id) == ended.after


async def test_a_stale_change_is_a_conflict_and_nothing_of_its_batch_is_stored(
    store: Store,
) -> None:
    first, second = await put(store, some_new(2))
    await keep(store, changed(first, asked=1))
    with pytest.raises(Conflict):
        await keep(store, changed(second, asked=9), changed(first, asked=2))
    assert await store.reader.cash_out(second.id) == second


async def test_a_change_of_what_was_never_stored_is_a_conflict(store: Store) -> None:
    with pytest.raises(Conflict):
        await keep(store, changed(a_new(1).after, asked=1))


async def test_changes_of_one_cash_out_in_one_batch_build_on_each_other(store: Store) -> None:
    (kept,) = await put(store, [a_new(1)])
    first = changed(kept, asked=1)
    second = changed(first.after, asked=2)
    await keep(store, first, second)
    assert await store.reader.cash_out(kept.id) == second.after


async def test_a_provider_transaction_id_belongs_to_one_cash_out_of_a_provider(
    store: Store,
) -> None:
    first, second, other = await put(store, [a_new(1), a_new(2), a_new(3, provider=AFRI)])
    await keep(store, changed(first, provider_transaction_id="T-1"))
    await keep(store, changed(other, provider_transaction_id="T-1"))
    with pytest.raises(Conflict):
        await keep(store, changed(second, provider_transaction_id="T-1"))
    async with store.units.begin() as unit:
        wanted = [(ORANGE, "T-1"), (AFRI, "T-1"), (ORANGE, "T-2")]
        owners = await unit.cash_outs.owners(wanted)
    assert owners == {(ORANGE, "T-1"): first.id, (AFRI, "T-1"): other.id}


async def test_a_lookup_finds_by_reference_first_and_then_by_the_providers_id(
    store: Store,
) -> None:
    first, second = await put(store, some_new(2))
    await keep(store, changed(first, provider_transaction_id="T-1"))
    by_reference = Lookup(ORANGE, second.reference, "T-1")
    by_their_id = Lookup(ORANGE, "nobody's", "T-1")
    strangers = [
        Lookup(AFRI, first.reference, "T-1"),
        Lookup(ORANGE, "nobody's"),
        Lookup(ORANGE, "\x00\ud800", "\x00"),
    ]
    async with store.units.begin() as unit:
        found = await unit.cash_outs.find([by_reference, by_their_id, *strangers])
    assert found == {by_reference: second.id, by_their_id: first.id}


async def test_evidence_is_kept_in_order_with_whatever_characters_it_has(store: Store) -> None:
    (kept,) = await put(store, [a_new(1)])
    first = Evidence(kept.id, 2, Source.SUBMIT, NOW, Verdict.NOTED, "Outcome", detail="unsent")
    second = Evidence(
        kept.id,
        3,
        Source.WEBHOOK,
        LATER,
        Verdict.MOVE,
        "News",
        word="SUCC\x00ESS\ud800",
        status=Status.COMPLETED,
        detail="é\x00",
        attempt=1,
        digest="ab" * 32,
        raw=bytes(range(256)) * (RAW_LIMIT // 256),
    )
    change = changed(kept, pieces=3)
    await keep(store, replace(change, evidence=(first, second)))
    accepted, *shown = await store.reader.evidence(kept.id)
    assert (accepted.sequence, accepted.kind) == (1, "Accepted")
    assert [(piece.sequence, piece.kind, piece.at) for piece in shown] == [
        (2, "Outcome", NOW),
        (3, "News", LATER),
    ]
    assert shown[0].detail == "unsent"
    assert (shown[1].status, shown[1].verdict, shown[1].attempt) == ("completed", "move", 1)
    assert shown[1].word.startswith("SUCC")
    assert await store.reader.evidence(UUID(int=99)) == []


async def test_a_piece_of_evidence_is_never_replaced(store: Store) -> None:
    (kept,) = await put(store, [a_new(1)])
    piece = Evidence(kept.id, 2, Source.SUBMIT, NOW, Verdict.NOTED, "Outcome")
    first = replace(changed(kept, pieces=2), evidence=(piece,))
    await keep(store, first)
    with pytest.raises(Conflict):
        await keep(store, replace(changed(first.after, pieces=3), evidence=(piece,)))


async def test_what_is_due_is_claimed_oldest_first_up_to_the_limit(store: Store) -> None:
    kept = await put(store, some_new(5))
    async with store.units.begin() as unit:
        store.clock.advance(4 * SECOND)
        claimed = await unit.cash_outs.claim(ORANGE, Action.SUBMIT, 3, store.clock.now())
    assert claimed.cash_outs == tuple(kept[:3])
    assert claimed.now == NOW + 4 * SECOND


async def test_only_what_is_due_for_this_action_at_this_provider_is_claimed(store: Store) -> None:
    due, later, asks, other, idle = await put(
        store, [a_new(n, provider=AFRI if n == 4 else ORANGE) for n in range(1, 6)]
    )
    await keep(store, changed(later, plan=Plan(Action.SUBMIT, NOW + timedelta(microseconds=1))))
    await keep(store, changed(asks, plan=Plan(Action.ASK, NOW)))
    await keep(store, changed(idle, plan=None))
    async with store.units.begin() as unit:
        claimed = await unit.cash_outs.claim(ORANGE, Action.SUBMIT, 10, NOW)
        questions = await unit.cash_outs.claim(ORANGE, Action.ASK, 10, NOW)
        others = await unit.cash_outs.claim(AFRI, Action.SUBMIT, 10, NOW)
        none = await unit.cash_outs.claim("nobody", Action.SUBMIT, 10, NOW)
    assert [each.id for each in claimed.cash_outs] == [due.id]
    assert [each.id for each in questions.cash_outs] == [asks.id]
    assert others.cash_outs == (other,)
    assert (none.cash_outs, none.now) == ((), NOW)


async def test_a_leased_cash_out_is_claimed_again_when_its_lease_has_run_out(
    store: Store,
) -> None:
    (kept,) = await put(store, [a_new(1)])
    begun = begin_attempt(kept, NOW, Lease(TOKEN, NOW + SECOND))
    await keep(store, begun)
    async with store.units.begin() as unit:
        held = await unit.cash_outs.claim(ORANGE, Action.ASK, 1, NOW)
    assert held.cash_outs == ()
    store.clock.advance(SECOND)
    async with store.units.begin() as unit:
        free = await unit.cash_outs.claim(ORANGE, Action.ASK, 1, NOW + SECOND)
    assert free.cash_outs == (begun.after,)


async def test_two_units_never_claim_the_same_cash_out(store: Store) -> None:
    kept = await put(store, some_new(4))
    store.clock.advance(10 * SECOND)
    if not store.many_writers:
        async with store.units.begin() as unit:
            await _claim_and_hold(unit, 2, TOKEN)
    else:
        async with store.units.begin() as unit, store.units.begin() as other:
            first = await unit.cash_outs.claim(ORANGE, Action.SUBMIT, 2, NOW)
            second = await other.cash_outs.claim(ORANGE, Action.SUBMIT, 2, NOW)
            third = await other.cash_outs.claim(ORANGE, Action.ASK, 2, NOW)
        assert first.cash_outs == tuple(kept[:2])
        assert second.cash_outs == tuple(kept[2:])
        assert third.cash_outs == ()
        async with store.units.begin() as unit:
            await _claim_and_hold(unit, 2, TOKEN)
    async with store.units.begin() as unit:
        rest = await _claim_and_hold(unit, 4, OTHER_TOKEN)
    assert rest == [each.id for each in kept[2:]]


async def _claim_and_hold(unit: Unit, limit: int, token: UUID) -> list[UUID]:
    cash_outs = unit.cash_outs
    now = NOW + 10 * SECOND
    claimed = await cash_outs.claim(ORANGE, Action.SUBMIT, limit, now)
    until = claimed.now + 60 * SECOND
    changes = [begin_attempt(each, claimed.now, Lease(token, until)) for each in claimed.cash_outs]
    await cash_outs.save(changes)
    return [change.after.id for change in changes]


async def test_locking_returns_what_exists_in_id_order(store: Store) -> None:
    kept = await put(store, some_new(3))
    ids = [kept[2].id, UUID(int=77), kept[0].id, kept[2].id]
    async with store.units.begin() as unit:
        locked = await unit.cash_outs.lock(ids)
    assert list(locked.items()) == [(kept[0].id, kept[0]), (kept[2].id, kept[2])]


async def test_overdue_is_what_is_open_without_a_review_oldest_first(store: Store) -> None:
    kept = await put(store, some_new(6))
    await keep(store, moved(kept[0], Status.COMPLETED))
    await keep(store, moved(kept[1], Status.PROCESSING))
    await keep(store, changed(kept[2], review=ReviewReason.ECHO_MISMATCH))
    edge = kept[5].created_at
    async with store.units.begin() as unit:
        assert await unit.cash_outs.overdue(edge, 2) == [kept[1].id, kept[3].id]
        assert await unit.cash_outs.overdue(edge, 9) == [kept[1].id, kept[3].id, kept[4].id]
        assert await unit.cash_outs.overdue(NOW, 9) == []


async def test_a_question_is_brought_forward_once(store: Store) -> None:
    (kept,) = await put(store, [a_new(1)])
    asks = changed(moved(kept, Status.PROCESSING).after, plan=Plan(Action.ASK, LATER))
    await keep(store, Change(kept, asks.after))
    async with store.units.begin() as unit:
        assert await unit.cash_outs.hasten(kept.id, NOW, NOW - SECOND)
    async with store.units.begin() as unit:
        assert not await unit.cash_outs.hasten(kept.id, NOW, NOW - SECOND)
    found = await store.reader.cash_out(kept.id)
    assert found is not None
    assert found.plan == Plan(Action.ASK, NOW)
    assert found.version > asks.after.version


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"plan": Plan(Action.SUBMIT, LATER)}, "nothing was sent yet"),
        ({"plan": None}, "nothing is planned"),
        ({"lease": Lease(TOKEN, LATER)}, "somebody is asking"),
        ({"asked_at": NOW - SECOND}, "it was just asked about"),
        ({"status": Status.COMPLETED, "completed_at": NOW}, "it has ended"),
    ],
)
async def test_a_question_is_not_brought_forward(
    store: Store, fields: dict[str, object], why: str
) -> None:
    (kept,) = await put(store, [a_new(1)])
    asks = {"status": Status.PROCESSING, "plan": Plan(Action.ASK, LATER), **fields}
    await keep(store, changed(kept, **asks))
    async with store.units.begin() as unit:
        assert not await unit.cash_outs.hasten(kept.id, NOW, NOW - SECOND), why
        assert not await unit.cash_outs.hasten(UUID(int=5), NOW, NOW - SECOND)


async def test_an_expired_lease_does_not_keep_a_question_back(store: Store) -> None:
    (kept,) = await put(store, [a_new(1)])
    lapsed = {"plan": Plan(Action.ASK, LATER), "lease": Lease(TOKEN, NOW)}
    await keep(store, changed(kept, status=Status.PROCESSING, **lapsed))
    async with store.units.begin() as unit:
        assert await unit.cash_outs.hasten(kept.id, NOW, NOW - SECOND)


async def test_who_waited_for_a_lock_sees_the_attempts_that_its_last_holder_began(
    store: Store,
) -> None:
    (kept,) = await put(store, [a_new()])
    begun = begin_attempt(kept, NOW, Lease(TOKEN, NOW + timedelta(minutes=1)))

    async def look() -> Mapping[UUID, CashOut]:
        async with store.units.begin() as unit:
            return await unit.cash_outs.lock([kept.id])

    async with store.units.begin() as holder:
        await holder.cash_outs.lock([kept.id])
        waiting = asyncio.create_task(look())
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await holder.cash_outs.save([begun])
    assert await waiting == {kept.id: begun.after}
