"""Defects of the provider client: each test describes one and shows what happens now."""

import asyncio
import logging
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from adapters.journal import StructuredJournal
from adapters.nats.connection import NatsConnection
from adapters.nats.tokens import NatsTokens
from adapters.provider_kit.contract.partner import Partner, Raw, Reply, Seen
from adapters.provider_kit.limits import CallLimits
from adapters.provider_kit.tokens import Token
from domain.attempts import OutcomeKind
from domain.evidence import NoAnswer, Source
from domain.record import Report, record
from tests.adapters.providers.given import (
    AFRIMONEY,
    ORANGE,
    SUBMIT_PATH,
    TOKEN_PATH,
    answering,
    granted,
    opened,
    order,
    said,
    wired,
)
from tests.strategies import NOW, POLICY, PROVES, TOKEN, being_sent

pytestmark = pytest.mark.anyio

BOTH = [ORANGE, AFRIMONEY]
TAKEN = {
    ORANGE: said(202, {"transactionId": "OM-1"}),
    AFRIMONEY: said(200, {"status": "success", "data": {"transactionId": "AM-1"}}),
}
HASTE = CallLimits.of(timedelta(milliseconds=400))


def submits(partner: Partner, provider: str) -> list[Seen]:
    return partner.asked(SUBMIT_PATH[provider])


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    assert not writer.is_closing()
    await reader.read()


async def drops(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one byte at a time: no single pause is long."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 500\r\n\r\n")
    while True:
        writer.write(b" ")
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("provider", BOTH)
@pytest.mark.parametrize("manner", [silence, drops])
async def test_a_provider_that_comes_to_no_end_is_not_waited_for(
    provider: str, manner: Raw
) -> None:
    """There was no time-out at all: the caller hung for as long as the provider liked."""
    async with Partner(raw=manner) as partner:
        wiring = wired(partner.url, provider, limits=HASTE)
        began = time.monotonic()
        async with opened(wiring) as gateway:
            outcome = await gateway.disburse(order())
            finding = await gateway.look_up(order())
        assert time.monotonic() - began < 4
    # Without a token nothing was sent; otherwise it may have been read and paid.
    silent = {ORANGE: OutcomeKind.UNSENT, AFRIMONEY: OutcomeKind.UNKNOWN}
    assert outcome.kind is silent[provider]
    assert isinstance(finding, NoAnswer)


async def test_fifty_payouts_at_once_ask_for_one_token() -> None:
    """Fifty requests made fifty calls for a token."""

    def answer(seen: Seen) -> Reply:
        return granted() if seen.target == TOKEN_PATH else TAKEN[ORANGE]

    async with Partner(answer) as partner, opened(wired(partner.url, ORANGE)) as gateway:
        orders = [order(reference=f"CASH-MUSEUM-{n:04}") for n in range(50)]
        outcomes = await asyncio.gather(*(gateway.disburse(each) for each in orders))
    assert {each.kind for each in outcomes} == {OutcomeKind.ACCEPTED}
    assert len(partner.asked(TOKEN_PATH)) == 1


@pytest.mark.parametrize(("seconds", "most_calls"), [(1, 2), (30, 1), (60, 1)])
async def test_a_token_of_a_minute_or_less_is_used(seconds: int, most_calls: int) -> None:
    """A token that holds 60 seconds or less was reported as a failed authentication."""

    def answer(seen: Seen) -> Reply:
        return granted(expires_in=seconds) if seen.target == TOKEN_PATH else TAKEN[ORANGE]

    async with Partner(answer) as partner, opened(wired(partner.url, ORANGE)) as gateway:
        outcomes = [await gateway.disburse(order()) for _ in range(2)]
    assert [each.kind for each in outcomes] == [OutcomeKind.ACCEPTED] * 2
    assert len(partner.asked(TOKEN_PATH)) <= most_calls, "it is kept for half its life"


async def test_a_revoked_token_is_replaced_at_once() -> None:
    """A token that was revoked broke every payout until it would have expired."""
    given = iter(["old", "new", "newer"])

    def answer(seen: Seen) -> Reply:
        if seen.target == TOKEN_PATH:
            return granted(token=next(given))
        if seen.header("authorization") == "Bearer old":
            return said(401, {"code": 42})
        return TAKEN[ORANGE]

    async with Partner(answer) as partner, opened(wired(partner.url, ORANGE)) as gateway:
        outcomes = [await gateway.disburse(order()) for _ in range(2)]
    assert [each.kind for each in outcomes] == [OutcomeKind.ACCEPTED] * 2
    assert len(partner.asked(TOKEN_PATH)) == 2


async def test_payouts_go_on_without_the_store_that_shares_tokens() -> None:
    """The outage of the cache in which tokens were kept stopped every payout."""

    def answer(seen: Seen) -> Reply:
        return granted() if seen.target == TOKEN_PATH else TAKEN[ORANGE]

    connection = NatsConnection("nats://127.0.0.1:1")
    shelf = NatsTokens(connection, Token)
    async with (
        Partner(answer) as partner,
        opened(wired(partner.url, ORANGE, tokens=shelf)) as gateway,
    ):
        outcome = await gateway.disburse(order())
    await connection.close()
    assert outcome.kind is OutcomeKind.ACCEPTED


@pytest.mark.parametrize("provider", BOTH)
async def test_an_id_cannot_walk_the_path(provider: str) -> None:
    """The provider's id was put into the path as it was: `../token` led to another address."""
    async with answering(provider, said(404, {"code": "NOT_FOUND"})) as (gateway, partner):
        await gateway.look_up(order(transaction_id="../../token?x#y"))
    assert partner.seen[-1].target.endswith("/..%2F..%2Ftoken%3Fx%23y")


PERSONAL = ("Awa Canary", "2250700000789", "Canary Street")


@pytest.mark.parametrize("provider", BOTH)
async def test_nothing_personal_of_an_answer_is_logged(
    provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The provider's answers were logged whole, with names and numbers in them."""
    told = {"name": PERSONAL[0], "msisdn": PERSONAL[1], "note": PERSONAL[2]}
    reply = said(400, {"status": "error", "code": "E_1", "message": " ".join(PERSONAL), **told})
    with caplog.at_level(logging.DEBUG), capture_logs() as lines:
        async with answering(provider, reply) as (gateway, _):
            outcome = await gateway.disburse(order(name=PERSONAL[0]))
        heard = Report(Source.SUBMIT, outcome, attempt=1, lease=TOKEN, raw=outcome.raw)
        sent = being_sent()
        named = replace(sent, payee=replace(sent.payee, name=PERSONAL[0]))
        StructuredJournal().changed([record(named, heard, PROVES, POLICY, NOW)])
    assert lines, "it does log"
    assert PERSONAL[0].encode() in outcome.raw, "it is kept as evidence"
    written = f"{lines} {caplog.text} {[each.__dict__ for each in caplog.records]}"
    assert [word for word in PERSONAL if word in written] == []
