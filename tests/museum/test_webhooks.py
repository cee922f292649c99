"""Defects of the webhooks: each test describes one in its docstring and shows what happens now."""

import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from adapters.provider_kit.signing import hmac_sha256_hex
from adapters.provider_kit.wiring import Misconfigured, ProviderGateway, provider_module
from adapters.providers.afrimoney.wire import signature
from adapters.web.auth import InvalidToken, SecretTokens
from application.ports import Authentic, StorageUnavailable, Unauthentic, Unreadable
from domain.evidence import Doorbell, News, Source
from domain.record import Report, record
from domain.states import Status
from tests.adapters.providers.given import AFRIMONEY, NOW, ORANGE, answering, said, wired
from tests.adapters.web.house import SECRET, WEBHOOK, House, check_problem, house, token
from tests.adapters.web.partner import signature as partner_signature
from tests.application.wiring import World
from tests.strategies import AFRI, DOORBELLS, FREETOWN, POLICY, a_cash_out, being_sent

pytestmark = pytest.mark.anyio

KEY, API_SECRET, HOOK_SECRET = "ak_museum", "as_museum_secret", "whsec_museum"
MOMENT = "1700000000000"
AT = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
REFERENCE = "CASH-1700000000000-0042"


def gateway(provider: str, **settings: str) -> ProviderGateway:
    """Return a provider's real gateway that calls nobody."""
    own = {
        ORANGE: {"WEBHOOK_SECRET": HOOK_SECRET},
        AFRIMONEY: {"API_KEY": KEY, "API_SECRET": API_SECRET},
    }[provider]
    wiring = wired("http://127.0.0.1:1", provider, settings={**own, **settings})
    return provider_module(f"adapters.providers.{provider}").build(wiring)


def afrimoney_body(status: str = "completed", reference: str = REFERENCE) -> bytes:
    said = {"transactionId": "AM-1", "status": status, "externalReference": reference}
    return json.dumps(said).encode()


def afrimoney_headers(moment: str = MOMENT) -> list[tuple[str, str]]:
    return [("X-Timestamp", moment), ("X-Signature", signature(API_SECRET, KEY, moment, REFERENCE))]


# --- what a signature covers ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        b'{"transactionId": "OM-1", "status": "SUCCESSFUL", "externalId": "CASH-00000042"}',
        b'{"transactionId":"OM-1","status":"SUCCESSFUL","externalId":"CASH-00000042"}\n',
        b'{"externalId":"CASH-00000042","status":"SUCCESSFUL","transactionId":"OM-1","fee":100.0}',
    ],
    ids=["a space", "a line", "100.0"],
)
async def test_a_signature_is_checked_over_the_bytes_that_came(raw: bytes) -> None:
    """It was checked over the JSON written anew, so a space or a `100.0` broke a good one."""
    headers = [("X-Signature", hmac_sha256_hex(HOOK_SECRET, raw))]
    reading = gateway(ORANGE).read_webhook(headers, raw, NOW)
    assert isinstance(reading, Authentic)
    assert isinstance(reading.news, News)


async def test_every_signature_is_compared_in_constant_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Signatures were compared with `!==`, which tells by its time how much of a guess is right."""
    compared: list[tuple[str | bytes, str | bytes]] = []
    whole = hmac.compare_digest

    def watched(one: Any, other: Any) -> bool:  # noqa: ANN401 -- str or bytes, both alike
        compared.append((one, other))
        return whole(one, other)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    wrong = "0" * 64
    assert isinstance(
        gateway(ORANGE).read_webhook([("X-Signature", wrong)], b"{}", NOW), Unauthentic
    )
    headers = [("X-Timestamp", MOMENT), ("X-Signature", wrong)]
    reading = gateway(AFRIMONEY).read_webhook(headers, afrimoney_body(), AT)
    assert isinstance(reading, Unauthentic)
    async with house() as api:
        forged = token()[:-1] + ("A" if token()[-1] != "A" else "B")
        with pytest.raises(InvalidToken):
            await SecretTokens(SECRET, api.clock).verify(forged)
    assert len(compared) == 3


def test_a_webhook_of_afrimoney_only_rings() -> None:
    """AfriMoney's signature covers neither status nor amount, and its webhooks moved states."""
    headers = afrimoney_headers()
    cash_out = being_sent(a_cash_out(provider=AFRI, reference=REFERENCE))
    for status in ("completed", "failed", "cancelled"):
        reading = gateway(AFRIMONEY).read_webhook(headers, afrimoney_body(status), AT)
        assert isinstance(reading, Authentic)
        assert isinstance(reading.news, Doorbell)
        change = record(cash_out, Report(Source.WEBHOOK, reading.news), DOORBELLS, POLICY, NOW)
        assert change.after.status is Status.PROCESSING


