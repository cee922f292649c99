"""Webhooks that are not provably the provider's: 401, nothing kept, by the gateways that ship."""

import json
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from adapters.provider_kit.signing import hmac_sha256_hex
from adapters.providers.afrimoney.wire import milliseconds, signature
from tests.adapters.providers.given import AFRIMONEY, ORANGE, REFERENCE, SECRETS
from tests.adapters.web.house import START, House, check_problem

pytestmark = pytest.mark.anyio

Headers = Sequence[tuple[str, str]]

OM_BODY = json.dumps(
    {"transactionId": "OM-1", "status": "SUCCESSFUL", "externalId": REFERENCE}
).encode()
AM_BODY = json.dumps(
    {"transactionId": "AM-1", "status": "completed", "externalReference": REFERENCE}
).encode()
OM_GOOD = hmac_sha256_hex(SECRETS["webhook_secret"], OM_BODY)
MOMENT = str(milliseconds(START))


def am_signed(moment: str = MOMENT, secret: str = SECRETS["api_secret"]) -> list[tuple[str, str]]:
    value = signature(secret, SECRETS["api_key"], moment, REFERENCE)
    return [("X-Timestamp", moment), ("X-Signature", value)]


AM_GOOD = am_signed()[1][1]


def shifted(by: timedelta) -> str:
    return str(milliseconds(START + by))


SIGNATURES = {
    "none": [],
    "empty": [""],
    "wrong": ["0" * 64],
    "truncated": [OM_GOOD[:-1]],
    "lengthened": [f"{OM_GOOD}0"],
    "upper case": [OM_GOOD.upper()],
    "twice": [OM_GOOD, OM_GOOD],
    "good and bad": [OM_GOOD, "0" * 64],
    "joined": [f"{OM_GOOD}, {OM_GOOD}"],
    "named": [f"sha256={OM_GOOD}"],
    "the secret itself": [SECRETS["webhook_secret"]],
    "of an empty secret": [hmac_sha256_hex("", OM_BODY)],
    "of AfriMoney": [AM_GOOD],
    "of AfriMoney's secret": [hmac_sha256_hex(SECRETS["api_secret"], OM_BODY)],
}


async def told(doors: House, provider: str, raw: bytes, headers: Headers) -> httpx.Response:
    """Deliver a webhook, with header names repeated as they are."""
    named = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    path = f"/api/payments/webhook/{provider}"
    return await doors.client.post(path, content=raw, headers=named)


async def refuse(doors: House, provider: str, raw: bytes, headers: Headers) -> None:
    """Assert that it is refused without a reason, and leaves nothing behind."""
    answer = await told(doors, provider, raw, headers)
    error = check_problem(answer, 401, "INVALID_SIGNATURE")
    assert set(error) == {"code", "message"}
    assert not any(doors.written)


@pytest.mark.parametrize("given", SIGNATURES)
async def test_orange_money_without_exactly_one_good_signature_is_401(
    doors: House, given: str
) -> None:
    headers = [("X-Signature", value) for value in SIGNATURES[given]]
    await refuse(doors, ORANGE, OM_BODY, headers)


@pytest.mark.parametrize(
    "changed",
    [
        OM_BODY.replace(b"SUCCESSFUL", b"FAILED"),
        OM_BODY.replace(b"OM-1", b"OM-2"),
        OM_BODY + b" ",
        OM_BODY.replace(b" ", b""),
        b"",
    ],
    ids=str,
)
async def test_a_body_that_was_changed_after_signing_is_401(doors: House, changed: bytes) -> None:
    await refuse(doors, ORANGE, changed, [("X-Signature", OM_GOOD)])


AM_HEADERS: dict[str, Headers] = {
    "none": [],
    "no timestamp": am_signed()[1:],
    "no signature": am_signed()[:1],
    "two timestamps": [*am_signed(), am_signed()[0]],
    "two signatures": [*am_signed(), am_signed()[1]],
    "truncated": [am_signed()[0], ("X-Signature", AM_GOOD[:-1])],
    "upper case": [am_signed()[0], ("X-Signature", AM_GOOD.upper())],
    "old": am_signed(shifted(-timedelta(seconds=301))),
    "a day old": am_signed(shifted(-timedelta(days=1))),
    "future": am_signed(shifted(timedelta(seconds=301))),
    "letters": am_signed("170000000000x"),
    "14 digits": am_signed(f"{MOMENT}0"),
    "12 digits": am_signed(MOMENT[:-1]),
    "negative": am_signed(f"-{MOMENT[1:]}"),
    "of another time": [("X-Timestamp", shifted(timedelta(seconds=1))), am_signed()[1]],
    "of the webhook secret, where the API's is agreed": am_signed(secret=SECRETS["webhook_secret"]),
    "of an empty secret": am_signed(secret=""),
    "of Orange Money": [("X-Timestamp", MOMENT), ("X-Signature", OM_GOOD)],
    "of Orange Money's kind": [
        ("X-Timestamp", MOMENT),
        ("X-Signature", hmac_sha256_hex(SECRETS["api_secret"], AM_BODY)),
    ],
}


