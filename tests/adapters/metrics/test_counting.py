"""Counting: each change, call, request and fault is counted once, under closed labels alone."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.memory.manual_time import ManualClock
from adapters.metrics.catalogue import Figures
from adapters.metrics.counting import (
    MOST_ROUTES,
    MeteredGateway,
    MeteredJournal,
    MeteredPublisher,
    RequestMeter,
    begin_at_zero,
)
from adapters.metrics.figures import OTHER, Closed, Spread
from application.ports import (
    SILENCE,
    Authentic,
    Conflict,
    Order,
    OutboxEntry,
    StorageUnavailable,
    Unauthentic,
    WebhookReading,
    Work,
)
from application.ports.observing import Answering
from domain.attempts import OutcomeKind
from domain.cash_out import Change, accept
from domain.evidence import News, NoAnswer, NotFound, Outcome, ReviewReason, Source
from domain.failures import FailureCode
from domain.payee import Msisdn, Payee
from domain.record import Report, record
from domain.states import Status, Verdict
from tests.strategies import (
    NOW,
    ORANGE,
    POLICY,
    PROVES,
    a_cash_out,
    answered,
    being_sent,
)

pytestmark = pytest.mark.anyio

PROVIDERS = Closed([ORANGE])
CANARIES = ("+2250700000789", "Canarie", "eyJhbGciOi.x.y", "019ab000-0000-7000-8000-000000000042")


def journal(figures: Figures) -> MeteredJournal:
    return MeteredJournal(figures, SILENCE, PROVIDERS)


def heard(change: Change, report: Report) -> Change:
    return record(change.after, report, PROVES, POLICY, NOW)


def webhook(word: str, status: Status | None) -> Report:
    return Report(Source.WEBHOOK, News(word, status, "OM-1"))


def labels(figures: Figures) -> set[str]:
    return {
        value
        for figure in figures
        for values in figure.at
        for value in values
    }  # fmt: skip


def test_the_way_of_a_cash_out_is_counted_step_by_step() -> None:
    figures = Figures()
    taken = accept(a_cash_out(plan=None, events=0))
    sent = Change(taken.after, being_sent(taken.after))
    accepted = heard(sent, answered())
    paid = heard(accepted, webhook("SUCCESSFUL", Status.COMPLETED))
    journal(figures).changed([taken, sent])
    journal(figures).changed([accepted, paid])
    assert figures.accepted.at == {(ORANGE, "XOF"): 1}
    assert figures.transitions.at == {
        (ORANGE, "pending", "processing"): 1,
        (ORANGE, "processing", "completed"): 1,
    }
    assert figures.attempts.at == {(ORANGE, "accepted", "none"): 1}
    assert sum(figures.completion.at[ORANGE,]) == 1
    assert figures.news.at["webhook", "move"] == 1


def test_refused_attempts_are_counted_by_their_code_and_humans_by_the_reason() -> None:
    figures = Figures()
    sent = Change(a_cash_out(), being_sent())
    empty = heard(sent, answered(OutcomeKind.UNSENT, FailureCode.FLOAT_INSUFFICIENT))
    paid = heard(sent, webhook("SUCCESSFUL", Status.COMPLETED))
    contradicted = heard(paid, webhook("FAILED", Status.FAILED))
    again = heard(contradicted, webhook("FAILED", Status.FAILED))
    journal(figures).changed([empty, contradicted, again])
    assert figures.attempts.at == {(ORANGE, "unsent", "FLOAT_INSUFFICIENT"): 1}
    assert figures.reviews_raised.at == {("contradiction",): 1}
    assert figures.news.at["webhook", "contradiction"] == 2


def test_what_alerts_wait_for_is_there_before_it_happens() -> None:
    figures = Figures()
    begin_at_zero(figures, [ORANGE])
    assert figures.attempts.at[ORANGE, "unsent", "FLOAT_INSUFFICIENT"] == 0
    assert figures.attempts.at[ORANGE, "unsent", "PROVIDER_AUTH"] == 0
    assert figures.webhooks.at[ORANGE, "Unauthentic"] == 0
    shown = {sample.labels["kind"] for sample in figures.faults.family().samples}
    assert shown == {"Conflict", "Overloaded", "StorageUnavailable", "bug"}
    assert len(figures.news.family().samples) == len(Source) * len(Verdict)


def test_faults_are_counted_by_kind_and_whatever_is_none_of_the_store_is_a_bug() -> None:
    figures = Figures()
    for where, fault in (
        ("submit", Conflict("x")),
        ("relay", StorageUnavailable("x")),
        ("relay", StorageUnavailable("y")),
        ("ask", KeyError(CANARIES[0])),
        (CANARIES[0], ValueError("x")),
    ):
        journal(figures).fault(where, fault)
    assert figures.faults.at == {
        ("submit", "Conflict"): 1,
        ("relay", "StorageUnavailable"): 2,
        ("ask", "bug"): 1,
        (OTHER, "bug"): 1,
    }


def answering(route: str, status: int = 202, code: str = "", method: str = "POST") -> Answering:
    return Answering(method, route, status, code, timedelta(milliseconds=12))


def test_requests_are_counted_by_route_and_refusals_by_code() -> None:
    figures = Figures()
    meter = RequestMeter(figures)
    taking = "/api/payments/cash-out"
    meter.answered(answering(taking))
    meter.answered(answering(taking, 422, "DAILY_LIMIT_EXCEEDED"))
    meter.answered(answering(taking, 422, CANARIES[1]))
    meter.answered(answering(taking, 400, "BAD_REQUEST", method="GET"))
    meter.answered(answering("/api/payments/cash-out/{cash_out_id}", 200, method="GET"))
    assert figures.requests.at["POST", taking, "202"] == 1
    assert figures.requests.at["GET", "/api/payments/cash-out/{cash_out_id}", "200"] == 1
    assert figures.refusals.at == {("DAILY_LIMIT_EXCEEDED",): 1, (OTHER,): 1}
    assert sum(figures.request_time.at[taking,]) == 4


def test_the_time_of_who_wanted_to_wait_is_none_of_ours() -> None:
    figures = Figures()
    RequestMeter(figures).answered(replace(answering("/x"), patient=True))
    assert figures.requests.at["POST", "/x", "202"] == 1
    assert figures.request_time.at == {}


def test_routes_are_bounded() -> None:
    figures = Figures()
    meter = RequestMeter(figures)
    for number in range(2 * MOST_ROUTES):
        meter.answered(answering(f"/{number}"))
    assert len({route for _, route, _ in figures.requests.at}) == MOST_ROUTES + 1
    assert figures.requests.at["POST", OTHER, "202"] == MOST_ROUTES


class Partner:
    """A gateway whose answers are given, each after a second."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock

    async def disburse(self, _order: Order) -> Outcome:
        self._clock.advance(timedelta(seconds=1))
        return Outcome(OutcomeKind.UNKNOWN)

    async def look_up(self, _order: Order) -> News | NotFound | NoAnswer:
        self._clock.advance(timedelta(seconds=1))
        return NotFound()

    def read_webhook(self, _headers: object, raw: bytes, _now: object) -> WebhookReading:
        return Authentic(News("OK", None)) if raw else Unauthentic("no signature")

    async def check(self) -> str | None:
        return "it is away"


