"""A provider's statement brought in at the console, with the script and without it."""

import httpx
import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.console.stage import Stage, context, sign_in


def a_statement(stage: Stage) -> bytes:
    """Return what the sandbox says it paid, with a break of each kind planted into it."""
    path = f"{stage.sandbox}/statements/orange_money"
    answer = httpx.get(path, params={"plant": 1, "seed": 7}, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.content


def bring_in(page: Page, name: str, content: bytes) -> None:
    """Choose the file at the form, and send it."""
    page.goto("/console/statements")
    page.get_by_role("combobox", name="Provider").select_option(label="Orange Money")
    chosen = FilePayload(name=name, mimeType="text/csv", buffer=content)
    page.locator("input[type=file]").set_input_files(chosen)
    page.get_by_role("button", name="Reconcile").click()
    page.wait_for_url("**/console/statements/*-*")


@pytest.mark.parametrize("scripts", [True, False], ids=["with the script", "without it"])
def test_an_operator_brings_in_a_statement_and_sees_its_breaks(
    browser: Browser, stage: Stage, scripts: bool
) -> None:
    with context(browser, stage, scripts=scripts) as (opened, watch):
        page = opened.new_page()
        sign_in(page, stage, "operator")
        bring_in(page, "november.csv", a_statement(stage))
        if not scripts:
            while page.get_by_role("link", name="Look again").count():
                page.get_by_role("link", name="Look again").click()
        page.get_by_text("finished", exact=True).wait_for()
        expect(page.get_by_role("heading", level=1)).to_contain_text("november.csv")
        expect(page.get_by_text("Not in our books").first).to_be_visible()
        assert watch.said == []


def test_a_viewer_is_offered_no_form(browser: Browser, stage: Stage) -> None:
    with context(browser, stage) as (opened, _):
        page = opened.new_page()
        sign_in(page, stage, "viewer")
        page.goto("/console/statements")
        page.get_by_role("heading", name="Reconciliation").wait_for()
        assert page.locator("input[type=file]").count() == 0
