"""What each page shows, to whom, and that nothing of it runs."""

import re
from datetime import timedelta
from uuid import UUID

import pytest

from application.ports import StorageUnavailable
from domain.cash_out import Lease, begin_attempt
from domain.payee import Msisdn, Payee
from domain.runs import Run
from domain.states import Status
from tests.adapters.console.office import START, Office, office, routes_of
from tests.contracts.stores import changed, moved

pytestmark = pytest.mark.anyio

PAGES = (
    "/console",
    "/console/cash-outs",
    "/console/cash-outs?show=open",
    "/console/cash-outs?q=789",
    f"/console/cash-outs/{UUID(int=1)}",
    "/console/reviews",
    "/console/statements",
    "/console/breaks",
    "/console/webhooks",
    "/console/providers",
    "/console/tariffs",
    "/console/log",
)
NUMBER, NAME = "+2250700000789", "Awa <b>Koné"
PAYEE = Payee(Msisdn(NUMBER, "CI"), NAME)
_INLINE = re.compile(
    r"<style|\sstyle=|<script>|<script [^>]*>[^<]|\son[a-z]+=|javascript:", re.IGNORECASE
)
_ADDRESS = re.compile(r'(?:src|href|action|formaction)="([^"]*)"')


async def test_every_page_is_shown_to_every_role_and_nothing_in_it_is_inline(
    console: Office,
) -> None:
    one = await console.made(payee=PAYEE, user_id='<script>alert("user")</script>')
    await console.received(7, one.reference)
    for name in ("vera", "oscar", "ada", "adam"):
        browser = await console.signed_in(name)
        for path in PAGES:
            answer = await browser.get(path)
            assert answer.status_code == 200, (name, path, answer.text[:500])
            assert _INLINE.search(answer.text) is None, path
            assert "<script>alert" not in answer.text
            assert answer.text.count("<h1") == 1
            assert '<html lang="en">' in answer.text
            elsewhere = [to for to in _ADDRESS.findall(answer.text) if to[:1] not in {"/", "#"}]
            assert elsewhere == [], path


async def test_the_list_above_has_every_page(console: Office) -> None:
    known = {path.partition("?")[0] for path in PAGES}
    asks = {f"/console/providers/{UUID(int=1)}/{word}" for word in ("close", "open")}
    others = asks | {"/console/sign-in", "/console/assets/x", f"/console/statements/{UUID(int=1)}"}
    assert {path for method, path in routes_of(console.app) if method == "GET"} == known | others


async def test_no_page_shows_a_whole_number_or_a_name_unasked(console: Office) -> None:
    await console.made(payee=PAYEE)
    for name in ("vera", "adam"):
        browser = await console.signed_in(name)
        for path in PAGES:
            text = (await browser.get(path)).text
            assert NUMBER[1:] not in text
            assert "Koné" not in text


async def test_an_operator_may_see_number_and_name_and_the_look_is_logged(
    console: Office,
) -> None:
    one = await console.made(payee=PAYEE)
    browser = await console.signed_in("oscar")
    shown = await browser.post(f"/console/cash-outs/{one.id}/number")
    assert shown.status_code == 200
    assert NUMBER in shown.text
    assert "Awa &lt;b&gt;Koné" in shown.text
    assert console.logged[-1] == ("oscar", "number.seen", str(one.id))
    assert "number.seen" in (await browser.get(f"/console/cash-outs/{one.id}")).text


async def test_a_look_at_what_is_not_there_is_not_logged(console: Office) -> None:
    browser = await console.signed_in("oscar")
    assert (await browser.post(f"/console/cash-outs/{UUID(int=9)}/number")).status_code == 404
    assert [action for _, action, _ in console.logged] == ["session.opened"]


async def test_a_viewer_changes_nothing_and_is_shown_no_button_for_it(console: Office) -> None:
    one = await console.made(payee=PAYEE)
    browser = await console.signed_in("vera")
    before = (len(console.store.operators_log), dict(console.store.cash_outs))
    for method, path in routes_of(console.app):
        if method == "POST" and not path.endswith(("/sign-in", "/sign-out")):
            answer = await browser.post(path, {"resolution": "paid", "reason": "x", "note": "x"})
            assert answer.status_code == 403, path
            assert "Your role does not allow this" in answer.text
    assert (len(console.store.operators_log), dict(console.store.cash_outs)) == before
    page = await browser.get(f"/console/cash-outs/{one.id}")
    assert re.findall(r'<form method="post" action="([^"]+)"', page.text) == ["/console/sign-out"]


async def test_an_operator_may_propose_and_not_approve(console: Office) -> None:
    browser = await console.signed_in("oscar")
    for what in ("approve", "reject"):
        path = f"/console/cash-outs/{UUID(int=1)}/proposals/{UUID(int=2)}/{what}"
        assert (await browser.post(path)).status_code == 403


