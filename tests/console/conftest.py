"""A real Chromium before a real `cashout dev`: every page as people see it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.console.stage import HASTY, Stage, set_the_stage
from tests.entrypoints.console import Console

CALLED = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Where there is a Chromium: this machine's, or else the one that playwright brought."""
    found = next(filter(None, map(shutil.which, CALLED)), None)
    if found is None:
        with sync_playwright() as driver:
            found = driver.chromium.executable_path
    if not Path(found).is_file():
        pytest.skip("no Chromium here, so no page was looked at: try `apt-get install chromium`")
    return Path(found)


# For one file each: while it is there an event loop runs, and no other test could have its own.
@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    with sync_playwright() as driver:
        # Its sandbox needs rights that containers do not have; it is shown pages of ours alone.
        opened = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def stage(chromium: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A running service with its sandbox, three operators, and a cash-out for each story."""
    del chromium
    console = Console(tmp_path_factory.mktemp("dev"), HASTY)
    ports = ("--port", "0", "--sandbox-port", "0", "--profile", "instant")
    with console.running("dev", *ports, "--json") as program:
        yield set_the_stage(json.loads(program.line()))
