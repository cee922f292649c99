"""Recording: many arrivals in one transaction, each judged alone, each judged once."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.memory.faults import Trouble
from adapters.memory.gateway import Manner
from adapters.memory.manual_time import ManualClock
from application.ports import Conflict, Lookup, StorageUnavailable, Work
from application.record_news import (
    MOST_TRIES,
    Arrival,
    PatientRecord,
    Recorded,
    RecordNews,
    digest_of,
)
from domain.attempts import OutcomeKind
from domain.cash_out import Action, CashOut, Plan
from domain.evidence import News, Outcome, Overdue, ReviewReason, Source
from domain.record import Report
from domain.states import Status, Verdict
from tests.application.wiring import Bell, World
from tests.strategies import AFRI, ORANGE

pytestmark = pytest.mark.anyio


class NappingClock(ManualClock):
    """A clock on which sleep takes no longer than it says."""

    async def sleep(self, duration: timedelta) -> None:
        self.advance(duration)


def arrival(cash_out: CashOut, status: Status, its_id: str | None = None) -> Arrival:
    news = News(status.upper(), status, its_id)
    return Arrival(cash_out.provider, Report(Source.WEBHOOK, news), cash_out_id=cash_out.id)


def verdicts(recorded: list[Recorded]) -> list[Verdict | None]:
    return [each.change.verdict if each.change else None for each in recorded]


async def test_all_that_arrived_together_is_one_transaction_and_one_change_in_the_store(
    world: World,
) -> None:
    cash_out = await world.sent()
    opened, version = world.units.opened, cash_out.version
    arrivals = [arrival(cash_out, each) for each in (Status.PROCESSING, Status.COMPLETED)]
    recorded = await world.one.record_news([*arrivals, arrivals[1]])
    assert world.units.opened == opened + 1
    assert verdicts(recorded) == [Verdict.STALE, Verdict.MOVE, Verdict.STALE]
    assert world.events(cash_out) == ["initiated", "processing", "completed"]
    assert world.now(cash_out).version > version
    kept = await world.reader.evidence(cash_out.id)
    assert [each.sequence for each in kept] == [1, 2, 3, 4, 5, 6]


async def test_failing_gives_the_limits_back_into_the_windows_they_came_from(world: World) -> None:
    first, second = await world.sent(), await world.sent(amount="2000")
    assert world.used(first) == (3_500, 3_500)
    world.clock.advance(timedelta(days=40))
    await world.one.record_news([arrival(first, Status.FAILED), arrival(second, Status.CANCELLED)])
    assert world.used(first) == (0, 0)


async def test_completing_gives_nothing_back(world: World) -> None:
    cash_out = await world.sent()
    await world.one.record_news([arrival(cash_out, Status.COMPLETED)])
    await world.one.record_news([arrival(cash_out, Status.FAILED)])
    assert world.used(cash_out) == (1_500, 1_500)


async def test_two_cash_outs_that_claim_one_id_are_told_apart(world: World) -> None:
    world.provider.manner = lambda _: Manner.ACCEPTS_BLANK
    one, two = await world.sent(), await world.sent(user_id="user-2")
    recorded = await world.one.record_news(
        [arrival(one, Status.COMPLETED, "SAME"), arrival(two, Status.COMPLETED, "SAME")]
    )
    assert verdicts(recorded) == [Verdict.MOVE, Verdict.MISMATCH]
    assert world.now(two).review is ReviewReason.PROVIDER_ID_CONFLICT
    assert world.now(two).status is Status.PROCESSING
    (later,) = await world.one.record_news([arrival(two, Status.COMPLETED, "SAME")])
    assert later.change is not None
    assert later.change.verdict is Verdict.MISMATCH


async def test_conflicts_are_recorded_again_and_given_up_in_the_end(world: World) -> None:
    cash_out = await world.sent()
    world.trouble(*[Trouble.CONFLICT] * (MOST_TRIES - 1))
    await world.one.record_news([arrival(cash_out, Status.COMPLETED)])
    assert world.events(cash_out) == ["initiated", "processing", "completed"]
    world.trouble(*[Trouble.CONFLICT] * MOST_TRIES)
    with pytest.raises(Conflict):
        await world.one.record_news([arrival(cash_out, Status.FAILED)])
    assert not world.now(cash_out).contradicted


async def test_recording_again_after_a_lost_answer_changes_nothing(world: World) -> None:
    cash_out = await world.sent()
    world.trouble(Trouble.ANSWER_LOST)
    with pytest.raises(StorageUnavailable):
        await world.one.record_news([arrival(cash_out, Status.FAILED)])
    (again,) = await world.one.record_news([arrival(cash_out, Status.FAILED)])
    assert again.change is not None
    assert again.change.verdict is Verdict.STALE
    assert world.used(cash_out) == (0, 0)
    assert world.events(cash_out) == ["initiated", "processing", "failed"]


async def test_an_answer_is_recorded_patiently_and_not_for_ever(world: World) -> None:
    cash_out = await world.sent()

    clock = NappingClock()
    patient = PatientRecord(world.one.record, clock, tries=3)
    world.trouble(Trouble.AWAY, Trouble.FULL)
    recorded = await patient(arrival(cash_out, Status.COMPLETED))
    assert recorded.cash_out is not None
    assert recorded.cash_out.status is Status.COMPLETED
    assert clock.elapsed() == timedelta(seconds=1)
    at_once = await patient(arrival(cash_out, Status.COMPLETED))
    assert at_once.cash_out == world.now(cash_out)
    assert clock.elapsed() == timedelta(seconds=1)
    world.trouble(*[Trouble.AWAY] * 3)
    with pytest.raises(StorageUnavailable):
        await patient(arrival(cash_out, Status.COMPLETED))
    world.trouble(*[Trouble.AWAY] * 2)
    last = await patient(arrival(cash_out, Status.COMPLETED))
    assert last.cash_out == world.now(cash_out), "the last try counts too"
    usual = PatientRecord(world.one.record, clock)
    assert (usual.tries, usual.pause) == (20, timedelta(milliseconds=500))
    assert usual.tries * usual.pause < world.policy.lease


NUDGED: list[tuple[Outcome, list[Work]]] = [
    (Outcome(OutcomeKind.UNKNOWN), [Work.ASK]),
    (Outcome(OutcomeKind.ACCEPTED), []),
    (Outcome(OutcomeKind.REFUSED), [Work.RELAY]),
]


@pytest.mark.parametrize(("outcome", "due"), NUDGED)
async def test_workers_are_nudged_for_what_the_answer_makes_due_and_for_nothing_else(
    world: World, outcome: Outcome, due: list[Work]
) -> None:
    await world.taken()
    (begun,) = await world.one.submit.begin(world.one.lane, 1)
    bell = Bell()
    record = RecordNews(world.units, world.catalogue, world.policy, world.clock, bell)
    report = Report(Source.SUBMIT, outcome, attempt=1, lease=begun.lease)
    await record([Arrival(ORANGE, report, cash_out_id=begun.order.cash_out_id)])
    assert (bell.kinds, bell.ids) == (due, [begun.order.cash_out_id])


async def test_a_webhook_of_nobody_keeps_none_behind_it_from_its_cash_out(world: World) -> None:
    cash_out = await world.sent()
    news = News("PROCESSING", Status.PROCESSING, None, cash_out.reference)
    await asyncio.gather(
        world.tell(replace(news, provider_transaction_id="X", reference="NOBODYS-1")),
        world.tell(replace(news, provider_transaction_id="MP-1")),
    )
    assert [each.cash_out_id for each in world.store.deliveries.values()] == [None, cash_out.id]


async def test_news_of_nobody_is_nothing(world: World) -> None:
    unknown = Lookup(ORANGE, "NOBODYS-0001", "X")
    report = Report(Source.WEBHOOK, News("COMPLETED", Status.COMPLETED, "X"))
    recorded = await world.one.record_news([Arrival(ORANGE, report, lookup=unknown)])
    assert recorded == [Recorded()]
    assert await world.one.record_news([Arrival(ORANGE, None)]) == [Recorded()]
    assert not world.store.evidence


async def test_a_providers_news_is_never_about_another_providers_cash_out(world: World) -> None:
    cash_out = await world.sent()
    report = Report(Source.WEBHOOK, News("COMPLETED", Status.COMPLETED, "X"))
    lookup = Lookup(AFRI, cash_out.reference, cash_out.provider_transaction_id)
    recorded = await world.one.record_news([Arrival(AFRI, report, lookup=lookup)])
    assert recorded == [Recorded()]
    assert world.now(cash_out) == cash_out


async def test_a_cash_out_is_found_by_the_providers_id_too(world: World) -> None:
    cash_out = await world.sent()
    lookup = Lookup(ORANGE, "", cash_out.provider_transaction_id)
    report = Report(Source.WEBHOOK, News("COMPLETED", Status.COMPLETED))
    await world.one.record_news([Arrival(ORANGE, report, lookup=lookup)])
    assert world.now(cash_out).status is Status.COMPLETED


async def test_cash_outs_of_a_provider_that_was_taken_away_wait_for_a_human(world: World) -> None:
    cash_out = await world.sent()
    object.__setattr__(world.catalogue, "providers", {})
    report = Report(Source.CLOCK, Overdue())
    await world.one.record_news([Arrival("", report, cash_out_id=cash_out.id)])
    assert world.now(cash_out).review is ReviewReason.UNKNOWN_TOO_LONG


async def test_of_a_provider_that_was_taken_away_nothing_is_believed_asked_or_sent_again(
    world: World,
) -> None:
    cash_out = await world.taken()
    (begun,) = await world.one.submit.begin(world.one.lane, 1)
    object.__setattr__(world.catalogue, "providers", {})
    silence = Report(Source.SUBMIT, Outcome(OutcomeKind.UNKNOWN), attempt=1, lease=begun.lease)
    await world.one.record_news([Arrival(ORANGE, silence, cash_out_id=cash_out.id)])
    waits = Plan(Action.ASK, cash_out.created_at + world.policy.review_after)
    assert world.now(cash_out).plan == waits, "for a human"
    await world.one.record_news([arrival(cash_out, Status.COMPLETED)])
    assert world.now(cash_out).status is Status.PROCESSING, "its webhooks may be anybody's"


async def test_a_change_is_in_the_journal_after_its_commit_only(world: World) -> None:
    cash_out = await world.sent()
    before = len(world.one.journal.changes)
    world.trouble(Trouble.AWAY)
    with pytest.raises(StorageUnavailable):
        await world.one.record_news([arrival(cash_out, Status.COMPLETED)])
    assert len(world.one.journal.changes) == before
    await world.one.record_news([arrival(cash_out, Status.COMPLETED)])
    assert len(world.one.journal.changes) == before + 1


async def test_a_batch_about_many_cash_outs_frees_each_of_their_limits(world: World) -> None:
    ten = [await world.sent(user_id=f"user-{number % 3}") for number in range(10)]
    await world.one.record_news([arrival(each, Status.FAILED) for each in ten])
    assert {counted.used for counted in world.store.counters.values()} == {0}
    assert all(world.events(each)[-1] == "failed" for each in ten)


def test_a_body_is_known_by_its_digest_and_no_body_has_none() -> None:
    assert digest_of(b"") == ""
    assert (
        digest_of(b"{}") == replace(Report(Source.USER, Overdue()), digest=digest_of(b"{}")).digest
    )
    assert len(digest_of(b"{}")) == 64
