"""Clients and webhook senders of the old service: what they send is taken, and answered as before.

What they send is written here as it is on the wire, not made by our own encoders. Answers may have
more fields than the old ones; the old ones are all there, under their names and of their kinds.
"""

import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.entrypoints.orders import signed_in, until, until_ended
from tests.running import Running, running

pytestmark = pytest.mark.anyio

ORANGE_WEBHOOK_SECRET = "whsec_test_789"
AFRIMONEY_KEY, AFRIMONEY_SECRET = "ak_test_123", "as_test_456"

OLD_REQUEST = (
    '{"walletId":"64f0c0ffee","amount":25,"currency":"USD","provider":"orange_money",'
    '"providerAccountId":"+243840000789","providerAccountName":"Jean Mukendi"}'
)
OLD_REQUEST_TO_AFRIMONEY = (
    '{"walletId":"64f0c0ffee","amount":12.5,"currency":"USD","provider":"afrimoney",'
    '"providerAccountId":"+243900000789","providerAccountName":"Jean Mukendi"}'
)
CASH_OUT = "/api/payments/cash-out"

Kinds = Mapping[str, type | tuple[type, ...]]
NUMBER = (int, float)
TAKEN: Kinds = {
    "cashOutId": str,
    "reference": str,
    "status": str,
    "amount": NUMBER,
    "fee": NUMBER,
    "totalAmount": NUMBER,
    "currency": str,
    "provider": str,
    "createdAt": str,
}
ONE: Kinds = {
    **TAKEN,
    "userId": str,
    "walletId": str,
    "providerAccountId": str,
    "providerAccountName": str,
    "updatedAt": str,
}


@pytest.fixture(scope="module", name="service")
async def a_service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Run one whose webhooks only we send; it asks the provider of its own accord seldom."""
    folder: Path = tmp_path_factory.mktemp("old")
    async with running(
        folder,
        ORANGE_MONEY_WEBHOOK_SECRET=ORANGE_WEBHOOK_SECRET,
        STATUS_POLL_SECONDS="600",
    ) as service:
        service.sandbox.webhook_base_url = None
        yield service


@pytest.fixture(scope="module", name="old_keys")
async def a_service_with_the_old_keys(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Running]:
    """Run one with the keys of the published vectors, which no provider believes."""
    folder: Path = tmp_path_factory.mktemp("old-keys")
    async with running(
        folder,
        ORANGE_MONEY_WEBHOOK_SECRET=ORANGE_WEBHOOK_SECRET,
        AFRIMONEY_API_KEY=AFRIMONEY_KEY,
        AFRIMONEY_API_SECRET=AFRIMONEY_SECRET,
    ) as service:
        yield service


def as_axios(user_id: str) -> dict[str, str]:
    """Return the headers that the old front end's client sends."""
    return {
        "Accept": "application/json, text/plain, */*",
        "Content-Type": "application/json",
        "User-Agent": "axios/1.6.2",
        **signed_in(user_id),
    }


async def post_old(
    service: Running, user_id: str, body: str = OLD_REQUEST, **headers: str
) -> httpx.Response:
    return await service.client.post(
        CASH_OUT, content=body, headers={**as_axios(user_id), **headers}
    )


def has_the_kinds(document: Mapping[str, Any], kinds: Kinds) -> None:
    for name, kind in kinds.items():
        assert name in document, name
        assert isinstance(document[name], kind), name
        assert not isinstance(document[name], bool), name


def is_a_moment(text: str) -> bool:
    """Tell whether JavaScript's `new Date(text)` and ours read it as the same moment in UTC."""
    return text.endswith("Z") and datetime.fromisoformat(text).utcoffset() is not None


# --- taking ---------------------------------------------------------------------------------------


async def test_a_cash_out_is_answered_as_the_old_service_did(service: Running) -> None:
    answer = await post_old(service, "old-1")
    assert answer.status_code == 202
    assert answer.headers["content-type"].startswith("application/json")
    document = answer.json()
    assert set(document) == {"success", "message", "data"}
    assert document["success"] is True
    assert document["message"] == "Cash out request initiated"
    data = document["data"]
    has_the_kinds(data, TAKEN)
    assert (data["amount"], data["fee"], data["totalAmount"]) == (25, 1, 26)
    assert (data["currency"], data["provider"]) == ("USD", "orange_money")
    assert data["status"] in {"pending", "processing"}
    assert is_a_moment(data["createdAt"])


