"""The story of a cash-out, in order, with what is open about it: for its owner, for operators."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from adapters.memory.rulings import MemoryReviewReader
from application.callers import Caller, Role
from application.explain import Explain
from application.record_news import Arrival
from application.timeline import Act, Doubt, Risk, Step, Timeline, What, Who
from domain.attempts import Attempt, OutcomeKind
from domain.cases import Case
from domain.cash_out import Action, CashOut, Plan
from domain.evidence import News, Resolution, ReviewReason, Source
from domain.failures import FailureCode
from domain.refusals import Forbidden, NotFound
from domain.reports import Report
from domain.rulings import Proposal
from domain.states import Status
from tests.application.wiring import ADMIN, STRANGER, USER, World
from tests.strategies import NOW, POLICY

pytestmark = pytest.mark.anyio

OPERATOR = Caller("ama", Role.OPERATOR)
APPROVER = Caller("kofi", Role.APPROVER)
VIEWER = Caller("guest", Role.VIEWER)


def explain_in(world: World) -> Explain:
    reviews = MemoryReviewReader(world.store)
    return Explain(world.reader, reviews, world.catalogue, POLICY, world.clock)


async def told(world: World, cash_out: CashOut, caller: Caller = ADMIN) -> Timeline:
    return await explain_in(world)(caller, cash_out.id)


def put(world: World, cash_out: CashOut) -> CashOut:
    world.store.cash_outs[cash_out.id] = cash_out
    return cash_out


async def test_every_transition_attempt_piece_and_event_is_told_in_order(world: World) -> None:
    cash_out = await world.sent()
    world.provider.settle_all()
    await world.rest()
    timeline = await told(world, cash_out)
    assert timeline.full
    assert [(each.what, each.state, each.attempt) for each in timeline.entries] == [
        (What.ACCEPTED, Status.PENDING, None),
        (What.SENT, Status.PROCESSING, 1),
        (What.TAKEN, None, 1),
        (What.REPORTED, Status.COMPLETED, None),
    ]
    assert [(each.type, each.sequence) for entry in timeline.entries for each in entry.told] == [
        ("cash_out.initiated", 1),
        ("cash_out.processing", 2),
        ("cash_out.completed", 3),
    ]
    assert [each.proof.sequence for each in timeline.entries if each.proof] == [1, 2, 3, 4]
    assert timeline.entries[-1].who is Who.PROVIDER
    assert timeline.entries[-1].said.english == "The provider reports: paid."
    assert (timeline.uncertain, timeline.allowed_actions) == ((), ())
    assert timeline.next.step is Step.NOTHING
    assert (timeline.at_risk.risk, timeline.at_risk.amount.minor) == (Risk.NONE, 0)


async def test_its_owner_is_told_what_is_safe_to_show(world: World) -> None:
    cash_out = await world.sent()
    await world.rest(longest=timedelta(minutes=5))
    timeline = await told(world, cash_out, USER)
    assert not timeline.full
    assert {each.what for each in timeline.entries} == {What.ACCEPTED, What.SENT, What.TAKEN}
    assert all(each.proof is None and not each.told for each in timeline.entries)
    assert all(each.said.english and each.said.french for each in timeline.entries)


async def test_what_is_on_the_wire_is_uncertain_and_may_be_paid(world: World) -> None:
    cash_out = await world.sent()
    timeline = await told(world, cash_out, USER)
    assert [each.doubt for each in timeline.uncertain] == [Doubt.OUTCOME]
    assert (timeline.at_risk.risk, timeline.at_risk.amount) == (Risk.MAY_BE_PAID, cash_out.amount)
    assert timeline.next.step is Step.ASK
    assert cash_out.plan is not None
    assert timeline.next.at == cash_out.plan.due_at
    assert timeline.review_at == cash_out.created_at + POLICY.review_after
    assert timeline.allowed_actions == ()


async def test_what_was_not_sent_costs_nothing_and_can_be_cancelled(world: World) -> None:
    cash_out = await world.taken()
    timeline = await told(world, cash_out, USER)
    assert timeline.at_risk.risk is Risk.NONE
    assert timeline.next.step is Step.SEND
    assert timeline.allowed_actions == (Act.CANCEL,)
    assert (await told(world, cash_out, OPERATOR)).allowed_actions == (Act.CANCEL,)
    assert (await told(world, cash_out, VIEWER)).allowed_actions == ()


async def test_nobody_else_is_told_anything(world: World) -> None:
    cash_out = await world.taken()
    with pytest.raises(Forbidden):
        await told(world, cash_out, STRANGER)
    with pytest.raises(NotFound):
        await explain_in(world)(ADMIN, UUID(int=7))


RULED = Case(ruled=Resolution.PAID, reviewed_at=NOW)
PAID_AFTER_ALL = {"review": ReviewReason.CONTRADICTION, "contradicted": True}
DISPUTES = [
    (Status.FAILED, {}, Risk.NONE),
    (Status.FAILED, PAID_AFTER_ALL, Risk.PAID_AFTER_ALL),
    (Status.CANCELLED, PAID_AFTER_ALL, Risk.PAID_AFTER_ALL),
    (Status.COMPLETED, PAID_AFTER_ALL, Risk.NOT_PAID_AFTER_ALL),
    (Status.FAILED, {"case": RULED}, Risk.PAID_AFTER_ALL),
    (Status.COMPLETED, {"case": RULED}, Risk.NONE),
    (
        Status.COMPLETED,
        {"case": replace(RULED, ruled=Resolution.NOT_PAID)},
        Risk.NOT_PAID_AFTER_ALL,
    ),
]


@pytest.mark.parametrize(("status", "facts", "risk"), DISPUTES)
async def test_what_an_ending_that_is_disputed_could_cost(
    world: World, status: Status, facts: dict[str, object], risk: Risk
) -> None:
    cash_out = await world.sent()
    code = FailureCode.UNSPECIFIED if status is Status.FAILED else None
    ended = replace(
        cash_out, status=status, completed_at=NOW, plan=None, lease=None, failure_code=code
    )
    timeline = await told(world, put(world, replace(ended, **facts)))  # type: ignore[arg-type]  # a table's row
    assert timeline.at_risk.risk is risk
    assert timeline.at_risk.amount.minor == (0 if risk is Risk.NONE else cash_out.amount.minor)
    disputed = facts is PAID_AFTER_ALL
    assert (Doubt.CONTRADICTION in {each.doubt for each in timeline.uncertain}) == disputed
    assert timeline.next.step is (Step.OPERATOR if disputed else Step.NOTHING)


async def test_without_a_promise_to_pay_once_every_open_try_is_at_risk(world: World) -> None:
    cash_out = await world.sent()
    tries = tuple(
        Attempt(number, cash_out.reference, NOW, OutcomeKind.UNKNOWN, None, "", NOW)
        for number in (1, 2)
    )
    stranger = put(world, replace(cash_out, provider="gone", attempts=tries))
    assert (await told(world, stranger)).at_risk.amount.minor == 2 * cash_out.amount.minor


async def test_what_operators_may_do_follows_the_review_the_proposal_and_the_role(
    world: World,
) -> None:
    cash_out = await world.sent()
    waiting = put(world, replace(cash_out, review=ReviewReason.UNKNOWN_TOO_LONG))
    resolves = (Act.RESOLVE_PAID, Act.RESOLVE_NOT_PAID, Act.KEEP_WAITING)
    assert (await told(world, waiting, OPERATOR)).allowed_actions == resolves
    assert (await told(world, waiting, VIEWER)).allowed_actions == ()
    assert (await told(world, waiting, USER)).allowed_actions == ()
    assert (await told(world, waiting)).summary.french.endswith("Une personne l'examine.")
    proposal = Proposal(UUID(int=9), cash_out.id, 1, "seen", Resolution.PAID, "receipt", "ama", NOW)
    async with world.units.begin() as unit:
        await unit.rulings.add(proposal)
    seen = await told(world, waiting, APPROVER)
    assert (seen.proposal, seen.allowed_actions) == (proposal, (Act.APPROVE, Act.REJECT))
    assert (await told(world, waiting, OPERATOR)).allowed_actions == (Act.WITHDRAW,)
    viewed = (await told(world, waiting, VIEWER)).proposal
    assert (viewed and viewed.id, viewed and viewed.reason) == (proposal.id, "***")
    assert (await told(world, waiting, USER)).proposal is None


async def test_a_claim_at_the_door_and_a_denial_are_doubts(world: World) -> None:
    cash_out = await world.sent()
    doubtful = put(world, replace(cash_out, claim=Status.COMPLETED, not_found_at=NOW))
    doubts = [each.doubt for each in (await told(world, doubtful)).uncertain]
    assert doubts == [Doubt.OUTCOME, Doubt.CLAIM, Doubt.DENIED]


async def test_a_call_under_way_is_waited_for(world: World) -> None:
    cash_out = await world.taken()
    await world.one.submit.begin(world.one.lanes[cash_out.provider], 1)
    timeline = await told(world, cash_out)
    assert timeline.next.step is Step.ANSWER
    assert [each.doubt for each in timeline.uncertain] == [Doubt.OUTCOME, Doubt.ANSWER]


async def test_a_second_try_says_that_nothing_is_paid_twice(world: World) -> None:
    cash_out = await world.taken()
    tried = Attempt(1, cash_out.reference, NOW, OutcomeKind.UNSENT, None, "", NOW)
    planned = replace(cash_out, attempts=(tried,), plan=Plan(Action.SUBMIT, NOW), lease=None)
    assert (await told(world, put(world, planned))).next.step is Step.SEND_AGAIN


async def test_what_is_older_than_its_evidence_is_told_from_the_cash_out(world: World) -> None:
    cash_out = await world.sent()
    pieces = world.store.evidence[cash_out.id]
    world.store.evidence[cash_out.id] = tuple(
        replace(each, entered=None, told=(), events=0, seal="", hash="")
        for each in pieces
        if each.source is not Source.SERVICE
    )
    timeline = await told(world, cash_out)
    assert [each.what for each in timeline.entries] == [What.ACCEPTED, What.SENT, What.TAKEN]
    assert [each.proof is None for each in timeline.entries] == [True, True, False]


async def test_a_sentence_of_the_provider_is_for_who_may_see_names(world: World) -> None:
    """A provider may name the payee in it: a viewer decides on nothing and has no need of that."""
    cash_out = await world.sent()
    news = News("FAILED", Status.FAILED, reason="Canarie Name-Diallo has no account")
    report = Report(Source.STATUS_QUERY, news)
    await world.one.record(Arrival(cash_out.provider, report, cash_out_id=cash_out.id))

    async def details(caller: Caller) -> list[str]:
        entries = (await told(world, cash_out, caller)).entries
        return [each.proof.detail for each in entries if each.proof and each.proof.kind == "News"]

    assert await details(OPERATOR) == ["Canarie Name-Diallo has no account"]
    assert await details(VIEWER) == [""]
