"""The judge of the nemesis's campaigns finds what is wrong, and nothing where all is well."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from adapters.sandbox.ledger import Ledger, Payout
from domain.events import Event, EventType
from tests.nemesis.aftermath import Findings, judge
from tests.nemesis.load import Asked
from tests.nemesis.plan import KINDS, LANES, strikes

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
ID = "01935a00-0000-7000-8000-000000000001"
OTHER = "01935a00-0000-7000-8000-000000000002"
ROW = {
    "id": ID,
    "user_id": "user-1",
    "wallet_id": "wallet-1",
    "msisdn": "2250700000789",
    "reference": "REF-1",
    "status": "completed",
    "review": None,
    "amount_minor": 1500,
}
STORY = (EventType.INITIATED, EventType.PROCESSING, EventType.COMPLETED)


def _events(*types: EventType) -> list[Event]:
    return [
        Event(UUID(int=number), kind, UUID(ID), number, AT, "{}")
        for number, kind in enumerate(types, start=1)
    ]


def _ledger(*references: str) -> Ledger:
    ledger = Ledger()
    for number, reference in enumerate(references):
        ledger.execute(
            Payout("orange_money", reference, f"OM-{number}", "225", Decimal(1500), "XOF", AT)
        )
    return ledger


def _found(**other: Any) -> Findings:  # noqa: ANN401 -- one field each
    events = _events(*STORY)
    return replace(
        Findings(
            cash_outs={ID: ROW},
            keys=[{"user_id": "user-1", "key": "key-1", "cash_out_id": ID}],
            outbox=[{"event_id": str(each.id)} for each in events],
            counters=[],
            events=events,
            ledger=_ledger("REF-1"),
            logs=dict.fromkeys(("api", "worker-1", "worker-2", "sandbox"), ""),
        ),
        **other,
    )


def _asked(**other: Any) -> Asked:  # noqa: ANN401 -- one field each
    return replace(Asked("user-1", "key-1", {"walletId": "wallet-1"}, {ID}), **other)


def test_nothing_is_found_where_all_agrees() -> None:
    assert judge([_asked(endings={"completed"})], _found()) == []


def test_an_event_that_came_twice_is_no_fault() -> None:
    twice = _events(*STORY)
    assert judge([_asked()], _found(events=[*twice, *twice])) == []


WRONG: dict[str, tuple[Callable[[], Findings], dict[str, Any], str]] = {
    "lost": (lambda: _found(cash_outs={}), {}, "lost"),
    "open for ever": (
        lambda: _found(cash_outs={ID: {**ROW, "status": "processing"}}),
        {},
        "for ever",
    ),
    "an ending that changed": (_found, {"endings": {"failed"}}, "shown before"),
    "a cancel that was forgotten": (_found, {"cancelled": True}, "was cancelled"),
    "kept twice": (
        lambda: _found(cash_outs={ID: ROW, OTHER: {**ROW, "id": OTHER}}),
        {},
        "became",
    ),
    "two answers to one key": (_found, {"ids": {ID, OTHER}}, "became"),
    "refused and kept": (_found, {"refused": True}, "was refused"),
    "another's key": (lambda: _found(keys=[]), {}, "leads to None"),
    "asked by nobody": (
        lambda: _found(cash_outs={ID: {**ROW, "wallet_id": "wallet-9"}}),
        {},
        "nobody asked",
    ),
    "paid twice": (lambda: _found(ledger=_ledger("REF-1", "REF-1")), {}, "paid 2 times"),
    "paid to nobody of ours": (
        lambda: _found(ledger=_ledger("REF-1", "REF-2")),
        {},
        "none of ours",
    ),
    "completed and not paid": (lambda: _found(ledger=_ledger()), {}, "paid: False"),
    "paid and failed": (
        lambda: _found(
            cash_outs={ID: {**ROW, "status": "failed"}},
            events=_events(EventType.INITIATED, EventType.PROCESSING, EventType.FAILED),
        ),
        {},
        "paid: True",
    ),
    "never told": (lambda: _found(events=_events(*STORY[:2])), {}, "never reached the stream"),
    "a gap": (lambda: _found(events=_events(*STORY)[::2]), {}, "out of sequence"),
    "reordered": (lambda: _found(events=_events(*STORY)[::-1]), {}, "out of sequence"),
    "two endings": (lambda: _found(events=_events(*STORY, EventType.FAILED)), {}, "endings told"),
    "a review that nobody was told of": (
        lambda: _found(cash_outs={ID: {**ROW, "review": "contradiction"}}),
        {},
        "review is not told",
    ),
    "a counter": (lambda: _found(counters=[{"used_minor": 1, "held": 2}]), {}, "counter"),
    "a traceback": (
        lambda: _found(
            logs={**_found().logs, "worker-2": "fine\nTraceback (most recent call last)"}
        ),
        {},
        "worker-2.log, line 2",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_fault_is_found(name: str) -> None:
    found, asked, expected = WRONG[name]
    assert any(expected in line for line in judge([_asked(**asked)], found()))


def test_a_seed_draws_one_plan_with_every_kind_in_it() -> None:
    for lane in LANES:
        plans = [strikes(lane, seed) for seed in (7, 7, 8)]
        same, again, other = ([next(plan) for _ in range(20)] for plan in plans)
        assert same == again != other
        assert {each.kind for each in same[: len(lane.kinds)]} == {
            f"{what.value} {target}" for what, target in lane.kinds
        }
    assert len(KINDS) == len(set(KINDS)) == sum(len(lane.kinds) for lane in LANES)
