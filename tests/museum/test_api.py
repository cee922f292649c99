"""Defects of the HTTP API: each test describes one in its docstring and shows what happens now."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.attempts import OutcomeKind
from domain.evidence import Outcome
from domain.failures import FailureCode
from tests.adapters.web.house import (
    BODY,
    CASH_OUTS,
    PROVIDERS,
    WEBHOOK,
    House,
    check_problem,
    signed_in,
)

pytestmark = pytest.mark.anyio

NOBODYS = "019ab0c4-7a1e-7c3f-9d52-6f0f4f1f2a3b"


async def silent(api: House) -> str:
    """Return a cash-out that was asked about a while ago: a look of its user hastens the next."""
    made = await api.made()
    await api.worker.step()
    api.clock.advance(timedelta(seconds=7))
    await api.worker.step()
    api.clock.advance(timedelta(seconds=6))
    return made


async def test_a_stranger_is_refused_before_anybody_is_asked(api: House) -> None:
    """The owner was checked after the provider had been asked and the record been changed."""
    made = await silent(api)
    stored, asked = api.store.cash_outs[UUID(made)], api.partner.asked
    for method, path in (("GET", made), ("POST", f"{made}/cancel")):
        answer = await api.client.request(
            method, f"{CASH_OUTS}/{path}", headers=signed_in("user-2")
        )
        check_problem(answer, 403, "FORBIDDEN")
    assert api.store.cash_outs[UUID(made)] == stored
    assert api.partner.asked == asked
    await api.get(f"{CASH_OUTS}/{made}")
    assert api.store.cash_outs[UUID(made)] != stored, "otherwise the above would show nothing"


async def test_a_get_asks_nobody_and_moves_nothing(api: House) -> None:
    """A GET asked the provider, changed the state and published events."""
    made = await silent(api)
    before, events = api.store.cash_outs[UUID(made)], len(api.store.events)
    asked = api.partner.asked
    for _ in range(3):
        answer = await api.get(f"{CASH_OUTS}/{made}")
        assert answer.json()["data"]["status"] == "processing"
    after = api.store.cash_outs[UUID(made)]
    assert api.partner.asked == asked, "no provider is called"
    assert len(api.store.events) == events
    assert after.plan != before.plan, "the next question is brought forward, and that is all"
    assert replace(after, plan=before.plan, version=before.version) == before


async def test_each_refusal_has_its_own_code(api: House) -> None:
    """Every refusal was a 400, whatever it was."""
    made = await api.made(reference="ORDER-0001")
    await api.post(BODY, idempotency_key="order-2")
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"json": {**BODY, "amount": "0"}}, 400, "INVALID_AMOUNT"),
        ({"json": {**BODY, "provider": "mpesa"}}, 400, "INVALID_PROVIDER"),
        ({"json": {**BODY, "currency": "EUR"}}, 422, "CURRENCY_NOT_SUPPORTED"),
        ({"json": {**BODY, "amount": 1}}, 422, "AMOUNT_BELOW_MINIMUM"),
        ({"json": {**BODY, "amount": 9_000_000}}, 422, "AMOUNT_ABOVE_MAXIMUM"),
        ({"json": {**BODY, "amount": 1600, "reference": "ORDER-0001"}}, 409, "DUPLICATE_REFERENCE"),
        ({"content": b"x" * 70_000}, 413, "PAYLOAD_TOO_LARGE"),
        ({"content": b"<a/>"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    ]
    for sent, status, code in cases:
        answer = await api.client.post(CASH_OUTS, headers=signed_in(), **sent)
        check_problem(answer, status, code)
    reused = await api.post({**BODY, "amount": 1600}, idempotency_key="order-2")
    check_problem(reused, 422, "IDEMPOTENCY_KEY_REUSED")
    check_problem(await api.client.get(PROVIDERS), 401, "UNAUTHORIZED")
    check_problem(await api.get(f"{CASH_OUTS}/{NOBODYS}"), 404, "NOT_FOUND")
    check_problem(await api.get(f"{CASH_OUTS}/{made}", user="user-2"), 403, "FORBIDDEN")


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(OutcomeKind.UNKNOWN, detail="no answer in time"),
        Outcome(OutcomeKind.UNSENT, FailureCode.PROVIDER_UNAVAILABLE),
        Outcome(OutcomeKind.UNSENT, FailureCode.PROVIDER_AUTH, trips=True),
    ],
    ids=["silent", "down", "our credentials"],
)
async def test_a_provider_that_is_down_is_no_fault_of_the_caller(
    api: House, outcome: Outcome
) -> None:
    """A provider's outage was answered as a 400 of the caller's."""
    api.partner.outcome = outcome
    answer = await api.post()
    assert answer.status_code == 202
    await api.worker.step()
    shown = await api.get(f"{CASH_OUTS}/{answer.json()['data']['cashOutId']}")
    assert shown.status_code == 200
    assert shown.json()["data"]["status"] == "processing"


@pytest.mark.parametrize("identity", ["1", "not-a-uuid", "%00", "null", "a" * 300])
async def test_an_id_that_cannot_be_one_is_not_found(api: House, identity: str) -> None:
    """A malformed id was a 500."""
    check_problem(await api.get(f"{CASH_OUTS}/{identity}"), 404, "NOT_FOUND")


@pytest.mark.parametrize("query", ["page=-1", "page=0", "startDate=nonsense", "endDate=2026-02-30"])
async def test_a_nonsense_page_or_date_is_a_bad_request(api: House, query: str) -> None:
    """Page -1 and a nonsense date were a 500."""
    answer = await api.client.get(f"{CASH_OUTS}?{query}", headers=signed_in())
    check_problem(answer, 400, "BAD_REQUEST")


@pytest.mark.parametrize("raw", [b"{", b'{"amount": 1,}', b"\xff", b""])
async def test_broken_json_is_a_bad_request(api: House, raw: bytes) -> None:
    """Broken JSON was a 500."""
    check_problem(await api.post_raw(raw), 400, "BAD_REQUEST")


async def test_a_page_has_at_most_a_hundred_cash_outs(api: House) -> None:
    """A page could be made of any size, up to the whole history."""
    for limit in ("101", "1000000"):
        answer = await api.client.get(f"{CASH_OUTS}?limit={limit}", headers=signed_in())
        check_problem(answer, 400, "BAD_REQUEST")
    for _ in range(11):
        await api.made()
    shown = await api.get(CASH_OUTS)
    assert len(shown.json()["data"]["cashOuts"]) == 10


@pytest.mark.parametrize("path", [CASH_OUTS, PROVIDERS, WEBHOOK, "/health", "/schema"])
async def test_no_page_of_another_site_may_call(api: House, path: str) -> None:
    """CORS was open: any page that a user looked at could call the API."""
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for method in ("GET", "POST", "OPTIONS"):
        answer = await api.client.request(method, path, headers=headers)
        assert "access-control-allow-origin" not in answer.headers
