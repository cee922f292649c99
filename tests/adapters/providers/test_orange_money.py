"""Orange Money: what goes over the wire, and what it says."""

from decimal import Decimal

import pytest

from adapters.provider_kit.contract.partner import Partner, Reply
from domain.attempts import Capabilities, OutcomeKind
from domain.evidence import News, NoAnswer, NotFound
from domain.failures import FailureCode
from domain.states import Status
from tests.adapters.providers.given import (
    ORANGE,
    REFERENCE,
    SECRETS,
    TOKEN_PATH,
    answering,
    beside_tokens,
    opened,
    order,
    said,
    wired,
)

pytestmark = pytest.mark.anyio

CASH_OUT = "/v1/cash-out"
ACCEPTED = said(202, {"transactionId": "OM-1", "status": "PENDING"})
NOT_FOUND = said(404, {"code": "NOT_FOUND", "message": "No such transaction"})


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
