"""A provider contradicts itself, and two operators settle it, each at a browser of their own."""

import httpx
from playwright.sync_api import Browser

from tests.console.stage import CONTRADICTED, Stage, context, sign_in


def test_one_proposes_the_other_approves_and_nobody_can_do_both(
    browser: Browser, stage: Stage
) -> None:
    identity = stage.made[CONTRADICTED][0]
    path = f"/console/cash-outs/{identity}"
    with (
        context(browser, stage) as (first, first_watch),
        context(browser, stage, scheme="dark") as (second, second_watch),
    ):
        proposer, approver = first.new_page(), second.new_page()
        sign_in(proposer, stage, "operator")
        sign_in(approver, stage, "approver")

        proposer.get_by_role("link", name="The review queue").click()
        proposer.get_by_role("heading", name="Reviews").wait_for()
        proposer.goto(path)
        proposer.get_by_text("another ending was reported since").wait_for()
        proposer.get_by_role("radio", name="Paid", exact=True).check()
        proposer.get_by_label("Reason").fill("Their portal shows it as paid.")
        proposer.get_by_label("Where from").select_option(label="What its portal shows")
        proposer.get_by_label("Its number").fill("PORTAL-4711")
        proposer.get_by_role("button", name="Propose").click()
        proposer.get_by_text("Proposed. Somebody who may approve").wait_for()
        proposer.get_by_text("You proposed this: somebody else has to approve it.").wait_for()
        assert proposer.get_by_role("button", name="Approve").count() == 0

        approver.goto("/console/reviews")
        approver.get_by_text("by operator").wait_for()
        approver.goto(path)
        approver.get_by_label("Why").fill("Seen there as well.")
        approver.get_by_role("button", name="Approve: paid").click()
        approver.get_by_text("Approved. It was judged like all news").wait_for()
        approver.get_by_text("No review is open.").wait_for()
        approver.locator("#events ~ .table").get_by_text("cash_out.review_resolved").wait_for()

        approver.goto("/console/log")
        approver.get_by_text("review.approved").first.wait_for()
        approver.get_by_text("review.proposed").first.wait_for()
        assert first_watch.said == second_watch.said == []
    headers = {"Authorization": f"Bearer {stage.token}"}
    answer = httpx.get(
        f"{stage.url}/api/payments/cash-out/{identity}", headers=headers, trust_env=False
    )
    told = answer.json()["data"]
    assert (told["status"], told["needsReview"]) == ("failed", False)
