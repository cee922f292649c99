"""The checklist in the documents is about tests that exist, and no line of it is without one."""

import re
from pathlib import Path

import pytest

from tests.architecture.house import ROOT, text_of
from tests.architecture.proofs import missing, named, rows, sections, unproven

CHECKLIST = ROOT / "docs" / "security-checklist.md"
THREATS = ROOT / "docs" / "threat-model.md"
SECTIONS = [
    *("Tokens", "Access", "Webhooks", "Input", "Output", "Outbound"),
    *("Console", "Start", "Dependencies"),
]


def test_the_checklist_has_its_sections() -> None:
    assert sections(CHECKLIST) == SECTIONS


def test_every_line_of_the_checklist_is_proven() -> None:
    assert len(rows(CHECKLIST)) > 50
    assert unproven(CHECKLIST) == []


@pytest.mark.parametrize("page", [CHECKLIST, THREATS], ids=lambda page: str(page.name))
def test_every_test_that_is_named_exists(page: Path) -> None:
    assert named(page)
    assert missing(page) == []


@pytest.mark.parametrize("page", [CHECKLIST, THREATS, ROOT / "SECURITY.md"], ids=str)
def test_every_link_of_the_pages_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?P<target>[^)#:]+)(?:#[^)]*)?\)", text_of(page))
    assert [each for each in links if not (page.parent / each).exists()] == []