async def test_a_fraction_is_written_as_a_plain_number(service: Running) -> None:
    answer = await post_old(service, "old-2", OLD_REQUEST_TO_AFRIMONEY)
    assert '"amount":12.5,' in answer.text
    assert '"fee":0.5,' in answer.text
    assert '"totalAmount":13,' in answer.text


@pytest.mark.parametrize(
    ("amount", "taken"), [("25.00", 25), ("2.5e1", 400), ('"25.00"', 25), ("100.0", 100)]
)
async def test_amounts_as_other_languages_write_them(
    service: Running, amount: str, taken: int
) -> None:
    """Python writes 100.0 for a whole number; nobody's encoder writes an exponent for these."""
    body = OLD_REQUEST.replace('"amount":25', f'"amount":{amount}')
    answer = await post_old(service, f"old-amount-{amount}", body)
    if taken == 400:
        assert answer.status_code == 400
    else:
        assert answer.status_code == 202, answer.text
        assert answer.json()["data"]["amount"] == taken


async def test_a_form_with_a_charset_is_json_all_the_same(service: Running) -> None:
    answer = await post_old(service, "old-3", **{"Content-Type": "application/json; charset=utf-8"})
    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        (('"currency":"USD",', ""), 400, "BAD_REQUEST"),
        (("orange_money", "mpesa"), 400, "INVALID_PROVIDER"),
        (('"amount":25', '"amount":-5'), 400, "INVALID_AMOUNT"),
        (('"amount":25', '"amount":0.5'), 422, "AMOUNT_BELOW_MINIMUM"),
        (('"amount":25', '"amount":5001'), 422, "AMOUNT_ABOVE_MAXIMUM"),
    ],
)
async def test_a_refusal_has_the_old_envelope(
    service: Running, change: tuple[str, str], status: int, code: str
) -> None:
    answer = await post_old(service, "old-4", OLD_REQUEST.replace(*change))
    assert answer.status_code == status, answer.text
    document = answer.json()
    assert set(document) == {"success", "error"}
    assert document["success"] is False
    assert document["error"]["code"] == code
    assert isinstance(document["error"]["message"], str)
    for detail in document["error"].get("details", []):
        assert {"field", "message"} <= set(detail)


async def test_without_a_token_the_old_code_is_given(service: Running) -> None:
    answer = await service.client.get(CASH_OUT)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "UNAUTHORIZED"


# --- reading --------------------------------------------------------------------------------------


async def test_a_cash_out_is_read_with_all_its_old_fields(service: Running) -> None:
    taken = (await post_old(service, "old-5")).json()["data"]
    answer = await service.client.get(f"{CASH_OUT}/{taken['cashOutId']}", headers=as_axios("old-5"))
    assert answer.status_code == 200
    assert answer.json()["success"] is True
    data = answer.json()["data"]
    has_the_kinds(data, ONE)
    assert data["providerAccountId"] == "+243840000789"
    assert data["providerAccountName"] == "Jean Mukendi"
    assert (data["userId"], data["walletId"]) == ("old-5", "64f0c0ffee")
    # What is not known yet is left out, as it always was, rather than null.
    assert None not in data.values()


async def test_a_failed_cash_out_says_why_in_the_old_field(service: Running) -> None:
    """The payee is unknown to the provider: `failureReason` is a sentence."""
    body = OLD_REQUEST.replace("+243840000789", "+243840000089")
    cash_out_id = (await post_old(service, "old-6", body)).json()["data"]["cashOutId"]
    records = await until_ended(service.client, {cash_out_id: "old-6"})
    record = records[cash_out_id]
    assert record["status"] == "failed"
    assert isinstance(record["failureReason"], str)
    assert is_a_moment(record["completedAt"])


async def test_the_history_has_the_old_shape_page_by_page(service: Running) -> None:
    for _ in range(5):
        assert (await post_old(service, "old-7")).status_code == 202
    seen: list[str] = []
    for page in (1, 2, 3):
        answer = await service.client.get(
            f"{CASH_OUT}?page={page}&limit=2", headers=as_axios("old-7")
        )
        assert answer.status_code == 200
        data = answer.json()["data"]
        assert set(data) == {"cashOuts", "pagination"}
        old = {"totalItems": 5, "totalPages": 3, "currentPage": page, "itemsPerPage": 2}
        assert {name: data["pagination"][name] for name in old} == old
        assert len(data["cashOuts"]) == (1 if page == 3 else 2)
        for each in data["cashOuts"]:
            has_the_kinds(each, ONE)
            seen.append(each["cashOutId"])
    assert len(set(seen)) == 5
    # Time-ordered ids: the newest is the first.
    assert seen == sorted(seen, reverse=True)


