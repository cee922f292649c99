"""A country of a provider closed and opened by hand, with the script and without it."""

import pytest
from playwright.sync_api import Browser, expect

from tests.console.stage import Stage, context, sign_in


@pytest.mark.parametrize("scripts", [True, False], ids=["with the script", "without it"])
def test_an_admin_closes_a_country_and_opens_it_again(
    browser: Browser, stage: Stage, scripts: bool
) -> None:
    with context(browser, stage, scripts=scripts) as (opened, watch):
        page = opened.new_page()
        sign_in(page, stage, "admin")
        page.get_by_role("link", name="Providers").first.click()
        page.get_by_role("link", name="Close… Madagascar").click()
        page.get_by_role("heading", name="Close Orange Money in Madagascar?").wait_for()
        page.get_by_label("Reason").fill("maintenance until noon")
        page.get_by_role("button", name="Close Orange Money in Madagascar").click()
        expect(page.get_by_role("status")).to_contain_text("Closed.")
        row = page.get_by_role("row", name="Madagascar")
        expect(row).to_contain_text("closed by admin")
        row.get_by_role("link", name="Open…").click()
        page.get_by_label("Reason").fill("it is over")
        page.get_by_role("button", name="Open Orange Money in Madagascar").click()
        expect(page.get_by_role("status")).to_contain_text("Opened.")
        expect(row).not_to_contain_text("closed by admin")
        page.goto("/console/log")
        expect(page.get_by_text("provider.opened").first).to_be_visible()
        assert watch.said == []
