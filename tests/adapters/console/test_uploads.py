"""A provider's statement brought in at the console: by whom, how large, whole or not at all."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import httpx
import pytest
from litestar.types import HTTPRequestEvent

from adapters.console.parts import ConsoleSettings
from adapters.console.problems import Trouble
from adapters.console.uploads import read_upload
from adapters.sandbox.statements import Plant, plant, rows_of, written
from domain.runs import Phase, Progress, Run, RunState
from tests.adapters.console.office import HOST, START, Browser, Office, office
from tests.reconciliation.scale import payouts
from tests.statement_books import booked_cash_out, keep
from tests.strategies import ORANGE

pytestmark = pytest.mark.anyio

RUNS = "/console/statements"
WHOLE = {"provider": ORANGE, "from": "2026-11-20", "until": "2026-11-22"}
BOUNDARY = "b0undary"
BEHIND = f'\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name="x"\r\n\r\n1'.encode()


def a_statement(**wanted: int) -> bytes:
    """Return the file of twenty cash-outs with so many breaks of these kinds."""
    rows = rows_of(payouts(booked_cash_out(number) for number in range(1, 21)), ORANGE)
    planted, _ = plant(rows, {Plant(kind): n for kind, n in wanted.items()}, seed=3)
    return "".join(written(planted, ORANGE)).encode()


async def at_the_form(console: Office, name: str = "oscar") -> Browser:
    browser = await console.signed_in(name)
    await browser.get(RUNS)
    return browser


async def runs(console: Office) -> list[Run]:
    async with console.units.begin() as unit:
        return await unit.statements.runs(10)


def parts_of(csrf: str, *, behind: bytes = b"", end: bytes = b"--") -> bytes:
    """Return a form as it goes over the wire, with something behind its file, and its end."""
    lines = [
        f"--{BOUNDARY}",
        'Content-Disposition: form-data; name="csrf"',
        "",
        csrf,
        f"--{BOUNDARY}",
        'Content-Disposition: form-data; name="provider"',
        "",
        ORANGE,
        f"--{BOUNDARY}",
        'Content-Disposition: form-data; name="file"; filename="may.csv"',
        "",
        "",
    ]
    return (
        "\r\n".join(lines).encode()
        + a_statement()
        + behind
        + (f"\r\n--{BOUNDARY}".encode() + end + b"\r\n")
    )


async def sent(browser: Browser, body: bytes | AsyncIterator[bytes]) -> httpx.Response:
    headers = {
        "origin": HOST,
        "sec-fetch-site": "same-origin",
        "content-type": f"multipart/form-data; boundary={BOUNDARY}",
    }
    return await browser.client.post(RUNS, content=body, headers=headers)


async def test_an_operator_brings_in_a_statement_and_is_led_to_its_run(console: Office) -> None:
    await keep(console.units, [booked_cash_out(number) for number in range(1, 21)])
    oscar = await at_the_form(console)
    answer = await oscar.send(RUNS, WHOLE, "<may>.csv", a_statement(missing_here=2))
    (begun,) = await runs(console)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{RUNS}/{begun.id}")
    assert (begun.provider, begun.file_name, begun.started_by) == (ORANGE, "<may>.csv", "oscar")
    assert ("oscar", "statement.reconciled", str(begun.id)) in console.logged
    await console.parts.receive.wait()
    page = (await oscar.get(answer.headers["location"])).text
    assert "&lt;may&gt;.csv" in page
    assert page.count("Not in our books") == 2
    (ended,) = await runs(console)
    assert (ended.state, ended.tally.matched) == (RunState.FINISHED, 20)
    assert ended.period is not None
    assert (ended.period.since.day, ended.period.until.day) == (20, 23)


async def test_the_same_file_again_goes_on_with_the_same_run(console: Office) -> None:
    oscar = await at_the_form(console)
    raw = a_statement()
    first = await oscar.send(RUNS, {"provider": ORANGE}, "may.csv", raw)
    await console.parts.receive.wait()
    again = await oscar.send(RUNS, {"provider": ORANGE}, "may.csv", raw)
    await console.parts.receive.wait()
    assert again.headers["location"] == first.headers["location"]
    assert [run.times for run in await runs(console)] == [2]


async def test_a_run_under_way_shows_how_far_it_is_and_looks_again_by_itself(
    console: Office,
) -> None:
    run = Run(UUID(int=7), ORANGE, "d" * 64, "may.csv", START, "oscar")
    oscar = await console.signed_in("oscar")
    for progress, told in (
        (None, "Begins"),
        (Progress(Phase.READING, 1_572_864, 3_145_728), "1.5 MB of 3 MB"),
        (Progress(Phase.COMPARING, 1_000, 5_000), "1,000 of 5,000 lines"),
        (Progress(Phase.SEARCHING), "Looking for what it does not have"),
    ):
        async with console.units.begin() as unit:
            await unit.statements.save(replace(run, progress=progress))
        page = (await oscar.get(f"{RUNS}/{run.id}")).text
        assert told in page
        assert 'id="run" class="part" data-refresh=' in page
        assert "The books agree" not in page
    async with console.units.begin() as unit:
        await unit.statements.save(replace(run, state=RunState.FINISHED, finished_at=START))
    page = (await oscar.get(f"{RUNS}/{run.id}")).text
    assert "data-refresh" not in page
    assert "The books agree" in page


async def test_a_viewer_has_no_form_and_nothing_of_theirs_is_read(console: Office) -> None:
    vera = await at_the_form(console, "vera")
    assert "Bring in a statement" not in (await vera.get(RUNS)).text
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for piece in (parts_of(vera.csrf), b""):
            read += len(piece)
            yield piece

    assert (await sent(vera, body())).status_code == 403
    assert await runs(console) == []


async def test_a_forged_form_is_refused_before_its_file_is_taken(console: Office) -> None:
    oscar = await at_the_form(console)
    answer = await sent(oscar, parts_of("somebody-elses"))
    assert answer.status_code == 403
    assert "not from here" in answer.text
    assert await runs(console) == []


@pytest.mark.parametrize(
    ("fields", "name", "told"),
    [
        ({"provider": ORANGE}, "", "Choose the file"),
        ({"provider": "nobody"}, "may.csv", "provider"),
        ({"provider": ORANGE, "from": "2026-11-20"}, "may.csv", "the first and the last day"),
        ({**WHOLE, "until": "2026-11-18"}, "may.csv", "The period ends before it begins."),
        ({**WHOLE, "until": "9999-12-31"}, "may.csv", "the first and the last day"),
    ],
)
async def test_what_cannot_be_taken_is_told_beside_the_form(
    console: Office, fields: dict[str, str], name: str, told: str
) -> None:
    oscar = await at_the_form(console)
    if name:
        answer = await oscar.send(RUNS, fields, name, a_statement())
    else:
        # As a browser sends it when no file was chosen.
        answer = await sent(oscar, parts_of(oscar.csrf).replace(b"may.csv", b""))
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert told in answer.text
    assert "Bring in a statement" in answer.text
    assert await runs(console) == []


async def test_one_statement_of_a_provider_at_a_time(console: Office) -> None:
    oscar = await at_the_form(console)
    raw = a_statement()
    begun = await oscar.send(RUNS, WHOLE, "may.csv", raw)
    assert begun.status_code == 303
    answer = await oscar.send(RUNS, WHOLE, "may.csv", raw)
    assert answer.status_code == 422
    assert "is being reconciled" in answer.text
    await console.parts.receive.wait()


@pytest.mark.parametrize(
    "broken",
    [{"end": b""}, {"behind": BEHIND}],
    ids=["cut off", "something behind the file"],
)
async def test_a_file_that_is_not_whole_makes_no_run(
    console: Office, broken: dict[str, bytes]
) -> None:
    oscar = await at_the_form(console)
    answer = await sent(oscar, parts_of(oscar.csrf, **broken))
    assert answer.status_code == 400
    assert "did not arrive as a whole" in answer.text
    assert await runs(console) == []
    whole = await sent(oscar, parts_of(oscar.csrf))
    assert whole.status_code == 303, "the provider was left free"
    await console.parts.receive.wait()


async def test_a_statement_has_a_size_of_its_own_declared_or_not() -> None:
    most = len(a_statement())
    async with office(ConsoleSettings(statement_most=most)) as console:
        oscar = await at_the_form(console)
        assert (await sent(oscar, parts_of(oscar.csrf))).status_code == 303
        await console.parts.receive.wait()
        for behind in (b"x", b"x" * 70_000):
            large = parts_of(oscar.csrf, behind=behind)
            for body in (large, in_pieces(large)):
                answer = await sent(oscar, body)
                assert answer.status_code == 413
                assert f"{most:,} bytes" in answer.text
        assert len(await runs(console)) == 1


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 1_000):
        yield body[start : start + 1_000]


async def test_a_form_without_a_file_keeps_its_own_bound(console: Office) -> None:
    oscar = await at_the_form(console)
    answer = await oscar.post(RUNS, {"provider": "x" * 70_000})
    assert answer.status_code == 413
    answer = await oscar.send(RUNS, {"provider": "x" * 70_000}, "may.csv", a_statement())
    assert answer.status_code == 413


HELD = b"id;amount\r\n1;2\r\n--b0undar\r\n"
SMALL = parts_of("t0ken").replace(a_statement(), HELD)
"""A whole form. A line of its file begins as the boundary does."""


async def taken(
    pieces: list[bytes], length: str | None = None
) -> tuple[dict[str, str], str, bytes]:
    """Return fields, name and content of a form that arrives in these pieces."""
    left = list(pieces)

    async def receive() -> HTTPRequestEvent:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    if length is not None:
        headers["content-length"] = length
    fields, upload = await read_upload(headers, {}, receive, ConsoleSettings())
    return fields, upload.name, b"".join([piece async for piece in upload.pieces])


async def test_wherever_the_network_cuts_a_form_its_file_is_the_same() -> None:
    whole = ({"csrf": "t0ken", "provider": ORANGE}, "may.csv", HELD)
    for cut in range(1, len(SMALL)):
        assert await taken([SMALL[:cut], SMALL[cut:]]) == whole, SMALL[:cut][-8:]
    assert await taken([bytes([each]) for each in SMALL]) == whole
    assert await taken([SMALL, b""]) == whole


async def test_a_form_that_ends_anywhere_before_its_end_is_not_whole() -> None:
    for end in range(1, SMALL.rindex(b"--") + 2):
        with pytest.raises(Trouble, match="did not arrive as a whole"):
            await taken([SMALL[:end]])


@pytest.mark.parametrize("length", ["²", "٣", "x", "-1", ""])
async def test_a_length_that_is_no_number_is_not_believed(length: str) -> None:
    assert (await taken([SMALL], length))[2] == HELD
