"""AfriMoney: what goes over the wire, signatures, its envelope, doorbells."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from adapters.provider_kit.signing import hmac_sha256_hex, sha256_hex
from adapters.providers.afrimoney import build
from adapters.providers.afrimoney.wire import signature
from application.ports import Authentic, Order, Unauthentic, Unreadable
from domain.attempts import Capabilities, OutcomeKind
from domain.evidence import Doorbell, News, NoAnswer, NotFound
from domain.failures import FailureCode
from domain.states import Status
from tests.adapters.providers.given import (
    AFRIMONEY,
    NOW,
    REFERENCE,
    SECRETS,
    answering,
    order,
    said,
    wired,
)
from tests.adapters.providers.partner import Reply, Seen

pytestmark = pytest.mark.anyio

PATH = "/api/v1/disbursements"
ACCEPTED = said(200, {"status": "success", "data": {"transactionId": "AM-1", "status": "pending"}})
NOT_FOUND = said(404, {"status": "error", "code": "NOT_FOUND"})
KEY, SECRET, MOMENT = "ak_test_123", "as_test_456", "1700000000000"
AT = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
VECTOR_SIGNATURE = "488d3360468a52025a212a51113faf08e5bfffbfa13fd7246fab11818dfad977"
BODY = json.dumps(
    {"transactionId": "AM-1", "status": "completed", "externalReference": REFERENCE}
).encode()


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


# --- webhooks -----------------------------------------------------------------------------------

Reader = Callable[[list[tuple[str, str]], bytes, datetime], object]


def receiving(**options: object) -> Reader:
    wiring = wired(
        "http://127.0.0.1:1",
        AFRIMONEY,
        options=options,
        settings={"API_KEY": KEY, "API_SECRET": SECRET, "WEBHOOK_SECRET": "as_hook_789"},
    )
    return build(wiring).read_webhook


def signed(
    reference: str = REFERENCE, timestamp: str = MOMENT, secret: str = SECRET
) -> list[tuple[str, str]]:
    return [
        ("X-Timestamp", timestamp),
        ("X-Signature", signature(secret, KEY, timestamp, reference)),
    ]


def test_a_signed_webhook_is_a_doorbell_that_can_be_recognised() -> None:
    headers = [("x-timestamp", MOMENT), ("X-SIGNATURE", VECTOR_SIGNATURE)]
    assert receiving()(headers, BODY, AT) == Authentic(
        Doorbell(REFERENCE, "completed", Status.COMPLETED, "AM-1"),
        replay_key=sha256_hex(f"{MOMENT}{VECTOR_SIGNATURE}".encode()),
    )


def test_a_claim_that_is_ambiguous_or_unknown_claims_no_ending() -> None:
    for word, claim in (("error", Status.PROCESSING), ("reversed", None)):
        body = BODY.replace(b"completed", word.encode())
        assert receiving()(signed(), body, AT) == Authentic(
            Doorbell(REFERENCE, word, claim, "AM-1"),
            replay_key=sha256_hex(f"{MOMENT}{VECTOR_SIGNATURE}".encode()),
        )


@pytest.mark.parametrize("late_s", [-300, 0, 300])
def test_a_timestamp_within_five_minutes_both_ways_is_fresh(late_s: int) -> None:
    now = AT + timedelta(seconds=late_s)
    assert isinstance(receiving()(signed(), BODY, now), Authentic)


@pytest.mark.parametrize(
    "late", [timedelta(milliseconds=300_001), -timedelta(milliseconds=300_001)]
)
def test_an_older_or_newer_timestamp_is_refused(late: timedelta) -> None:
    assert isinstance(receiving()(signed(), BODY, AT + late), Unauthentic)


@pytest.mark.parametrize(
    "timestamp",
    [
        "",
        "170000000000",
        "17000000000000",
        "170000000000x",
        "1700000000000\n",
        "\u0661\u0667" + "\u0660" * 11,
        "+170000000000",
        "1700000000.00",
    ],
)
def test_a_timestamp_that_is_not_13_digits_is_refused(timestamp: str) -> None:
    assert isinstance(receiving()(signed(timestamp=timestamp), BODY, AT), Unauthentic)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        signed()[:1],
        signed()[1:],
        [*signed(), signed()[1]],
        [*signed(), signed()[0]],
        [signed()[0], ("X-Signature", VECTOR_SIGNATURE.upper())],
        [signed()[0], ("X-Signature", VECTOR_SIGNATURE[:-1])],
        signed(reference="CASH-another"),
        signed(secret="as_hook_789"),
        signed(secret=""),
        [signed()[0], ("X-Signature", hmac_sha256_hex(SECRET, BODY))],
    ],
    ids=str,
)
def test_a_webhook_without_exactly_one_good_signature_is_refused(
    headers: list[tuple[str, str]],
) -> None:
    assert isinstance(receiving()(headers, BODY, AT), Unauthentic)


def test_a_signature_of_another_reference_rings_no_bell_here() -> None:
    body = BODY.replace(REFERENCE.encode(), b"CASH-stranger")
    assert isinstance(receiving()(signed(), body, AT), Unauthentic)


def test_a_partner_may_sign_with_the_webhook_secret() -> None:
    read = receiving(webhook_key="webhook_secret")
    assert isinstance(read(signed(secret="as_hook_789"), BODY, AT), Authentic)
    assert isinstance(read(signed(), BODY, AT), Unauthentic)


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        (b"not json", ()),
        (b'{"externalReference":"a","externalReference":"b"}', ()),
        (b"{}", ("transactionId", "externalReference", "status")),
    ],
    ids=str,
)
def test_a_body_without_a_reference_is_read_only_when_signed_for_none(
    body: bytes, missing: tuple[str, ...]
) -> None:
    assert receiving()(signed(reference=""), body, AT) == Unreadable(missing)
    assert isinstance(receiving()(signed(), body, AT), Unauthentic)


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"transactionId": "", "status": "completed"}, ("transactionId",)),
        ({"transactionId": "AM-1", "status": 1}, ("status",)),
        ({"transactionId": "AM-1", "status": "a", "failureReason": 5}, ("failureReason",)),
        ({"transactionId": "AM-1", "status": "a", "amount": "NaN"}, ("amount",)),
    ],
    ids=str,
)
def test_a_signed_webhook_that_cannot_be_read_says_what_is_missing(
    fields: dict[str, object], missing: tuple[str, ...]
) -> None:
    body = json.dumps({**fields, "externalReference": REFERENCE}).encode()
    assert receiving()(signed(), body, AT) == Unreadable(missing)


async def test_the_headers_of_our_own_submit_are_only_a_doorbell() -> None:
    """They sign the reference, as a webhook's do: so a webhook may never prove anything."""
    async with answering(AFRIMONEY, ACCEPTED) as (gateway, partner):
        await gateway.disburse(payment())
        headers = [(name, value) for name, value in partner.seen[0].headers]
        reading = gateway.read_webhook(headers, BODY, NOW)
    assert isinstance(reading, Authentic)
    assert isinstance(reading.news, Doorbell)
