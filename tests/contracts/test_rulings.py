"""Proposals, the review queue and orphaned webhooks: the same of every store."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, text, update

from adapters.memory.reader import MemoryReader
from adapters.memory.rulings import MemoryReviewReader
from adapters.sql.review_tables import proposals
from adapters.sql.rulings import SqlReviewReader
from application.ports import (
    Conflict,
    Delivery,
    Dismissal,
    KeptDelivery,
    Lookup,
    OpenReview,
    QueueFilter,
    QueuePlace,
    ReviewReader,
    ReviewSum,
)
from domain.cases import NO_CASE, Case
from domain.cash_out import CashOut
from domain.evidence import Evidence, News, Proof, ProofKind, Resolution, ReviewReason, Source
from domain.money import Money
from domain.rulings import Proposal, ProposalState, gist
from domain.states import Status, Verdict
from tests.contracts.stores import REFUSED_AS_A_BUG, Store, a_new, changed, keep, put
from tests.strategies import AFRI, NOW, ORANGE, USD, XOF, an_attempt

pytestmark = pytest.mark.anyio

PAID_BY_PORTAL = Proof(ProofKind.PROVIDER_PORTAL, "screen of 12:05", "Réussi\n1 500 XOF")


@pytest.fixture
def reviews(store: Store) -> ReviewReader:
    """The reads over the same store."""
    if store.database is not None:
        return SqlReviewReader(store.database)
    assert isinstance(store.reader, MemoryReader)
    return MemoryReviewReader(store.reader._store)


def at(minutes: int) -> timedelta:
    return timedelta(minutes=minutes)


def in_review(number: int, opened: int, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 -- of a cash-out
    case = Case(NOW + at(opened), ("contradiction:completed",))
    return {"review": ReviewReason.CONTRADICTION, "case": case, "asked": number, **fields}


async def one_in_review(store: Store, number: int = 1, opened: int = 0, **fields: Any) -> CashOut:  # noqa: ANN401 -- as above
    (made,) = await put(store, [a_new(number, **fields)])
    change = changed(made, **in_review(number, opened))
    await keep(store, change)
    return change.after


def a_proposal(cash_out: CashOut, number: int = 1, **fields: Any) -> Proposal:  # noqa: ANN401 -- of a proposal
    proposal = Proposal(
        id=UUID(int=number),
        cash_out_id=cash_out.id,
        version=cash_out.version,
        seen=gist(cash_out),
        resolution=Resolution.PAID,
        reason="the payee has it",
        proposed_by="olga",
        proposed_at=NOW + at(number),
        proof=PAID_BY_PORTAL,
        provider_transaction_id="OM-77",
    )
    return replace(proposal, **fields)


def decided(proposal: Proposal, state: ProposalState, by: str = "amadou") -> Proposal:
    eyes = by != proposal.proposed_by
    return replace(
        proposal,
        state=state,
        decided_by=by,
        decided_at=NOW + at(60),
        decided_why="so it is",
        four_eyes=eyes,
    )


async def add(store: Store, *made: Proposal) -> None:
    async with store.units.begin() as unit:
        for each in made:
            await unit.cash_outs.lock([each.cash_out_id])
            await unit.rulings.add(each)


async def decide(store: Store, proposal: Proposal) -> None:
    async with store.units.begin() as unit:
        await unit.cash_outs.lock([proposal.cash_out_id])
        await unit.rulings.decide(proposal)


async def got(store: Store, proposal: Proposal) -> tuple[Proposal | None, Proposal | None]:
    async with store.units.begin() as unit:
        return (
            await unit.rulings.get(proposal.id),
            await unit.rulings.open_of(proposal.cash_out_id),
        )


# --- proposals ------------------------------------------------------------------------------------


async def test_a_proposal_is_read_back_as_it_was_written(store: Store) -> None:
    cash_out = await one_in_review(store)
    proposal = a_proposal(cash_out)
    await add(store, proposal)
    assert await got(store, proposal) == (proposal, proposal)
    assert await got(store, a_proposal(cash_out, 9)) == (None, proposal)


async def test_without_proof_and_transaction_id_it_is_read_back_as_well(store: Store) -> None:
    cash_out = await one_in_review(store)
    waits = a_proposal(
        cash_out, resolution=Resolution.KEEP_WAITING, proof=None, provider_transaction_id=None
    )
    await add(store, waits)
    assert await got(store, waits) == (waits, waits)


@pytest.mark.parametrize(
    ("state", "by"),
    [
        (ProposalState.APPROVED, "amadou"),
        (ProposalState.APPROVED, "olga"),
        (ProposalState.REJECTED, "amadou"),
        (ProposalState.WITHDRAWN, "olga"),
    ],
)
async def test_a_decision_is_kept_and_a_second_one_is_a_conflict(
    store: Store, state: ProposalState, by: str
) -> None:
    cash_out = await one_in_review(store)
    proposal = a_proposal(cash_out)
    await add(store, proposal)
    await decide(store, decided(proposal, state, by))
    assert await got(store, proposal) == (decided(proposal, state, by), None)
    with pytest.raises(Conflict):
        await decide(store, decided(proposal, ProposalState.REJECTED, "somebody"))
    assert await got(store, proposal) == (decided(proposal, state, by), None)


async def test_a_decision_about_an_unknown_proposal_is_a_conflict(store: Store) -> None:
    cash_out = await one_in_review(store)
    with pytest.raises(Conflict):
        await decide(store, decided(a_proposal(cash_out), ProposalState.REJECTED))


async def test_one_proposal_at_a_time_waits_for_a_cash_out(store: Store) -> None:
    cash_out, other = await one_in_review(store), await one_in_review(store, 2)
    first, second = a_proposal(cash_out), a_proposal(cash_out, 2)
    await add(store, first, a_proposal(other, 3))
    with pytest.raises(Conflict):
        await add(store, second)
    await decide(store, decided(first, ProposalState.WITHDRAWN, "olga"))
    await add(store, second)
    assert await got(store, second) == (second, second)


async def test_of_two_who_decide_at_once_one_does(store: Store) -> None:
    cash_out = await one_in_review(store)
    proposal = a_proposal(cash_out)
    await add(store, proposal)
    tries = [decided(proposal, ProposalState.APPROVED, f"approver-{n}") for n in range(4)]
    results = await asyncio.gather(*(decide(store, each) for each in tries), return_exceptions=True)
    assert sum(result is None for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 3
    stored, waiting = await got(store, proposal)
    assert stored in tries
    assert waiting is None


async def test_a_proposal_goes_with_its_transaction(store: Store) -> None:
    cash_out = await one_in_review(store)
    proposal = a_proposal(cash_out)

    async def write_and_fail() -> None:
        async with store.units.begin() as unit:
            await unit.rulings.add(proposal)
            message = "not to be"
            raise LookupError(message)

    with pytest.raises(LookupError):
        await write_and_fail()
    assert await got(store, proposal) == (None, None)


async def test_proposals_of_a_cash_out_are_listed_newest_first(
    store: Store, reviews: ReviewReader
) -> None:
    cash_out, other = await one_in_review(store), await one_in_review(store, 2)
    made = [a_proposal(cash_out, number) for number in (1, 2, 3)]
    for each in made:
        await add(store, each)
        await decide(store, decided(each, ProposalState.REJECTED))
    await add(store, a_proposal(other, 4))
    listed = await reviews.proposals(cash_out.id)
    assert listed == [decided(each, ProposalState.REJECTED) for each in reversed(made)]
    assert await reviews.proposals(UUID(int=99)) == []


# --- the queue ------------------------------------------------------------------------------------


async def test_the_queue_is_oldest_first_with_the_proposal_that_waits(
    store: Store, reviews: ReviewReader
) -> None:
    late = await one_in_review(store, 1, opened=30)
    early = await one_in_review(store, 2, opened=10)
    await put(store, [a_new(3)])
    turned_down, waiting = a_proposal(early, 1), a_proposal(early, 2)
    await add(store, turned_down)
    await decide(store, decided(turned_down, ProposalState.REJECTED))
    await add(store, waiting)
    assert await reviews.queue(QueueFilter(), 10) == [
        OpenReview(early, waiting),
        OpenReview(late, None),
    ]


async def test_the_queue_shows_attempts_and_survives_many_of_them(
    store: Store, reviews: ReviewReader
) -> None:
    cash_out = await one_in_review(store)
    tries = tuple(an_attempt(None, number=number) for number in (1, 2, 3))
    tried = changed(cash_out, attempts=tries, status=Status.PROCESSING)
    await keep(store, tried)
    await add(store, a_proposal(tried.after))
    assert await reviews.queue(QueueFilter(), 1) == [
        OpenReview(tried.after, a_proposal(tried.after))
    ]


async def test_the_queue_is_read_page_by_page(store: Store, reviews: ReviewReader) -> None:
    # Two were raised at the same moment: their ids decide.
    opened = [5, 7, 7, 9]
    made = [await one_in_review(store, n, opened=each) for n, each in enumerate(opened, 1)]
    seen: list[CashOut] = []
    place: QueuePlace | None = None
    for _ in made:
        (found,) = await reviews.queue(QueueFilter(), 1, place)
        seen.append(found.cash_out)
        assert found.cash_out.review_at is not None
        place = QueuePlace(found.cash_out.review_at, found.cash_out.id)
    assert seen == made
    assert await reviews.queue(QueueFilter(), 1, place) == []


async def test_the_queue_is_filtered_by_reason_provider_and_age(
    store: Store, reviews: ReviewReader
) -> None:
    mine = await one_in_review(store, 1, opened=1)
    theirs = await one_in_review(store, 2, opened=2, provider=AFRI)
    (made,) = await put(store, [a_new(3)])
    mismatch = changed(made, **in_review(3, 3, review=ReviewReason.ECHO_MISMATCH))
    await keep(store, mismatch)

    async def found(**which: Any) -> list[CashOut]:  # noqa: ANN401 -- of a filter
        return [each.cash_out for each in await reviews.queue(QueueFilter(**which), 10)]

    assert await found(provider=AFRI) == [theirs]
    assert await found(reason=ReviewReason.ECHO_MISMATCH) == [mismatch.after]
    assert await found(opened_before=NOW + at(2)) == [mine]
    assert await found(provider=ORANGE, opened_before=NOW + at(4)) == [mine, mismatch.after]
    assert await found(provider=AFRI, reason=ReviewReason.ECHO_MISMATCH) == []
    both = QueueFilter(provider=ORANGE)
    behind = QueuePlace(NOW + at(1), mine.id)
    assert [each.cash_out for each in await reviews.queue(both, 10, behind)] == [mismatch.after]


async def test_a_closed_review_leaves_the_queue_and_is_remembered(
    store: Store, reviews: ReviewReader
) -> None:
    cash_out = await one_in_review(store)
    case = Case(None, (), ("contradiction:completed",), Resolution.PAID, NOW + at(5))
    closed = changed(cash_out, review=None, case=case)
    await keep(store, closed)
    assert await reviews.queue(QueueFilter(), 10) == []
    assert await store.reader.cash_out(cash_out.id) == closed.after


async def test_a_cash_out_without_reviews_has_no_case(store: Store) -> None:
    (made,) = await put(store, [a_new(1)])
    stored = await store.reader.cash_out(made.id)
    assert stored is not None
    assert stored.case == NO_CASE


async def test_what_is_at_risk_is_summed_by_reason_provider_and_currency(
    store: Store, reviews: ReviewReader
) -> None:
    await one_in_review(store, 1, opened=3)
    await one_in_review(store, 2, opened=1, amount=Money(2_500, XOF))
    await one_in_review(store, 3, opened=2, amount=Money(10**15, USD), fee=Money(1, USD))
    await one_in_review(store, 4, opened=9, provider=AFRI)
    reason = ReviewReason.CONTRADICTION
    assert await reviews.sums() == [
        ReviewSum(reason, AFRI, 1, Money(1_500, XOF), NOW + at(9)),
        ReviewSum(reason, ORANGE, 1, Money(10**15, USD), NOW + at(2)),
        ReviewSum(reason, ORANGE, 2, Money(4_000, XOF), NOW + at(1)),
    ]


async def test_what_was_left_to_wait_is_overdue_counted_from_then(store: Store) -> None:
    made = await put(store, [a_new(1), a_new(2)])
    case = Case(ruled=Resolution.KEEP_WAITING, reviewed_at=NOW + at(60))
    await keep(store, changed(made[0], case=case))
    async with store.units.begin() as unit:
        assert await unit.cash_outs.overdue(NOW + at(60), 10) == [made[1].id]
        assert set(await unit.cash_outs.overdue(NOW + at(61), 10)) == {each.id for each in made}


# --- webhooks -------------------------------------------------------------------------------------


def a_delivery(number: int, *, minutes: int = 0, **fields: Any) -> Delivery:  # noqa: ANN401 -- of a delivery
    finding = News("SUCCESS", Status.COMPLETED, f"MP-{number}", f"REF-{number:06d}")
    delivery = Delivery(
        id=UUID(int=1_000 + number),
        provider=ORANGE,
        digest=f"{number:064x}",
        received_at=NOW + at(minutes),
        raw=b"{}",
        finding=finding,
        lookup=Lookup(ORANGE, f"REF-{number:06d}", f"MP-{number}"),
    )
    return replace(delivery, **fields)


async def receive(store: Store, *deliveries: Delivery) -> None:
    async with store.units.begin() as unit:
        await unit.inbox.store(deliveries, NOW - at(10))


async def dismiss(store: Store, delivery: Delivery, operator: str = "olga") -> Dismissal:
    dismissal = Dismissal(delivery.id, NOW + at(5), operator, "a test of theirs")
    async with store.units.begin() as unit:
        await unit.rulings.dismiss(dismissal)
    return dismissal


async def kept(store: Store, delivery_id: UUID) -> KeptDelivery | None:
    async with store.units.begin() as unit:
        return await unit.rulings.delivery(delivery_id)


async def test_webhooks_of_nobodys_are_listed_oldest_first_and_page_by_page(
    store: Store, reviews: ReviewReader
) -> None:
    late, early, new = (a_delivery(n, minutes=m) for n, m in ((1, 2), (2, 1), (3, 9)))
    unreadable = a_delivery(4, finding=None, lookup=None)
    matched = a_delivery(5, cash_out_id=UUID(int=5))
    await receive(store, late, early, new, unreadable, matched)
    assert await reviews.orphans(NOW + at(9), 10) == [early, late]
    assert await reviews.orphans(NOW + at(9), 1) == [early]
    behind = QueuePlace(early.received_at, early.id)
    assert await reviews.orphans(NOW + at(10), 10, behind) == [late, new]


async def test_what_is_put_aside_is_kept_and_no_case_any_more(
    store: Store, reviews: ReviewReader
) -> None:
    orphan, other = a_delivery(1), a_delivery(2)
    await receive(store, orphan, other)
    first = await dismiss(store, orphan)
    await dismiss(store, orphan, "somebody else")
    assert await reviews.orphans(NOW + at(9), 10) == [other]
    assert await kept(store, orphan.id) == KeptDelivery(orphan, first)
    assert await kept(store, other.id) == KeptDelivery(other)
    assert await kept(store, UUID(int=77)) is None


async def test_a_stored_webhook_tells_whom_it_was_for(store: Store) -> None:
    delivery = a_delivery(1)
    await receive(store, delivery)
    async with store.units.begin() as unit:
        await unit.inbox.match({delivery.id: UUID(int=5)})
    assert await kept(store, delivery.id) == KeptDelivery(
        replace(delivery, cash_out_id=UUID(int=5))
    )


async def test_a_webhook_was_judged_when_its_body_is_in_the_evidence(store: Store) -> None:
    (made,) = await put(store, [a_new(1)])

    def piece(sequence: int, source: Source, digest: str) -> Evidence:
        return Evidence(
            made.id, made.pieces + sequence, source, NOW, Verdict.STALE, "News", digest=digest
        )

    pieces = (piece(1, Source.WEBHOOK, "a" * 64), piece(2, Source.STATUS_QUERY, "b" * 64))
    change = replace(changed(made, pieces=made.pieces + 2), evidence=pieces)
    await keep(store, change)
    async with store.units.begin() as unit:
        assert await unit.rulings.judged(made.id, "a" * 64)
        assert not await unit.rulings.judged(made.id, "b" * 64)
        assert not await unit.rulings.judged(UUID(int=9), "a" * 64)


# --- what the database refuses --------------------------------------------------------------------


@pytest.fixture
async def in_sql(store: Store) -> Store | None:
    """The store, where it is a database."""
    return store if store.database is not None else None


async def test_the_database_refuses_what_the_rules_refuse(in_sql: Store | None) -> None:
    """Same person, decided again, deleted, without proof: the guard behind the code."""
    if in_sql is None or in_sql.database is None:
        return
    cash_out = await one_in_review(in_sql)
    proposal = a_proposal(cash_out)
    await add(in_sql, proposal)
    lied = replace(decided(proposal, ProposalState.APPROVED, "olga"), four_eyes=True)
    with pytest.raises(REFUSED_AS_A_BUG):
        await decide(in_sql, lied)
    await decide(in_sql, decided(proposal, ProposalState.APPROVED))
    for statement in (
        update(proposals).values(decided_by="olga"),
        update(proposals).values(state="proposed", decided_by=None, decided_at=None),
        delete(proposals),
    ):
        async with in_sql.database.engine.connect() as connection:
            with pytest.raises(REFUSED_AS_A_BUG):
                await connection.execute(statement)
    unproven = a_proposal(cash_out, 2, proof=None)
    with pytest.raises(REFUSED_AS_A_BUG):
        await add(in_sql, unproven)


async def test_the_queue_costs_what_is_open(in_sql: Store | None) -> None:
    """Its page is found in the index over what is in review, in order."""
    if in_sql is None or in_sql.database is None:
        return
    explain = "EXPLAIN" if in_sql.database.is_postgres else "EXPLAIN QUERY PLAN"
    question = "SELECT id FROM cash_outs WHERE review IS NOT NULL ORDER BY review_at, id LIMIT 50"
    async with in_sql.database.engine.connect() as connection:
        if in_sql.database.is_postgres:
            # Of an empty table anything is cheap: the index has to do for where, order and limit.
            await connection.execute(text("SET enable_seqscan = off"))
            await connection.execute(text("SET enable_bitmapscan = off"))
        rows = await connection.execute(text(f"{explain} {question}"))
        plan = " ".join(str(row) for row in rows)
    assert "ix_cash_outs_in_review" in plan
    assert "SORT" not in plan.upper()
