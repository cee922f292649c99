"""Traces: what belongs together is together, whoever did it, and nothing personal goes along."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.traces.doors import TracedGateway, TracedPublisher
from adapters.traces.exporting import Exporting
from adapters.traces.tracing import OtelTracing
from application.ports import Authentic, Order, OutboxEntry, WebhookReading
from application.ports.observing import Answering, Step
from application.traces import read_traceparent, trace_id
from domain.attempts import OutcomeKind
from domain.cash_out import accept
from domain.evidence import News, NoAnswer, NotFound, Outcome
from domain.failures import FailureCode
from domain.payee import Msisdn, Payee
from domain.states import Status
from tests.collector import Collector, collecting
from tests.strategies import NOW, ORANGE, a_cash_out

pytestmark = pytest.mark.anyio

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = TRACE[:-2] + "00"
NAME, NUMBER, TOKEN = "Canarie Name-Diallo", "+2250700000789", "eyJhbGciOi.canary.signature"
CASH_OUT = a_cash_out(payee=Payee(Msisdn(NUMBER, "CI"), NAME), plan=None, events=0, trace=TRACE)
ORDER = Order(
    CASH_OUT.id, CASH_OUT.reference, CASH_OUT.amount, CASH_OUT.payee, NUMBER[1:], trace=TRACE
)


@pytest.fixture(name="collector")
def a_collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(name="exporting")
def an_exporter(collector: Collector) -> Exporting:
    return Exporting(collector.url, service="cashout-tests", version="1")


def answering(status: int = 202, code: str = "") -> Answering:
    return Answering(
        "POST", "/api/payments/cash-out", status, code, timedelta(seconds=1), CASH_OUT.id
    )


class Partner:
    """A gateway that says, wherever words can be put, what nobody else may hear."""

    async def disburse(self, _order: Order) -> Outcome:
        told = f"{NAME} {NUMBER} {TOKEN}"
        return Outcome(OutcomeKind.UNSENT, FailureCode.FLOAT_INSUFFICIENT, detail=told)

    async def look_up(self, _order: Order) -> News | NotFound | NoAnswer:
        return News(NAME, Status.COMPLETED, NUMBER, reason=TOKEN, payee=NUMBER)

    def read_webhook(self, _headers: object, _raw: bytes, _now: object) -> WebhookReading:
        return Authentic(News(NAME, None))

    async def check(self) -> str | None:
        return None


async def test_a_request_and_what_it_does_are_one_trace_of_the_client(
    collector: Collector, exporting: Exporting
) -> None:
    tracing = OtelTracing(exporting.tracer())
    request = tracing.begin("POST", TRACE)

    async def accepted(_asked: object) -> str:
        await asyncio.sleep(0)
        return "taken"

    assert await tracing.around(Step.ACCEPT, accepted)(object()) == "taken"
    assert trace_id(request.context) == trace_id(TRACE)
    assert request.context != TRACE
    request.end(answering())
    exporting.close()
    (post,) = collector.named("POST /api/payments/cash-out")
    (accept_span,) = collector.named("accept")
    assert (post.service, post.trace) == ("cashout-tests", trace_id(TRACE))
    assert post.parent == TRACE[36:52]
    assert accept_span.parent == post.id
    assert post.attributes == {
        "http.request.method": "POST",
        "http.route": "/api/payments/cash-out",
        "http.response.status_code": "202",
        "cashout.id": str(CASH_OUT.id),
    }


async def test_a_submit_joins_the_trace_of_its_cash_out_with_the_call_within(
    collector: Collector, exporting: Exporting
) -> None:
    tracing = OtelTracing(exporting.tracer())
    gateway = TracedGateway(exporting.tracer(), ORANGE, Partner())
    with tracing.step(Step.SUBMIT, TRACE, attempt=2):
        await gateway.disburse(ORDER)
    await gateway.look_up(ORDER)
    exporting.close()
    (submit,), (call,) = collector.named("submit"), collector.named("orange_money disburse")
    assert (submit.trace, submit.parent) == (trace_id(TRACE), TRACE[36:52])
    assert submit.attributes == {"cashout.attempt": "2"}
    assert call.parent == submit.id
    assert call.attributes["cashout.code"] == "FLOAT_INSUFFICIENT"
    (look_up,) = collector.named("orange_money look_up")
    assert (look_up.trace, look_up.parent) == (trace_id(TRACE), TRACE[36:52])


async def test_a_webhook_joins_the_trace_once_it_is_known_whose_it_is(
    collector: Collector, exporting: Exporting
) -> None:
    tracing = OtelTracing(exporting.tracer())
    request = tracing.begin("POST", None)
    tracing.happened(Step.WEBHOOK, TRACE, NOW)
    tracing.happened(Step.WEBHOOK, None, NOW)
    request.end(answering(500, "INTERNAL"))
    exporting.close()
    (webhook,) = collector.named("webhook")
    (post,) = collector.named("POST /api/payments/cash-out")
    assert webhook.trace == trace_id(TRACE)
    assert webhook.links == (post.trace,)
    assert post.trace != webhook.trace
    assert post.failed


class Broker:
    """A publisher that takes the first of what it is given, and keeps what it saw."""

    def __init__(self) -> None:
        self.seen: list[OutboxEntry] = []

    async def publish(self, entries: list[OutboxEntry]) -> list[int]:
        self.seen = list(entries)
        return [entries[0].position]

    async def healthy(self) -> bool:
        return True


async def test_an_event_goes_out_with_the_context_of_its_own_telling(
    collector: Collector, exporting: Exporting
) -> None:
    broker = Broker()
    publisher = TracedPublisher(exporting.tracer(), broker)  # type: ignore[arg-type]
    event = accept(CASH_OUT).events[0]
    plain = replace(event, trace=None)
    entries = [OutboxEntry(1, event), OutboxEntry(2, event), OutboxEntry(3, plain)]
    assert await publisher.publish(entries) == [1]
    assert await publisher.healthy()
    exporting.close()
    first, second = collector.named("publish cash_out.initiated")
    sent = broker.seen[0].event.trace
    assert sent == f"00-{first.trace}-{first.id}-01"
    assert (first.trace, first.parent) == (trace_id(TRACE), TRACE[36:52])
    assert [first.failed, second.failed] == [False, True]
    assert broker.seen[2].event == plain


async def test_what_belongs_to_no_trace_is_no_span(
    collector: Collector, exporting: Exporting
) -> None:
    tracing = OtelTracing(exporting.tracer())
    with tracing.step(Step.RECORD, None):
        await asyncio.sleep(0)
    exporting.close()
    assert collector.spans == []


async def test_a_trace_that_the_client_does_not_sample_is_carried_and_not_exported(
    collector: Collector, exporting: Exporting
) -> None:
    request = OtelTracing(exporting.tracer()).begin("POST", UNSAMPLED)
    assert trace_id(request.context) == trace_id(TRACE)
    assert request.context.endswith("-00")
    request.end(answering())
    exporting.close()
    assert collector.spans == []


async def test_a_fault_is_told_by_its_kind_alone(
    collector: Collector, exporting: Exporting
) -> None:
    tracing = OtelTracing(exporting.tracer())
    with pytest.raises(ValueError, match="Canarie"), tracing.step(Step.SUBMIT, TRACE):
        raise ValueError(f"{NAME} {NUMBER} {TOKEN}")
    exporting.close()
    (submit,) = collector.named("submit")
    assert submit.failed
    assert b"ValueError" in collector.raw


async def test_nothing_personal_is_in_any_attribute(
    collector: Collector, exporting: Exporting
) -> None:
    """The whole of what is exported, with a provider that says it all wherever it can."""
    tracing = OtelTracing(exporting.tracer())
    gateway = TracedGateway(exporting.tracer(), ORANGE, Partner())
    request = tracing.begin(NUMBER, TRACE)
    await gateway.disburse(ORDER)
    await gateway.look_up(ORDER)
    assert isinstance(gateway.read_webhook([], b"", NOW), Authentic)
    assert await gateway.check() is None
    with pytest.raises(KeyError), tracing.step(Step.ASK, TRACE):
        raise KeyError(NAME, NUMBER, TOKEN)
    request.end(answering())
    event = accept(CASH_OUT).events[0]
    publisher = TracedPublisher(exporting.tracer(), Broker())  # type: ignore[arg-type]
    await publisher.publish([OutboxEntry(1, event)])
    exporting.close()
    assert len(collector.spans) == 5
    for canary in (NAME, "Diallo", NUMBER[1:], NUMBER[4:], TOKEN, CASH_OUT.reference):
        assert canary.encode() not in collector.raw


async def test_a_collector_that_is_away_costs_the_spans_and_nothing_else() -> None:
    exporting = Exporting("http://127.0.0.1:9", service="x", version="1")
    with OtelTracing(exporting.tracer()).step(Step.SUBMIT, TRACE):
        await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await asyncio.to_thread(exporting.close)


hexes = st.text("0123456789abcdef", min_size=32, max_size=32)


@given(trace=hexes, span=hexes, flags=st.sampled_from(["00", "01", "ff"]), more=st.text(max_size=9))
def test_a_context_is_read_as_the_standard_says(
    trace: str, span: str, flags: str, more: str
) -> None:
    context = f"-{trace}-{span[:16]}-{flags}"
    whole = bool(int(trace, 16) and int(span[:16], 16))
    assert read_traceparent(f"00{context}") == (f"00{context}" if whole else None)
    assert read_traceparent(f"ff{context}") is None
    assert read_traceparent(f"00{context}-{more}") is None
    newer = read_traceparent(f"01{context}-x")
    assert newer == (f"00{context}" if whole else None)
    assert read_traceparent(more) is None


@pytest.mark.parametrize("given", [TRACE.upper(), TRACE[:-1], f" {TRACE}", TRACE + "\n", ""])
def test_what_is_no_context_is_none(given: str) -> None:
    assert read_traceparent(given) is None
