"""`cashout demo`: what it shows is what happened, and its exit code says whether all of it did."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.sandbox.deliveries import Delivery, DeliveryState
from adapters.sandbox.ledger import Payout
from application.queries import Allowance
from domain.events import EventType, event
from domain.money import Money
from domain.states import Status
from entrypoints.cli.demo_story import CHAPTERS, Facts
from tests.entrypoints.console import Console
from tests.strategies import NOW, XOF, a_cash_out


@pytest.fixture(scope="module", name="shown")
def demo_output(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The demo's output, without a terminal and with an environment of two names."""
    console = Console(tmp_path_factory.mktemp("demo"))
    done = console.run("demo")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert [path.name for path in console.folder.iterdir() if "coverage" not in path.name] == []
    return [line.rstrip() for line in done.stdout.splitlines()]


def test_three_cash_outs_complete_and_nothing_is_paid_twice(shown: list[str]) -> None:
    all_well = "3 of 3 cash-outs completed, 3 payouts, 0 paid twice; ledger and records agree. "
    assert shown[-1].startswith(all_well)


def test_it_ends_well_inside_half_a_minute(shown: list[str]) -> None:
    took_s = float(shown[-1].split()[-2])
    assert took_s < 30


def test_ledger_and_records_stand_side_by_side(shown: list[str]) -> None:
    rows = [re.split(r" {2,}", line) for line in shown if line.startswith("CASH-")]
    assert [row[1:3] + row[4:] for row in rows] == [
        ["completed", "45000 XOF", "1"],
        ["completed", "1500.5 SLE", "1"],
        ["completed", "36000 XOF", "1"],
    ]


def test_each_step_is_told_in_its_order(shown: list[str]) -> None:
    """Request, attempt, webhook and ending follow each other in the first story.

    The answer comes somewhere after the attempt: on a busy machine the webhook may be heard first.
    """
    first = _chapter(shown, 1)
    steps = [
        'POST /api/payments/cash-out {"walletId"',
        "202 after",
        "state      pending; others are told cash_out.initiated, number 1",
        "attempt 1  committed to the database",
        "state      processing; others are told cash_out.processing, number 2",
        "signed webhook {",
        "webhook    'SUCCESSFUL': that moves the state",
        "state      completed; others are told cash_out.completed, number 3",
        "the provider received 45000 XOF for 2250700000789",
        "limits: 5955000 XOF of 6000000 XOF left today",
        ": completed, The money is in the payee's account.",
    ]
    places = [next(i for i, line in enumerate(first) if step in line) for step in steps]
    assert places == sorted(places)
    begun = next(i for i, line in enumerate(first) if "state      processing" in line)
    assert any("answer     'PENDING', accepted" in line for line in first[begun:])


def test_a_doorbell_is_answered_by_our_own_question(shown: list[str]) -> None:
    second = _chapter(shown, 2)
    rung = next(i for i, line in enumerate(second) if "webhook    Doorbell" in line)
    asked = next(i for i, line in enumerate(second) if "look-up    'completed'" in line)
    assert rung < asked


def test_a_time_out_is_unknown_and_then_found_paid_once(shown: list[str]) -> None:
    third = _chapter(shown, 3)
    story = "\n".join(third)
    assert "Idempotent-Replayed: true" in story
    assert "webhook dropped" in story
    assert "answer     unknown" in story
    assert "look-up    'SUCCESSFUL': that moves the state" in story
    assert "once; its ledger has 1 payout for it" in story
    assert "attempt 2" not in story


def test_it_runs_with_an_empty_environment_and_prints_one_document(tmp_path: Path) -> None:
    shown = Console(tmp_path).json("demo")
    assert shown["faults"] == []
    assert shown["payouts"] == 3
    assert shown["paidMoreThanOnce"] == []
    assert [each["status"] for each in shown["cashOuts"]] == ["completed"] * 3
    assert [each["payouts"] for each in shown["cashOuts"]] == [1, 1, 1]


def test_a_ledger_that_differs_from_the_record_is_a_fault() -> None:
    """The checks behind the last line see a second payout, a wrong one and a missing event."""
    facts = _facts()
    assert facts.faults(CHAPTERS[0]) == []
    (paid,) = facts.payouts
    twice = replace(facts, payouts=[paid, paid])
    assert "the ledger has 2 payouts" in twice.faults(CHAPTERS[0])
    other = replace(facts, payouts=[replace(paid, amount=paid.amount + 1)])
    assert other.faults(CHAPTERS[0]) == ["ledger and record differ"]
    untold = replace(facts, events=facts.events[:-1])
    assert untold.faults(CHAPTERS[0]) == ["told: cash_out.initiated, cash_out.processing"]
    (webhook,) = facts.deliveries
    late = replace(facts, deliveries=[replace(webhook, state=DeliveryState.SCHEDULED)])
    assert late.faults(CHAPTERS[0]) == ["webhooks are scheduled"]


def _facts() -> Facts:
    """Return what a good first chapter leaves behind."""
    stored = a_cash_out(status=Status.COMPLETED, provider_transaction_id="OM-1")
    kinds = (EventType.INITIATED, EventType.PROCESSING, EventType.COMPLETED)
    webhook = Delivery(
        number=1,
        provider=stored.provider,
        reference=stored.reference,
        transaction_id="OM-1",
        body=b"{}",
        due_at=NOW,
        state=DeliveryState.DELIVERED,
    )
    paid = Payout(
        stored.provider,
        stored.reference,
        "OM-1",
        stored.payee.msisdn.e164[1:],
        stored.amount.decimal,
        "XOF",
        NOW,
    )
    return Facts(
        shown={"status": "completed"},
        stored=stored,
        evidence=[],
        events=[event(kind, stored.id, n, NOW, {}) for n, kind in enumerate(kinds, start=1)],
        payouts=[paid],
        deliveries=[webhook],
        submits=1,
        received=None,
        today=Allowance(Money(6_000_000, XOF), Money(1_500, XOF), Money(5_998_500, XOF), NOW),
    )


def _chapter(shown: list[str], number: int) -> list[str]:
    starts = [i for i, line in enumerate(shown) if re.match(r"\d of 3  ", line)]
    ends = [*starts[1:], len(shown)]
    return shown[starts[number - 1] : ends[number - 1]]