async def test_provider_calls_are_timed_by_how_they_ended_and_webhooks_by_signature() -> None:
    figures, clock = Figures(), ManualClock(NOW)
    gateway = MeteredGateway(figures, ORANGE, Partner(clock), clock)
    cash_out = a_cash_out()
    order = Order(cash_out.id, cash_out.reference, cash_out.amount, cash_out.payee, "225")
    await gateway.disburse(order)
    await gateway.look_up(order)
    for raw in (b"x", b"", b""):
        gateway.read_webhook([], raw, NOW)
    assert await gateway.check() == "it is away"
    assert figures.provider_calls.sums == {
        (ORANGE, "disburse", "unknown"): 1.0,
        (ORANGE, "look_up", "NotFound"): 1.0,
    }
    assert figures.webhooks.at == {(ORANGE, "Authentic"): 1, (ORANGE, "Unauthentic"): 2}


class Broker:
    """A publisher that takes the first of what it is given."""

    async def publish(self, entries: list[OutboxEntry]) -> list[int]:
        return [entry.position for entry in entries[:1]]

    async def healthy(self) -> bool:
        return True


async def test_told_events_are_counted_and_those_that_were_not_taken() -> None:
    figures = Figures()
    publisher = MeteredPublisher(figures, Broker())  # type: ignore[arg-type]
    event = accept(a_cash_out(plan=None, events=0)).events[0]
    assert await publisher.publish([OutboxEntry(1, event), OutboxEntry(2, event)]) == [1]
    assert (figures.told.at[()], figures.untold.at[()]) == (1, 1)
    assert await publisher.healthy()


@given(
    text=st.one_of(st.sampled_from(CANARIES), st.text(min_size=1)),
    status=st.integers(),
    number=st.integers(10**7, 10**10).map("+225{}".format),
)
def test_no_label_ever_says_anything_but_words_of_ours(text: str, status: int, number: str) -> None:
    """Numbers, names, tokens and ids wherever one can be put: none gets into a label."""
    figures = Figures()
    hostile = a_cash_out(
        payee=Payee(Msisdn(number, "CI"), text[:100].strip() or "x"),
        provider=text,
        reference=text,
        user_id=number,
        wallet_id=text,
        provider_transaction_id=number,
        plan=None,
        events=0,
    )
    told = journal(figures)
    sent = being_sent(hostile)
    told.changed([accept(hostile), Change(hostile, sent)])
    told.changed([heard(Change(hostile, sent), webhook(text, None))])
    told.fault(text, ValueError(text))
    meter = RequestMeter(figures)
    meter.answered(answering("/api/payments/cash-out", status, text, method=text))
    allowed = {
        *("other", "none", "bug", "XOF", ORANGE, "/api/payments/cash-out", "BAD_REQUEST"),
        *("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "api", "survey"),
        *(*Status, *Source, *Verdict, *ReviewReason, *FailureCode, *Work),
        *map(str, range(100, 600)),
    }
    assert labels(figures) <= allowed


def test_counting_costs_next_to_nothing() -> None:
    """Far from its goal of a microsecond or two, so that a busy machine is none of its business."""
    figures = Figures()
    told = journal(figures)
    taken = accept(a_cash_out(plan=None, events=0))
    began = time.process_time()
    for _ in range(10_000):
        told.changed([taken])
    assert (time.process_time() - began) / 10_000 < 50e-6


def test_a_spread_has_each_value_in_the_range_that_it_ends() -> None:
    spread = Spread("x", "x", (1, 2))
    for value in (0.5, 1, 1.5, 2, 3):
        spread.note(value)
    samples = {(s.name, s.labels.get("le")): s.value for s in spread.family().samples}
    assert samples == {
        ("x_bucket", "1.0"): 2,
        ("x_bucket", "2.0"): 4,
        ("x_bucket", "+Inf"): 5,
        ("x_count", None): 5,
        ("x_sum", None): 8.0,
    }


def test_moments_are_no_labels() -> None:
    assert Closed(["a"]).of(str(datetime.now(UTC))) == OTHER
