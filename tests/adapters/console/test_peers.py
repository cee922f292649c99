"""By which address somebody is known behind proxies, whatever they write into the header."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar

from adapters.console.parts import ConsoleSettings
from adapters.console.peers import MOST_HOPS, Network, address_of
from adapters.web.beside import mount
from adapters.web.server import ApiServer
from application.throttle import ADDRESS_FREE
from tests.adapters.console.office import HOST, Browser, Office, office

pytestmark = pytest.mark.anyio

OURS = tuple(map(ip_network, ("10.0.0.0/8", "fd00::/8")))
STRANGER = "203.0.113.9"


def told(*lines: str) -> list[tuple[bytes, bytes]]:
    return [(b"X-Forwarded-For", line.encode("latin-1")) for line in lines]


@pytest.mark.parametrize(
    ("peer", "lines", "found"),
    [
        (STRANGER, (), STRANGER),
        (STRANGER, ("192.0.2.1",), STRANGER),
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", (STRANGER,), STRANGER),
        ("10.0.0.1", (f"192.0.2.1, {STRANGER}",), STRANGER),
        ("10.0.0.1", ("192.0.2.1", STRANGER), STRANGER),
        ("10.0.0.1", (f"192.0.2.1,{STRANGER} , 10.0.0.2",), STRANGER),
        ("10.0.0.1", (f"{STRANGER}, 192.0.2.1, 10.0.0.2",), "192.0.2.1"),
        ("10.0.0.1", ("10.0.0.3, 10.0.0.2",), "10.0.0.3"),
        ("10.0.0.1", (f"192.0.2.1, unknown, {STRANGER}, 10.9.9.9",), STRANGER),
        ("10.0.0.1", ("192.0.2.1, unknown",), "10.0.0.1"),
        ("10.0.0.1", ("192.0.2.1, ",), "10.0.0.1"),
        ("10.0.0.1", ("192.0.2.1, _hidden, 10.0.0.2",), "10.0.0.2"),
        ("10.0.0.1", ("192.0.2.1, 0x7f.1",), "10.0.0.1"),
        ("10.0.0.1", ("192.0.2.1, 010.0.0.1",), "10.0.0.1"),
        ("10.0.0.1", (f"{STRANGER}:4711",), STRANGER),
        ("10.0.0.1", ("[2001:db8::7]:4711",), "2001:db8::7"),
        ("10.0.0.1", ("2001:DB8:0::7",), "2001:db8::7"),
        ("fd00::1", (f"::ffff:{STRANGER}",), STRANGER),
        ("::ffff:10.0.0.1", (STRANGER,), STRANGER),
        ("10.0.0.1", ("9" * 4_000,), "10.0.0.1"),
        ("10.0.0.1", ("\xa0" + STRANGER,), "10.0.0.1"),
        ("", (STRANGER,), ""),
        ("a-socket", (STRANGER,), "a-socket"),
    ],
    ids=str,
)
def test_the_header_is_read_from_the_right_and_only_past_the_trusted(
    peer: str, lines: tuple[str, ...], found: str
) -> None:
    assert address_of(peer, told(*lines), OURS) == found


@pytest.mark.parametrize("peer", ["10.0.0.1", "127.0.0.1", "fd00::1", STRANGER])
def test_by_default_the_header_counts_for_nothing(peer: str) -> None:
    assert address_of(peer, told("192.0.2.1"), ()) == peer


@given(st.lists(st.text(st.characters(max_codepoint=255)), max_size=5))
def test_whatever_somebody_writes_before_what_the_proxy_adds_changes_nothing(
    forged: list[str],
) -> None:
    lines = [*forged, STRANGER]
    assert address_of("10.0.0.1", told(*lines), OURS) == STRANGER
    assert address_of("10.0.0.1", told(",".join(lines)), OURS) == STRANGER


def test_only_so_many_proxies_in_a_row_are_looked_past() -> None:
    proxies = ", ".join(["10.0.0.2"] * MOST_HOPS)
    assert address_of("10.0.0.1", told(f"{STRANGER}, {proxies}"), OURS) == "10.0.0.2"


# --- over HTTP ------------------------------------------------------------------------------------


@asynccontextmanager
async def served(*trusted: Network) -> AsyncIterator[tuple[Office, str]]:
    """Serve a console on loopback; yield it and where it is."""
    settings = ConsoleSettings(origin=HOST, trusted_proxies=trusted)
    app = Litestar(openapi_config=None)
    async with office(settings) as console:
        mount(app, "/console", console.app)
        async with ApiServer(app) as server:
            yield console, server.url


async def refused_from(url: str, peer: str, *headers: tuple[str, str]) -> None:
    """Fail to sign in over a connection from this address of the machine, with these headers."""
    transport = httpx.AsyncHTTPTransport(local_address=peer)
    async with httpx.AsyncClient(transport=transport, base_url=url) as client:
        browser = Browser(client)
        await browser.get("/console/sign-in")
        form = {"csrf": browser.csrf, "name": "oscar", "password": "a wrong password"}
        sent = [("origin", HOST), ("sec-fetch-site", "same-origin"), *headers]
        answer = await client.post("/console/sign-in", data=form, headers=sent)
    assert answer.status_code == 401, answer.text


async def noted(console: Office) -> object:
    await console.parts.sign_in.refusals.write()
    entry = [each.entry for each in console.store.operators_log.values()][-1]
    assert entry.action == "session.refused"
    return entry.facts["address"]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (("192.0.2.1",), "192.0.2.1"),
        ((f"127.0.0.1, 10.0.0.1, {STRANGER}",), STRANGER),
        (("127.0.0.1", STRANGER), STRANGER),
        ((f"{STRANGER}, 127.0.0.1",), STRANGER),
        (("nonsense",), "127.0.0.1"),
        ((), "127.0.0.1"),
    ],
    ids=str,
)
async def test_the_log_names_whom_the_trusted_proxy_saw(lines: tuple[str, ...], found: str) -> None:
    async with served(ip_network("127.0.0.1/32")) as (console, url):
        headers = [("x-forwarded-for", line) for line in lines]
        await refused_from(url, "127.0.0.1", *headers)
        assert await noted(console) == found


async def test_who_is_no_trusted_proxy_is_known_by_the_connection() -> None:
    async with served(ip_network("127.0.0.1/32")) as (console, url):
        await refused_from(url, "127.0.0.2", ("x-forwarded-for", "192.0.2.1"))
        assert await noted(console) == "127.0.0.2"


async def test_other_headers_of_the_kind_count_for_nothing() -> None:
    async with served(ip_network("127.0.0.1/32")) as (console, url):
        forged = [(name, "192.0.2.1") for name in ("x-real-ip", "client-ip", "cf-connecting-ip")]
        forged += [("forwarded", "for=192.0.2.1"), ("x-forwarded-for", STRANGER)]
        await refused_from(url, "127.0.0.1", *forged)
        assert await noted(console) == STRANGER


async def test_who_guesses_waits_whatever_they_write_and_nobody_else_does() -> None:
    settings = ConsoleSettings(trusted_proxies=(ip_network("198.51.100.0/24"),))
    async with office(settings) as console:
        statuses = []
        for number in range(ADDRESS_FREE + 1):
            guesser = console.browser()
            guesser.client.headers["x-forwarded-for"] = f"192.0.2.{number}, {STRANGER}"
            statuses.append((await guesser.sign_in(f"name-{number}", "wrong")).status_code)
        assert statuses == [*[401] * ADDRESS_FREE, 429]
        oscar = console.browser()
        oscar.client.headers["x-forwarded-for"] = "203.0.113.10"
        assert (await oscar.sign_in("oscar")).status_code == 303
