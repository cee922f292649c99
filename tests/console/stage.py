"""What the browser tests look at: a service in which every story of the console has happened."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

HASTY: Mapping[str, str] = {
    "STATUS_POLL_SECONDS": "0.5",
    "RETRY_BASE_SECONDS": "0.5",
    "NOT_FOUND_GRACE_SECONDS": "5",
    "REVIEW_AFTER_SECONDS": "6",
    "WORK_POLL_SECONDS": "0.1",
    "RATE_LIMIT_PER_MINUTE": "0",
}
DESKTOP, PHONE = (1280, 860), (390, 844)
PATIENCE_MS = 20_000
PAYEE = "Awa Koné"
STORIES: Mapping[str, int] = {"789": 9, "089": 2, "129": 1, "304": 2}
"""Last three digits, and how many cash-outs are asked for with them."""
CONTRADICTED = "304"
STUCK = "129"
AMOUNTS = (1_500, 15_000, 72_500, 250_000)
_READY_S = 30


@dataclass(frozen=True, slots=True)
class Stage:
    """A running service. made: the ids of its cash-outs by story."""

    url: str
    sandbox: str
    accounts: Mapping[str, str]
    token: str
    made: Mapping[str, Sequence[str]]

    def pages(self) -> dict[str, str]:
        """Return the path of every page by a name of it."""
        return {
            "overview": "/console",
            "cash-outs": "/console/cash-outs",
            "open": "/console/cash-outs?show=open",
            "search": "/console/cash-outs?q=*789",
            "nothing-found": "/console/cash-outs?q=nobody",
            "completed": f"/console/cash-outs/{self.made['789'][0]}",
            "contradiction": f"/console/cash-outs/{self.made[CONTRADICTED][0]}",
            "unknown": f"/console/cash-outs/{self.made[STUCK][0]}",
            "reviews": "/console/reviews",
            "reconciliation": "/console/statements",
            "breaks": "/console/breaks",
            "webhooks": "/console/webhooks",
            "providers": "/console/providers",
            "close": "/console/providers/orange_money/close?country=CI",
            "tariffs": "/console/tariffs",
            "log": "/console/log",
            "trouble": "/console/nowhere",
        }


@dataclass(slots=True)
class Watch:
    """What a page said and fetched that it should not have."""

    said: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


def set_the_stage(facts: dict[str, Any]) -> Stage:
    """Ask for the cash-outs and wait until each has come as far as its story goes."""
    url, token = str(facts["api"]), str(facts["token"])
    headers = {"Authorization": f"Bearer {token}"}
    made: dict[str, list[str]] = {}
    with httpx.Client(base_url=url, headers=headers, timeout=10, trust_env=False) as client:
        for digits, count in STORIES.items():
            made[digits] = [_ask(client, digits, number) for number in range(count)]
        waited_for = {CONTRADICTED: "contradicted", STUCK: "in review"}
        until = time.monotonic() + _READY_S
        for digits, coming in waited_for.items():
            for identity in made[digits]:
                while not _needs_review(client, identity):
                    assert time.monotonic() < until, f"{digits} never became {coming}"
                    time.sleep(0.1)
    return Stage(url, str(facts["sandbox"]), facts["accounts"], token, made)


def _ask(client: httpx.Client, digits: str, number: int) -> str:
    body = {
        "walletId": "wallet-1",
        "amount": AMOUNTS[number % len(AMOUNTS)],
        "currency": "XOF",
        "provider": "orange_money",
        "providerAccountId": f"+2250700000{digits}",
        "providerAccountName": PAYEE,
    }
    answer = client.post("/api/payments/cash-out", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["data"]["cashOutId"])


def _needs_review(client: httpx.Client, identity: str) -> bool:
    answer = client.get(f"/api/payments/cash-out/{identity}")
    return bool(answer.json()["data"].get("needsReview"))


@contextmanager
def context(
    browser: Browser,
    stage: Stage,
    *,
    scheme: str = "light",
    size: tuple[int, int] = DESKTOP,
    scripts: bool = True,
) -> Iterator[tuple[BrowserContext, Watch]]:
    """Open a browser of somebody's own, and watch what its pages say and fetch."""
    opened = browser.new_context(
        base_url=stage.url,
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": size[0], "height": size[1]},
        java_script_enabled=scripts,
        reduced_motion="reduce",
    )
    opened.set_default_timeout(PATIENCE_MS)
    watch, host = Watch(), urlsplit(stage.url).netloc

    def heard(message: ConsoleMessage) -> None:
        # An error page is no error of the page: Chromium says so of each all the same.
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            watch.said.append(message.text)

    def asked(request: Request) -> None:
        if urlsplit(request.url).netloc != host:
            watch.elsewhere.append(request.url)

    opened.on("console", heard)
    opened.on("weberror", lambda fault: watch.said.append(str(fault.error)))
    opened.on("request", asked)
    try:
        yield opened, watch
    finally:
        opened.close()


def sign_in(page: Page, stage: Stage, name: str) -> None:
    """Sign in by the form, and wait for the overview."""
    page.goto("/console/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(stage.accounts[name])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/console")
