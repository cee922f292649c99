"""The API guide is run against a real server, and has every route."""

import re
from pathlib import Path

import pytest

from adapters.web.openapi import openapi_document
from tests.documents.shell import check, differences, document, run, steps_of
from tests.documents.tools import path_with_tools
from tests.running import JWT_SECRET, Running, running

pytestmark = pytest.mark.anyio

GUIDE = document("api-guide.md")


def addresses(service: Running) -> dict[str, str]:
    """Return where things are in the guide, and where they are here."""
    return {
        "http://127.0.0.1:3004": service.url,
        "http://127.0.0.1:3005": service.sandbox.base_url,
    }


def environment(service: Running, folder: Path, *, bare: bool = False) -> dict[str, str]:
    return {
        **service.sandbox.environment(),
        "PATH": path_with_tools(folder, bare=bare),
        "HOME": str(folder),
        "JWT_SECRET": JWT_SECRET,
        "CASHOUT_DATA_DIR": str(folder),
    }


async def test_every_call_works_as_it_is_and_answers_as_shown(tmp_path: Path) -> None:
    steps = steps_of(GUIDE)
    async with running(tmp_path) as service:
        said = await run(steps, tmp_path, environment(service, tmp_path), addresses(service))
    for step, text in zip(steps, said, strict=True):
        check(step, text)


async def test_its_beginning_works_on_a_bare_machine_too(tmp_path: Path) -> None:
    """What stands in for curl and openssl elsewhere does what they do here."""
    wanted = ("API=", "quote", "tee taken.json", "/events", "dgst", "%{http_code}")
    steps = [each for each in steps_of(GUIDE) if any(word in each.script for word in wanted)]
    assert len(steps) == len(wanted)
    async with running(tmp_path) as service:
        bare = environment(service, tmp_path, bare=True)
        said = await run(steps, tmp_path, bare, addresses(service))
    for step, text in zip(steps, said, strict=True):
        check(step, text)


def test_every_route_is_in_the_guide() -> None:
    calls = " ".join(step.script.replace("\\\n", " ") for step in steps_of(GUIDE))
    lines = [line for line in re.split(r"(?=curl )", calls) if line.startswith("curl")]
    missing = [
        f"{method} {path}"
        for path, methods in openapi_document()["paths"].items()
        for method in methods
        if not any(_calls(line, method, path) for line in lines)
    ]
    assert missing == []


def _calls(line: str, method: str, path: str) -> bool:
    url = re.search(r'"\$API([^"?]*)', line)
    pattern = re.sub(r"\{\w+\}", r"(\\$\\w+|[\\w-]+)", path)
    posts = "-X POST" in line or " -d " in line or "--data" in line or " -F " in line
    return bool(url and re.fullmatch(pattern, url.group(1))) and posts == (method == "post")


def test_another_shape_than_shown_is_found() -> None:
    shown = {"success": True, "data": {"a": 1, "code": "X", "list": [{"b": "text"}], "more": "…"}}
    data: dict[str, object] = {"a": 2, "code": "X", "list": [{"b": ""}], "more": [1]}
    assert differences(shown, {"success": True, "data": data}) == []
    changes: list[dict[str, object]] = [
        {"a": "2"},
        {"code": "Y"},
        {"list": []},
        {"list": [{"c": 1}]},
        {"new": 1},
        {"a": None},
    ]
    for changed in changes:
        assert differences(shown, {"success": True, "data": {**data, **changed}}) != []
    assert differences({"a": 1, "…": "…"}, {"a": 1, "b": 2}) == []
