"""The museum and the fault matrix are about tests that exist; no line of them is without one."""

from pathlib import Path

import pytest

from tests.architecture.house import ROOT
from tests.architecture.proofs import missing, named, names_in, rows, sections, unproven

MUSEUM = ROOT / "docs" / "museum.md"
MATRIX = ROOT / "docs" / "fault-matrix.md"
PAGES = pytest.mark.parametrize("page", [MUSEUM, MATRIX], ids=lambda page: str(page.name))
PLACES = [
    *("Client", "API process", "Worker", "Database", "Broker"),
    *("Provider", "Webhooks", "Clock", "Disk"),
]


@PAGES
def test_every_test_that_is_named_exists(page: Path) -> None:
    assert missing(page) == []


@PAGES
def test_every_line_has_its_test(page: Path) -> None:
    assert unproven(page) == []
    assert len(rows(page)) > 50


@PAGES
def test_no_line_is_there_twice(page: Path) -> None:
    firsts = [(number, row[0]) for number, row in enumerate(rows(page))]
    assert len({text for _, text in firsts}) == len(firsts)


def test_the_matrix_has_every_place_where_something_can_fail() -> None:
    assert sections(MATRIX) == PLACES
    assert [row for row in rows(MATRIX) if len(row) != 3] == []


def test_every_exhibit_is_on_the_page_of_the_museum() -> None:
    shown = {each for each in named(MUSEUM) if each.startswith("tests/museum/")}
    exhibits = {
        f"{path.relative_to(ROOT).as_posix()}::{name}"
        for path in (ROOT / "tests" / "museum").glob("test_*.py")
        for name in names_in(path)
    }
    assert exhibits == shown
    assert len(exhibits) > 60


def test_every_line_of_the_museum_has_an_exhibit() -> None:
    assert [row[0] for row in rows(MUSEUM) if "tests/museum/" not in row[-1]] == []


def test_a_page_that_promises_what_there_is_not_is_caught(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "| fault | shown by |\n| --- | --- |\n"
        "| one | `tests/architecture/test_proofs.py::test_there_is_no_such_test` |\n"
        "| two | a promise |\n"
    )
    assert missing(page) == ["tests/architecture/test_proofs.py::test_there_is_no_such_test"]
    assert unproven(page) == ["two"]
