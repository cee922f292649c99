"""Every page in a real browser, by light and dark, on desk and phone: sound and within reach."""

from typing import Any

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from tests.console.stage import DESKTOP, PHONE, Stage, context, sign_in

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def violations(page: Page) -> list[str]:
    """Return what axe finds wrong with a page, each with where it is."""
    found: dict[str, Any] = Axe().run(page, options=RULES)
    return [
        f"{rule['id']}: {node['html'][:200]} ({node['failureSummary']})"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def is_wider_than_its_window(page: Page) -> bool:
    """Tell whether a page has to be scrolled sideways."""
    return bool(
        page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_within_everybodys_reach(browser: Browser, stage: Stage, scheme: str) -> None:
    with context(browser, stage, scheme=scheme) as (opened, watch):
        page = opened.new_page()
        page.goto("/console/sign-in")
        wrong = {"sign-in": violations(page)}
        sign_in(page, stage, "admin")
        wide: list[str] = []
        for name, path in stage.pages().items():
            page.goto(path)
            for width, height in (DESKTOP, PHONE):
                page.set_viewport_size({"width": width, "height": height})
                wrong[f"{name}, {width} wide"] = violations(page)
                if is_wider_than_its_window(page):
                    wide.append(name)
        assert {name: found for name, found in wrong.items() if found} == {}
        assert wide == []
        assert watch.said == []
        assert watch.elsewhere == []


def test_the_theme_that_was_chosen_is_remembered(browser: Browser, stage: Stage) -> None:
    with context(browser, stage, scheme="light") as (opened, _):
        page = opened.new_page()
        sign_in(page, stage, "viewer")
        paper = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(paper)
        page.get_by_role("button", name="Light or dark").click()
        dark = page.evaluate(paper)
        assert dark != light
        page.goto("/console/tariffs")
        assert page.evaluate(paper) == dark
        assert violations(page) == []


def test_the_overview_refreshes_itself_until_it_is_paused(browser: Browser, stage: Stage) -> None:
    with context(browser, stage) as (opened, watch):
        page = opened.new_page()
        sign_in(page, stage, "viewer")
        shown = page.locator("#overview").element_handle()
        page.wait_for_function("shown => !shown.isConnected", arg=shown)
        assert page.get_by_role("heading", name="Sent, not proven").is_visible()
        live = page.get_by_role("button", name="Live")
        live.click()
        assert page.get_by_role("button", name="Paused").get_attribute("aria-pressed") == "false"
        kept = page.locator("#overview").element_handle()
        page.wait_for_timeout(6_000)
        assert page.evaluate("kept => kept.isConnected", kept)
        assert watch.said == []


def test_a_part_is_swapped_in_place_and_the_number_is_shown_to_an_operator(
    browser: Browser, stage: Stage
) -> None:
    with context(browser, stage) as (opened, watch):
        page = opened.new_page()
        sign_in(page, stage, "operator")
        page.goto(stage.pages()["completed"])
        assert page.get_by_text("+2250700000789").count() == 0
        page.evaluate("window.kept = true")
        page.get_by_role("button", name="Show number and name").click()
        page.get_by_text("+2250700000789").wait_for()
        assert page.evaluate("window.kept")
        assert page.evaluate("document.activeElement.id") == "payee"
        assert watch.said == []


def test_everything_works_without_scripts(browser: Browser, stage: Stage) -> None:
    with context(browser, stage, scripts=False) as (opened, watch):
        page = opened.new_page()
        sign_in(page, stage, "operator")
        page.get_by_role("searchbox").fill(stage.made["789"][0])
        page.get_by_role("searchbox").press("Enter")
        page.wait_for_url(f"**{stage.pages()['completed']}")
        page.get_by_role("button", name="Show number and name").click()
        page.get_by_text("+2250700000789").wait_for()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/console/sign-in")
        assert watch.said == []


def test_who_was_signed_out_meanwhile_is_led_to_the_sign_in_page(
    browser: Browser, stage: Stage
) -> None:
    with context(browser, stage) as (opened, _):
        page = opened.new_page()
        sign_in(page, stage, "viewer")
        forget(opened)
        page.wait_for_url("**/console/sign-in*")
        assert page.get_by_label("Password").is_visible()


def forget(opened: BrowserContext) -> None:
    """Lose the session, as when its time is up."""
    opened.clear_cookies()
