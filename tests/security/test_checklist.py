"""The checklist in the documents is about tests that exist, and no line of it is without one."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.house import ROOT, text_of

CHECKLIST = ROOT / "docs" / "security-checklist.md"
THREATS = ROOT / "docs" / "threat-model.md"
PROOF = re.compile(r"`(?P<path>tests/[\w/]+\.py)::(?P<name>\w+)`")
SECTIONS = [
    *("Tokens", "Access", "Webhooks", "Input", "Output", "Outbound", "Start", "Dependencies"),
]


def rows(page: Path) -> list[list[str]]:
    """Return the cells of every row of every table, headings and rules left out."""
    lines = text_of(page).splitlines()
    cells = [
        [each.strip() for each in line.strip("|").split("|")]
        for before, line in zip(["", *lines], lines, strict=False)
        if line.startswith("|") and before.startswith("|")
    ]
    return [each for each in cells if set("".join(each)) - set("- ")]


@cache
def names_in(path: Path) -> frozenset[str]:
    """Return the names of the tests that a file defines."""
    if not path.is_file():
        return frozenset()
    tree = ast.parse(text_of(path))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    )


def test_the_checklist_has_its_sections() -> None:
    headings = [line[3:] for line in text_of(CHECKLIST).splitlines() if line.startswith("## ")]
    assert headings == SECTIONS


def test_every_line_of_the_checklist_is_proven() -> None:
    found = rows(CHECKLIST)
    assert len(found) > 50
    assert [row[0] for row in found if not PROOF.search(row[-1])] == []


@pytest.mark.parametrize("page", [CHECKLIST, THREATS], ids=lambda page: str(page.name))
def test_every_test_that_is_named_exists(page: Path) -> None:
    named = PROOF.findall(text_of(page))
    assert named
    missing = [f"{path}::{name}" for path, name in named if name not in names_in(ROOT / path)]
    assert missing == []


@pytest.mark.parametrize("page", [CHECKLIST, THREATS, ROOT / "SECURITY.md"], ids=str)
def test_every_link_of_the_pages_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?P<target>[^)#:]+)(?:#[^)]*)?\)", text_of(page))
    assert [each for each in links if not (page.parent / each).exists()] == []
