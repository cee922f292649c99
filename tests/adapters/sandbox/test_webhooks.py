"""Webhooks: signed as documented, tried again until they are taken, and logged."""

import hashlib
import hmac
import json
import socket
from datetime import UTC, datetime, timedelta
from random import Random

import aiohttp
import pytest

from adapters.sandbox.afrimoney import AfriMoney, sign
from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY, PROVIDERS
from adapters.sandbox.deliveries import DeliveryState
from adapters.sandbox.engine import Engine
from adapters.sandbox.orange_money import OrangeMoney
from adapters.sandbox.server import Sandbox
from adapters.sandbox.settings import SandboxSettings
from tests.adapters.sandbox.calls import NOW, Caller, payee
from tests.adapters.sandbox.partner import Partner
from tests.adapters.sandbox.receiver import Heard, Receiver

LONG = timedelta(days=30)
REFERENCE = "CASH-1700000000000-0042"
VECTOR_TIME = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_orange_money_signs_as_in_the_golden_vector() -> None:
    dialect = OrangeMoney(SandboxSettings(orange_money_webhook_secret="whsec_test_789"), Random(0))
    body = (
        b'{"transactionId":"OM-7F3A","status":"SUCCESSFUL","externalId":"CASH-1700000000000-0042"}'
    )
    expected = "0805b2c28cbbe23ea904a0635f2a722a9bee2ce205415c94a96e2065aff76a57"
    assert dialect.signature(body, REFERENCE, NOW, forged=False) == (("X-Signature", expected),)


@pytest.mark.parametrize(
    "settings",
    [
        SandboxSettings(afrimoney_api_key="ak_test_123", afrimoney_api_secret="as_test_456"),
        SandboxSettings(
            afrimoney_api_key="ak_test_123",
            afrimoney_webhook_secret="as_test_456",
            afrimoney_webhook_key="webhook_secret",
        ),
    ],
)
def test_afrimoney_signs_as_in_the_golden_vector(settings: SandboxSettings) -> None:
    expected = "488d3360468a52025a212a51113faf08e5bfffbfa13fd7246fab11818dfad977"
    headers = AfriMoney(settings).signature(b"anything", REFERENCE, VECTOR_TIME, forged=False)
    assert headers == (("X-Timestamp", "1700000000000"), ("X-Signature", expected))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_webhook_has_the_documented_fields_in_the_documented_words(provider: str) -> None:
    engine = Engine(SandboxSettings())
    caller = Caller(engine, provider)
    caller.log_in()
    caller.submit(REFERENCE, payee(provider, "119"))
    (dispatch,) = engine.due(NOW + LONG)
    orange = {"status": "FAILED", "externalId": REFERENCE, "reason": "UNSPECIFIED_FAILURE"}
    afrimoney = {
        "status": "failed",
        "externalReference": REFERENCE,
        "failureReason": "UNSPECIFIED_FAILURE",
    }
    told = json.loads(dispatch.body)
    del told["transactionId"]
    assert told == {ORANGE_MONEY: orange, AFRIMONEY: afrimoney}[provider]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_webhook_is_tried_later_each_time_and_given_up_in_the_end(provider: str) -> None:
    settings = SandboxSettings(webhook_attempts=8)
    engine = Engine(settings)
    caller = Caller(engine, provider)
    caller.log_in()
    caller.submit(REFERENCE, payee(provider, "789"))
    now, waits = NOW, []
    while (due := engine.next_due()) is not None:
        waits.append(due - now)
        now = due
        for dispatch in engine.due(now):
            engine.delivered(dispatch.number, (503,), now)
    (delivery,) = engine.deliveries
    assert delivery.state is DeliveryState.GIVEN_UP
    assert len(delivery.sendings) == 8
    assert waits[2:] == sorted(waits[2:])
    assert waits[-1] == timedelta(seconds=settings.pace.retry_cap_s)


def test_each_attempt_at_afrimoney_is_signed_afresh() -> None:
    engine = Engine(SandboxSettings())
    Caller(engine, AFRIMONEY).submit(REFERENCE, payee(AFRIMONEY, "789"))
    (first,) = engine.due(NOW + timedelta(seconds=1))
    engine.delivered(first.number, (None,), NOW + timedelta(seconds=1))
    (second,) = engine.due(NOW + LONG)
    assert first.body == second.body
    assert dict(first.headers)["X-Timestamp"] != dict(second.headers)["X-Timestamp"]


