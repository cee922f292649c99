"""Trying it out: real cash-outs through the service that pays here, at the press of a button.

Only where somebody gives the sandbox a `Payer`, as `cashout dev` does. The page's script asks the
control plane, and that asks the payer: so no token of the service ever reaches a browser.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Final, Protocol

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException, NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from adapters.sandbox.behaviour import Scenario
from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY, sandbox_msisdn
from adapters.sandbox.scenarios import SCENARIOS

NAMES: Final[Mapping[str, str]] = {ORANGE_MONEY: "Orange Money", AFRIMONEY: "AfriMoney"}
_USUAL: Final[Mapping[str, tuple[str, str, str]]] = {
    ORANGE_MONEY: ("CI", "XOF", "1500"),
    AFRIMONEY: ("SL", "SLE", "50"),
}
"""The country, currency and amount of what is tried at each provider."""
_LONGEST_ID: Final = 64


@dataclass(frozen=True, slots=True)
class Order:
    """A cash-out to be made: the amount in major units."""

    provider: str
    msisdn: str
    amount: str
    currency: str


@dataclass(frozen=True, slots=True)
class Tried:
    """What the service answered. cash_out: as its API shows it, empty where it was refused."""

    cash_out: Mapping[str, Any]
    refusal: str = ""


class Payer(Protocol):
    """A user of the service."""

    def links(self, cash_out_id: str) -> Mapping[str, str]:
        """Return where a person can look at a cash-out, by the link's words."""
        ...

    async def pay(self, order: Order) -> Tried:
        """Ask the service for a cash-out; raise OSError when it does not answer."""
        ...

    async def look(self, cash_out_id: str) -> Tried:
        """Return how a cash-out stands; raise OSError when the service does not answer."""
        ...


@dataclass(slots=True)
class Till:
    """Who pays for what is tried: nobody, until somebody is put there."""

    payer: Payer | None = None


class Try(msgspec.Struct, forbid_unknown_fields=True):
    """A scenario at a provider."""

    provider: str
    suffix: str


def order_of(provider: str, suffix: str) -> Order:
    """Return the cash-out that plays a scenario; raise KeyError where there is no such one."""
    if provider not in SCENARIOS[suffix].providers:
        raise KeyError(provider)
    country, currency, amount = _USUAL[provider]
    return Order(provider, sandbox_msisdn(provider, country, suffix), amount, currency)


def trying_routes() -> list[HTTPRouteHandler]:
    """Return the routes of the control plane behind the buttons."""
    return [try_scenario, show_tried]


@post("/cash-outs", status_code=200)
async def try_scenario(till: NamedDependency[Till], data: JSONBody[Try]) -> dict[str, Any]:
    """Make a real cash-out that plays a scenario; 404 where no service pays for it."""
    payer = _payer(till)
    try:
        order = order_of(data.provider, data.suffix)
    except KeyError:
        raise ClientException("there is no such scenario at this provider") from None
    return await _told(payer, payer.pay(order))


@get("/cash-outs/{cash_out_id:str}")
async def show_tried(till: NamedDependency[Till], cash_out_id: FromPath[str]) -> dict[str, Any]:
    """Show a cash-out as the service's API does, to the user that the sandbox pays as."""
    payer = _payer(till)
    if len(cash_out_id) > _LONGEST_ID or not cash_out_id.replace("-", "").isalnum():
        raise NotFoundException("no such cash-out")
    return await _told(payer, payer.look(cash_out_id))


def _payer(till: Till) -> Payer:
    if till.payer is None:
        raise NotFoundException("no service pays through this sandbox's page: see `cashout dev`")
    return till.payer


async def _told(payer: Payer, asking: Any) -> dict[str, Any]:  # noqa: ANN401 -- a coroutine
    try:
        tried: Tried = await asking
    except OSError:
        return {"refusal": "The service does not answer.", "cashOut": None, "links": {}}
    if tried.refusal:
        return {"refusal": tried.refusal, "cashOut": None, "links": {}}
    links = payer.links(str(tried.cash_out["cashOutId"]))
    return {"refusal": None, "cashOut": tried.cash_out, "links": links}


RUN_ALL: Final = (
    '<p><button type="button" id="run-all">Run all</button> '
    '<span id="run-all-says" class="soft" role="status">Each button makes a real cash-out through'
    " the service that runs beside this sandbox.</span></p>"
)