@pytest.mark.parametrize("given", AM_HEADERS)
async def test_afrimoney_without_one_fresh_good_signature_is_401(doors: House, given: str) -> None:
    await refuse(doors, AFRIMONEY, AM_BODY, AM_HEADERS[given])


async def test_a_signature_that_comes_again_with_another_body_is_401(doors: House) -> None:
    """AfriMoney's signature does not cover the body: it is good for one."""
    assert (await told(doors, AFRIMONEY, AM_BODY, am_signed())).status_code == 200
    before = doors.written
    other = AM_BODY.replace(b"completed", b"failed")
    answer = await told(doors, AFRIMONEY, other, am_signed())
    check_problem(answer, 401, "INVALID_SIGNATURE")
    assert doors.written == before


async def test_good_ones_are_taken(doors: House) -> None:
    """Otherwise the tests above would show nothing."""
    orange = await told(doors, ORANGE, OM_BODY, [("x-SIGNATURE", OM_GOOD)])
    afrimoney = await told(doors, AFRIMONEY, AM_BODY, am_signed())
    assert (orange.status_code, afrimoney.status_code) == (200, 200)
    assert len(doors.store.deliveries) == 2


BOMBS = {
    "nested arrays": b'{"externalId":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "nested objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "a key twice": OM_BODY[:-1] + b', "status": "FAILED"}',
    "NUL": OM_BODY.replace(b"OM-1", b"OM\\u0000"),
    "half a surrogate": OM_BODY.replace(b"OM-1", b"OM\\ud800"),
    "half a surrogate as a name": OM_BODY[:-1] + b', "\\ud800": 1}',
    "half a surrogate in a list": OM_BODY[:-1] + b', "list": ["\\ud800"]}',
    "half a surrogate deep inside": OM_BODY[:-1] + b', "list": [[{"\\udfff": 1}]]}',
    "a huge number": OM_BODY[:-1] + b', "n": ' + b"9" * 5_000 + b"}",
    "NaN": OM_BODY[:-1] + b', "n": NaN}',
    "utf-16": OM_BODY.decode().encode("utf-16"),
    "an operator": OM_BODY.replace(b'"CASH-1700000000000-0042"', b'{"$ne": null}'),
    "a path": OM_BODY.replace(b"SUCCESSFUL", b""),
}


@pytest.mark.parametrize("bomb", BOMBS)
async def test_a_signed_body_that_cannot_be_read_is_400(doors: House, bomb: str) -> None:
    """A provider whose secret has leaked breaks nothing either."""
    raw = BOMBS[bomb]
    headers = [("X-Signature", hmac_sha256_hex(SECRETS["webhook_secret"], raw))]
    check_problem(await told(doors, ORANGE, raw, headers), 400, "INVALID_WEBHOOK")
    assert doors.store.cash_outs == {}


@pytest.mark.parametrize("value", ["1e999999999", "1e-999999999", "-1500", "1500.0000000000001"])
async def test_a_signed_amount_that_is_not_ours_pays_nobody(doors: House, value: str) -> None:
    """Also one that no memory could hold, were it written out."""
    made = await doors.made(reference=REFERENCE)
    amount = f', "amount": {{"value": {value}, "currency": "XOF"}}}}'.encode()
    raw = OM_BODY[:-1] + amount
    headers = [("X-Signature", hmac_sha256_hex(SECRETS["webhook_secret"], raw))]
    answer = await told(doors, ORANGE, raw, headers)
    assert (answer.status_code, answer.json()["data"]["status"]) == (200, "pending")
    assert doors.store.cash_outs[UUID(made)].needs_review


async def test_a_body_of_64_kib_and_a_byte_is_413_before_it_is_verified(doors: House) -> None:
    raw = OM_BODY[:-1] + b" " * (65_537 - len(OM_BODY)) + b"}"
    headers = [("X-Signature", hmac_sha256_hex(SECRETS["webhook_secret"], raw))]
    check_problem(await told(doors, ORANGE, raw, headers), 413, "PAYLOAD_TOO_LARGE")
    assert not any(doors.written)
