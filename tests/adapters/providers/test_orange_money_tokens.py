"""Orange Money's token: how it is asked for, what a 401 does, and what happens without one."""

import base64
from datetime import timedelta

import pytest

from adapters.provider_kit.contract.partner import Partner, Reply, Seen
from domain.attempts import OutcomeKind
from domain.failures import FailureCode
from tests.adapters.providers.given import (
    ORANGE,
    QUICK,
    REFERENCE,
    SECRETS,
    TOKEN_PATH,
    ShiftedClock,
    answering,
    granted,
    opened,
    order,
    said,
    wired,
)

pytestmark = pytest.mark.anyio

CASH_OUT = "/v1/cash-out"
ACCEPTED = said(202, {"transactionId": "OM-1", "status": "PENDING"})


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
