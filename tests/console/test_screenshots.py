"""Pictures of the main pages, by light and dark. SCREENSHOTS=docs/screenshots keeps them."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.console.stage import DESKTOP, PHONE, Stage, context, sign_in

MAIN = {
    "overview": DESKTOP,
    "contradiction": DESKTOP,
    "reviews": DESKTOP,
    "cash-outs": DESKTOP,
    "tariffs": DESKTOP,
    "unknown": PHONE,
}
_PNG = b"\x89PNG\r\n\x1a\n"
LARGEST = 300_000
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
            sign_in(page, stage, "operator")
            page.goto(stage.pages()[name])
            picture = folder / f"{name}-{scheme}.png"
            page.screenshot(path=picture)
            taken = picture.read_bytes()
            assert taken.startswith(_PNG)
            assert 10_000 < len(taken) < LARGEST