async def test_the_headers_of_our_own_submit_move_nothing_when_they_come_back(
    world: World,
) -> None:
    """The signature of our own request was a valid signature of a webhook."""
    accepted = said(200, {"status": "success", "data": {"status": "processing"}})
    world.clock.set_wall(NOW)
    lane = world.one.lanes[AFRI]
    async with answering(AFRIMONEY, accepted) as (real, partner):
        lane.gateway = real
        cash_out = await world.taken(
            provider=AFRI, currency="SLE", amount="100", msisdn=FREETOWN, reference=REFERENCE
        )
        (begun,) = await world.one.submit.begin(lane, 1)
        await world.one.submit.send(lane, begun)
        headers = [(name, value) for name, value in partner.seen[0].headers]
        recorded = await world.one.receive(AFRI, headers, afrimoney_body())
    assert recorded.cash_out is not None
    assert recorded.cash_out.id == cash_out.id
    assert recorded.cash_out.status is Status.PROCESSING
    assert recorded.cash_out.provider_transaction_id is None


async def test_a_signature_of_yesterday_is_refused() -> None:
    """A signature that was a day old was accepted."""
    yesterday = AT + timedelta(days=1)
    reading = gateway(AFRIMONEY).read_webhook(afrimoney_headers(), afrimoney_body(), yesterday)
    assert isinstance(reading, Unauthentic)


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        (ORANGE, "WEBHOOK_SECRET"),
        (ORANGE, "CLIENT_SECRET"),
        (AFRIMONEY, "API_SECRET"),
        (AFRIMONEY, "API_KEY"),
    ],
)
def test_an_empty_secret_does_not_start(provider: str, name: str) -> None:
    """A secret that was not configured was the empty string, with which anybody can sign."""
    with pytest.raises(Misconfigured) as refused:
        gateway(provider, **{name: ""})
    assert refused.value.faults == (f"{provider.upper()}_{name} is not set",)


# --- what is answered -----------------------------------------------------------------------------

RAW = b'{"transactionId":"OM-1","reference":"CASH-1","status":"DONE"}'


@pytest.mark.parametrize(
    ("path", "raw", "signed", "status", "code"),
    [
        (WEBHOOK, RAW, False, 401, "INVALID_SIGNATURE"),
        (WEBHOOK, b"not json", True, 400, "INVALID_WEBHOOK"),
        (WEBHOOK, b"{}", True, 400, "INVALID_WEBHOOK"),
        (f"{WEBHOOK}_2", RAW, True, 404, "INVALID_PROVIDER"),
    ],
)
async def test_each_webhook_has_the_answer_that_it_deserves(
    api: House, path: str, raw: bytes, signed: bool, status: int, code: str
) -> None:
    """Everything was answered 200 "to prevent retries": attacks and rubbish looked like success."""
    headers = {"x-signature": partner_signature(raw) if signed else "0" * 64}
    check_problem(await api.client.post(path, content=raw, headers=headers), status, code)


async def test_a_webhook_that_cannot_be_kept_is_asked_for_again() -> None:
    """As above, with the database down: the provider never sent the outcome again."""

    async def away(*_: object, **__: object) -> None:
        raise StorageUnavailable("away")

    async with house(receive=away) as api:
        answer = await api.client.post(WEBHOOK, content=RAW)
        check_problem(answer, 503, "SERVICE_UNAVAILABLE")
        assert int(answer.headers["retry-after"]) > 0


async def test_a_webhook_that_comes_first_is_kept_and_applied(api: House) -> None:
    """A webhook that came before its cash-out was known was answered and dropped."""
    raw = b'{"transactionId":"OM-1","reference":"ORDER-0001","status":"DONE"}'
    answer = await api.client.post(
        WEBHOOK, content=raw, headers={"x-signature": partner_signature(raw)}
    )
    assert answer.status_code == 200
    made = await api.made(reference="ORDER-0001")
    await api.worker.rematch()
    assert api.store.cash_outs[UUID(made)].status is Status.COMPLETED


OPERATORS: list[object] = [{"$ne": None}, {"$gt": ""}, ["CASH-1"], None, True, 7]


@pytest.mark.parametrize("operator", OPERATORS, ids=str)
def test_an_operator_in_place_of_a_reference_never_reaches_a_query(operator: object) -> None:
    """An object like {"$ne": null} as the reference went into the database's filter as it was."""
    raw = json.dumps(
        {"transactionId": "OM-1", "status": "SUCCESSFUL", "externalId": operator}
    ).encode()
    headers = [("X-Signature", hmac_sha256_hex(HOOK_SECRET, raw))]
    reading = gateway(ORANGE).read_webhook(headers, raw, NOW)
    assert reading == Unreadable(("externalId",))
    body = json.dumps(
        {"transactionId": "AM-1", "status": "completed", "externalReference": operator}
    ).encode()
    nameless = [("X-Timestamp", MOMENT), ("X-Signature", signature(API_SECRET, KEY, MOMENT, ""))]
    reading = gateway(AFRIMONEY).read_webhook(nameless, body, AT)
    assert reading == Unreadable(("externalReference",))
