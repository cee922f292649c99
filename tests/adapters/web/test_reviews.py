"""Operators over HTTP: who may what, every refusal in the envelope, and nobody named in full."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from adapters.web.problems import REFUSAL_STATUS
from application.reviews import ORPHANS_REST
from domain.states import Status
from tests.adapters.web.house import WEBHOOK, House, check_problem, house, signed_in
from tests.adapters.web.partner import signature

pytestmark = pytest.mark.anyio

REVIEWS = "/api/payments/reviews"
ORPHANS = "/api/payments/reviews/orphans"
PAID: dict[str, Any] = {
    "resolution": "paid",
    "reason": "Line 17 says so.",
    "proof": {"kind": "statement_line", "reference": "2026-11-24/17", "text": "OM-1 1500 XOF"},
}
OLGA, AMADOU, AISHA, VERA = (
    {"user": "olga", "role": "operator"},
    {"user": "amadou", "role": "approver"},
    {"user": "aisha", "role": "approver"},
    {"user": "vera", "role": "viewer"},
)


async def post(api: House, path: str, body: object = None, **who: str) -> httpx.Response:
    content = b"" if body is None else json.dumps(body).encode()
    headers = signed_in(**who)
    if body is not None:
        headers["Content-Type"] = "application/json"
    return await api.client.post(path, content=content, headers=headers)


async def tell(api: House, body: dict[str, str]) -> None:
    raw = json.dumps(body).encode()
    answer = await api.client.post(WEBHOOK, content=raw, headers={"x-signature": signature(raw)})
    assert answer.status_code == 200


async def contradicted(api: House, user: str = "user-1", **fields: str) -> str:
    """Return the id of a failed cash-out of which the provider said later that it was paid."""
    made = await api.made(user=user, **fields)
    reference = api.store.cash_outs[UUID(made)].reference
    for status in ("FAILED", "DONE"):
        await tell(
            api, {"transactionId": f"OM-{made[-4:]}", "reference": reference, "status": status}
        )
    api.clock.advance(timedelta(seconds=1))
    return made


def resolutions(cash_out_id: str) -> str:
    return f"/api/payments/cash-out/{cash_out_id}/resolutions"


def decision(proposal_id: str, what: str) -> str:
    return f"/api/payments/resolutions/{proposal_id}/{what}"


async def proposed(api: House, cash_out_id: str, **who: str) -> str:
    answer = await post(api, resolutions(cash_out_id), PAID, **(who or OLGA))
    assert answer.status_code == 201, answer.text
    proposal_id: str = answer.json()["data"]["proposalId"]
    return proposal_id


# --- reading --------------------------------------------------------------------------------------


async def test_the_queue_shows_what_waits_and_what_is_at_risk(api: House) -> None:
    made = await contradicted(api)
    proposal_id = await proposed(api, made)
    api.clock.advance(timedelta(minutes=3))
    answer = await api.get(REVIEWS, **VERA)
    assert answer.status_code == 200
    data = answer.json()["data"]
    (review,) = data["reviews"]
    assert (review["cashOutId"], review["status"], review["reason"]) == (
        made,
        "failed",
        "contradiction",
    )
    assert review["concerns"] == ["contradiction: completed"]
    assert review["ageSeconds"] == 181
    assert review["proposal"]["proposalId"] == proposal_id
    assert data["sums"] == [
        {
            "reason": "contradiction",
            "provider": "orange_money",
            "currency": "XOF",
            "count": 1,
            "atRisk": 1500,
            "oldestAt": review["openedAt"],
        }
    ]
    assert "nextCursor" not in data


async def test_numbers_are_masked_for_who_only_looks_and_names_are_nowhere(api: House) -> None:
    made = await contradicted(api)
    for path in (REVIEWS, f"{REVIEWS}/{made}"):
        seen = await api.get(path, **VERA)
        assert "2250700000789" not in seen.text
        assert "Koné" not in seen.text
        assert "Kon\\u00e9" not in seen.text
    (review,) = (await api.get(REVIEWS, **OLGA)).json()["data"]["reviews"]
    assert review["providerAccountId"] == "+2250700000789"


async def test_the_queue_is_read_page_by_page_by_a_cursor_of_ones_own(api: House) -> None:
    made = [await contradicted(api, f"user-{n}") for n in range(3)]
    first = (await api.get(REVIEWS, **VERA, params={"limit": 2})).json()["data"]
    cursor = first["nextCursor"]
    rest = (await api.get(REVIEWS, **VERA, params={"cursor": cursor})).json()["data"]
    assert [each["cashOutId"] for each in (*first["reviews"], *rest["reviews"])] == made
    for who, path in ((OLGA, REVIEWS), (VERA, ORPHANS)):
        stolen = await api.get(path, **who, params={"cursor": cursor})
        check_problem(stolen, 400, "BAD_REQUEST")


async def test_the_queue_is_filtered_and_every_bad_filter_is_named(api: House) -> None:
    await contradicted(api)

    async def count(**params: object) -> int:
        answer = await api.get(REVIEWS, **VERA, params=params)
        assert answer.status_code == 200, answer.text
        return len(answer.json()["data"]["reviews"])

    assert await count(reason="contradiction", provider="orange_money") == 1
    assert await count(reason="echo_mismatch") == 0
    assert await count(provider="afrimoney") == 0
    assert await count(olderThanMinutes=10) == 0
    api.clock.advance(timedelta(minutes=11))
    assert await count(olderThanMinutes=10) == 1
    wrong = {"reason": "x", "provider": "y", "olderThanMinutes": -1, "limit": 0, "color": "red"}
    error = check_problem(await api.get(REVIEWS, **VERA, params=wrong), 400, "BAD_REQUEST")
    assert {each["field"] for each in error["details"]} == set(wrong)


async def test_one_review_tells_what_its_reader_may_do(api: House) -> None:
    made = await contradicted(api)
    found = (await api.get(f"{REVIEWS}/{made}", **OLGA)).json()["data"]
    assert found["allowedActions"] == ["propose"]
    assert found["resolutions"] == ["paid", "not_paid"]
    body = {**PAID, "seen": found["seen"]}
    assert (await post(api, resolutions(made), body, **OLGA)).status_code == 201
    assert (await api.get(f"{REVIEWS}/{made}", **AMADOU)).json()["data"]["allowedActions"] == [
        "approve",
        "reject",
    ]


# --- deciding -------------------------------------------------------------------------------------


async def test_two_operators_settle_a_contradiction_and_it_is_told(api: House) -> None:
    made = await contradicted(api)
    proposal_id = await proposed(api, made)
    answer = await post(api, decision(proposal_id, "approve"), {"reason": "Me too."}, **AMADOU)
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert (data["status"], data["needsReview"], data["agrees"]) == ("failed", False, False)
    proposal = data["proposal"]
    assert (proposal["proposedBy"], proposal["decidedBy"], proposal["fourEyes"]) == (
        "olga",
        "amadou",
        True,
    )
    assert api.store.cash_outs[UUID(made)].status is Status.FAILED
    *_, last = api.store.events.values()
    assert last.type == "cash_out.review_resolved"
    assert '"agrees":false' in last.body
    log = [each.entry for each in api.store.operators_log.values()]
    assert [(each.operator, each.action) for each in log] == [
        ("olga", "review.proposed"),
        ("amadou", "review.approved"),
    ]
    assert (await api.get(REVIEWS, **VERA)).json()["data"]["reviews"] == []


async def test_the_same_person_cannot_do_both(api: House) -> None:
    made = await contradicted(api)
    proposal_id = await proposed(api, made, **AMADOU)
    answer = await post(api, decision(proposal_id, "approve"), **AMADOU)
    check_problem(answer, 403, "PROPOSER_CANNOT_APPROVE")
    assert (await post(api, decision(proposal_id, "approve"), **AISHA)).status_code == 200
    again = await post(api, decision(proposal_id, "approve"), **AISHA)
    check_problem(again, 409, "PROPOSAL_ALREADY_DECIDED")


async def test_where_one_person_is_enough_the_answer_says_so(api: House) -> None:
    made = await contradicted(api)
    desk = api.parts.desk
    alone = replace(desk, approve=replace(desk.approve, four_eyes=False))
    # Another API over the same store, as `REVIEW_FOUR_EYES=false` makes it.
    async with house(desk=alone) as other:
        proposal_id = await proposed(other, made, **AMADOU)
        answer = await post(other, decision(proposal_id, "approve"), **AMADOU)
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["proposal"]["fourEyes"] is False


async def test_a_proposal_is_rejected_with_a_reason_or_withdrawn_by_its_proposer(
    api: House,
) -> None:
    made = await contradicted(api)
    first = await proposed(api, made)
    check_problem(await post(api, resolutions(made), PAID, **AISHA), 409, "PROPOSAL_ALREADY_OPEN")
    check_problem(await post(api, decision(first, "reject"), {}, **AMADOU), 400, "BAD_REQUEST")
    blank = await post(api, decision(first, "reject"), {"reason": " "}, **AMADOU)
    check_problem(blank, 422, "INVALID_RULING")
    no = await post(api, decision(first, "reject"), {"reason": "Not that line."}, **AMADOU)
    assert (no.json()["data"]["state"], no.json()["data"]["decidedWhy"]) == (
        "rejected",
        "Not that line.",
    )
    second = await proposed(api, made)
    check_problem(await post(api, decision(second, "withdraw"), **AISHA), 403, "FORBIDDEN")
    back = await post(api, decision(second, "withdraw"), **OLGA)
    assert back.json()["data"]["state"] == "withdrawn"
    assert "fourEyes" not in back.json()["data"]


async def test_news_since_the_proposal_is_a_conflict(api: House) -> None:
    made = await contradicted(api)
    proposal_id = await proposed(api, made)
    cash_out = api.store.cash_outs[UUID(made)]
    news = {"transactionId": "OM-OTHER", "reference": cash_out.reference, "status": "DONE"}
    await tell(api, news)
    answer = await post(api, decision(proposal_id, "approve"), **AMADOU)
    check_problem(answer, 409, "REVIEW_CHANGED")
    stale = {**PAID, "seen": "of yesterday"}
    await post(api, decision(proposal_id, "withdraw"), **OLGA)
    check_problem(await post(api, resolutions(made), stale, **OLGA), 409, "REVIEW_CHANGED")


BAD: dict[str, tuple[object, int, str, set[str]]] = {
    "nothing": ({}, 400, "BAD_REQUEST", {"resolution", "reason"}),
    "a list": ([], 400, "BAD_REQUEST", {"body"}),
    "another word": ({**PAID, "resolution": "maybe"}, 400, "BAD_REQUEST", {"resolution"}),
    "a number": ({**PAID, "reason": 7}, 400, "BAD_REQUEST", {"reason"}),
    "an unknown field": ({**PAID, "amount": 1}, 400, "BAD_REQUEST", {"amount"}),
    "a proof of no kind": (
        {**PAID, "proof": {"kind": "rumour", "page": 1}},
        400,
        "BAD_REQUEST",
        {"proof.kind", "proof.reference", "proof.page"},
    ),
    "a proof that is a text": ({**PAID, "proof": "x"}, 400, "BAD_REQUEST", {"proof"}),
    "no proof": (
        {"resolution": "paid", "reason": "x"},
        422,
        "INVALID_RULING",
        {"proof"},
    ),
    "too long": ({**PAID, "reason": "x" * 501}, 422, "INVALID_RULING", {"reason"}),
    "left to wait": (
        {"resolution": "keep_waiting", "reason": "x"},
        409,
        "NOTHING_TO_WAIT_FOR",
        set(),
    ),
}


@pytest.mark.parametrize("what", BAD)
async def test_a_bad_proposal_is_refused_with_every_field(api: House, what: str) -> None:
    made = await contradicted(api)
    body, status, code, faulty = BAD[what]
    error = check_problem(await post(api, resolutions(made), body, **OLGA), status, code)
    assert {each["field"] for each in error.get("details", [])} == faulty
    assert api.store.proposals == {}


async def test_a_body_that_is_not_json_is_refused(api: House) -> None:
    made = await contradicted(api)
    headers = {**signed_in(**OLGA), "Content-Type": "text/plain"}
    answer = await api.client.post(resolutions(made), content=b"paid", headers=headers)
    check_problem(answer, 415, "UNSUPPORTED_MEDIA_TYPE")


# --- webhooks -------------------------------------------------------------------------------------


async def test_an_orphan_is_listed_replayed_and_put_aside(api: House) -> None:
    await tell(api, {"transactionId": "OM-9", "reference": "NOBODYS-0001", "status": "DONE"})
    api.clock.advance(ORPHANS_REST + timedelta(seconds=60))
    (orphan,) = (await api.get(ORPHANS, **VERA)).json()["data"]["webhooks"]
    assert (orphan["reference"], orphan["word"], orphan["claims"], orphan["ageSeconds"]) == (
        "NOBODYS-0001",
        "DONE",
        "completed",
        360,
    )
    address = f"/api/payments/webhooks/{orphan['deliveryId']}"
    replayed = await post(api, f"{address}/replay", **OLGA)
    assert replayed.json()["data"]["outcome"] == "still_nobodys"
    made = await api.made(reference="NOBODYS-0001")
    replayed = await post(api, f"{address}/replay", **OLGA)
    assert replayed.json()["data"] == {
        "deliveryId": orphan["deliveryId"],
        "outcome": "judged",
        "cashOutId": made,
        "status": "completed",
        "verdict": "move",
    }
    again = await post(api, f"{address}/replay", **OLGA)
    assert again.json()["data"]["outcome"] == "already_judged"
    late = await post(api, f"{address}/dismiss", {"reason": "A test."}, **OLGA)
    check_problem(late, 409, "ALREADY_MATCHED")


async def test_what_is_put_aside_is_listed_no_more(api: House) -> None:
    await tell(api, {"transactionId": "OM-9", "reference": "NOBODYS-0001", "status": "DONE"})
    api.clock.advance(ORPHANS_REST + timedelta(seconds=1))
    (orphan,) = (await api.get(ORPHANS, **VERA)).json()["data"]["webhooks"]
    address = f"/api/payments/webhooks/{orphan['deliveryId']}/dismiss"
    check_problem(await post(api, address, **OLGA), 415, "UNSUPPORTED_MEDIA_TYPE")
    answer = await post(api, address, {"reason": "A test of theirs."}, **OLGA)
    assert answer.json()["data"]["dismissedBy"] == "olga"
    assert (await api.get(ORPHANS, **VERA)).json()["data"]["webhooks"] == []


async def test_an_unreadable_webhook_cannot_be_judged(api: House) -> None:
    raw = b"not json"
    await api.client.post(WEBHOOK, content=raw, headers={"x-signature": signature(raw)})
    (delivery_id,) = api.store.deliveries
    answer = await post(api, f"/api/payments/webhooks/{delivery_id}/replay", **OLGA)
    check_problem(answer, 422, "UNREADABLE_WEBHOOK")


# --- who may not ----------------------------------------------------------------------------------

ROUTES = (
    ("GET", REVIEWS, None),
    ("GET", ORPHANS, None),
    ("GET", f"{REVIEWS}/{{cash_out}}", None),
    ("POST", "/api/payments/cash-out/{cash_out}/resolutions", PAID),
    ("POST", "/api/payments/resolutions/{proposal}/approve", None),
    ("POST", "/api/payments/resolutions/{proposal}/reject", {"reason": "no"}),
    ("POST", "/api/payments/resolutions/{proposal}/withdraw", None),
    ("POST", "/api/payments/webhooks/{delivery}/replay", None),
    ("POST", "/api/payments/webhooks/{delivery}/dismiss", {"reason": "no"}),
)


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
async def test_users_and_strangers_are_kept_out_of_every_route(
    api: House, method: str, path: str, body: object
) -> None:
    made = await contradicted(api, "user-1")
    proposal = await proposed(api, made)
    delivery = next(iter(api.store.deliveries))
    address = path.format(cash_out=made, proposal=proposal, delivery=delivery)
    before = (api.written, dict(api.store.proposals), dict(api.store.operators_log))
    for who in ({"user": "user-1"}, {"user": "user-2"}):
        if method == "GET":
            answer = await api.get(address, **who)
        else:
            answer = await post(api, address, body, **who)
        check_problem(answer, 403, "FORBIDDEN")
    bare = await api.client.request(method, address)
    check_problem(bare, 401, "UNAUTHORIZED")
    assert (api.written, dict(api.store.proposals), dict(api.store.operators_log)) == before


@pytest.mark.parametrize("given", ["nonsense", str(UUID(int=7)), f"{UUID(int=0)}"[:-1] + "g"])
@pytest.mark.parametrize(("method", "path", "body"), ROUTES[2:])
async def test_what_is_not_there_is_404(
    api: House, method: str, path: str, body: object, given: str
) -> None:
    address = path.format(cash_out=given, proposal=given, delivery=given)
    if method == "GET":
        answer = await api.get(address, **AMADOU)
    else:
        answer = await post(api, address, body, **AMADOU)
    check_problem(answer, 404, "NOT_FOUND")


def test_refusals_about_reviews_are_the_callers_and_no_faults_of_ours() -> None:
    ours = ("PROPOS", "REVIEW", "RULING", "OWN_CASH_OUT", "WAIT_FOR", "MATCHED", "UNREADABLE")
    codes = {code for code in REFUSAL_STATUS if any(each in code for each in ours)}
    assert len(codes) >= 10
    assert {REFUSAL_STATUS[code] for code in codes} <= {403, 409, 422}
