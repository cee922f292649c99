"""What users and operators are shown of providers that are slow or closed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.web.wording import Parked, availability, status_detail
from application.ports import AuditEntry
from domain.payee import COUNTRIES
from domain.standings import Reason, Route, Standing, State
from tests.adapters.web.house import BODY, CASH_OUTS, PROVIDERS, START, House, signed_in
from tests.adapters.web.test_wording import NEW

pytestmark = pytest.mark.anyio

IVORY_COAST = Route("orange_money", "CI", "XOF")
WHOLE = Route("orange_money")
SINCE = START - timedelta(minutes=3)
CLOSE = f"{PROVIDERS}/orange_money/close"
OPEN = f"{PROVIDERS}/orange_money/open"
REASON = {"reason": "maintenance until noon"}


def show(api: House, *standings: Standing) -> None:
    api.parts.health.board.show(standings, START)


def parked(route: Route = IVORY_COAST, state: State = State.DELAYED) -> Standing:
    return Standing(route, state, Reason.AMBIGUITY, SINCE, 1)


async def detail_of(api: House, cash_out_id: str, **headers: str) -> str:
    answer = await api.get(f"{CASH_OUTS}/{cash_out_id}", **headers)
    detail: str = answer.json()["data"]["statusDetail"]
    return detail


async def test_who_asks_for_a_parked_corridor_is_told_that_it_waits(api: House) -> None:
    show(api, parked())
    answer = await api.post(BODY)
    assert answer.status_code == 202, "it is taken all the same"
    data = answer.json()["data"]
    assert data["status"] == "pending"
    assert data["statusDetail"] == (
        "Orange Money in Côte d'Ivoire is slow at the moment."
        " We send it as soon as it answers; you can still cancel."
    )
    french = await detail_of(api, data["cashOutId"], accept_language="fr")
    assert french == (
        "Orange Money (Côte d'Ivoire) est lent en ce moment."
        " Nous envoyons la demande dès qu'il répond ; vous pouvez encore annuler."
    )
    listed = await api.get(CASH_OUTS)
    assert listed.json()["data"]["cashOuts"][0]["statusDetail"] == data["statusDetail"]


async def test_what_a_person_closed_is_not_available_and_can_be_cancelled(api: House) -> None:
    show(api, parked(WHOLE, State.CLOSED))
    cash_out_id = await api.made()
    assert "not available at the moment" in await detail_of(api, cash_out_id)
    cancelled = await api.client.post(f"{CASH_OUTS}/{cash_out_id}/cancel", headers=signed_in())
    assert cancelled.json()["data"]["status"] == "cancelled"
    assert cancelled.json()["data"]["statusDetail"] == "Cancelled. Nothing was paid."


async def test_what_the_provider_has_is_told_as_ever_however_the_provider_is(api: House) -> None:
    cash_out_id = await api.made()
    await api.worker.step()
    show(api, parked(WHOLE, State.CLOSED))
    assert "Orange Money" not in await detail_of(api, cash_out_id)


async def test_another_corridor_is_not_concerned(api: House) -> None:
    show(api, parked(Route("orange_money", "GN", "GNF")))
    assert await detail_of(api, await api.made()) == "Accepted. It goes to the provider now."


async def test_providers_are_listed_with_how_they_are(api: House) -> None:
    show(api, parked())
    answer = await api.get(PROVIDERS, accept_language="fr")
    orange, afrimoney = answer.json()["data"]["providers"]
    assert orange["availability"] == {"state": "OPERATIONAL"}, "others of its corridors are"
    of = {each["country"]: each["availability"] for each in orange["corridors"]}
    assert of["CI"][0] == {
        "currency": "XOF",
        "state": "DELAYED",
        "since": "2026-11-23T10:12:30.000Z",
        "detail": "Orange Money (Côte d'Ivoire) est lent en ce moment.",
    }
    assert {each["state"] for each in of["CM"]} == {"OPERATIONAL"}
    assert afrimoney["availability"] == {"state": "OPERATIONAL"}
    show(api, parked(WHOLE, State.CLOSED))
    orange = (await api.get(PROVIDERS)).json()["data"]["providers"][0]
    assert orange["availability"]["state"] == "CLOSED"
    assert orange["available"] is True, "it is asked to pay, in time"


async def test_the_reason_is_nobodys_business_but_ours(api: House) -> None:
    empty = Standing(IVORY_COAST, State.CLOSED, Reason.FLOAT_EMPTY, SINCE, 1, "secret", "Moussa")
    show(api, empty)
    shown = (await api.get(PROVIDERS)).text + (await api.post(BODY)).text
    assert not [word for word in ("float", "secret", "Moussa") if word in shown]


@pytest.mark.parametrize("state", [State.DELAYED, State.CLOSED])
async def test_a_provider_that_is_not_well_makes_no_instance_unready(
    api: House, state: State
) -> None:
    show(api, parked(WHOLE, state), parked(Route("afrimoney", "GM", "GMD"), state))
    answer = await api.client.get("/health/ready")
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert data["status"] == "ready"
    assert data["providers"]["orange_money"] == {"state": state, "parked": {}}
    assert data["providers"]["afrimoney"]["parked"] == {"GM/GMD": state}


async def test_an_administrator_closes_a_corridor_and_opens_it_again(api: House) -> None:
    asked = {"country": "CI", "currency": "XOF", **REASON}
    admin = signed_in("boss", "admin")
    closed = await api.client.post(CLOSE, json=asked, headers=admin)
    assert closed.status_code == 200, closed.text
    assert closed.json()["data"] == {
        "provider": "orange_money",
        "country": "CI",
        "currency": "XOF",
        "state": "CLOSED",
        "since": "2026-11-23T10:15:30.000Z",
        "changed": True,
    }
    assert "not available" in await detail_of(api, await api.made())
    again = await api.client.post(CLOSE, json=asked, headers=admin)
    assert again.json()["data"]["changed"] is False
    opened = await api.client.post(OPEN, json=asked, headers=admin)
    assert opened.json()["data"]["state"] == "OPERATIONAL"
    told = [(each.type, each.sequence) for each in api.store.events.values()]
    assert [each for each in told if each[0].startswith("provider")] == [
        ("provider.health_changed", 1),
        ("provider.health_changed", 2),
    ]
    entries: list[AuditEntry] = [each.entry for each in api.store.operators_log.values()]
    assert [(each.operator, each.action, each.subject) for each in entries] == [
        ("boss", "provider.closed", "orange_money/CI/XOF"),
        ("boss", "provider.opened", "orange_money/CI/XOF"),
    ]
    assert entries[0].facts["reason"] == REASON["reason"]


@pytest.mark.parametrize("role", ["user", "viewer", "operator", "approver"])
async def test_nobody_else_may(api: House, role: str) -> None:
    before = api.written
    for path in (CLOSE, OPEN):
        answer = await api.client.post(path, json=REASON, headers=signed_in("joe", role))
        assert answer.status_code == 403
    assert api.written == before
    assert not api.store.standings


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({}, 400, "BAD_REQUEST", "reason"),
        ({"reason": 7}, 400, "BAD_REQUEST", "reason"),
        ({"reason": ""}, 400, "BAD_REQUEST", "reason"),
        ({**REASON, "state": "CLOSED"}, 400, "BAD_REQUEST", "state"),
        ({"reason": "x" * 501}, 422, "INVALID_STEERING", "reason"),
        ({"reason": "two\nlines"}, 422, "INVALID_STEERING", "reason"),
        ({**REASON, "country": "FR"}, 422, "INVALID_STEERING", "country"),
        ({**REASON, "currency": "XOF"}, 422, "INVALID_STEERING", "country"),
        ({**REASON, "country": "CI", "currency": "GNF"}, 422, "CURRENCY_NOT_SUPPORTED", "currency"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    api: House, body: dict[str, object], status: int, code: str, field: str
) -> None:
    answer = await api.client.post(CLOSE, json=body, headers=signed_in("boss", "admin"))
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["code"] == code
    assert field in {each["field"] for each in answer.json()["error"]["details"]}
    assert not api.store.standings


async def test_a_provider_that_there_is_not_cannot_be_closed(api: House) -> None:
    path = f"{PROVIDERS}/nobody/close"
    answer = await api.client.post(path, json=REASON, headers=signed_in("boss", "admin"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_PROVIDER")


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("iso", COUNTRIES)
def test_every_country_has_its_sentence(iso: str, language: str) -> None:
    for state in State:
        told = availability(Parked("Orange Money", iso, state), language)
        assert told.startswith("Orange Money")
        assert iso not in told.split(), "a name, not a code"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_cancelling_is_offered_only_where_it_can_be_done(language: str) -> None:
    waits = replace(NEW, provider="orange_money")
    told = [
        status_detail(waits, START, language, Parked("Orange Money", "CI", State.DELAYED, able))
        for able in (True, False)
    ]
    assert ["cancel" in each or "annuler" in each for each in told] == [True, False]
    assert told[1].endswith((" as it answers.", " qu'il répond."))
