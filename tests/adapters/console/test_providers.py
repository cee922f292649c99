"""Providers at the console: how they are, and closing and opening them by hand."""

import re
from html import unescape

import pytest

from domain.standings import Reason, Route, Standing, State
from tests.adapters.console.office import Browser, Office

pytestmark = pytest.mark.anyio

PAGE = "/console/providers"
CLOSE, OPEN = f"{PAGE}/orange_money/close", f"{PAGE}/orange_money/open"
GUINEA = Route("orange_money", "GN")
FRANCS = Route("orange_money", "GN", "GNF")


async def stored(console: Office, route: Route) -> Standing | None:
    async with console.units.begin() as unit:
        return {each.route: each for each in await unit.health.standings()}.get(route)


def seen_on(page: str) -> dict[str, str]:
    """Return the versions that a page which asks shows, as its form sends them."""
    return dict(re.findall(r'name="(version[A-Z]*)" value="(\d+)"', page))


async def asked(browser: Browser, path: str, route: Route, reason: str) -> str:
    """Ask for the page that asks, and send its form; return where that leads."""
    page = await browser.get(f"{path}?country={route.country}")
    assert page.status_code == 200
    form = seen_on(page.text) | {
        "country": route.country,
        "currency": route.currency,
        "reason": reason,
    }
    answer = await browser.post(path, form)
    assert answer.status_code == 303, answer.text
    location: str = answer.headers["location"]
    return (await browser.get(location)).text


async def test_everybody_sees_how_they_are_and_only_an_admin_is_offered_to_change_it(
    console: Office,
) -> None:
    for name in ("vera", "oscar", "ada", "adam"):
        text = (await (await console.signed_in(name)).get(PAGE)).text
        for shown in ("Orange Money", "AfriMoney", "Guinea", "operational"):
            assert shown in text
        assert ("/close" in text) == (name == "adam"), name


@pytest.mark.parametrize("name", ["vera", "oscar", "ada"])
async def test_who_may_not_is_refused_before_and_after_the_question(
    console: Office, name: str
) -> None:
    browser = await console.signed_in(name)
    for path in (CLOSE, OPEN):
        assert (await browser.get(path)).status_code == 403
        assert (await browser.post(path, {"reason": "because"})).status_code == 403
    assert await stored(console, Route("orange_money")) is None


async def test_a_country_is_closed_with_a_reason_and_opened_again(console: Office) -> None:
    adam = await console.signed_in("adam")
    text = await asked(adam, CLOSE, GUINEA, "maintenance until noon")
    assert "Closed. What comes now waits" in text
    assert "closed by adam" in text
    assert "maintenance until noon" in text
    closed = await stored(console, GUINEA)
    assert closed is not None
    assert (closed.state, closed.reason, closed.by) == (State.CLOSED, Reason.BY_HAND, "adam")
    assert console.logged[-1] == ("adam", "provider.closed", "orange_money/GN")
    assert "Nothing was changed" in await asked(adam, CLOSE, GUINEA, "again")
    assert f'href="{OPEN}?country=GN"' in text
    assert "Opened. What waited goes out" in await asked(adam, OPEN, GUINEA, "it is over")
    opened = await stored(console, GUINEA)
    assert opened is not None
    assert opened.state is State.OPERATIONAL
    assert console.logged[-1] == ("adam", "provider.opened", "orange_money/GN")


async def test_one_currency_of_a_country_or_all_of_a_provider(console: Office) -> None:
    adam = await console.signed_in("adam")
    text = await asked(adam, CLOSE, FRANCS, "no francs left")
    assert "GNF <span" in text, "the currencies are told apart where they differ"
    assert await stored(console, FRANCS) is not None
    assert await stored(console, GUINEA) is None
    await asked(adam, CLOSE, Route("orange_money"), "their incident 4711")
    assert console.logged[-1][2] == "orange_money"


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"reason": " "}, "Give a reason"),
        ({"reason": "x" * 501}, "Give a reason"),
        ({"reason": "why not", "country": "GN", "currency": "XOF"}, "Supported: GNF, USD"),
        ({"reason": "why not", "currency": "GNF"}, "Say in which country"),
    ],
)
async def test_what_cannot_be_done_is_told_where_it_was_asked(
    console: Office, form: dict[str, str], told: str
) -> None:
    adam = await console.signed_in("adam")
    await adam.get(CLOSE)
    answer = await adam.post(CLOSE, form)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert told in answer.text
    assert await stored(console, Route("orange_money")) is None


@pytest.mark.parametrize("path", [f"{PAGE}/nobody/close", f"{CLOSE}?country=FR"])
async def test_what_does_not_exist_is_not_asked_about(console: Office, path: str) -> None:
    adam = await console.signed_in("adam")
    assert (await adam.get(path)).status_code == 404


async def test_a_number_in_a_reason_is_masked_for_viewers(console: Office) -> None:
    adam, vera = await console.signed_in("adam"), await console.signed_in("vera")
    await asked(adam, CLOSE, GUINEA, "ask 0700000789 first")
    assert "ask 0700000789 first" in (await adam.get(PAGE)).text
    for page in (PAGE, "/console"):
        text = (await vera.get(page)).text
        assert "0700000789" not in text


