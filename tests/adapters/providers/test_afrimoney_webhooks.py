"""AfriMoney's webhooks: doorbells, whose signature covers neither state nor amount."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from adapters.provider_kit.signing import hmac_sha256_hex, sha256_hex
from adapters.providers.afrimoney import build
from adapters.providers.afrimoney.wire import signature
from application.ports import Authentic, Unauthentic, Unreadable
from domain.evidence import Doorbell
from domain.states import Status
from tests.adapters.providers.given import (
    AFRIMONEY,
    NOW,
    REFERENCE,
    answering,
    order,
    said,
    wired,
)

KEY, SECRET, MOMENT = "ak_test_123", "as_test_456", "1700000000000"
AT = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
VECTOR_SIGNATURE = "488d3360468a52025a212a51113faf08e5bfffbfa13fd7246fab11818dfad977"
BODY = json.dumps(
    {"transactionId": "AM-1", "status": "completed", "externalReference": REFERENCE}
).encode()


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


@pytest.mark.anyio
async def test_the_headers_of_our_own_submit_are_only_a_doorbell() -> None:
    """They sign the reference, as a webhook's do: so a webhook may never prove anything."""
    accepted = said(200, {"status": "success", "data": {}})
    async with answering(AFRIMONEY, accepted) as (gateway, partner):
        await gateway.disburse(order(1050, "SLE", number="+23277000789", country="SL"))
        headers = [(name, value) for name, value in partner.seen[0].headers]
        reading = gateway.read_webhook(headers, BODY, NOW)
    assert isinstance(reading, Authentic)
    assert isinstance(reading.news, Doorbell)
