"""What the pages say is there: commands, options, settings, links and headings."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from entrypoints.cli.program import build
from entrypoints.cli.providing import EXAMPLES as PROVIDING
from tests.architecture.house import ROOT, text_of

PAGES = (
    "README.md",
    *(
        f"docs/{name}.md"
        for name in (
            "add-a-provider",
            "api-guide",
            "connect-a-provider",
            "operations",
            "production",
            "runbook",
            "scaling",
            "settings",
            "threat-model",
            "tutorial",
        )
    ),
)
_SPAN = re.compile(r"```\w*\n(.*?)```|`([^`\n]+)`", re.DOTALL)
_COMMAND = re.compile(r"(?:^|[\s|(])(?:\.venv/bin/)?cashout ((?:[a-z][a-z-]* ?)+)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_OPTION = re.compile(r"--[a-z][a-z-]+")


def spans(page: str) -> Iterator[str]:
    """Yield what a page shows as code."""
    for block, inline in _SPAN.findall(text_of(ROOT / page)):
        yield block or inline


def commands(app: App) -> set[tuple[str, ...]]:
    """Return every command, and every group of them, as words."""
    found: set[tuple[str, ...]] = set()
    for name in app:
        if name.startswith("-"):
            continue
        found.add((name,))
        found |= {(name, *inner) for inner in commands(app[name])}
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_command_on_a_page_is_one(page: str) -> None:
    known = commands(build())
    unknown = []
    for span in spans(page):
        for told in _COMMAND.findall(span):
            words = tuple(told.split())
            if (words[0],) not in known:
                unknown.append(told)
            elif any(len(each) > 1 and each[0] == words[0] for each in known) and len(words) > 1:
                takes_more = words[:2] in known or words[0] == "reconcile"
                unknown += [] if takes_more else [told]
    assert unknown == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_on_a_page_leads_somewhere(page: str) -> None:
    broken = []
    for link in _LINK.findall(text_of(ROOT / page)):
        if link.startswith(("http://", "https://")):
            continue
        path, _, heading = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        if not target.exists() or (heading and heading not in headings(target)):
            broken.append(link)
    assert broken == []


def headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as forges make them."""
    titles = re.findall(r"^#+ (.*)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def test_the_readme_has_a_line_for_every_page() -> None:
    readme = text_of(ROOT / "README.md")
    missing = [page for page in PAGES[1:] if page not in readme]
    assert missing == []


def test_the_option_that_the_pages_use_of_the_contract_kit_is_there() -> None:
    assert "--url" in _OPTION.findall(PROVIDING["check"])