def buttons(row: Scenario) -> str:
    """Return a button for each provider that plays this scenario, and room for what comes of it."""
    ends = " ".join(end.ending for end in row.ends)
    return "".join(
        f'<button type="button" class="try" data-provider="{provider}" data-suffix="{row.suffix}"'
        f' data-ends="{escape(ends)}"'
        f' aria-label="Try {row.suffix}, {escape(row.title, quote=True)}, at {NAMES[provider]}">'
        f"{NAMES[provider]}</button>"
        for provider in row.providers
    ) + (f'<ul class="tried" id="tried-{row.suffix}" aria-live="polite"></ul>')


SCRIPT: Final = """\
"use strict";
const ENDED = new Set(["completed", "failed", "cancelled"]);
const LOOK_MS = 1000, GIVE_UP_MS = 3600000;
const unsettled = new Map();

async function ask(path, body) {
  const how = body ? { method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body) } : {};
  const answer = await fetch("/_sandbox/cash-outs" + path, how);
  const told = await answer.json();
  return answer.ok ? told : { refusal: told.detail, cashOut: null, links: {} };
}

function verdict(cashOut, ends) {
  if (cashOut.needsReview && ends.includes("review")) { return ["in review, as planned", "good"]; }
  if (!ENDED.has(cashOut.status)) { return [cashOut.status, "soft"]; }
  const good = ends.includes(cashOut.status);
  const why = cashOut.failureCode ? " " + cashOut.failureCode : "";
  if (!good && ends.includes("review")) {
    return [cashOut.status + why + ", and more to come", "soft"];
  }
  return [cashOut.status + why + (good ? "" : ", not as expected"), good ? "good" : "bad"];
}

// Where a review is planned, an ending of another kind is only the first half of the story.
function isOver(cashOut, ends) {
  if (!ENDED.has(cashOut.status)) { return false; }
  return cashOut.needsReview || ends.includes(cashOut.status) || !ends.includes("review");
}

function show(line, name, told, ends) {
  line.replaceChildren();
  const state = document.createElement("span");
  const [words, look] = told.cashOut ? verdict(told.cashOut, ends) : [told.refusal, "bad"];
  state.textContent = name + ": " + words + " ";
  state.className = look;
  line.append(state);
  if (told.cashOut) {
    line.dataset.id = told.cashOut.cashOutId;
    line.dataset.status = told.cashOut.status;
    line.title = told.cashOut.statusDetail;
  }
  for (const [text, url] of Object.entries(told.links)) {
    const link = document.createElement("a");
    link.textContent = text;
    link.href = url;
    line.append(link, " ");
  }
}

async function press(button) {
  const { provider, suffix } = button.dataset, ends = button.dataset.ends.split(" ");
  const line = document.createElement("li");
  document.getElementById("tried-" + suffix).append(line);
  const told = await ask("", { provider, suffix });
  const name = button.textContent;
  show(line, name, told, ends);
  if (told.cashOut && !isOver(told.cashOut, ends)) {
    unsettled.set(told.cashOut.cashOutId, { line, name, ends, until: Date.now() + GIVE_UP_MS });
  }
}

async function look() {
  for (const [id, each] of [...unsettled]) {
    const told = await ask("/" + id).catch(() => null);
    if (told && told.cashOut) { show(each.line, each.name, told, each.ends); }
    const over = told && told.cashOut && isOver(told.cashOut, each.ends);
    if (over || Date.now() > each.until) { unsettled.delete(id); }
  }
  setTimeout(look, LOOK_MS);
}

for (const button of document.querySelectorAll("button.try")) {
  button.addEventListener("click", () => press(button));
}
const all = document.getElementById("run-all");
if (all) {
  all.addEventListener("click", async () => {
    const says = document.getElementById("run-all-says");
    const buttons = [...document.querySelectorAll("button.try")];
    all.disabled = true;
    for (const [number, button] of buttons.entries()) {
      says.textContent = `Asked for ${number + 1} of ${buttons.length}.`;
      await press(button);
    }
    all.disabled = false;
  });
  look();
}
"""

STYLE: Final = """\
button { font: inherit; padding: .25rem .7rem; margin: 0 .35rem .35rem 0; border-radius: .4rem;
  border: 1px solid var(--mark); background: var(--card); color: var(--mark); cursor: pointer; }
button:hover, button:focus-visible { background: var(--mark); color: var(--card); }
button:disabled { opacity: .5; cursor: progress; }
ul.tried { list-style: none; margin: 0; padding: 0; font-size: .85rem; }
"""