def test_ended_deliveries_are_forgotten_beyond_the_limit() -> None:
    engine = Engine(SandboxSettings(max_deliveries_kept=3))
    caller = Caller(engine, AFRIMONEY)
    for number in range(10):
        caller.submit(f"CASH-{number}", payee(AFRIMONEY, "789"))
    for dispatch in engine.due(NOW + timedelta(seconds=5)):
        engine.delivered(dispatch.number, (200,), NOW + timedelta(seconds=5))
    assert [delivery.reference for delivery in engine.deliveries] == ["CASH-7", "CASH-8", "CASH-9"]
    assert not engine.redeliver(1, NOW)
    engine.delivered(1, (200,), NOW)
    assert len(engine.deliveries) == 3


@pytest.mark.anyio
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_webhook_arrives_signed_at_the_providers_address(
    partner: Partner, receiver: Receiver, provider: str
) -> None:
    await order(partner, provider, "789")
    (heard,) = await receiver.until(1)
    assert heard.path == f"/api/payments/webhook/{provider}"
    assert heard.headers["content-type"] == "application/json"
    assert is_signed(partner.sandbox, provider, heard)


@pytest.mark.anyio
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_webhook_that_is_not_taken_comes_again(
    partner: Partner, receiver: Receiver, provider: str
) -> None:
    receiver.statuses.extend([503, 500, 404])
    await order(partner, provider, "789")
    heard = await receiver.until(4)
    assert len({webhook.body for webhook in heard}) == 1
    assert all(is_signed(partner.sandbox, provider, webhook) for webhook in heard)


@pytest.mark.anyio
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_five_identical_webhooks_arrive(
    partner: Partner, receiver: Receiver, provider: str
) -> None:
    await order(partner, provider, "302")
    heard = await receiver.until(5)
    signatures = {webhook.headers["x-signature"] for webhook in heard}
    assert (len(signatures), len({webhook.body for webhook in heard})) == (1, 1)


@pytest.mark.anyio
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_the_forged_webhook_comes_first(
    partner: Partner, receiver: Receiver, provider: str
) -> None:
    receiver.statuses.append(401)
    await order(partner, provider, "306")
    heard = await receiver.until(2)
    assert [is_signed(partner.sandbox, provider, webhook) for webhook in heard] == [False, True]


@pytest.mark.anyio
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_the_early_webhook_has_arrived_when_the_submit_is_answered(
    partner: Partner, receiver: Receiver, provider: str
) -> None:
    await order(partner, provider, "301")
    assert len(receiver.heard) == 1


@pytest.mark.anyio
async def test_the_answer_does_not_wait_for_ever_for_a_webhook_that_nobody_takes() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings = SandboxSettings(webhook_base_url=url, webhook_timeout_s=0.2, webhook_attempts=1)
        async with Sandbox(settings) as sandbox, aiohttp.ClientSession() as session:
            assert sandbox.webhook_base_url == url
            await order(Partner(sandbox, session), AFRIMONEY, "301")


@pytest.mark.anyio
async def test_webhooks_wait_until_there_is_an_address(
    partner: Partner, receiver: Receiver
) -> None:
    sandbox = partner.sandbox
    sandbox.webhook_base_url = None
    await order(partner, AFRIMONEY, "301")
    assert sandbox.ledger.count(REFERENCE) == 1
    assert receiver.heard == []
    sandbox.webhook_base_url = receiver.url
    assert len(await receiver.until(1)) == 1


@pytest.mark.anyio
async def test_an_address_where_nobody_listens_is_logged_as_no_answer(partner: Partner) -> None:
    for nowhere in ("http://127.0.0.1:9/x", "no address"):
        partner.sandbox.webhook_base_url = nowhere
        number = len(partner.sandbox.engine.deliveries) + 1
        await partner.disburse(f"CASH-{number}", payee(AFRIMONEY, "301"))
        delivery = partner.sandbox.engine.deliveries.get(number)
        assert delivery is not None
        assert delivery.sendings[0].statuses == (None,)


def is_signed(sandbox: Sandbox, provider: str, heard: Heard) -> bool:
    settings = sandbox.settings
    if provider == ORANGE_MONEY:
        secret = settings.orange_money_webhook_secret.encode()
        expected = hmac.new(secret, heard.body, hashlib.sha256).hexdigest()
    else:
        reference = json.loads(heard.body)["externalReference"]
        timestamp = heard.headers["x-timestamp"]
        key, secret_text = settings.afrimoney_api_key, settings.afrimoney_api_secret
        expected = sign(secret_text, key, timestamp, reference)
    return heard.headers["x-signature"] == expected


async def order(partner: Partner, provider: str, suffix: str) -> None:
    submit = partner.cash_out if provider == ORANGE_MONEY else partner.disburse
    answered = await submit(REFERENCE, payee(provider, suffix))
    assert answered.status in {200, 202}