async def test_the_old_filters_and_defaults_hold(service: Running) -> None:
    await post_old(service, "old-8")
    await post_old(service, "old-8", OLD_REQUEST_TO_AFRIMONEY)
    plain = (await service.client.get(CASH_OUT, headers=as_axios("old-8"))).json()["data"]
    assert (plain["pagination"]["currentPage"], plain["pagination"]["itemsPerPage"]) == (1, 10)
    today = plain["cashOuts"][0]["createdAt"][:10]
    for query, found in (
        ("provider=afrimoney", 1),
        ("walletId=64f0c0ffee", 2),
        ("walletId=another", 0),
        ("status=cancelled", 0),
        (f"startDate={today}&endDate={today}", 2),
        ("startDate=2020-01-01&endDate=2020-12-31", 0),
        (f"startDate={today}T00:00:00.000Z&provider=orange_money&page=1&limit=100", 1),
    ):
        answer = await service.client.get(f"{CASH_OUT}?{query}", headers=as_axios("old-8"))
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"]["pagination"]["totalItems"] == found, query


async def test_the_providers_are_listed_as_before(service: Running) -> None:
    answer = await service.client.get("/api/payments/providers", headers=as_axios("old-9"))
    assert answer.status_code == 200
    listed = answer.json()["data"]["providers"]
    old = [{k: each[k] for k in ("id", "name", "supportedCountries")} for each in listed]
    assert old == [
        {
            "id": "orange_money",
            "name": "Orange Money",
            "supportedCountries": [
                *("Cameroon", "Côte d'Ivoire", "Mali", "Senegal", "Guinea", "Madagascar", "DRC")
            ],
        },
        {
            "id": "afrimoney",
            "name": "AfriMoney",
            "supportedCountries": ["Sierra Leone", "DRC", "Uganda", "The Gambia"],
        },
    ]
    names = ("minAmount", "maxAmount", "dailyLimit", "monthlyLimit")
    assert [tuple(each["limits"][name] for name in names) for each in listed] == [
        (1, 5000, 10000, 50000),
        (0.5, 3000, 5000, 30000),
    ]


async def test_health_is_the_bare_old_body(service: Running) -> None:
    answer = await service.client.get("/health")
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"status", "service", "timestamp"}
    assert (body["status"], body["service"]) == ("ok", "payment-integration-service")
    assert is_a_moment(body["timestamp"])


# --- webhooks -------------------------------------------------------------------------------------

SPELLINGS = [("X-Signature", "X-Timestamp"), ("x-signature", "x-timestamp")]
SPELLINGS += [("X-SIGNATURE", "X-TIMESTAMP"), ("x-Signature", "X-timestamp")]


def hex_of(key: str, message: bytes) -> str:
    return hmac.new(key.encode(), message, hashlib.sha256).hexdigest()


async def send(
    service: Running, provider: str, body: bytes, headers: Mapping[str, str]
) -> httpx.Response:
    """Send a webhook; httpx writes header names as they are given."""
    more = {"Content-Type": "application/json", "User-Agent": "Jersey/2.34"}
    path = f"/api/payments/webhook/{provider}"
    return await service.client.post(path, content=body, headers={**more, **headers})


async def test_the_published_vector_of_orange_money_is_taken(old_keys: Running) -> None:
    body = (
        b'{"transactionId":"OM-7F3A","status":"SUCCESSFUL","externalId":"CASH-1700000000000-0042"}'
    )
    signature = "0805b2c28cbbe23ea904a0635f2a722a9bee2ce205415c94a96e2065aff76a57"
    assert hex_of(ORANGE_WEBHOOK_SECRET, body) == signature
    answer = await send(old_keys, "orange_money", body, {"X-Signature": signature})
    assert answer.status_code == 200
    assert answer.json() == {
        "success": True,
        "data": {"success": True, "message": "Transaction not found in system"},
    }


