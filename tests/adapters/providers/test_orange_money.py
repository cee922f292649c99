"""Orange Money: what goes over the wire, tokens, what it says, webhooks."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from adapters.provider_kit.signing import hmac_sha256_hex
from application.ports import Authentic, Unauthentic, Unreadable
from domain.attempts import Capabilities, OutcomeKind
from domain.evidence import Doorbell, News, NoAnswer, NotFound
from domain.failures import FailureCode
from domain.states import Status
from tests.adapters.providers.given import (
    NOW,
    ORANGE,
    QUICK,
    REFERENCE,
    SECRETS,
    TOKEN_PATH,
    ShiftedClock,
    answering,
    beside_tokens,
    granted,
    opened,
    order,
    said,
    wired,
)
from tests.adapters.providers.partner import Partner, Reply, Seen

pytestmark = pytest.mark.anyio

CASH_OUT = "/v1/cash-out"
ACCEPTED = said(202, {"transactionId": "OM-1", "status": "PENDING"})
NOT_FOUND = said(404, {"code": "NOT_FOUND", "message": "No such transaction"})
VECTOR = b'{"transactionId":"OM-7F3A","status":"SUCCESSFUL","externalId":"CASH-1700000000000-0042"}'
VECTOR_SECRET = "whsec_test_789"
VECTOR_SIGNATURE = "0805b2c28cbbe23ea904a0635f2a722a9bee2ce205415c94a96e2065aff76a57"


# --- submit -------------------------------------------------------------------------------------


async def test_a_submit_is_exactly_as_documented() -> None:
    async with answering(ORANGE, ACCEPTED) as (gateway, partner):
        outcome = await gateway.disburse(order(name="Awa\u202e Kone\u0301"))
    (sent,) = partner.asked(CASH_OUT)
    assert (sent.method, sent.target) == ("POST", CASH_OUT)
    assert sent.header("authorization") == f"Bearer {SECRETS['token']}"
    assert sent.header("content-type") == "application/json"
    assert sent.header("accept") == "application/json"
    assert sent.header("x-reference-id") == REFERENCE
    assert sent.body.decode() == (
        '{"amount":{"value":1500,"currency":"XOF"},'
        '"payee":{"partyIdType":"MSISDN","partyId":"2250700000789"},'
        '"payerMessage":"Cash out to Awa Koné","payeeNote":"Digital Money System cash out",'
        f'"externalId":"{REFERENCE}"}}'
    )
    assert outcome.kind is OutcomeKind.ACCEPTED
    assert not outcome.verify
    assert outcome.news == News("PENDING", Status.PROCESSING, "OM-1")


@pytest.mark.parametrize(
    ("minor", "code", "written"),
    [(1050, "USD", b"10.5"), (100_000_00, "USD", b"100000"), (1, "USD", b"0.01")],
)
async def test_an_amount_is_a_plain_number(minor: int, code: str, written: bytes) -> None:
    async with answering(ORANGE, ACCEPTED) as (gateway, partner):
        await gateway.disburse(order(minor, code))
    assert b'"value":' + written + b"," in partner.asked(CASH_OUT)[0].body


@pytest.mark.parametrize(
    ("reply", "news"),
    [
        (Reply(202), News("", Status.PROCESSING)),
        (said(202, {}), News("", Status.PROCESSING)),
        (said(202, {"transactionId": None, "status": None}), News("", Status.PROCESSING)),
        (said(202, {"transactionId": "", "status": ""}), News("", Status.PROCESSING)),
        (said(202, {"transactionId": "OM-1"}), News("", Status.PROCESSING, "OM-1")),
        (said(202, {"status": "SUCCESSFUL"}), News("SUCCESSFUL", Status.COMPLETED)),
        (said(202, {"status": "SETTLING"}), News("SETTLING", None)),
        (said(202, {"status": "successful"}), News("successful", None)),
        (
            said(202, {"status": "REJECTED", "reason": "PAYEE_NOT_FOUND"}),
            News(
                "REJECTED",
                Status.FAILED,
                code=FailureCode.RECIPIENT_NOT_FOUND,
                reason="PAYEE_NOT_FOUND",
            ),
        ),
    ],
    ids=str,
)
async def test_an_accepted_answer_may_say_little_or_much(reply: Reply, news: News) -> None:
    async with answering(ORANGE, reply) as (gateway, _):
        outcome = await gateway.disburse(order())
    assert (outcome.kind, outcome.news, outcome.verify) == (OutcomeKind.ACCEPTED, news, False)


async def test_another_2xx_is_accepted_and_verified_at_once() -> None:
    reply = said(200, {"transactionId": "OM-1", "status": "SUCCESSFUL"})
    async with answering(ORANGE, reply) as (gateway, _):
        outcome = await gateway.disburse(order())
    assert (outcome.kind, outcome.verify) == (OutcomeKind.ACCEPTED, True)
    assert outcome.news == News("SUCCESSFUL", Status.COMPLETED, "OM-1")


@pytest.mark.parametrize(
    "body",
    [
        {"transactionId": 17},
        {"transactionId": "OM\u0000"},
        {"transactionId": "O" * 129},
        {"status": 1},
        {"amount": 1500},
        {"amount": {"value": "NaN", "currency": "XOF"}},
    ],
    ids=str,
)
async def test_an_acceptance_of_the_wrong_shape_is_unknown(body: object) -> None:
    async with answering(ORANGE, said(202, body)) as (gateway, _):
        assert (await gateway.disburse(order())).kind is OutcomeKind.UNKNOWN


# --- tokens -------------------------------------------------------------------------------------


async def test_a_token_is_asked_for_as_the_public_gateway_wants_it() -> None:
    async with answering(ORANGE, ACCEPTED) as (gateway, partner):
        await gateway.disburse(order())
    (asked,) = partner.asked(TOKEN_PATH)
    pair = base64.b64encode(f"client:{SECRETS['client_secret']}".encode()).decode()
    assert asked.method == "POST"
    assert asked.header("authorization") == f"Basic {pair}"
    assert asked.header("accept") == "application/json"
    assert asked.header("content-type") == "application/x-www-form-urlencoded"
    assert asked.body == b"grant_type=client_credentials"


async def test_a_401_drops_the_token_and_replays_once_with_the_same_reference() -> None:
    tokens = iter(["first", "second"])

    def answer(seen: Seen) -> Reply:
        if seen.target == TOKEN_PATH:
            return granted(token=next(tokens))
        return ACCEPTED if seen.header("authorization") == "Bearer second" else Reply(401)

    async with Partner(answer) as partner, opened(wired(partner.url, ORANGE)) as gateway:
        assert (await gateway.disburse(order())).kind is OutcomeKind.ACCEPTED
        assert (await gateway.disburse(order())).kind is OutcomeKind.ACCEPTED
    sent = partner.asked(CASH_OUT)
    assert [seen.header("authorization") for seen in sent] == [
        "Bearer first",
        "Bearer second",
        "Bearer second",
    ]
    assert {seen.header("x-reference-id") for seen in sent} == {REFERENCE}


async def test_a_replay_without_an_answer_is_unknown() -> None:
    async with answering(ORANGE, Reply(401), None) as (gateway, _):
        assert (await gateway.disburse(order())).kind is OutcomeKind.UNKNOWN


async def test_a_401_without_a_new_token_was_not_taken() -> None:
    replies = iter([granted(), Reply(401), Reply(403)])
    async with (
        Partner(lambda _seen: next(replies)) as partner,
        opened(wired(partner.url, ORANGE)) as gateway,
    ):
        outcome = await gateway.disburse(order())
    assert (outcome.kind, outcome.trips) == (OutcomeKind.UNSENT, True)
    assert outcome.code is FailureCode.PROVIDER_MISCONFIGURED
    assert outcome.detail == "no token: HTTP 403"


TOKEN_FAULTS: dict[str, tuple[Reply | None, FailureCode, bool, int | None]] = {
    "wrong credentials": (
        said(401, {"error": "invalid_client"}),
        FailureCode.PROVIDER_AUTH,
        True,
        None,
    ),
    "a bad request": (Reply(400), FailureCode.PROVIDER_AUTH, True, None),
    "a wrong address": (Reply(404), FailureCode.PROVIDER_MISCONFIGURED, True, None),
    "a redirect": (Reply(302), FailureCode.PROVIDER_MISCONFIGURED, True, None),
    "not acceptable": (Reply(406), FailureCode.PROVIDER_MISCONFIGURED, True, None),
    "too many": (
        Reply(429, b"", {"Retry-After": "11"}),
        FailureCode.RATE_LIMITED,
        False,
        11,
    ),
    "a broken server": (Reply(500), FailureCode.PROVIDER_UNAVAILABLE, False, None),
    "a busy server": (
        Reply(503, b"", {"Retry-After": "12"}),
        FailureCode.PROVIDER_UNAVAILABLE,
        False,
        12,
    ),
    "a reset": (None, FailureCode.PROVIDER_UNAVAILABLE, False, None),
    "a page": (Reply(200, b"<html>"), FailureCode.PROVIDER_UNAVAILABLE, False, None),
    "no token": (said(200, {"expires_in": 60}), FailureCode.PROVIDER_UNAVAILABLE, False, None),
    "an empty token": (granted(token=""), FailureCode.PROVIDER_UNAVAILABLE, False, None),
    "a token with a line break": (
        granted(token="a\r\nX-Evil: 1"),
        FailureCode.PROVIDER_UNAVAILABLE,
        False,
        None,
    ),
    "another scheme": (granted(token_type="mac"), FailureCode.PROVIDER_UNAVAILABLE, False, None),
    "no lifetime left": (granted(expires_in=0), FailureCode.PROVIDER_UNAVAILABLE, False, None),
    "an endless lifetime": (
        granted(expires_in="Infinity"),
        FailureCode.PROVIDER_UNAVAILABLE,
        False,
        None,
    ),
}


@pytest.mark.parametrize("fault", TOKEN_FAULTS)
async def test_without_a_token_nothing_is_sent(fault: str) -> None:
    reply, code, trips, wait_s = TOKEN_FAULTS[fault]
    async with (
        Partner(lambda _seen: reply) as partner,
        opened(wired(partner.url, ORANGE)) as gateway,
    ):
        outcome = await gateway.disburse(order())
        complaint = await gateway.check()
    assert (outcome.kind, outcome.code) == (OutcomeKind.UNSENT, code)
    assert (outcome.trips, outcome.retry_after_s) == (trips, wait_s)
    assert outcome.detail.startswith("no token: ")
    assert partner.asked(CASH_OUT) == []
    assert complaint is not None
    assert complaint.startswith("no token: ")
    assert ("ORANGE_MONEY_TOKEN_URL" in complaint) is trips


async def test_a_token_endpoint_that_fails_for_a_moment_is_asked_again() -> None:
    replies = [Reply(500), granted(), ACCEPTED]
    async with (
        Partner(lambda _seen: replies.pop(0)) as partner,
        opened(wired(partner.url, ORANGE)) as gateway,
    ):
        assert (await gateway.disburse(order())).kind is OutcomeKind.ACCEPTED


async def test_a_slow_token_leaves_the_budget_of_the_question_intact() -> None:
    async def hangs(_reader: object, _writer: object) -> None:
        await ShiftedClock().sleep(timedelta(seconds=10))

    async with Partner(raw=hangs) as partner, opened(wired(partner.url, ORANGE)) as gateway:
        clock = ShiftedClock()
        began = clock.elapsed()
        outcome = await gateway.disburse(order())
        took = clock.elapsed() - began
    assert (outcome.kind, outcome.code) == (OutcomeKind.UNSENT, FailureCode.PROVIDER_UNAVAILABLE)
    assert took < QUICK.budget + timedelta(milliseconds=500)


@pytest.mark.parametrize(
    ("fields", "lifetime_s"),
    [
        ({"expires_in": None}, 3540),
        ({"expires_in": "3600"}, 3540),
        ({"expires_in": 90}, 45),
        ({"expires_in": 86_400_000}, 86_340),
        ({"expires_in": 3600, "token_type": "bearer", "scope": "x"}, 3540),
    ],
    ids=str,
)
async def test_a_lifetime_may_be_absent_or_a_string(
    fields: dict[str, object], lifetime_s: int
) -> None:
    clock = ShiftedClock()
    granting = {"access_token": "t", **fields}

    def answer(seen: Seen) -> Reply:
        return said(200, granting) if seen.target == TOKEN_PATH else ACCEPTED

    async with (
        Partner(answer) as partner,
        opened(wired(partner.url, ORANGE, clock=clock)) as gateway,
    ):
        await gateway.disburse(order())
        clock.ahead += timedelta(seconds=lifetime_s - 2)
        await gateway.disburse(order())
        # The first is still good, and a new one is fetched behind it.
        clock.ahead += timedelta(seconds=4)
        await gateway.disburse(order())
    assert len(partner.asked(TOKEN_PATH)) == 2


# --- look-ups -----------------------------------------------------------------------------------


async def test_a_look_up_tells_everything_that_is_echoed() -> None:
    reply = said(
        200,
        {
            "transactionId": "OM-1",
            "status": "FAILED",
            "reason": "account not found",
            "externalId": REFERENCE,
            "amount": {"value": Decimal("10.5"), "currency": "USD"},
            "payee": {"partyIdType": "MSISDN", "partyId": "2250700000789"},
        },
    )
    async with answering(ORANGE, reply) as (gateway, partner):
        news = await gateway.look_up(order())
    (asked,) = partner.asked("/v1/transactions/")
    assert (asked.method, asked.target) == ("GET", f"/v1/transactions/{REFERENCE}")
    assert asked.header("accept") == "application/json"
    assert asked.header("authorization") == f"Bearer {SECRETS['token']}"
    assert news == News(
        "FAILED",
        Status.FAILED,
        "OM-1",
        REFERENCE,
        Decimal("10.5"),
        "USD",
        "2250700000789",
        FailureCode.RECIPIENT_NOT_FOUND,
        "account not found",
    )


@pytest.mark.parametrize(
    ("transaction_id", "target"),
    [
        ("OM-7", "/v1/transactions/OM-7"),
        ("../token", "/v1/transactions/..%2Ftoken"),
        ("a?b#c", "/v1/transactions/a%3Fb%23c"),
        ("a%2Fb", "/v1/transactions/a%252Fb"),
    ],
)
async def test_their_id_comes_first_and_cannot_walk_the_path(
    transaction_id: str, target: str
) -> None:
    async with answering(ORANGE, NOT_FOUND) as (gateway, partner):
        await gateway.look_up(order(transaction_id=transaction_id))
    assert partner.seen[-1].target == target


async def test_an_id_that_no_path_can_hold_is_not_asked() -> None:
    async with answering(ORANGE, NOT_FOUND) as (gateway, partner):
        assert isinstance(await gateway.look_up(order(transaction_id="..")), NoAnswer)
    assert partner.seen == []


async def test_a_reference_is_not_asked_where_that_is_not_promised() -> None:
    promises = Capabilities(idempotent_submit=False, lookup_by_reference=False, webhook_proves=True)
    async with answering(ORANGE, NOT_FOUND, capabilities=promises) as (gateway, partner):
        assert isinstance(await gateway.look_up(order()), NoAnswer)
        assert partner.seen == []
        assert isinstance(await gateway.look_up(order(transaction_id="OM-1")), NotFound)


async def test_only_the_providers_own_not_found_means_not_found() -> None:
    async with answering(ORANGE, NOT_FOUND) as (gateway, _):
        assert await gateway.look_up(order()) == NotFound()


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (Reply(404, b"<html>nginx</html>"), NoAnswer("HTTP 404")),
        (Reply(404), NoAnswer("HTTP 404")),
        (said(404, {"code": 60, "message": "Resource not found"}), NoAnswer("HTTP 404 60")),
        (said(404, {"message": "NOT_FOUND"}), NoAnswer("HTTP 404")),
        (said(410, {"code": "NOT_FOUND"}), NoAnswer("HTTP 410 NOT_FOUND")),
        (said(429, {}, Retry_After="5"), NoAnswer("HTTP 429", 5)),
        (said(503, {}, Retry_After="900"), NoAnswer("HTTP 503", 300)),
        (Reply(500), NoAnswer("HTTP 500")),
        (Reply(401), NoAnswer("HTTP 401")),
        (Reply(302, b"", {"Location": "/"}), NoAnswer("HTTP 302")),
        (Reply(200), NoAnswer("HTTP 200, unreadable body")),
        (Reply(200, b"<html>"), NoAnswer("HTTP 200, unreadable body")),
        (said(200, {"transactionId": "OM-1"}), NoAnswer("HTTP 200, unreadable body")),
        (said(202, {"status": "SUCCESSFUL"}), NoAnswer("HTTP 202")),
        (None, NoAnswer("the connection broke")),
    ],
    ids=str,
)
async def test_any_other_answer_teaches_nothing(reply: Reply | None, answer: NoAnswer) -> None:
    async with answering(ORANGE, reply) as (gateway, _):
        assert await gateway.look_up(order()) == answer


async def test_a_look_up_without_a_token_teaches_nothing() -> None:
    async with (
        Partner(lambda _seen: Reply(429, b"", {"Retry-After": "3"})) as partner,
        opened(wired(partner.url, ORANGE)) as gateway,
    ):
        assert await gateway.look_up(order()) == NoAnswer("no token: HTTP 429", 3)


async def test_a_look_up_is_repeated_once_where_that_helps() -> None:
    found = said(200, {"status": "SUCCESSFUL"})
    async with answering(ORANGE, Reply(502), found) as (gateway, _):
        assert isinstance(await gateway.look_up(order()), News)


async def test_a_look_up_survives_a_revoked_token() -> None:
    found = said(200, {"status": "SUCCESSFUL"})
    async with answering(ORANGE, Reply(401), found) as (gateway, partner):
        assert isinstance(await gateway.look_up(order()), News)
        assert len(partner.asked(TOKEN_PATH)) == 2


async def test_the_words_of_a_partner_come_from_configuration() -> None:
    reply = said(200, {"status": "EXECUTED"})
    options = {"status_words": {"EXECUTED": "completed"}}
    async with answering(ORANGE, reply, options=options) as (gateway, _):
        assert await gateway.look_up(order()) == News("EXECUTED", Status.COMPLETED)


async def test_check_is_content_when_a_token_is_granted() -> None:
    async with (
        Partner(beside_tokens(lambda _seen: Reply(500))) as partner,
        opened(wired(partner.url, ORANGE)) as gateway,
    ):
        assert await gateway.check() is None


# --- webhooks -----------------------------------------------------------------------------------


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
        (b'{"transactionId":"a","status":"b","externalId":"c","amount":5}', ("amount",)),
        (b'{"transactionId":"a","status":"b","externalId":"c","reason":5}', ("reason",)),
    ],
    ids=str,
)
def test_a_signed_webhook_that_cannot_be_read_says_what_is_missing(
    body: bytes, missing: tuple[str, ...]
) -> None:
    assert receiving()(signed(body), body) == Unreadable(missing)
