"""The control plane: for this machine alone; it shows, changes and documents everything."""

from decimal import Decimal
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from adapters.sandbox.app import Running, create_app
from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.corridors import AFRIMONEY, BASES
from adapters.sandbox.engine import Engine
from adapters.sandbox.page import FAULT_FIELDS, ROUTES
from adapters.sandbox.scenarios import SCENARIOS
from adapters.sandbox.settings import SandboxSettings
from adapters.sandbox.transactions import Order
from adapters.sandbox.webhooks import Courier
from tests.adapters.sandbox.calls import payee
from tests.adapters.sandbox.partner import Partner
from tests.adapters.sandbox.receiver import Receiver

pytestmark = pytest.mark.anyio

TO = payee(AFRIMONEY, "789")


async def control(
    partner: Partner, method: str, path: str, value: object = None, **headers: str
) -> tuple[int, Any]:
    """Call the control plane; return status and decoded JSON (or text)."""
    url = partner.sandbox.control_url + path
    async with partner.session.request(method, url, json=value, headers=headers) as response:
        is_json = response.content_type == "application/json"
        return response.status, await (response.json() if is_json else response.text())


def offline_app() -> Litestar:
    engine, clock = Engine(SandboxSettings()), SandboxClock()
    return create_app(Running(engine, clock, Courier(engine, clock, engine.settings)))


async def test_clients_on_other_machines_are_refused() -> None:
    async with AsyncTestClient(offline_app(), base_url="http://127.0.0.1") as stranger:
        answers = [
            await stranger.request(method, path) for method, path, _ in ROUTES if "{" not in path
        ]
    assert {answer.status_code for answer in answers} == {403}


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example:80"}]
)
async def test_other_sites_pages_are_refused(
    shared_partner: Partner, headers: dict[str, str]
) -> None:
    status, _ = await control(shared_partner, "POST", "/reset", **headers)
    assert status == 403


async def test_the_documented_routes_are_the_routes_there_are() -> None:
    served = {
        (method, route.path.replace(":int", "").replace(":str", "").rstrip("/"))
        for route in offline_app().routes
        if route.path.startswith("/_sandbox")
        for method in getattr(route, "methods", ())
        if method != "OPTIONS"
    }
    assert served == {(method, path) for method, path, _ in ROUTES}


async def test_the_page_documents_every_field_of_a_fault_rule(shared_partner: Partner) -> None:
    _, answered = await control(shared_partner, "POST", "/faults", {"act": "reset"})
    documented = {name for names, _ in FAULT_FIELDS for name in names.split(", ")}
    assert documented == set(answered["rule"])


async def test_the_page_lists_every_scenario_and_number(shared_partner: Partner) -> None:
    status, page = await control(shared_partner, "GET", "")
    assert status == 200
    for row in SCENARIOS.values():
        for corridor in BASES:
            assert (f"+{corridor.base}{row.suffix}" in page) is (corridor.provider in row.providers)


async def test_the_page_needs_nothing_from_elsewhere(shared_partner: Partner) -> None:
    _, page = await control(shared_partner, "GET", "")
    status, css = await control(shared_partner, "GET", "/page.css")
    assert status == 200
    assert "prefers-color-scheme: dark" in css
    assert "//" not in page.replace("<!doctype", "").replace("http://127", "")
    assert "style=" not in page
    assert "<script" not in page


async def test_the_page_escapes_what_clients_sent(shared_partner: Partner) -> None:
    reference = "<b>&'x'"
    await shared_partner.disburse(reference, payee(AFRIMONEY, "001"))
    await shared_partner.disburse("CASH-REVERSED", payee(AFRIMONEY, "305"))
    shared_partner.sandbox.clock.advance(5)
    _, page = await control(shared_partner, "GET", "")
    assert reference not in page
    assert "&lt;b&gt;&amp;&#x27;x&#x27;" in page


async def test_the_page_shows_answers_and_double_payments(
    partner: Partner, receiver: Receiver
) -> None:
    await partner.disburse("CASH-1", payee(AFRIMONEY, "301"))
    assert len(receiver.heard) == 1
    partner.sandbox.webhook_base_url = "http://127.0.0.1:9"
    await partner.disburse("CASH-2", payee(AFRIMONEY, "301"))
    (payout,) = partner.sandbox.ledger.payouts_of("CASH-1")
    _, page = await control(partner, "GET", "")
    assert "No reference was paid more than once" in page
    assert "<td>200</td>" in page
    assert "no answer" in page
    partner.sandbox.ledger.execute(payout)
    _, page = await control(partner, "GET", "")
    assert "Paid more than once: CASH-1" in page


async def test_scenarios_are_listed_with_numbers_and_endings(shared_partner: Partner) -> None:
    _, rows = await control(shared_partner, "GET", "/scenarios")
    by_suffix = {row["suffix"]: row for row in rows}
    assert set(by_suffix) == set(SCENARIOS)
    assert by_suffix["011"]["ends"] == [{"ending": "failed", "code": "RECIPIENT_INVALID"}]
    assert {number["provider"] for number in by_suffix["307"]["numbers"]} == {AFRIMONEY}
    assert {"provider": AFRIMONEY, "country": "SL", "msisdn": "+23277000789"} in by_suffix["789"][
        "numbers"
    ]


