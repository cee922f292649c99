"""Who may do what: every route is named here with whom it is for, and asked by the others."""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

import httpx
import pytest
from litestar.routes import HTTPRoute

from adapters.web.app import Api
from tests.adapters.web.house import House, check_problem, signed_in

pytestmark = pytest.mark.anyio

NOBODYS = "019ab0c4-7a1e-7c3f-9d52-6f0f4f1f2a3b"


class For(StrEnum):
    """Whom a route is for."""

    ANYONE = "anyone"
    SIGNED_IN = "signed in"
    """What it shows or changes is the caller's own, whoever that is."""
    OWNER = "owner"
    """Of the cash-out in the path, or an admin."""
    OPERATORS = "operators"
    """Some of the roles beyond a user's: never a plain user, whoever's it is."""


ROUTES: dict[tuple[str, str], For] = {
    ("GET", "/health"): For.ANYONE,
    ("GET", "/health/ready"): For.ANYONE,
    ("GET", "/schema"): For.ANYONE,
    ("GET", "/schema/openapi.json"): For.ANYONE,
    ("GET", "/schema/{asset:str}"): For.ANYONE,
    ("GET", "/favicon.ico"): For.ANYONE,
    ("POST", "/api/payments/webhook/{provider:str}"): For.ANYONE,
    ("GET", "/api/payments/providers"): For.SIGNED_IN,
    ("GET", "/api/payments/quote"): For.SIGNED_IN,
    ("GET", "/api/payments/cash-out"): For.SIGNED_IN,
    ("POST", "/api/payments/cash-out"): For.SIGNED_IN,
    ("GET", "/api/payments/cash-out/{cash_out_id:str}"): For.OWNER,
    ("POST", "/api/payments/cash-out/{cash_out_id:str}/cancel"): For.OWNER,
    ("GET", "/api/payments/cash-out/{cash_out_id:str}/timeline"): For.OWNER,
    ("GET", "/api/payments/cash-out/{cash_out_id:str}/events"): For.OWNER,
    ("GET", "/api/payments/limits"): For.SIGNED_IN,
    ("POST", "/api/payments/providers/{provider:str}/close"): For.OPERATORS,
    ("POST", "/api/payments/providers/{provider:str}/open"): For.OPERATORS,
    ("GET", "/api/payments/reviews"): For.OPERATORS,
    ("GET", "/api/payments/reviews/orphans"): For.OPERATORS,
    ("GET", "/api/payments/reviews/{cash_out_id:str}"): For.OPERATORS,
    ("POST", "/api/payments/cash-out/{cash_out_id:str}/resolutions"): For.OPERATORS,
    ("POST", "/api/payments/resolutions/{proposal_id:str}/approve"): For.OPERATORS,
    ("POST", "/api/payments/resolutions/{proposal_id:str}/reject"): For.OPERATORS,
    ("POST", "/api/payments/resolutions/{proposal_id:str}/withdraw"): For.OPERATORS,
    ("POST", "/api/payments/webhooks/{delivery_id:str}/replay"): For.OPERATORS,
    ("POST", "/api/payments/webhooks/{delivery_id:str}/dismiss"): For.OPERATORS,
    ("GET", "/api/payments/statements"): For.OPERATORS,
    ("GET", "/api/payments/statements/{which:str}"): For.OPERATORS,
    ("POST", "/api/payments/statements/{which:str}"): For.OPERATORS,
    ("POST", "/api/payments/breaks/{break_id:str}/explanation"): For.OPERATORS,
}
PROPOSED = {
    "resolution": "paid",
    "reason": "The portal shows it.",
    "proof": {"kind": "provider_portal", "reference": "P-1", "text": "paid"},
    "seen": "0" * 12,
}
BODIES = {"resolutions": PROPOSED}
"""Sound bodies, where any other is refused before it is looked at who asks."""


@dataclass(frozen=True, slots=True)
class Door:
    """One operation of the API."""

    method: str
    path: str

    def at(self, cash_out_id: str) -> str:
        run = "orange_money" if self.method == "POST" else NOBODYS
        known = {"cash_out_id": cash_out_id, "provider": "orange_money", "which": run}
        names = re.findall(r"{(\w+):str}", self.path)
        return self.path.replace(":str}", "}").format(**dict.fromkeys(names, cash_out_id) | known)


OPERATED = [Door(*door) for door, whom in ROUTES.items() if whom is For.OPERATORS]
OWNED = [Door(*door) for door, whom in ROUTES.items() if whom is For.OWNER]
CLOSED = [Door(*door) for door, whom in ROUTES.items() if whom is not For.ANYONE]


def operations(app: Api) -> set[tuple[str, str]]:
    """Return what the API can do, by method and path."""
    return {
        (method, route.path)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method in route.methods
        if method not in {"OPTIONS", "HEAD"}
    }


async def test_every_route_is_listed_with_whom_it_is_for(api: House) -> None:
    """A route that comes new fails here until somebody has decided whom it is for."""
    assert operations(api.app) == set(ROUTES)


