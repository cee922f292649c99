"""Forms with several buttons: each does what it says, with the script and without it."""

import pytest
from playwright.sync_api import Browser

from tests.console.stage import CONTRADICTED, Stage, context, sign_in


@pytest.mark.parametrize("scripts", [True, False], ids=["with the script", "without it"])
def test_reject_rejects_and_withdraw_withdraws(
    browser: Browser, stage: Stage, scripts: bool
) -> None:
    """The form of a proposal leads to its approval: its other buttons lead elsewhere."""
    path = f"/console/cash-outs/{stage.made[CONTRADICTED][1]}"
    with (
        context(browser, stage, scripts=scripts) as (first, _),
        context(browser, stage, scripts=scripts) as (second, _),
    ):
        proposer, approver = first.new_page(), second.new_page()
        sign_in(proposer, stage, "operator")
        sign_in(approver, stage, "approver")
        for page, button, told in (
            (approver, "Reject", "Rejected. The review stays open."),
            (proposer, "Withdraw", "Withdrawn. The review stays open."),
        ):
            proposer.goto(path)
            proposer.get_by_role("radio", name="Paid", exact=True).check()
            proposer.get_by_label("Reason").fill("Their portal shows it as paid.")
            proposer.get_by_label("Where from").select_option(label="What its portal shows")
            proposer.get_by_label("Its number").fill("PORTAL-4711")
            proposer.get_by_role("button", name="Propose").click()
            proposer.get_by_text("Proposed. Somebody who may approve").wait_for()
            page.goto(path)
            page.get_by_label("Why").fill("The portal was asked for another day.")
            page.get_by_role("button", name=button).click()
            page.get_by_role("status").wait_for()
            assert page.get_by_role("status").inner_text() == told
