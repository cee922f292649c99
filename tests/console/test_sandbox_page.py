"""The sandbox's page beside `cashout dev`, in a real browser: a press, a cash-out, its ending."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from adapters.sandbox.scenarios import SCENARIOS
from tests.console.stage import HASTY
from tests.entrypoints.console import Console

WITHIN_MS = 60_000
BRIEF = {"PROVIDER_TIMEOUT_SECONDS": "3", "SHUTDOWN_GRACE_SECONDS": "5"}
"""What is on its way when the tests end is not waited for."""


@pytest.fixture(scope="module", name="facts")
def running_dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    console = Console(tmp_path_factory.mktemp("dev"), {**HASTY, **BRIEF})
    ports = ("--port", "0", "--sandbox-port", "0", "--profile", "instant")
    with console.running("dev", *ports, "--json") as program:
        yield json.loads(program.line())


@pytest.fixture
def page(browser: Browser, facts: dict[str, Any]) -> Iterator[Page]:
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        # Browsers ask for an icon by themselves, and there is none.
        is_icon = message.location["url"].endswith("/favicon.ico")
        if message.type in {"error", "warning"} and not is_icon:
            complaints.append(message.text)

    opened = browser.new_page()
    opened.on("console", heard)
    opened.on("pageerror", lambda fault: complaints.append(str(fault)))
    opened.goto(f"{facts['sandbox']}/")
    yield opened
    opened.close()
    assert complaints == []


@pytest.mark.parametrize(
    ("suffix", "provider", "ending"),
    [
        ("789", "Orange Money", "completed"),
        ("789", "AfriMoney", "completed"),
        ("089", "Orange Money", "failed RECIPIENT_NOT_FOUND"),
        ("149", "AfriMoney", "cancelled CANCELLED_BY_PROVIDER"),
    ],
)
def test_a_press_makes_a_cash_out_and_the_page_shows_its_ending_and_where_to_look(
    page: Page, suffix: str, provider: str, ending: str
) -> None:
    title = SCENARIOS[suffix].title
    page.get_by_role("button", name=f"Try {suffix}, {title}, at {provider}").click()
    line = page.locator(f"#tried-{suffix} li")
    expect(line).to_contain_text(f"{provider}: {ending}", timeout=WITHIN_MS)
    expect(line.locator("span")).to_have_class("good")
    console = line.get_by_role("link", name="Console")
    expect(console).to_have_attribute("href", re.compile(r"/console/cash-outs/[0-9a-f-]{36}$"))
    line.get_by_role("link", name="API").click()
    shown = json.loads(page.locator("pre").inner_text())
    assert shown["cashOut"]["status"] == ending.partition(" ")[0]
    assert shown["cashOut"]["providerAccountId"].endswith(suffix)


@pytest.mark.parametrize("suffix", ["304", "305"])
def test_what_is_to_be_reviewed_after_its_ending_is_waited_for(page: Page, suffix: str) -> None:
    title = SCENARIOS[suffix].title
    page.get_by_role("button", name=f"Try {suffix}, {title}, at Orange Money").click()
    line = page.locator(f"#tried-{suffix} li")
    expect(line).to_contain_text("Orange Money: in review, as planned", timeout=WITHIN_MS)
    expect(line.locator("span")).to_have_class("good")


def test_run_all_asks_for_every_scenario(page: Page) -> None:
    page.get_by_role("button", name="Run all").click()
    most = sum(len(row.providers) for row in SCENARIOS.values())
    says = page.locator("#run-all-says")
    expect(says).to_have_text(f"Asked for {most} of {most}.", timeout=WITHIN_MS)
    expect(page.locator("ul.tried li")).to_have_count(most, timeout=WITHIN_MS)
    expect(page.locator("ul.tried li span.bad")).to_have_count(0)
