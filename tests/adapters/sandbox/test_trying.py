"""The buttons of the page: there where somebody pays, and each makes what its scenario needs."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx
import pytest

from adapters.sandbox.scenarios import SCENARIOS
from adapters.sandbox.server import Sandbox
from adapters.sandbox.trying import Order, Tried

pytestmark = pytest.mark.anyio


@dataclass
class Purse:
    """A payer that keeps what it was asked; it can be away, or refuse."""

    orders: list[Order] = field(default_factory=list)
    refusal: str = ""
    away: bool = False

    def links(self, cash_out_id: str) -> Mapping[str, str]:
        return {"API": f"/there/{cash_out_id}"}

    async def pay(self, order: Order) -> Tried:
        self.orders.append(order)
        return await self.look("id-1")

    async def look(self, cash_out_id: str) -> Tried:
        if self.away:
            raise ConnectionRefusedError
        if self.refusal:
            return Tried({}, self.refusal)
        return Tried({"cashOutId": cash_out_id, "status": "pending"})


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as calling:
        yield calling


class Buttons(HTMLParser):
    """Finds what can be pressed."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "button" and dict(attrs).get("class") == "try":
            self.found.append(dict(attrs))


async def buttons(client: httpx.AsyncClient, sandbox: Sandbox) -> list[dict[str, str | None]]:
    page = await client.get(f"{sandbox.control_url}/")
    parser = Buttons()
    parser.feed(page.text)
    return parser.found


async def press(
    client: httpx.AsyncClient, sandbox: Sandbox, provider: str = "orange_money", suffix: str = "789"
) -> httpx.Response:
    return await client.post(
        f"{sandbox.control_url}/cash-outs", json={"provider": provider, "suffix": suffix}
    )


async def test_without_anybody_who_pays_there_is_nothing_to_press(
    client: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    assert await buttons(client, sandbox) == []
    assert "<script" not in (await client.get(f"{sandbox.control_url}/")).text
    assert (await press(client, sandbox)).status_code == 404
    assert (await client.get(f"{sandbox.control_url}/cash-outs/id-1")).status_code == 404


async def test_there_is_a_button_for_each_scenario_at_each_provider_and_it_plays_that_scenario(
    client: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    sandbox.till.payer = purse = Purse()
    found = await buttons(client, sandbox)
    pressed = [(each["data-provider"] or "", each["data-suffix"] or "") for each in found]
    assert sorted(pressed) == sorted(
        (provider, row.suffix) for row in SCENARIOS.values() for provider in row.providers
    )
    for provider, suffix in pressed:
        told = (await press(client, sandbox, provider, suffix)).json()
        assert told == {
            "refusal": None,
            "cashOut": {"cashOutId": "id-1", "status": "pending"},
            "links": {"API": "/there/id-1"},
        }
        order = purse.orders[-1]
        assert (order.provider, order.msisdn[-3:]) == (provider, suffix)
    assert {each.currency for each in purse.orders} == {"XOF", "SLE"}
    assert all(each["aria-label"] for each in found)


async def test_a_refusal_and_a_service_that_is_away_are_told(
    client: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    sandbox.till.payer = Purse(refusal="Too much. (DAILY_LIMIT_EXCEEDED)")
    told = (await press(client, sandbox)).json()
    assert (told["cashOut"], told["refusal"]) == (None, "Too much. (DAILY_LIMIT_EXCEEDED)")
    sandbox.till.payer = Purse(away=True)
    told = (await client.get(f"{sandbox.control_url}/cash-outs/id-1")).json()
    assert (told["cashOut"], told["refusal"]) == (None, "The service does not answer.")


@pytest.mark.parametrize(
    ("provider", "suffix"), [("mpesa", "789"), ("orange_money", "000"), ("orange_money", "307")]
)
async def test_what_no_provider_plays_is_refused(
    client: httpx.AsyncClient, sandbox: Sandbox, provider: str, suffix: str
) -> None:
    sandbox.till.payer = purse = Purse()
    assert (await press(client, sandbox, provider, suffix)).status_code == 400
    assert purse.orders == []


async def test_other_sites_pages_cannot_press_anything(
    client: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    sandbox.till.payer = purse = Purse()
    answer = await client.post(
        f"{sandbox.control_url}/cash-outs",
        json={"provider": "orange_money", "suffix": "789"},
        headers={"Origin": "https://elsewhere.example"},
    )
    assert answer.status_code == 403
    assert purse.orders == []


async def test_the_page_runs_its_own_script_and_no_other(
    client: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    sandbox.till.payer = Purse()
    page = await client.get(f"{sandbox.control_url}/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.text.count("<script") == page.text.count('<script src="/_sandbox/page.js" defer>')
    script = await client.get(f"{sandbox.control_url}/page.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "innerHTML" not in script.text
