"""Requests to the console as they are seen from outside: a line and a figure, without ids."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from adapters.metrics.catalogue import Figures
from adapters.metrics.counting import RequestMeter
from entrypoints.logs import Masks
from tests.adapters.console.office import Office, office

pytestmark = pytest.mark.anyio

NUMBER = "0700000789"


@dataclass
class Watched:
    """A console whose requests are counted."""

    console: Office
    figures: Figures

    def counted(self, route: str) -> dict[tuple[str, str], int]:
        """Return how many there were of a route, by method and status."""
        at = self.figures.requests.at.items()
        return {(method, status): int(n) for (method, told, status), n in at if told == route and n}


@pytest.fixture(name="watched")
async def a_watched_console() -> AsyncIterator[Watched]:
    figures = Figures()
    async with office(watch=RequestMeter(figures)) as console:
        yield Watched(console, figures)


def requests_in(lines: list[Any]) -> list[dict[str, Any]]:
    return [each for each in lines if each["event"] == "request"]


async def test_a_request_is_a_line_and_counts_under_its_pattern(watched: Watched) -> None:
    one = await watched.console.made()
    vera = await watched.console.signed_in("vera")
    with capture_logs(processors=[Masks()]) as lines:
        answer = await vera.get(f"/console/cash-outs/{one.id}?q={NUMBER}")
    (line,) = requests_in(lines)
    assert (line["method"], line["status"], line["user"]) == ("GET", 200, "vera")
    assert line["route"] == "/console/cash-outs/{given}"
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["took_ms"] >= 0
    assert watched.counted("/console/cash-outs/{given}") == {("GET", "200"): 1}


async def test_no_line_and_no_label_has_what_stands_in_an_address(watched: Watched) -> None:
    vera = await watched.console.signed_in("vera")
    with capture_logs() as lines:
        await vera.get(f"/console/cash-outs?q={NUMBER}")
        await vera.get(f"/console/cash-outs/{UUID(int=77)}")
        await vera.get(f"/console/nowhere/{NUMBER}")
        await vera.post(f"/console/cash-outs/{UUID(int=77)}/cancel", {"reason": NUMBER})
    assert len(requests_in(lines)) == 4
    told = repr(lines) + repr(watched.figures.requests.at)
    assert NUMBER not in told
    assert str(UUID(int=77)) not in told
    assert watched.counted("none") == {("GET", "404"): 1}


async def test_a_refused_sign_in_counts_and_names_nobody(watched: Watched) -> None:
    with capture_logs() as lines:
        assert (await watched.console.browser().sign_in("oscar", "wrong")).status_code == 401
    line = requests_in(lines)[-1]
    assert (line["method"], line["route"], line["status"]) == ("POST", "/console/sign-in", 401)
    assert "user" not in line
    assert watched.counted("/console/sign-in") == {("GET", "200"): 1, ("POST", "401"): 1}


async def test_a_head_is_told_as_one(watched: Watched) -> None:
    browser = watched.console.browser()
    await browser.client.head("/console/sign-in")
    assert watched.counted("/console/sign-in") == {("HEAD", "200"): 1}


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-123", True), ("two words", False), ("x" * 65, False), ("", False)],
)
async def test_an_id_that_a_request_comes_with_is_kept_when_it_is_one(
    watched: Watched, given: str, kept: bool
) -> None:
    answer = await watched.console.browser().get("/console/sign-in", x_request_id=given)
    assert (answer.headers["x-request-id"] == given) is kept
    assert answer.headers["x-request-id"]