async def test_a_cash_out_that_was_not_sent_can_be_cancelled_and_a_sent_one_cannot(
    console: Office,
) -> None:
    browser = await console.signed_in("oscar")
    unsent, sent = await console.made(1), await console.made(2)
    lease = Lease(UUID(int=5), console.clock.now() + timedelta(minutes=2))
    await console.keep(begin_attempt(sent, console.clock.now(), lease))
    assert "Cancel this cash-out" in (await browser.get(f"/console/cash-outs/{unsent.id}")).text
    gone = await browser.post(f"/console/cash-outs/{unsent.id}/cancel")
    assert gone.headers["location"] == f"/console/cash-outs/{unsent.id}?done=cancelled"
    assert console.store.cash_outs[unsent.id].status is Status.CANCELLED
    assert "Cancelled. Nothing will be sent." in (await browser.get(gone.headers["location"])).text
    late = await browser.post(f"/console/cash-outs/{sent.id}/cancel")
    assert late.status_code == 409
    assert "too late to cancel" in late.text
    assert console.store.cash_outs[sent.id].status is Status.PROCESSING


async def test_the_overview_adds_up_what_is_open_and_how_the_hour_went(console: Office) -> None:
    made = [await console.made(number) for number in range(1, 6)]
    console.clock.advance(timedelta(seconds=4))
    now = console.clock.now()
    for one in made[:2]:
        await console.keep(moved(one, Status.COMPLETED, now))
    await console.keep(moved(made[2], Status.FAILED, now))
    lease = Lease(UUID(int=5), now + timedelta(minutes=2))
    await console.keep(begin_attempt(made[3], now, lease))
    await console.fold()
    console.clock.advance(timedelta(minutes=3))
    text = " ".join((await (await console.signed_in("vera")).get("/console")).text.split())
    tiles = dict(re.findall(r'<h2>([^<]+)</h2> <p class="big">([^<]+)</p>', text))
    assert tiles["Sent, not proven"] == "1"
    assert tiles["Oldest unknown"] == "3 min 4 s"
    assert tiles["Success, last hour"] == "66.6 %"
    assert tiles["p95 to completion"] == "≤ 5 s"
    assert int(tiles["Events not yet told"]) == len(console.store.events)
    amount, code = made[0].amount.minor, made[0].amount.currency.code
    assert f'<th scope="row">{code}</th>' in text
    assert f'<td class="number">{amount:,} <span class="soft">(1)</span></td>' in text
    assert "2 completed, 1 failed, 0 cancelled" in text


async def test_an_overview_of_nothing_says_so(console: Office) -> None:
    text = (await (await console.signed_in("vera")).get("/console")).text
    assert "Nothing is open: no money is at risk." in text
    assert "Everything sent has a proven ending" in text
    assert "nothing waits" in text


@pytest.mark.parametrize(
    "typed", ["REF-000002", " REF-000002 ", "OM-77", str(UUID(int=2)), UUID(int=2).hex]
)
async def test_a_whole_name_leads_straight_to_its_cash_out(console: Office, typed: str) -> None:
    for number in (1, 2, 3):
        await console.made(number)
    two = console.store.cash_outs[UUID(int=2)]
    await console.keep(changed(two, provider_transaction_id="OM-77"))
    browser = await console.signed_in("vera")
    answer = await browser.client.get("/console/cash-outs", params={"q": typed})
    assert answer.headers["location"] == f"/console/cash-outs/{two.id}"


async def test_the_id_of_an_event_leads_to_its_cash_out(console: Office) -> None:
    one = await console.made()
    (event,) = console.store.events.values()
    browser = await console.signed_in("vera")
    answer = await browser.client.get("/console/cash-outs", params={"q": str(event.id)})
    assert answer.headers["location"] == f"/console/cash-outs/{one.id}"


@pytest.mark.parametrize("typed", ["*789", "789", "+225*******789", "2250700000789", NUMBER])
async def test_numbers_are_found_by_how_they_end(console: Office, typed: str) -> None:
    await console.made(1, payee=PAYEE)
    await console.made(2, payee=Payee(Msisdn("+2250700000123", "CI"), "Other"))
    browser = await console.signed_in("vera")
    answer = await browser.client.get("/console/cash-outs", params={"q": typed})
    assert answer.status_code == 200
    assert str(UUID(int=1)) in answer.text
    assert str(UUID(int=2)) not in answer.text
    assert "Found by number" in answer.text


async def test_a_viewer_cannot_find_out_a_number_digit_by_digit(console: Office) -> None:
    """What is found for a right guess must be what is found for a wrong one."""
    await console.made(1, payee=PAYEE)
    right, wrong = "*0789", "*1789"
    for name, told_apart in (("vera", False), ("oscar", True)):
        browser = await console.signed_in(name)
        seen = [
            str(UUID(int=1)) in (await browser.get(f"/console/cash-outs?q={typed}")).text
            for typed in (right, wrong)
        ]
        assert (seen[0] is not seen[1]) is told_apart, name


async def test_a_user_is_found_by_id_and_what_is_unknown_is_told(console: Office) -> None:
    await console.made(1, user_id="user-77")
    browser = await console.signed_in("vera")
    assert str(UUID(int=1)) in (await browser.get("/console/cash-outs?q=user-77")).text
    nothing = await browser.get("/console/cash-outs?q=<i>nobody</i>")
    assert "Nothing is known under" in nothing.text
    assert "<i>nobody" not in nothing.text


