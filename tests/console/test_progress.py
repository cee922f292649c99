"""A run at the console, at the pace of the test: the page follows it to its end by itself."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from playwright.async_api import Page, async_playwright, expect

from adapters.console.parts import BASE
from adapters.web.beside import mount
from adapters.web.server import ApiServer
from domain.runs import Phase, Progress, Run, RunState, Tally
from tests.adapters.console.office import PASSWORD, START, Office, office
from tests.adapters.web.house import house
from tests.strategies import ORANGE

pytestmark = pytest.mark.anyio

WITHIN_MS = 60_000
BEGUN = Run(
    id=UUID(int=70),
    provider=ORANGE,
    file_digest="d" * 64,
    file_name="november.csv",
    started_at=START,
    started_by="oscar",
)


async def sign_in(page: Page) -> None:
    await page.goto("/console/sign-in")
    await page.get_by_label("Name").fill("oscar")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/console")


async def keep(console: Office, run: Run) -> None:
    async with console.units.begin() as unit:
        await unit.statements.save(run)


async def test_a_run_is_watched_to_its_end_without_loading_its_page_again(chromium: Path) -> None:
    reading = replace(BEGUN, progress=Progress(Phase.READING, 2_000, 10_000))
    comparing = replace(BEGUN, progress=Progress(Phase.COMPARING, 40, 50))
    finished = replace(
        BEGUN, state=RunState.FINISHED, finished_at=START, tally=Tally(matched=1_234, repeated=7)
    )
    async with (
        office() as console,
        house() as api,
        async_playwright() as driver,
        await driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"]) as browser,
    ):
        mount(api.app, BASE, console.app)
        await keep(console, reading)
        async with (
            ApiServer(api.app) as server,
            await browser.new_context(base_url=server.url) as opened,
        ):
            opened.set_default_timeout(WITHIN_MS)
            page = await opened.new_page()
            await sign_in(page)
            await page.goto(f"/console/statements/{BEGUN.id}")
            await page.evaluate("window.kept = true")
            bar = page.get_by_role("progressbar")
            await expect(bar).to_have_accessible_name("Reading")
            await expect(bar).to_have_attribute("value", "2000")
            await keep(console, comparing)
            await expect(bar).to_have_accessible_name("Comparing", timeout=WITHIN_MS)
            await expect(bar).to_have_attribute("value", "40")
            await keep(console, finished)
            ended = page.get_by_text("finished", exact=True)
            await expect(ended).to_be_visible(timeout=WITHIN_MS)
            await expect(bar).to_have_count(0)
            await expect(page.get_by_text("1,234 agree")).to_be_visible()
            await expect(page.get_by_text("7 repeated,")).to_be_visible()
            assert await page.evaluate("window.kept")
