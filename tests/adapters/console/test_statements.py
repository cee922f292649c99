"""Reconciliation at the console: runs, their breaks, and an operator who says why."""

from uuid import UUID

import pytest

from domain.breaks import Break, BreakState
from domain.money import CURRENCIES, Money
from domain.runs import Run, RunState, Tally
from domain.statements import BreakKind
from tests.adapters.console.office import START, Office

pytestmark = pytest.mark.anyio

RUN = UUID(int=70)
BREAK = UUID(int=71)


async def reconciled(console: Office, breaks: int = 1) -> None:
    """Store a finished run with breaks."""
    run = Run(
        id=RUN,
        provider="orange_money",
        file_digest="d" * 64,
        file_name="<b>november</b>.csv",
        started_at=START,
        started_by="oscar",
        state=RunState.FINISHED,
        finished_at=START,
        tally=Tally(matched=998, broken=2, breaks={BreakKind.MISSING_HERE: breaks}),
    )
    found = [
        Break(
            id=UUID(int=BREAK.int + number),
            key=f"key-{number}",
            provider="orange_money",
            kind=BreakKind.MISSING_HERE,
            run_id=RUN,
            found_at=START,
            at=START,
            detail="their books have it, ours do not",
            digest=f"{number:064x}",
            line=number + 1,
            provider_transaction_id=f"OM-{number}",
            there=Money(15_000, CURRENCIES["XOF"]),
        )
        for number in range(breaks)
    ]
    async with console.units.begin() as unit:
        await unit.statements.save(run)
        await unit.statements.found(RUN, found)


async def test_runs_are_listed_with_what_is_still_open(console: Office) -> None:
    await reconciled(console)
    text = (await (await console.signed_in("vera")).get("/console/statements")).text
    assert "&lt;b&gt;november&lt;/b&gt;.csv" in text
    assert f'href="/console/statements/{RUN}"' in text
    assert '<td class="number">1,000</td><td class="number">998</td>' in text


async def test_a_run_shows_its_breaks_and_a_viewer_cannot_explain_them(console: Office) -> None:
    await reconciled(console)
    text = (await (await console.signed_in("vera")).get(f"/console/statements/{RUN}")).text
    for shown in ("Not in our books", "15,000 XOF", "OM-0", "their books have it"):
        assert shown in text
    assert "/explain" not in text


async def test_an_operator_says_why_and_it_is_logged(console: Office) -> None:
    await reconciled(console)
    oscar = await console.signed_in("oscar")
    await oscar.get(f"/console/statements/{RUN}")
    form = {"note": "Paid by hand on Sunday.", "run": str(RUN)}
    answer = await oscar.post(f"/console/breaks/{BREAK}/explain", form)
    assert answer.headers["location"] == f"/console/statements/{RUN}?done=explained"
    page = await oscar.get(answer.headers["location"])
    assert "Explained. The books still disagree" in page.text
    assert "Paid by hand on Sunday." in page.text
    async with console.units.begin() as unit:
        explained = await unit.statements.one_break(BREAK)
    assert explained is not None
    assert explained.state is BreakState.EXPLAINED
    assert console.logged[-1] == ("oscar", "break.explained", str(BREAK))
    assert "Paid by hand" not in (await oscar.get("/console/breaks")).text


async def test_a_number_in_what_an_operator_wrote_is_masked_for_viewers(console: Office) -> None:
    await reconciled(console)
    oscar, vera = await console.signed_in("oscar"), await console.signed_in("vera")
    await oscar.get(f"/console/statements/{RUN}")
    form = {"note": "Paid to 0700000789 by hand.", "run": str(RUN)}
    await oscar.post(f"/console/breaks/{BREAK}/explain", form)
    for path in (f"/console/statements/{RUN}", "/console/log"):
        assert "Paid to 0700000789 by hand." in (await oscar.get(path)).text
        assert "Paid to ***789 by hand." in (await vera.get(path)).text


async def test_an_explanation_of_nothing_is_refused(console: Office) -> None:
    await reconciled(console)
    oscar = await console.signed_in("oscar")
    await oscar.get("/console/breaks")
    answer = await oscar.post(f"/console/breaks/{BREAK}/explain", {"note": " "})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    gone = await oscar.post(f"/console/breaks/{UUID(int=5)}/explain", {"note": "Why not."})
    assert gone.status_code == 422


async def test_breaks_go_on_over_pages(console: Office) -> None:
    await reconciled(console, breaks=60)
    vera = await console.signed_in("vera")
    first = (await vera.get("/console/breaks")).text
    assert first.count("Not in our books") == 50
    path = first.partition('data-swap="main" href="')[2].partition('"')[0]
    assert (await vera.get(path)).text.count("Not in our books") == 10