async def test_lists_go_on_to_older_ones(console: Office) -> None:
    for number in range(1, 61):
        await console.made(number)
    browser = await console.signed_in("vera")
    first = await browser.get("/console/cash-outs")
    (more,) = re.findall(r'href="(/console/cash-outs\?before=[^"]+)"', first.text)
    second = await browser.get(more)
    found = [
        re.findall(r'"/console/cash-outs/([0-9a-f-]{36})"', each.text) for each in (first, second)
    ]
    assert [UUID(each).int for each in (*found[0], *found[1])] == list(range(60, 0, -1))
    assert "Older ones" not in second.text


async def test_the_log_is_read_newest_first_and_goes_on(console: Office) -> None:
    for _ in range(30):
        browser = await console.signed_in("vera")
        await browser.post("/console/sign-out")
    browser = await console.signed_in("ada")
    page = await browser.get("/console/log")
    (more,) = re.findall(r'href="(/console/log\?before=\d+)"', page.text)
    text = page.text + (await browser.get(more)).text
    shown = [int(each) for each in re.findall(r'class="number">(\d+)</th>', text)]
    assert shown == list(range(len(console.store.operators_log), 0, -1))
    assert (await browser.get("/console/log?before=nonsense")).status_code == 200


@pytest.mark.parametrize("before", ["²", "٣", "-1", "1e9", "9999999999"])
async def test_a_place_in_the_log_that_is_none_is_its_beginning(
    console: Office, before: str
) -> None:
    browser = await console.signed_in("vera")
    answer = await browser.client.get("/console/log", params={"before": before})
    assert answer.status_code == 200
    assert "session.opened" in answer.text


async def test_webhooks_say_what_became_of_them(console: Office) -> None:
    one = await console.made()
    matched = await console.received(7, one.reference)
    await console.received(8, "REF-UNKNOWN")
    await console.received(9, "", readable=False)
    async with console.units.begin() as unit:
        await unit.inbox.match({matched: one.id})
    text = (await (await console.signed_in("vera")).get("/console/webhooks")).text
    for word in ("Judged", "Nobody\u2019s yet", "Not readable"):
        assert text.count(f">{word}<") == 1


async def test_a_store_that_is_away_is_told_and_no_fault_of_the_page() -> None:
    class Away:
        async def newest(self, *_: object, **__: object) -> list[object]:
            raise StorageUnavailable("gone")

    async with office(log=Away()) as console:
        answer = await (await console.signed_in("vera")).get("/console/log")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "2"
        assert "Nothing was changed" in answer.text
        assert "gone" not in answer.text


async def test_a_fault_of_ours_is_logged_without_what_it_was_about(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Broken:
        async def newest(self, *_: object, **__: object) -> list[object]:
            message = f"could not read {NUMBER}"
            raise RuntimeError(message)

    async with office(log=Broken()) as console:
        answer = await (await console.signed_in("vera")).get("/console/log")
        assert answer.status_code == 500
        assert "Traceback" not in answer.text
        assert NUMBER not in answer.text
    said = capsys.readouterr().out
    assert "page_broke" in said
    assert NUMBER not in said


async def test_the_log_of_requests_names_the_route_and_nothing_that_was_typed(
    console: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    browser = await console.signed_in("vera")
    await browser.get("/console/cash-outs?q=+2250700000789")
    await browser.get(f"/console/cash-outs/{UUID(int=1)}")
    said = capsys.readouterr().out
    assert "0700000789" not in said
    assert str(UUID(int=1)) not in said
    assert "user=vera" in said


async def test_a_user_whose_id_is_a_number_is_masked_in_lists_and_for_viewers(
    console: Office,
) -> None:
    """An id is whatever the one says who signs users in."""
    one = await console.made(1, user_id="+22507000004711")
    for name, seen in (("vera", False), ("oscar", True)):
        browser = await console.signed_in(name)
        assert "7000004711" not in (await browser.get("/console/cash-outs")).text
        page = (await browser.get(f"/console/cash-outs/{one.id}")).text
        assert ("7000004711" in page) is seen
        assert "***711" in (await browser.get("/console/cash-outs")).text


async def test_a_reference_or_file_that_is_called_by_a_number_is_masked_for_viewers(
    console: Office,
) -> None:
    one = await console.made(1, reference="0700000789")
    await console.received(2, "0700000788")
    run = Run(UUID(int=7), "orange_money", "d" * 64, "0700000787.csv", START, "oscar")
    async with console.units.begin() as unit:
        await unit.statements.save(run)
    vera, oscar = await console.signed_in("vera"), await console.signed_in("oscar")
    for path, number in (
        (f"cash-outs/{one.id}", "0700000789"),
        ("cash-outs", "0700000789"),
        ("webhooks", "0700000788"),
        ("statements", "0700000787"),
        (f"statements/{run.id}", "0700000787"),
    ):
        assert number in (await oscar.get(f"/console/{path}")).text, path
        seen = (await vera.get(f"/console/{path}")).text
        assert number not in seen, path
        assert f"***{number[-3:]}" in seen, path
