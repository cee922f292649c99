"""AfriMoney: what goes over the wire, signatures, its envelope."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from adapters.provider_kit.contract.partner import Reply, Seen
from adapters.providers.afrimoney.wire import signature
from application.ports import Order
from domain.attempts import Capabilities, OutcomeKind
from domain.evidence import News, NoAnswer, NotFound
from domain.failures import FailureCode
from domain.states import Status
from tests.adapters.providers.given import (
    AFRIMONEY,
    REFERENCE,
    SECRETS,
    answering,
    order,
    said,
)

pytestmark = pytest.mark.anyio

PATH = "/api/v1/disbursements"
ACCEPTED = said(200, {"status": "success", "data": {"transactionId": "AM-1", "status": "pending"}})
NOT_FOUND = said(404, {"status": "error", "code": "NOT_FOUND"})
KEY, SECRET, MOMENT = "ak_test_123", "as_test_456", "1700000000000"
AT = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
VECTOR_SIGNATURE = "488d3360468a52025a212a51113faf08e5bfffbfa13fd7246fab11818dfad977"


def payment(**facts: str) -> Order:
    return order(1050, "SLE", number="+23277000789", country="SL", name="Fatu", **facts)


def data(**fields: object) -> Reply:
    return said(200, {"status": "success", "data": fields})


def is_signed_over(seen: Seen, reference: str) -> bool:
    timestamp = seen.header("x-timestamp") or ""
    expected = signature(SECRETS["api_secret"], SECRETS["api_key"], timestamp, reference)
    return seen.header("x-signature") == expected and len(timestamp) == 13


def test_the_golden_vector_is_our_signature() -> None:
    assert signature(SECRET, KEY, MOMENT, REFERENCE) == VECTOR_SIGNATURE


# --- submit -------------------------------------------------------------------------------------


async def test_a_submit_is_exactly_as_documented() -> None:
    async with answering(AFRIMONEY, ACCEPTED) as (gateway, partner):
        outcome = await gateway.disburse(payment())
    (sent,) = partner.seen
    assert (sent.method, sent.target) == ("POST", PATH)
    assert sent.header("content-type") == "application/json"
    assert sent.header("x-api-key") == SECRETS["api_key"]
    assert is_signed_over(sent, REFERENCE)
    assert sent.body.decode() == (
        '{"amount":10.5,"currency":"SLE","recipient":{"phoneNumber":"23277000789","name":"Fatu"},'
        f'"externalReference":"{REFERENCE}","description":"Digital Money System cash out"}}'
    )
    assert (outcome.kind, outcome.verify) == (OutcomeKind.ACCEPTED, False)
    assert outcome.news == News("pending", Status.PROCESSING, "AM-1")


async def test_a_401_is_signed_afresh_and_replayed_once_with_the_same_reference() -> None:
    expired = said(401, {"status": "error", "code": "TIMESTAMP_EXPIRED"})
    async with answering(AFRIMONEY, expired, ACCEPTED) as (gateway, partner):
        assert (await gateway.disburse(payment())).kind is OutcomeKind.ACCEPTED
    first, second = partner.seen
    assert first.body == second.body
    assert is_signed_over(second, REFERENCE)
    assert int(second.header("x-timestamp") or 0) >= int(first.header("x-timestamp") or 0)


@pytest.mark.parametrize(
    ("fields", "news"),
    [
        ({}, News("", Status.PROCESSING)),
        ({"transactionId": "AM-1"}, News("", Status.PROCESSING, "AM-1")),
        ({"status": "Completed"}, News("Completed", Status.COMPLETED)),
        ({"status": "SUCCESS"}, News("SUCCESS", Status.COMPLETED)),
        ({"status": "processing"}, News("processing", Status.PROCESSING)),
        ({"status": "failed"}, News("failed", Status.FAILED)),
        ({"status": "cancelled"}, News("cancelled", Status.CANCELLED)),
        ({"status": "settling"}, News("settling", None)),
        ({"status": "error"}, News("error", Status.PROCESSING)),
        (
            {"status": "ERROR", "failureReason": "insufficient funds"},
            News(
                "ERROR",
                Status.PROCESSING,
                code=FailureCode.FLOAT_INSUFFICIENT,
                reason="insufficient funds",
            ),
        ),
        (
            {"status": "error", "failureReason": "Account not found."},
            News(
                "error",
                Status.FAILED,
                code=FailureCode.RECIPIENT_NOT_FOUND,
                reason="Account not found.",
            ),
        ),
        (
            {"status": "failed", "failureReason": "no idea"},
            News("failed", Status.FAILED, reason="no idea"),
        ),
    ],
    ids=str,
)
async def test_a_success_envelope_may_say_little_or_much(
    fields: dict[str, object], news: News
) -> None:
    async with answering(AFRIMONEY, data(**fields)) as (gateway, _):
        outcome = await gateway.disburse(payment())
        assert (outcome.kind, outcome.news) == (OutcomeKind.ACCEPTED, news)
        if fields.get("status"):
            assert await gateway.look_up(payment()) == news


UNSENT, REFUSED, UNKNOWN = OutcomeKind.UNSENT, OutcomeKind.REFUSED, OutcomeKind.UNKNOWN


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        ({"code": "RECIPIENT_NOT_FOUND"}, REFUSED, FailureCode.RECIPIENT_NOT_FOUND),
        ({"error": {"code": "NAME_MISMATCH"}}, REFUSED, FailureCode.NAME_MISMATCH),
        ({"message": "invalid account"}, REFUSED, FailureCode.RECIPIENT_INVALID),
        ({"code": "INSUFFICIENT_FLOAT"}, UNSENT, FailureCode.FLOAT_INSUFFICIENT),
        ({"code": "PROVIDER_UNAVAILABLE"}, UNSENT, FailureCode.PROVIDER_UNAVAILABLE),
        ({"code": "DUPLICATE_REFERENCE"}, UNKNOWN, FailureCode.REFERENCE_CONFLICT),
        ({"code": "E_99"}, UNKNOWN, None),
        ({}, UNKNOWN, None),
        ({"data": {"transactionId": "AM-1", "status": "completed"}}, UNKNOWN, None),
    ],
    ids=str,
)
async def test_an_error_inside_200_is_decided_by_its_code(
    body: dict[str, object], kind: OutcomeKind, code: FailureCode | None
) -> None:
    async with answering(AFRIMONEY, said(200, {"status": "error", **body})) as (gateway, _):
        outcome = await gateway.disburse(payment())
    assert (outcome.kind, outcome.code, outcome.news) == (kind, code, None)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200),
        said(200, {}),
        said(200, {"status": None}),
        said(200, {"status": "success", "data": []}),
        said(200, {"status": "success", "data": {"status": 5}}),
        said(200, {"status": "success", "data": {"transactionId": "a b"}}),
        said(201, {"status": "error", "code": "RECIPIENT_NOT_FOUND"}),
    ],
    ids=str,
)
async def test_an_envelope_of_the_wrong_shape_is_unknown(reply: Reply) -> None:
    async with answering(AFRIMONEY, reply) as (gateway, _):
        assert (await gateway.disburse(payment())).kind is OutcomeKind.UNKNOWN


async def test_another_2xx_is_accepted_and_verified_at_once() -> None:
    reply = said(201, {"status": "success", "data": {"status": "completed"}})
    async with answering(AFRIMONEY, reply) as (gateway, _):
        outcome = await gateway.disburse(payment())
    assert (outcome.kind, outcome.verify) == (OutcomeKind.ACCEPTED, True)
    assert outcome.news == News("completed", Status.COMPLETED)


# --- look-ups -----------------------------------------------------------------------------------


async def test_a_look_up_tells_everything_that_is_echoed() -> None:
    reply = data(
        transactionId="AM-1",
        status="completed",
        externalReference=REFERENCE,
        amount=Decimal("10.5"),
        currency="SLE",
        recipient={"phoneNumber": "23277000789"},
    )
    async with answering(AFRIMONEY, reply) as (gateway, partner):
        news = await gateway.look_up(payment(transaction_id="AM/1"))
    (asked,) = partner.seen
    assert (asked.method, asked.target) == ("GET", f"{PATH}/AM%2F1")
    assert is_signed_over(asked, "AM/1")
    assert news == News(
        "completed",
        Status.COMPLETED,
        "AM-1",
        REFERENCE,
        Decimal("10.5"),
        "SLE",
        "23277000789",
    )


async def test_without_their_id_our_reference_is_asked_and_signed() -> None:
    async with answering(AFRIMONEY, NOT_FOUND) as (gateway, partner):
        assert await gateway.look_up(payment()) == NotFound()
    assert partner.seen[0].target == f"{PATH}/{REFERENCE}"
    assert is_signed_over(partner.seen[0], REFERENCE)


async def test_a_reference_is_not_asked_where_that_is_not_promised() -> None:
    promises = Capabilities(
        idempotent_submit=False, lookup_by_reference=False, webhook_proves=False
    )
    async with answering(AFRIMONEY, NOT_FOUND, capabilities=promises) as (gateway, partner):
        assert isinstance(await gateway.look_up(payment()), NoAnswer)
        assert isinstance(await gateway.look_up(payment(transaction_id="..")), NoAnswer)
        assert partner.seen == []
        assert isinstance(await gateway.look_up(payment(transaction_id="AM-1")), NotFound)


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (said(200, {"status": "error", "code": "NOT_FOUND"}), NotFound()),
        (
            said(200, {"status": "error", "code": "RECIPIENT_NOT_FOUND"}),
            NoAnswer("HTTP 200 RECIPIENT_NOT_FOUND"),
        ),
        (said(200, {"status": "error"}), NoAnswer("HTTP 200")),
        (
            said(404, {"status": "error", "code": "ROUTE_NOT_FOUND"}),
            NoAnswer("HTTP 404 ROUTE_NOT_FOUND"),
        ),
        (Reply(404, b"<html>"), NoAnswer("HTTP 404")),
        (said(429, {}, Retry_After="5"), NoAnswer("HTTP 429", 5)),
        (Reply(401), NoAnswer("HTTP 401")),
        (Reply(500), NoAnswer("HTTP 500")),
        (Reply(200, b"<html>"), NoAnswer("HTTP 200, unreadable body")),
        (data(transactionId="AM-1"), NoAnswer("HTTP 200, unreadable body")),
        (None, NoAnswer("the connection broke")),
    ],
    ids=str,
)
async def test_any_other_answer_teaches_nothing(
    reply: Reply | None, answer: NoAnswer | NotFound
) -> None:
    async with answering(AFRIMONEY, reply) as (gateway, _):
        assert await gateway.look_up(payment()) == answer


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        (NOT_FOUND, None),
        (said(401, {"status": "error", "code": "INVALID_SIGNATURE"}), "AFRIMONEY_API_URL"),
        (Reply(404, b"<html>"), "AFRIMONEY_API_URL"),
        (None, "the connection broke"),
        (data(status="completed"), "cannot exist"),
    ],
    ids=str,
)
async def test_check_asks_for_what_cannot_exist(reply: Reply | None, part: str | None) -> None:
    async with answering(AFRIMONEY, reply) as (gateway, _):
        complaint = await gateway.check()
    assert (complaint is None) if part is None else (complaint is not None and part in complaint)
