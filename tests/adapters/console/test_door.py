"""Who gets in, for how long, and whose forms are believed."""

import re
from datetime import timedelta
from html import unescape
from http.cookies import SimpleCookie
from urllib.parse import unquote

import httpx
import pytest
from structlog.testing import capture_logs

from adapters.console.door import POLICY
from adapters.console.parts import ConsoleSettings
from application.ports import IDLE_MOST, SESSION_MOST
from entrypoints.logs import Masks
from tests.adapters.console.office import HOST, PASSWORD, Browser, Office, office, routes_of

pytestmark = pytest.mark.anyio

PUBLIC = {"/console/sign-in", "/console/assets/x"}
SECOND = timedelta(seconds=1)


def cookies_set(answer: httpx.Response) -> dict[str, str]:
    """Return the cookies that an answer sets, each with its attributes as text."""
    found = {}
    for line in answer.headers.get_list("set-cookie"):
        jar = SimpleCookie(line)
        found.update(dict.fromkeys(jar, line))
    return found


def is_out(answer: httpx.Response) -> bool:
    return answer.status_code == 303 and answer.headers["location"].startswith("/console/sign-in")


async def test_nobody_sees_a_page_without_signing_in(console: Office) -> None:
    pages = [path for method, path in routes_of(console.app) if method == "GET"]
    assert len(pages) >= 12
    for path in pages:
        if path not in PUBLIC:
            answer = await console.browser().get(path)
            assert is_out(answer), path
            onward = unquote(answer.headers["location"].partition("?next=")[2])
            assert onward in {path, ""}, path


async def test_no_form_is_taken_without_signing_in(console: Office) -> None:
    forms = [path for method, path in routes_of(console.app) if method == "POST"]
    assert len(forms) >= 10
    for path in forms:
        if path not in PUBLIC:
            assert is_out(await console.browser().post(path)), path


async def test_signing_in_leads_to_where_one_wanted_to_go(console: Office) -> None:
    answer = await console.browser().sign_in("oscar", onward="/console/log?before=9")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/log?before=9")
    assert console.logged == [("oscar", "session.opened", "oscar")]


@pytest.mark.parametrize(
    "onward",
    ["https://evil.example/console", "//evil.example/console", "/consolation", "javascript:x",
     "/console\\evil", "/console/sign-in", "", "/\\evil.example/console", "//[evil", "/console/\tx",
     "/console/\r\nset-cookie: x=1"],
)  # fmt: skip
async def test_signing_in_never_leads_elsewhere(console: Office, onward: str) -> None:
    answer = await console.browser().sign_in("oscar", onward=onward)
    assert answer.headers["location"] == "/console"


async def test_signing_in_leads_to_a_page_whose_address_is_in_other_letters(
    console: Office,
) -> None:
    browser = console.browser()
    asked = await browser.get("/console/cash-outs/Koné?q=%C3%A9%20é&show=open")
    shown = await browser.get(asked.headers["location"])
    onward = re.search(r'name="next" value="([^"]*)"', shown.text)
    assert onward
    form = {"name": "oscar", "password": PASSWORD, "next": unescape(onward[1])}
    answer = await browser.post("/console/sign-in", form)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/console/cash-outs/Kon%C3%A9?q=%C3%A9%20%C3%A9&show=open"


