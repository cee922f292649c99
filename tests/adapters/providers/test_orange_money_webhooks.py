"""Orange Money's webhooks: signed over the raw body, and only then read."""

import json
from collections.abc import Callable

import pytest

from adapters.provider_kit.signing import hmac_sha256_hex
from application.ports import Authentic, Unauthentic, Unreadable
from domain.attempts import Capabilities
from domain.evidence import Doorbell, News
from domain.states import Status
from tests.adapters.providers.given import (
    NOW,
    ORANGE,
    wired,
)

VECTOR = b'{"transactionId":"OM-7F3A","status":"SUCCESSFUL","externalId":"CASH-1700000000000-0042"}'
VECTOR_SECRET = "whsec_test_789"
VECTOR_SIGNATURE = "0805b2c28cbbe23ea904a0635f2a722a9bee2ce205415c94a96e2065aff76a57"


def signed(
    body: bytes, secret: str = VECTOR_SECRET, name: str = "X-Signature"
) -> list[tuple[str, str]]:
    return [("Content-Type", "application/json"), (name, hmac_sha256_hex(secret, body))]


def receiving(*, proves: bool = True) -> Callable[[list[tuple[str, str]], bytes], object]:
    promises = Capabilities(idempotent_submit=True, lookup_by_reference=True, webhook_proves=proves)
    wiring = wired(
        "http://127.0.0.1:1",
        ORANGE,
        capabilities=promises,
        settings={"WEBHOOK_SECRET": VECTOR_SECRET},
    )
    from adapters.providers.orange_money import build  # noqa: PLC0415

    gateway = build(wiring)
    return lambda headers, raw: gateway.read_webhook(headers, raw, NOW)


def test_the_golden_vector_is_news() -> None:
    assert signed(VECTOR)[1][1] == VECTOR_SIGNATURE
    reading = receiving()([("x-signature", VECTOR_SIGNATURE)], VECTOR)
    assert reading == Authentic(
        News("SUCCESSFUL", Status.COMPLETED, "OM-7F3A", "CASH-1700000000000-0042")
    )


def test_a_signature_over_indented_bytes_holds() -> None:
    pretty = json.dumps(json.loads(VECTOR), indent=2).encode()
    assert isinstance(receiving()(signed(pretty), pretty), Authentic)


def test_where_webhooks_prove_nothing_they_are_doorbells() -> None:
    reading = receiving(proves=False)(signed(VECTOR), VECTOR)
    assert reading == Authentic(
        Doorbell("CASH-1700000000000-0042", "SUCCESSFUL", Status.COMPLETED, "OM-7F3A")
    )


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("X-Signature", "")],
        [("X-Signature", VECTOR_SIGNATURE.upper())],
        [("X-Signature", VECTOR_SIGNATURE[:-1])],
        [("X-Signature", f"{VECTOR_SIGNATURE}\n")],
        [("X-Signature", f"sha256={VECTOR_SIGNATURE}")],
        [("X-Signature", VECTOR_SIGNATURE), ("x-signature", VECTOR_SIGNATURE)],
        [("X-Signature", VECTOR_SIGNATURE[:-1] + "é")],
        [("X-Signature", hmac_sha256_hex("", VECTOR))],
        [("X-Signature", hmac_sha256_hex("another secret", VECTOR))],
        [("X-Signature", hmac_sha256_hex(VECTOR_SECRET, VECTOR + b" "))],
    ],
    ids=str,
)
def test_a_webhook_without_exactly_one_good_signature_is_refused(
    headers: list[tuple[str, str]],
) -> None:
    assert isinstance(receiving()(headers, VECTOR), Unauthentic)


def test_a_changed_body_is_refused() -> None:
    changed = VECTOR.replace(b"SUCCESSFUL", b"FAILED")
    assert isinstance(receiving()(signed(VECTOR), changed), Unauthentic)


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        (b"", ()),
        (b"not json", ()),
        (b"[]", ()),
        (b'{"transactionId":"a","transactionId":"b"}', ()),
        (b'{"transactionId":"a","status":"b","externalId":"c","n":NaN}', ()),
        (b"{}", ("transactionId", "externalId", "status")),
        (b'{"transactionId":"a","status":"b"}', ("externalId",)),
        (b'{"transactionId":"","status":" ","externalId":"c"}', ("transactionId", "status")),
        (b'{"transactionId":1,"status":true,"externalId":"c"}', ("transactionId", "status")),
        (b'{"transactionId":"a","status":"b","externalId":"c\\u0000"}', ("externalId",)),
        (b'{"transactionId":"a","status":"' + b"b" * 129 + b'","externalId":"c"}', ("status",)),
        (b'{"transactionId":"a","status":"b","externalId":"c","amount":"x"}', ("amount",)),
        (b'{"transactionId":"a","status":"b","externalId":"c","reason":5}', ("reason",)),
    ],
    ids=str,
)
def test_a_signed_webhook_that_cannot_be_read_says_what_is_missing(
    body: bytes, missing: tuple[str, ...]
) -> None:
    assert receiving()(signed(body), body) == Unreadable(missing)