async def test_what_was_closed_again_while_somebody_read_the_page_stays_closed(
    console: Office,
) -> None:
    adam = await console.signed_in("adam")
    await asked(adam, CLOSE, GUINEA, "planned")
    page = (await adam.get(f"{OPEN}?country=GN")).text
    for told in ("closed by adam", "planned", "GNF", "operational"):
        assert told in page
    await asked(adam, OPEN, GUINEA, "over")
    await asked(adam, CLOSE, GUINEA, "their statement does not agree")
    form = {**seen_on(page), "country": "GN", "reason": "it is over"}
    late = await adam.post(OPEN, form)
    assert late.status_code == 409
    assert "Somebody was quicker" in late.text
    kept = await stored(console, GUINEA)
    assert kept is not None
    assert (kept.state, kept.note) == (State.CLOSED, "their statement does not agree")
    assert "Opened." in await asked(adam, OPEN, GUINEA, "looked at it again")


@pytest.mark.parametrize("said", ["", "x", "\u00b2", "-1", "7", "9" * 5_000])
async def test_a_form_that_did_not_see_how_it_is_changes_nothing(
    console: Office, said: str
) -> None:
    adam = await console.signed_in("adam")
    await adam.get(CLOSE)
    answer = await adam.post(CLOSE, {"version": said, "reason": "planned"})
    assert answer.status_code == 409
    assert await stored(console, Route("orange_money")) is None


async def test_each_currency_is_seen_by_itself(console: Office) -> None:
    adam = await console.signed_in("adam")
    page = (await adam.get(f"{CLOSE}?country=GN")).text
    assert seen_on(page) == {"version": "0", "versionGNF": "0", "versionUSD": "0"}
    await asked(adam, CLOSE, FRANCS, "no francs left")
    form = {**seen_on(page), "country": "GN", "currency": "USD", "reason": "no dollars either"}
    assert (await adam.post(CLOSE, form)).status_code == 303


async def test_how_it_is_is_read_from_the_store_before_it_is_shown(console: Office) -> None:
    adam = await console.signed_in("adam")
    await asked(adam, CLOSE, GUINEA, "planned")
    console.parts.health.board.show([], console.clock.now())
    page = (await adam.get(f"{OPEN}?country=GN")).text
    assert "planned" in page


STILL = "Something around or within it is closed still"


async def test_where_one_currency_is_closed_the_link_opens_just_that(console: Office) -> None:
    adam = await console.signed_in("adam")
    text = await asked(adam, CLOSE, FRANCS, "no francs left")
    link = f"{OPEN}?country=GN&amp;currency=GNF"
    assert f'href="{link}"' in text
    page = (await adam.get(unescape(link))).text
    assert '<option value="GNF" selected>' in page
    assert "Opened. What waited" in await asked(adam, OPEN, FRANCS, "there are some again")
    assert f'href="{OPEN}' not in (await adam.get(PAGE)).text


async def test_what_is_open_itself_is_not_told_as_open_while_something_in_it_is_closed(
    console: Office,
) -> None:
    adam = await console.signed_in("adam")
    await asked(adam, CLOSE, FRANCS, "no francs left")
    for wider in (GUINEA, Route("orange_money")):
        text = await asked(adam, OPEN, wider, "open all of it")
        assert "already" not in text
        assert STILL in text
    await asked(adam, CLOSE, GUINEA, "planned")
    text = await asked(adam, OPEN, GUINEA, "over")
    assert "Opened." in text
    assert STILL in text
    other = await asked(adam, OPEN, Route("orange_money", "GN", "USD"), "open it")
    assert STILL not in other, "francs are beside dollars, not around them"


async def test_what_is_opened_within_something_closed_is_told_to_be_closed_still(
    console: Office,
) -> None:
    adam = await console.signed_in("adam")
    await asked(adam, CLOSE, FRANCS, "no francs left")
    await asked(adam, CLOSE, Route("orange_money"), "their incident 4711")
    assert STILL in await asked(adam, OPEN, FRANCS, "there are some again")


async def test_of_a_country_and_a_currency_that_are_closed_the_link_is_to_the_country(
    console: Office,
) -> None:
    adam = await console.signed_in("adam")
    await asked(adam, CLOSE, FRANCS, "no francs left")
    text = await asked(adam, CLOSE, GUINEA, "planned")
    assert f'href="{OPEN}?country=GN"' in text


async def test_the_link_prefers_what_a_person_closed_to_what_was_measured(
    console: Office,
) -> None:
    adam = await console.signed_in("adam")
    dollars = Route("orange_money", "GN", "USD")
    await asked(adam, CLOSE, dollars, "no dollars")
    slow = Standing(FRANCS).moved(State.DELAYED, Reason.LATENCY, console.clock.now())
    async with console.units.begin() as unit:
        await unit.health.save([slow])
    await console.parts.health.refresh()
    assert f'href="{OPEN}?country=GN&amp;currency=USD"' in (await adam.get(PAGE)).text
