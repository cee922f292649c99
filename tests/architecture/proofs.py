"""Pages of tables whose every line names the tests that prove it."""

import ast
import re
from functools import cache
from pathlib import Path

from tests.architecture.house import ROOT, text_of

PROOF = re.compile(r"`(?P<path>tests/[\w/]+\.py)::(?P<name>\w+)`")


def rows(page: Path) -> list[list[str]]:
    """Return the cells of every row of every table, headings and rules left out."""
    lines = text_of(page).splitlines()
    cells = [
        [each.strip() for each in line.strip("|").split("|")]
        for before, line in zip(["", *lines], lines, strict=False)
        if line.startswith("|") and before.startswith("|")
    ]
    return [each for each in cells if set("".join(each)) - set("- ")]


def sections(page: Path) -> list[str]:
    """Return the headings of the second level, in order."""
    return [line[3:] for line in text_of(page).splitlines() if line.startswith("## ")]


def named(page: Path) -> list[str]:
    """Return every test that a page names, as `path::name`, in order."""
    return ["::".join(each) for each in PROOF.findall(text_of(page))]


def missing(page: Path) -> list[str]:
    """Return the tests that a page names and that do not exist."""
    found = PROOF.findall(text_of(page))
    return [f"{path}::{name}" for path, name in found if name not in names_in(ROOT / path)]


def unproven(page: Path) -> list[str]:
    """Return the first cell of every row that names no test."""
    return [row[0] for row in rows(page) if not PROOF.search(row[-1])]


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
