"""Going to production: the proxy of the page lets in what this service takes, and no more."""

import re
from typing import Final

from adapters.console.parts import ConsoleSettings
from adapters.console.statements import RUNS
from adapters.web.parts import WebSettings
from adapters.web.statements import ONE_STATEMENT
from entrypoints.configuration import SHIPPED, read_configuration
from tests.architecture.house import ROOT, text_of

MEGABYTE: Final = 1024 * 1024
LEFT_ALONE: Final = MEGABYTE
"""What nginx lets in where nothing is said."""


def blocks() -> dict[str, dict[str, str]]:
    """Return what the page's nginx says in each location, by its pattern."""
    page = text_of(ROOT / "docs" / "production.md")
    (shown,) = re.findall(r"```nginx\n(.*?)```", page, re.DOTALL)
    return {
        pattern: dict(re.findall(r"(\w+) ([^;]+);", inner))
        for pattern, inner in re.findall(r"location ~ (\S+) \{(.*?)\}", shown, re.DOTALL)
    }


def test_a_statement_of_the_largest_size_passes_the_proxy_on_both_ways() -> None:
    ((pattern, told),) = blocks().items()
    most = read_configuration(SHIPPED).reconciliation.file_most
    size = re.fullmatch(r"(\d+)m", told["client_max_body_size"])
    assert size is not None
    allowed = int(size[1]) * MEGABYTE
    assert most + ConsoleSettings().form_most <= allowed < most + 2 * MEGABYTE
    for route in (RUNS, ONE_STATEMENT.replace("{which:str}", "orange_money")):
        assert re.search(pattern, route), route


def test_what_the_proxy_lets_in_elsewhere_is_more_than_is_taken_there() -> None:
    ((pattern, _),) = blocks().items()
    assert WebSettings().body_most <= LEFT_ALONE
    assert ConsoleSettings().form_most <= LEFT_ALONE
    assert not re.search(pattern, "/api/payments/cash-out")