async def test_the_session_is_in_a_cookie_that_scripts_and_other_sites_do_not_get(
    console: Office,
) -> None:
    answer = await console.browser().sign_in("oscar")
    cookie = cookies_set(answer)["cashout-session"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Max-Age" not in cookie


async def test_over_tls_the_cookie_never_travels_in_the_clear_and_is_the_hosts_own() -> None:
    async with office(ConsoleSettings(secure=True)) as console:
        browser = console.browser()
        page = await browser.get("/console/sign-in")
        assert "strict-transport-security" in page.headers
        answer = await browser.post("/console/sign-in", {"name": "oscar", "password": PASSWORD})
        for name in ("__Host-cashout-session", "__Host-cashout-form"):
            (cookie,) = [
                line
                for each in (page, answer)
                for line in each.headers.get_list("set-cookie")
                if line.startswith(name)
            ]
            assert "Secure" in cookie
            assert "Path=/;" in cookie
            assert "Domain" not in cookie


async def test_the_token_of_a_session_is_kept_nowhere(console: Office) -> None:
    answer = await console.browser().sign_in("oscar")
    token = SimpleCookie(answer.headers["set-cookie"])["cashout-session"].value
    assert len(token) >= 43
    assert token not in repr(console.store.operator_sessions)
    assert PASSWORD not in repr(console.store.operators)


@pytest.mark.parametrize(("name", "password"), [("oscar", "wrong password"), ("nobody", PASSWORD)])
async def test_a_wrong_password_and_an_unknown_name_are_told_the_same(
    console: Office, name: str, password: str
) -> None:
    with capture_logs(processors=[Masks()]) as lines:
        answer = await console.browser().sign_in(name, password)
    assert answer.status_code == 401
    assert "do not go together" in answer.text
    assert password not in answer.text
    assert console.store.operator_sessions == {}
    known = name if name == "oscar" else "-"
    await console.parts.sign_in.refusals.write()
    assert console.logged == [(known, "session.refused", known)]
    (told,) = [each for each in lines if each["event"] == "sign_in_refused"]
    assert (told["address"], told["waits"]) == ("198.51.100.7", False)
    assert password not in repr(lines)


async def test_who_is_disabled_is_out_at_once_and_stays_out(console: Office) -> None:
    browser = await console.signed_in("oscar")
    await console.operators.disable("adam", "oscar")
    assert is_out(await browser.get("/console"))
    assert (await console.browser().sign_in("oscar")).status_code == 401
    await console.operators.disable("adam", "oscar", disabled=False)
    assert (await console.browser().sign_in("oscar")).status_code == 303


async def test_another_password_ends_every_session(console: Office) -> None:
    browsers = [await console.signed_in("oscar") for _ in range(2)]
    await console.operators.set_password("adam", "oscar", "another good password")
    for browser in browsers:
        assert is_out(await browser.get("/console"))
    assert (await console.browser().sign_in("oscar")).status_code == 401
    assert (await console.browser().sign_in("oscar", "another good password")).status_code == 303


async def test_guessing_is_slowed_down_and_told_when_to_come_back(console: Office) -> None:
    for _ in range(5):
        assert (await console.browser().sign_in("oscar", "a wrong guess")).status_code == 401
    slowed = await console.browser().sign_in("oscar")
    assert slowed.status_code == 429
    wait = int(slowed.headers["retry-after"])
    assert wait >= 1
    assert (await console.browser().sign_in("ada")).status_code == 303
    console.clock.advance((wait + 1) * SECOND)
    assert (await console.browser().sign_in("oscar")).status_code == 303


async def test_signing_in_again_makes_another_session_and_ends_the_old_one(
    console: Office,
) -> None:
    browser = await console.signed_in("oscar")
    old = browser.client.cookies["cashout-session"]
    assert (await browser.sign_in("oscar")).status_code == 303
    assert browser.client.cookies["cashout-session"] != old
    assert len(console.store.operator_sessions) == 1


async def test_a_session_given_by_somebody_else_is_not_signed_in_to(console: Office) -> None:
    browser = console.browser()
    browser.client.cookies.set("cashout-session", "chosen-by-somebody")
    await browser.sign_in("oscar")
    assert browser.client.cookies.get("cashout-session", domain="console.test") != (
        "chosen-by-somebody"
    )


async def test_a_session_ends_when_nothing_is_done_in_it(console: Office) -> None:
    browser = await console.signed_in("oscar")
    console.clock.advance(IDLE_MOST - SECOND)
    assert (await browser.get("/console")).status_code == 200
    console.clock.advance(IDLE_MOST - SECOND)
    assert (await browser.get("/console")).status_code == 200
    console.clock.advance(IDLE_MOST)
    assert is_out(await browser.get("/console"))


async def test_a_page_that_refreshes_itself_keeps_no_session_alive(console: Office) -> None:
    browser = await console.signed_in("oscar")
    for _ in range(2):
        console.clock.advance(IDLE_MOST / 2 - SECOND)
        assert (await browser.get("/console", x_refresh="1")).status_code == 200
    console.clock.advance(3 * SECOND)
    assert is_out(await browser.get("/console", x_refresh="1"))


async def test_a_session_ends_however_busy_its_operator_is(console: Office) -> None:
    browser = await console.signed_in("oscar")
    step = IDLE_MOST - SECOND
    for _ in range(int(SESSION_MOST / step)):
        console.clock.advance(step)
        assert (await browser.get("/console")).status_code == 200
    console.clock.advance(step)
    assert is_out(await browser.get("/console"))


async def test_signing_out_ends_the_session_for_good(console: Office) -> None:
    browser = await console.signed_in("oscar")
    token = browser.client.cookies["cashout-session"]
    assert is_out(await browser.post("/console/sign-out"))
    assert console.store.operator_sessions == {}
    assert console.logged[-1] == ("oscar", "session.closed", "oscar")
    thief = console.browser()
    thief.client.cookies.set("cashout-session", token)
    assert is_out(await thief.get("/console"))


@pytest.mark.parametrize(
    "forged",
    [
        {"origin": "https://evil.example"},
        {"origin": None},
        {"origin": "null"},
        {"origin": "https://console.test.evil.example"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
    ids=str,
)
async def test_no_form_is_taken_from_another_site(
    console: Office, forged: dict[str, str | None]
) -> None:
    browser = await console.signed_in("adam")
    for method, path in routes_of(console.app):
        if method == "POST":
            answer = await browser.post(path, None, **forged)
            assert answer.status_code == 403, path
            assert "not from here" in answer.text


async def test_no_form_is_taken_without_what_its_page_put_into_it(console: Office) -> None:
    browser = await console.signed_in("adam")
    await console.made()
    forms = [path for method, path in routes_of(console.app) if method == "POST"]
    for given in ("", "somebody-elses"):
        browser.csrf = given
        for path in forms:
            assert (await browser.post(path)).status_code == 403, path
    assert console.logged == [("adam", "session.opened", "adam")]


async def test_a_form_of_another_session_is_not_taken(console: Office) -> None:
    browser, other = await console.signed_in("oscar"), await console.signed_in("ada")
    browser.csrf = other.csrf
    assert (await browser.post("/console/sign-out")).status_code == 403


async def test_behind_a_proxy_the_origin_is_the_one_of_the_settings() -> None:
    async with office(ConsoleSettings(origin="https://pay.example")) as console:
        browser = console.browser()
        await browser.get("/console/sign-in")
        form = {"name": "oscar", "password": PASSWORD}
        assert (await browser.post("/console/sign-in", form)).status_code == 403
        seen = await browser.post("/console/sign-in", form, origin="https://pay.example")
        assert seen.status_code == 303


async def test_a_form_that_is_too_large_or_none_is_refused(console: Office) -> None:
    browser = await console.signed_in("oscar")
    large = await browser.post("/console/sign-out", {"x": "y" * 70_000})
    assert large.status_code == 413
    headers = {"origin": HOST, "content-type": "application/json"}
    other = await browser.client.post("/console/sign-out", content=b"{}", headers=headers)
    assert other.status_code == 415
    many = "&".join(f"a{number}=1" for number in range(60))
    headers["content-type"] = "application/x-www-form-urlencoded"
    crowd = await browser.client.post("/console/sign-out", content=many, headers=headers)
    assert crowd.status_code == 400
    assert not is_out(await browser.get("/console"))


async def test_a_link_from_elsewhere_asks_again_from_here(console: Office) -> None:
    path = '/console/cash-outs?q="><script>'
    answer = await console.browser().get(path, sec_fetch_site="cross-site")
    assert answer.status_code == 200
    assert 'http-equiv="refresh"' in answer.text
    assert "<script>" not in answer.text
    assert is_out(await console.browser().get("/console", sec_fetch_site="same-origin"))


async def test_every_answer_has_the_policy_and_is_kept_by_nobody(console: Office) -> None:
    browser = await console.signed_in("adam")
    pages = [path for method, path in routes_of(console.app) if method == "GET"]
    for path in [*pages, "/console/nowhere"]:
        for asking in (browser, console.browser()):
            headers = (await asking.get(path)).headers
            assert headers["content-security-policy"] == POLICY, path
            assert "unsafe" not in POLICY
            assert headers["x-frame-options"] == "DENY"
            assert headers["referrer-policy"] == "same-origin"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cache-control"] == "no-store", path


async def test_files_may_be_kept_for_ever_because_their_names_change(console: Office) -> None:
    page = await console.browser().get("/console/sign-in")
    names = [part.partition('"')[0] for part in page.text.split("/console/assets/")[1:]]
    assert {name.rpartition(".")[2] for name in names} == {"css", "js", "svg"}
    for name in names:
        answer = await console.browser().get(f"/console/assets/{name}")
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert (await console.browser().get("/console/assets/console.css")).status_code == 404


async def test_what_is_unknown_is_a_page_that_says_so(console: Office) -> None:
    browser: Browser = await console.signed_in("vera")
    for path in (
        "/console/nowhere",
        "/console/cash-outs/not-an-id",
        "/console/cash-outs/00000000-0000-0000-0000-000000000009",
        "/console/statements/00000000-0000-0000-0000-000000000009",
    ):
        answer = await browser.get(path)
        assert answer.status_code == 404, path
        assert "<h1>" in answer.text
    assert (await browser.client.put("/console")).status_code in {403, 405}
