"""The contract of surveys: what is open, at risk and waiting, on every kind of store."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from adapters.memory.reader import MemoryReader
from adapters.memory.surveyor import MemorySurveyor
from adapters.sql import surveyor as sql
from adapters.sql.database import open_database
from adapters.sql.surveyor import SqlSurveyor
from application.ports import Delivery, Lookup
from application.ports.surveying import AGES, LOOKED_AT_MOST, OpenGroup, Surveyor, Waiting
from domain.cash_out import Action, CashOut, Plan
from domain.evidence import News, ReviewReason
from domain.money import CURRENCIES, Money
from domain.states import Status
from tests.contracts.stores import Store, a_new, changed, put
from tests.contracts.test_sql_statements import archive, explain
from tests.strategies import AFRI, NOW, ORANGE

__all__ = ["archive"]

pytestmark = pytest.mark.anyio


def surveyor_of(store: Store) -> Surveyor:
    if store.database is not None:
        return SqlSurveyor(store.database)
    assert isinstance(store.reader, MemoryReader)
    return MemorySurveyor(store.reader._store)


def aged(number: int, age: timedelta, **fields: object) -> CashOut:
    at = NOW - age
    return a_new(number, created_at=at, updated_at=at, **fields).after


async def test_an_empty_store_has_nothing_open(store: Store) -> None:
    found = await surveyor_of(store).survey(NOW)
    assert (found.at, list(found.groups), dict(found.reviews)) == (NOW, [], {})
    assert found.untold == found.orphans == Waiting()
    assert not found.open_capped


async def test_what_is_open_is_grouped_by_whose_how_far_at_risk_and_age(store: Store) -> None:
    dear = Money(7_000, CURRENCIES["XOF"])
    ages = [timedelta(seconds=59), timedelta(minutes=2), timedelta(hours=3), timedelta(days=2)]
    new = [
        a_new(number, created_at=NOW - age, updated_at=NOW - age, amount=dear)
        for number, age in enumerate(ages, 1)
    ]
    other = a_new(5, created_at=NOW, updated_at=NOW, provider=AFRI)
    stored = await put(store, [*new, other])
    asking = replace(stored[1], plan=Plan(Action.ASK, NOW))
    done = {"status": Status.COMPLETED, "completed_at": NOW, "plan": None}
    ended_but_asked = {**done, "plan": Plan(Action.ASK, NOW)}
    async with store.units.begin() as unit:
        await unit.cash_outs.save(
            [
                changed(stored[1], plan=asking.plan, status=Status.PROCESSING),
                changed(stored[2], **ended_but_asked),
                changed(stored[3], plan=Plan(Action.ASK, NOW)),
            ]
        )
    groups = (await surveyor_of(store).survey(NOW)).groups
    money = stored[4].amount
    assert list(groups) == [
        OpenGroup(AFRI, money.currency.code, Status.PENDING, False, "1m", 1, money.minor, NOW),
        _orange(Status.PENDING, False, "1m", ages[0]),
        _orange(Status.PENDING, True, "older", ages[3]),
        _orange(Status.PROCESSING, True, "5m", ages[1]),
    ]


def _orange(status: Status, at_risk: bool, age: str, since: timedelta) -> OpenGroup:
    return OpenGroup(ORANGE, "XOF", status, at_risk, age, 1, 7_000, NOW - since)


async def test_reviews_are_counted_by_reason_however_the_cash_out_ended(store: Store) -> None:
    stored = await put(store, [a_new(number) for number in range(1, 5)])
    case = replace(stored[0].case, opened_at=NOW - timedelta(hours=1))
    called = {"review": ReviewReason.CONTRADICTION, "case": case}
    late = {
        "review": ReviewReason.UNKNOWN_TOO_LONG,
        "case": replace(case, opened_at=NOW),
    }
    ended = {"status": Status.COMPLETED, "completed_at": NOW, "plan": None}
    async with store.units.begin() as unit:
        await unit.cash_outs.save(
            [
                changed(stored[0], **called),
                changed(stored[1], **called, **ended),
                changed(stored[2], **late),
            ]
        )
    found = await surveyor_of(store).survey(NOW)
    assert dict(found.reviews) == {
        ReviewReason.CONTRADICTION: Waiting(2, NOW - timedelta(hours=1)),
        ReviewReason.UNKNOWN_TOO_LONG: Waiting(1, NOW),
    }


async def test_what_waits_in_the_boxes_is_counted_with_the_age_of_the_oldest(store: Store) -> None:
    stored = await put(store, [a_new(1), a_new(2)])
    async with store.units.begin() as unit:
        waiting = await unit.outbox.waiting(10)
        await unit.outbox.mark_sent([waiting[0].position], NOW)
        await unit.inbox.store(
            [_webhook(1, stored[0].id), _webhook(2, None), _webhook(3, None, readable=False)], NOW
        )
    found = await surveyor_of(store).survey(NOW)
    assert found.untold == Waiting(1, stored[1].created_at)
    assert found.orphans == Waiting(1, NOW + timedelta(seconds=2))


def _webhook(number: int, cash_out_id: UUID | None, *, readable: bool = True) -> Delivery:
    return Delivery(
        id=UUID(int=number),
        provider=ORANGE,
        digest=str(number),
        received_at=NOW + timedelta(seconds=number),
        raw=b"{}",
        finding=News("OK", None) if readable else None,
        lookup=Lookup(ORANGE, f"NOBODY-{number}") if readable else None,
        cash_out_id=cash_out_id,
    )


def test_a_look_that_met_its_bound_says_so() -> None:
    assert Waiting(LOOKED_AT_MOST).capped
    assert not Waiting(LOOKED_AT_MOST - 1).capped


INDEXES = {
    "ix_cash_outs_due": sql.what_is_open(),
    "ix_cash_outs_in_review": sql.open_reviews(),
    "ix_outbox_waiting": sql.untold(),
    "ix_inbox_parked": sql.orphans(),
}


@pytest.mark.parametrize("index", INDEXES)
async def test_a_survey_reads_by_partial_indexes_alone(archive: str, index: str) -> None:
    database = open_database(archive)
    cuts = {f"since_{band}": NOW for band in list(AGES)[:-1]} if "due" in index else {}
    plan = await explain(database, INDEXES[index], {"most": 10, **cuts})
    await database.close()
    assert index in plan, plan
    assert "Seq Scan" not in plan
