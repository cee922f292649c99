"""Pictures of the main pages, by light and dark. SCREENSHOTS=docs/screenshots keeps them."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.console.stage import DESKTOP, PHONE, Stage, context, sign_in
from tests.console.test_statements import a_statement, bring_in

RUN = "run"
"""The page of a run, where bringing in its statement leads."""
SHORT = (1280, 600)
"""Of a long table its beginning tells all, and a clone carries every row of it."""
MAIN = {
    "overview": DESKTOP,
    "contradiction": DESKTOP,
    "reviews": DESKTOP,
    "cash-outs": SHORT,
    "reconciliation": SHORT,
    RUN: SHORT,
    "webhooks": SHORT,
    "providers": SHORT,
    "tariffs": DESKTOP,
    "unknown": PHONE,
}
_PNG = b"\x89PNG\r\n\x1a\n"
LARGEST = 200_000
"""Bytes: what a clone of the repository has to bring along for a picture."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_main_pages_are_pictured(
    browser: Browser, stage: Stage, scheme: str, tmp_path: Path
) -> None:
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in MAIN.items():
        with context(browser, stage, scheme=scheme, size=size) as (opened, _):
            page = opened.new_page()
            sign_in(page, stage, "admin" if name == "providers" else "operator")
            if name in {"reconciliation", RUN}:
                bring_in(page, f"statement-{scheme}.csv", a_statement(stage))
                page.get_by_text("finished", exact=True).wait_for()
            if name != RUN:
                page.goto(stage.pages()[name])
            picture = folder / f"{name}-{scheme}.png"
            page.screenshot(path=picture)
            taken = picture.read_bytes()
            assert taken.startswith(_PNG)
            assert 10_000 < len(taken) < LARGEST
