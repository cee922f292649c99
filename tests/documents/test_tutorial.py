"""The tutorial is run, command by command, beside what `make dev` runs."""

import asyncio
import json
from pathlib import Path

from tests.architecture.house import ROOT, text_of
from tests.documents.shell import check, document, run, steps_of
from tests.documents.tools import path_with_tools
from tests.entrypoints.console import Console

TUTORIAL = document("tutorial.md")


def test_every_command_of_the_tutorial_works_and_shows_what_it_says(tmp_path: Path) -> None:
    console = Console(tmp_path)
    steps = steps_of(TUTORIAL)
    ports = ("--port", "0", "--sandbox-port", "0", "--profile", "instant")
    with console.running("dev", *ports, "--json", PROVIDER_TIMEOUT_SECONDS="2") as program:
        facts = json.loads(program.line())
        sandbox = facts["sandbox"].removesuffix("/_sandbox")
        instead = {"http://127.0.0.1:3004": facts["api"], "http://127.0.0.1:3005": sandbox}
        environment = console.environment(PATH=path_with_tools(tmp_path))
        said = asyncio.run(run(steps, tmp_path, environment, instead))
    for step, text in zip(steps, said, strict=True):
        check(step, text)


def test_make_dev_runs_what_the_tutorial_starts_with() -> None:
    assert "make dev" in text_of(TUTORIAL)
    assert "@$(BIN)/cashout dev\n" in text_of(ROOT / "Makefile")