async def test_the_ledger_shows_what_was_paid(shared_partner: Partner) -> None:
    for reference in ("CASH-1", "CASH-2"):
        await shared_partner.disburse(reference, payee(AFRIMONEY, "001"))
    _, ledger = await control(shared_partner, "GET", "/ledger")
    assert [payout["reference"] for payout in ledger["payouts"]] == ["CASH-2", "CASH-1"]
    assert (ledger["total"], ledger["paid_more_than_once"]) == (2, [])
    _, one = await control(shared_partner, "GET", "/ledger?reference=CASH-1")
    (payout,) = one["payouts"]
    assert (payout["amount"], payout["msisdn"]) == ("1500", "23277000001")


async def test_deliveries_are_listed_and_sent_again(partner: Partner, receiver: Receiver) -> None:
    await partner.disburse("CASH-1", payee(AFRIMONEY, "301"))
    status, rows = await control(partner, "GET", "/deliveries?reference=CASH-1")
    (row,) = rows
    assert (status, row["state"], row["sendings"][0]["statuses"]) == (200, "delivered", [200])
    status, again = await control(partner, "POST", f"/deliveries/{row['number']}/redeliver")
    assert (status, again["reference"]) == (202, "CASH-1")
    assert len(await receiver.until(2)) == 2
    assert (await control(partner, "GET", "/deliveries?reference=CASH-X")) == (200, [])
    assert (await control(partner, "POST", "/deliveries/99/redeliver"))[0] == 404


async def test_a_fault_is_posted_fires_and_is_taken_back(shared_partner: Partner) -> None:
    rule = {"act": "status", "status": 418, "endpoint": "submit", "nth": 1}
    status, posted = await control(shared_partner, "POST", "/faults", rule)
    assert status == 201
    assert (await shared_partner.disburse("CASH-1", TO)).status == 418
    assert (await shared_partner.disburse("CASH-1", TO)).status == 200
    _, rows = await control(shared_partner, "GET", "/faults")
    assert [(row["matched"], row["fired"]) for row in rows] == [(2, 1)]
    number = posted["number"]
    assert (await control(shared_partner, "DELETE", f"/faults/{number}"))[0] == 204
    assert (await control(shared_partner, "DELETE", f"/faults/{number}"))[0] == 404
    assert (await control(shared_partner, "DELETE", "/faults"))[0] == 204


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"act": "explode"},
        {"act": "reset", "sufix": "789"},
        {"act": "reset", "probability": 2},
        {"act": "reset", "endpoint": "webhook"},
        {"act": "delay", "seconds": "long"},
        [],
    ],
)
async def test_a_fault_that_makes_no_sense_is_400(shared_partner: Partner, rule: object) -> None:
    status, _ = await control(shared_partner, "POST", "/faults", rule)
    assert status == 400
    assert list(shared_partner.sandbox.engine.faults) == []


async def test_faults_are_bounded_in_number(shared_partner: Partner) -> None:
    for _ in range(1_000):
        await control(shared_partner, "POST", "/faults", {"act": "reset", "suffix": "000"})
    status, _ = await control(shared_partner, "POST", "/faults", {"act": "reset"})
    assert status == 400


async def test_a_float_is_set_and_shown(shared_partner: Partner) -> None:
    account = {"provider": AFRIMONEY, "country": "SL", "currency": "SLE"}
    status, _ = await control(shared_partner, "PUT", "/float", {**account, "balance": "0"})
    assert status == 200
    assert (await shared_partner.disburse("CASH-1", TO)).code == "INSUFFICIENT_FLOAT"
    await control(shared_partner, "PUT", "/float", {**account, "balance": 2000})
    assert (await shared_partner.disburse("CASH-1", TO)).status == 200
    _, rows = await control(shared_partner, "GET", "/float")
    assert rows == [{**account, "balance": "500"}]


@pytest.mark.parametrize(
    "wrong",
    [
        {"provider": "nobody"},
        {"country": "FR"},
        {"currency": "SLL"},
        {"balance": "much"},
        {"balance": "NaN"},
        {"extra": 1},
    ],
)
async def test_a_float_of_nothing_known_is_400(
    shared_partner: Partner, wrong: dict[str, Any]
) -> None:
    right = {"provider": AFRIMONEY, "country": "SL", "currency": "SLE", "balance": "1"}
    status, _ = await control(shared_partner, "PUT", "/float", {**right, **wrong})
    assert status == 400


async def test_the_clock_is_moved_and_what_is_due_happens(
    partner: Partner, receiver: Receiver
) -> None:
    await control(partner, "POST", "/clock", {"advance_s": -86_400})
    order = Order("CASH-1", TO.digits, Decimal(1500), "SLE")
    partner.sandbox.engine.transactions.submit(AFRIMONEY, order, partner.sandbox.clock.now())
    assert receiver.heard == []
    status, shown = await control(partner, "POST", "/clock", {"advance_s": 86_400})
    assert (status, shown["offset_s"]) == (200, 0.0)
    assert len(await receiver.until(1)) == 1
    assert (await control(partner, "GET", "/clock"))[1]["offset_s"] == 0.0


@pytest.mark.parametrize("seconds", [1e9, -1e9, "soon"])
async def test_the_clock_is_not_moved_out_of_reason(
    shared_partner: Partner, seconds: object
) -> None:
    status, _ = await control(shared_partner, "POST", "/clock", {"advance_s": seconds})
    assert status == 400


async def test_a_reset_forgets_everything_but_the_tokens(shared_partner: Partner) -> None:
    await shared_partner.disburse("CASH-1", payee(AFRIMONEY, "001"))
    assert (await control(shared_partner, "POST", "/reset"))[0] == 204
    assert len(shared_partner.sandbox.ledger) == 0
    assert (await control(shared_partner, "GET", "/deliveries"))[1] == []
    assert (await shared_partner.transaction("CASH-1")).status == 404