async def test_the_published_vector_of_afrimoney_is_how_its_webhooks_are_signed(
    old_keys: Running,
) -> None:
    """Key, timestamp in milliseconds and reference; the secret is the API's."""
    reference = "CASH-1700000000000-0042"
    vector = hex_of(AFRIMONEY_SECRET, f"{AFRIMONEY_KEY}1700000000000{reference}".encode())
    assert vector == "488d3360468a52025a212a51113faf08e5bfffbfa13fd7246fab11818dfad977"
    now = str(int(time.time() * 1000))
    signature = hex_of(AFRIMONEY_SECRET, f"{AFRIMONEY_KEY}{now}{reference}".encode())
    body = {"transactionId": "AFM-1", "status": "completed", "externalReference": reference}
    headers = {"X-Timestamp": now, "X-Signature": signature}
    answer = await send(old_keys, "afrimoney", json.dumps(body).encode(), headers)
    assert answer.status_code == 200
    assert answer.json()["data"]["message"] == "Transaction not found in system"


COMPACT = '{{"transactionId":"{id}","status":"SUCCESSFUL","externalId":"{ref}"}}'
PRETTY = """\
{{
  "externalId": "{ref}",
  "status": "SUCCESSFUL",
  "transactionId": "{id}",
  "amount": {amount}
}}
"""


@pytest.mark.parametrize("names", SPELLINGS)
@pytest.mark.parametrize("form", [COMPACT, PRETTY], ids=["compact", "pretty"])
async def test_orange_money_tells_the_end_in_the_old_form(
    service: Running, names: tuple[str, str], form: str
) -> None:
    """The signature is over the raw bytes, however they are laid out and whatever they add."""
    user = f"orange-{names[0]}-{len(form)}"
    taken = (await post_old(service, user, Prefer="wait=10")).json()["data"]
    said = {"id": taken["providerTransactionId"], "ref": taken["reference"], "amount": "25.0"}
    raw = form.format(**said).encode()
    signature = hex_of(ORANGE_WEBHOOK_SECRET, raw)
    answer = await send(service, "orange_money", raw, {names[0]: signature})
    assert answer.status_code == 200, answer.text
    told = {"success": True, "cashOutId": taken["cashOutId"], "status": "completed"}
    assert answer.json() == {"success": True, "data": told}


async def test_a_bare_amount_that_is_not_ours_completes_nothing(service: Running) -> None:
    """Whatever a provider repeats must be what was ordered: a human is called."""
    taken = (await post_old(service, "orange-amount", Prefer="wait=10")).json()["data"]
    said = {"id": taken["providerTransactionId"], "ref": taken["reference"], "amount": "2500"}
    raw = PRETTY.format(**said).encode()
    headers = {"X-Signature": hex_of(ORANGE_WEBHOOK_SECRET, raw)}
    answer = await send(service, "orange_money", raw, headers)
    assert answer.status_code == 200
    assert answer.json()["data"]["status"] == "processing"
    path = f"{CASH_OUT}/{taken['cashOutId']}"
    seen = await service.client.get(path, headers=as_axios("orange-amount"))
    assert seen.json()["data"]["needsReview"] is True


@pytest.mark.parametrize("names", SPELLINGS)
async def test_afrimoney_rings_in_the_old_form(service: Running, names: tuple[str, str]) -> None:
    """Its webhook is taken as before; that it is completed is found out by asking."""
    user = f"afrimoney-{names[0]}"
    body = OLD_REQUEST_TO_AFRIMONEY
    taken = (await post_old(service, user, body, Prefer="wait=10")).json()["data"]
    # A doorbell that rings too early is answered "not yet", and this service asks seldom.
    await until(lambda: service.sandbox.ledger.count(taken["reference"]) == 1)
    now = str(int(time.time() * 1000))
    key = service.sandbox.settings.afrimoney_api_key
    secret = service.sandbox.settings.afrimoney_api_secret
    signature = hex_of(secret, f"{key}{now}{taken['reference']}".encode())
    raw = json.dumps(
        {
            "transactionId": taken["providerTransactionId"],
            "status": "completed",
            "externalReference": taken["reference"],
        }
    ).encode()
    answer = await send(service, "afrimoney", raw, {names[0]: signature, names[1]: now})
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["cashOutId"] == taken["cashOutId"]
    records = await until_ended(service.client, {taken["cashOutId"]: user})
    assert records[taken["cashOutId"]]["status"] == "completed"


async def test_a_webhook_that_is_not_signed_is_refused_by_the_departure(service: Running) -> None:
    """The old service answered 200 to this too; ours says what it is."""
    answer = await send(service, "orange_money", b'{"status":"SUCCESSFUL"}', {})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "INVALID_SIGNATURE"
