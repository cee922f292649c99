"""Calls to others: bounded in time and size, to whom we mean, and nowhere else."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import jwt
import pytest

from adapters.provider_kit.client import JsonClient
from adapters.provider_kit.contract.partner import Partner, Reply
from adapters.provider_kit.limits import CallLimits
from adapters.sql.database import open_database
from domain.attempts import OutcomeKind
from domain.evidence import NoAnswer
from entrypoints.api import open_api
from entrypoints.lifespan import open_service
from entrypoints.settings import read_settings
from tests.adapters.providers.given import (
    AFRIMONEY,
    ORANGE,
    SUBMIT_PATH,
    answering,
    order,
    said,
)
from tests.adapters.web.house import PROVIDERS, check_problem
from tests.adapters.web.keys import RSA_KEY, public_jwk

pytestmark = pytest.mark.anyio

HOUR_S = 3600
BOTH = [ORANGE, AFRIMONEY]
ELSEWHERE = "/elsewhere"
KEYS = json.dumps({"keys": [public_jwk(RSA_KEY, "one")]}).encode()


def test_every_limit_of_a_call_is_written_out() -> None:
    limits = CallLimits()
    durations = (limits.connect, limits.pool, limits.answer, limits.total, limits.budget)
    assert all(timedelta(0) < each <= timedelta(minutes=1) for each in durations)
    assert limits.body_bytes == 256 * 1024
    assert 0 < limits.connections <= 1000


async def test_certificates_and_names_are_verified() -> None:
    """No provider is called over a connection that anybody could have made."""
    client = JsonClient(CallLimits())
    tls = client._tls
    await client.aclose()
    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert tls.check_hostname
    assert tls.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("provider", BOTH)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed_neither_by_a_submit_nor_by_a_question(
    provider: str, status: int
) -> None:
    """Whoever can make the provider redirect would get the order and its signature."""
    moved = said(status, {}, Location=ELSEWHERE)
    async with answering(provider, moved) as (gateway, partner):
        outcome = await gateway.disburse(order())
        await gateway.look_up(order())
    assert outcome.kind is OutcomeKind.UNSENT
    assert partner.asked(ELSEWHERE) == []
    posts = [seen.target for seen in partner.seen if seen.target == SUBMIT_PATH[provider]]
    assert len(posts) == 1


@pytest.mark.parametrize("provider", BOTH)
async def test_an_answer_without_end_is_not_read_to_its_end(provider: str) -> None:
    endless = Reply(200, b"x" * 2_000_000, {"Content-Type": "application/json"})
    async with answering(provider, endless) as (gateway, _):
        outcome = await gateway.disburse(order())
    assert outcome.kind is OutcomeKind.UNKNOWN
    assert len(outcome.raw) <= CallLimits().body_bytes


@pytest.mark.parametrize("provider", BOTH)
@pytest.mark.parametrize(
    "told", ['{"\\ud800": 1}', '{"status": "\\ud800"}', '{"a": [["\\udfff"]]}']
)
async def test_an_answer_that_cannot_be_written_down_is_unknown_and_breaks_nothing(
    provider: str, told: str
) -> None:
    """Half a character of two halves is JSON, and no text that could be stored."""
    for status in (200, 202, 400, 500):
        reply = Reply(status, told.encode(), {"Content-Type": "application/json"})
        async with answering(provider, reply) as (gateway, _):
            outcome = await gateway.disburse(order())
            finding = await gateway.look_up(order())
        assert outcome.kind is OutcomeKind.UNKNOWN
        assert isinstance(finding, NoAnswer)


def test_every_wait_for_the_database_has_an_end(tmp_path: Path) -> None:
    database = open_database(f"sqlite+aiosqlite:///{tmp_path / 'cashout.db'}")
    limits = database.limits
    waits = {each.name: getattr(limits, each.name) for each in fields(limits)}
    seconds = {name: wait for name, wait in waits.items() if name.endswith("_s")}
    assert {"pool_wait_s", "connect_s", "statement_s", "unit_s", "read_s"} <= set(seconds)
    assert {name: wait for name, wait in seconds.items() if not 0 < wait <= HOUR_S} == {}


# --- the issuer's keys ----------------------------------------------------------------------------


@asynccontextmanager
async def asking_with_keys_of(folder: Path, issuer: Partner) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the whole API, whose tokens are proven by the keys of this issuer."""
    settings = read_settings(
        {"CASHOUT_DATA_DIR": str(folder), "JWT_JWKS_URL": f"{issuer.url}/keys"}
    )
    async with open_service(settings) as service, open_api(service) as app:
        transport = httpx.ASGITransport(cast("Any", app))
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
            client.headers["Authorization"] = f"Bearer {good_now()}"
            yield client


def good_now() -> str:
    """Return a token that the issuer of the tests signed, good for a minute."""
    claims = {"userId": "user-1", "exp": int(time.time()) + 60}
    return jwt.encode(claims, RSA_KEY, algorithm="RS256", headers={"kid": "one"})


async def test_the_issuer_s_keys_are_fetched_from_where_they_are(tmp_path: Path) -> None:
    """Otherwise the tests below would show nothing."""
    async with (
        Partner(lambda _seen: Reply(200, KEYS)) as issuer,
        asking_with_keys_of(tmp_path, issuer) as client,
    ):
        answer = await client.get(PROVIDERS)
    assert answer.status_code == 200
    assert len(issuer.asked("/keys")) == 1
    assert issuer.seen[0].header("authorization") is None


@pytest.mark.parametrize(
    "reply",
    [
        Reply(302, b"", {"Location": ELSEWHERE}),
        Reply(200, b'{"keys":[' + b"{}," * 200_000 + b"{}]}"),
        Reply(200, b"[" * 200_000),
        Reply(500, KEYS),
        None,
    ],
    ids=["redirect", "without end", "nested", "500", "reset"],
)
async def test_keys_that_cannot_be_had_as_meant_are_no_keys(
    tmp_path: Path, reply: Reply | None
) -> None:
    async with (
        Partner(lambda _seen: reply) as issuer,
        asking_with_keys_of(tmp_path, issuer) as client,
    ):
        async with asyncio.timeout(10):
            answer = await client.get(PROVIDERS)
        check_problem(answer, 503, "SERVICE_UNAVAILABLE")
        assert issuer.asked(ELSEWHERE) == []