@pytest.mark.parametrize("door", CLOSED, ids=str)
async def test_without_a_token_nothing_that_is_closed_opens(api: House, door: Door) -> None:
    made = await api.made()
    before = api.written
    answer = await api.client.request(door.method, door.at(made))
    check_problem(answer, 401, "UNAUTHORIZED")
    assert api.written == before


@pytest.mark.parametrize("role", ["user", "Admin", "root", "admin "])
@pytest.mark.parametrize("door", OWNED, ids=str)
async def test_a_stranger_is_forbidden_and_changes_nothing(
    api: House, door: Door, role: str
) -> None:
    made = await api.made()
    before, stored = api.written, api.store.cash_outs[UUID(made)]
    headers = signed_in_as("user-2", role)
    answer = await api.client.request(door.method, door.at(made), headers=headers)
    error = check_problem(answer, 403, "FORBIDDEN")
    assert "user-1" not in str(error)
    assert (api.written, api.store.cash_outs[UUID(made)]) == (before, stored)
    assert (api.partner.asked, api.partner.orders) == (0, [])


@pytest.mark.parametrize("role", ["user", "Approver", "root", "admin "])
@pytest.mark.parametrize("door", OPERATED, ids=str)
async def test_a_plain_user_is_no_operator_also_for_what_is_the_users_own(
    api: House, door: Door, role: str
) -> None:
    made = await api.made(user="user-2")
    before, stored = api.written, api.store.cash_outs[UUID(made)]
    body = BODIES.get(door.path.rpartition("/")[2], {"reason": "Because."})
    headers = signed_in_as("user-2", role)
    answer = await api.client.request(
        door.method, door.at(made), headers=headers, json=None if door.method == "GET" else body
    )
    check_problem(answer, 403, "FORBIDDEN")
    assert (api.written, api.store.cash_outs[UUID(made)]) == (before, stored)


async def test_a_stranger_brings_no_question_forward(api: House) -> None:
    """Its user's look does: that is the one effect of a GET, and the owner is checked before it."""
    made = await api.made()
    await api.worker.step()
    api.clock.advance(timedelta(seconds=7))
    await api.worker.step()
    api.clock.advance(timedelta(seconds=6))
    stored = api.store.cash_outs[UUID(made)]
    path = f"/api/payments/cash-out/{made}"
    check_problem(await api.client.get(path, headers=signed_in("user-2")), 403, "FORBIDDEN")
    assert api.store.cash_outs[UUID(made)] == stored
    assert (await api.client.get(path, headers=signed_in("user-1"))).status_code == 200
    assert api.store.cash_outs[UUID(made)] != stored


def signed_in_as(user: str, role: str) -> dict[str, str]:
    """Return the headers of a user whose issuer calls him by any role."""
    from tests.adapters.web.test_tokens import GOOD, signed  # noqa: PLC0415 -- a table of tokens

    return {"Authorization": f"Bearer {signed({**GOOD, 'userId': user, 'role': role})}"}


@pytest.mark.parametrize("door", OWNED, ids=str)
async def test_a_guessed_id_is_not_found_whoever_asks(api: House, door: Door) -> None:
    for role in ("user", "admin"):
        headers = signed_in("user-2", role)
        answer = await api.client.request(door.method, door.at(NOBODYS), headers=headers)
        check_problem(answer, 404, "NOT_FOUND")
    assert not any(api.written)


@pytest.mark.parametrize("door", OWNED, ids=str)
async def test_its_user_and_an_admin_are_let_in(api: House, door: Door) -> None:
    """Otherwise the tests above would show nothing."""
    for user, role in (("user-1", "user"), ("boss", "admin")):
        made = await api.made()
        if door.path.endswith("/events"):
            # What has ended is told, and then the stream ends.
            await api.client.post(f"/api/payments/cash-out/{made}/cancel", headers=signed_in())
        answer = await api.client.request(door.method, door.at(made), headers=signed_in(user, role))
        assert answer.status_code == 200


async def test_nobody_reads_anothers_history(api: House) -> None:
    """Neither by a filter, nor by a header, nor by a cursor, and an admin reads his own too."""
    await api.made()
    for query in ("", "?walletId=wallet-1", "?provider=orange_money"):
        for headers in (
            signed_in("user-2"),
            signed_in("user-2", x_user_id="user-1"),
            signed_in("boss", "admin"),
        ):
            answer = await api.client.get(f"/api/payments/cash-out{query}", headers=headers)
            assert listed(answer) == []
    mine = await api.client.get("/api/payments/cash-out", headers=signed_in("user-1"))
    assert len(listed(mine)) == 1


def listed(answer: httpx.Response) -> list[object]:
    assert answer.status_code == 200, answer.text
    found: list[object] = answer.json()["data"]["cashOuts"]
    return found


async def test_the_caller_is_who_the_token_says_and_nobody_else(api: House) -> None:
    """A user id in the body or in a header makes nobody of it pay."""
    answer = await api.post(x_user_id="user-2", x_forwarded_user="user-2")
    made = api.store.cash_outs[UUID(answer.json()["data"]["cashOutId"])]
    assert made.user_id == "user-1"
