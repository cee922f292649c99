"""A contradiction from end to end: sandbox, webhooks, two operators, the event, the books."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.memory.events import LocalEvents
from adapters.sql.books import UNHURRIED, SqlBooks
from adapters.sql.database import open_database
from adapters.system import SystemClock
from application.verify import Verify
from domain.events import Event
from tests.entrypoints.console import Console
from tests.running import HASTY, JWT_SECRET, Running, running, token_for

pytestmark = pytest.mark.anyio

REVIEWS = "/api/payments/reviews"
TAKES_BACK = "+2250700000304"
"""The sandbox calls it failed, by webhook and status; later it pays it, and says so."""
BODY = {
    "walletId": "wallet-1",
    "amount": 1500,
    "currency": "XOF",
    "provider": "orange_money",
    "providerAccountId": TAKES_BACK,
    "providerAccountName": "Awa Koné",
}
PAID = {
    "resolution": "paid",
    "reason": "Line 17 of the statement says that it was paid.",
    "proof": {"kind": "statement_line", "reference": "2026-11-24/17"},
}


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as service:
        yield service


async def contradicted(live: Running) -> str:
    """Return the id of a cash-out that has failed and was paid all the same, once both are told."""
    taken = await live.post("user-1", BODY)
    assert taken.status_code == 202, taken.text
    made: str = taken.json()["data"]["cashOutId"]
    async with asyncio.timeout(30):
        while True:
            record = await live.get("user-1", made)
            if record["needsReview"]:
                assert record["status"] == "failed"
                return made
            await asyncio.sleep(0.05)


async def as_operator(
    live: Running, who: str, role: str, path: str, body: dict[str, Any] | None = None
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token_for(who, role)}"}
    if body is None and "/approve" not in path:
        return await live.client.get(path, headers=headers)
    return await live.client.post(path, headers=headers, json=body or {})


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def heard(stream: AsyncIterator[Event], kind: str) -> Event:
    """Return the first event of this kind that subscribers are told."""
    async with asyncio.timeout(20):
        async for event in stream:
            if event.type == kind:
                return event
    raise AssertionError(kind)


async def verified(live: Running) -> bool:
    """Tell whether chains, counters, totals, events and states of the whole database agree."""
    database = open_database(live.settings.database_url, UNHURRIED, application="verify")
    try:
        report = await Verify(SqlBooks(database), SystemClock())()
    finally:
        await database.close()
    assert report.is_clean, report
    return report.is_clean


async def test_a_contradiction_is_settled_by_two_and_the_money_side_is_told(live: Running) -> None:
    made = await contradicted(live)
    events = live.service.publisher
    assert isinstance(events, LocalEvents)
    stream = events.follow(since_start=True)

    seen = await as_operator(live, "vera", "viewer", f"{REVIEWS}/{made}")
    assert seen.status_code == 200
    found = seen.json()["data"]
    assert found["review"]["reason"] == "contradiction"
    assert found["review"]["concerns"] == ["contradiction: completed"]
    assert found["allowedActions"] == []

    address = f"/api/payments/cash-out/{made}/resolutions"
    asked = {**PAID, "seen": found["seen"]}
    # Neither its user nor somebody who may only look.
    for who, role in (("user-1", "user"), ("vera", "viewer")):
        assert code(await as_operator(live, who, role, address, asked)) == (403, "FORBIDDEN")
    proposed = await as_operator(live, "amadou", "approver", address, asked)
    assert proposed.status_code == 201, proposed.text
    proposal = proposed.json()["data"]["proposalId"]
    approve = f"/api/payments/resolutions/{proposal}/approve"
    # The same person cannot do both, nor can somebody who may only propose.
    alone = await as_operator(live, "amadou", "approver", approve)
    assert code(alone) == (403, "PROPOSER_CANNOT_APPROVE")
    assert code(await as_operator(live, "olga", "operator", approve)) == (403, "FORBIDDEN")
    second = await as_operator(live, "olga", "operator", address, asked)
    assert code(second) == (409, "PROPOSAL_ALREADY_OPEN")

    settled = await as_operator(live, "aisha", "approver", approve)
    assert settled.status_code == 200, settled.text
    assert settled.json()["data"]["agrees"] is False
    again = await as_operator(live, "aisha", "approver", approve)
    assert code(again) == (409, "PROPOSAL_ALREADY_DECIDED")

    told = json.loads((await heard(stream, "cash_out.review_resolved")).body)
    assert (told["cashOutId"], told["status"], told["resolution"], told["agrees"]) == (
        made,
        "failed",
        "paid",
        False,
    )
    assert told["resolutionId"] == proposal
    record = await live.get("user-1", made)
    assert (record["status"], record["needsReview"]) == ("failed", False)
    for secret in ("aisha", "amadou", "statement"):
        assert secret not in json.dumps(record), "what operators write is not for users"
    assert await verified(live)


async def test_the_command_line_settles_it_too_and_a_name_cannot_be_typed(
    live: Running, tmp_path: Path
) -> None:
    made = await contradicted(live)
    console = Console(
        tmp_path,
        {
            **HASTY,
            **live.sandbox.environment(),
            "JWT_SECRET": JWT_SECRET,
            "DATABASE_URL": live.settings.database_url,
        },
    )

    def review(*arguments: str, expect: int = 0) -> Any:  # noqa: ANN401 -- JSON
        return console.json("review", *arguments, expect=expect)

    def command(*arguments: str) -> tuple[int, str]:
        done = console.run("review", *arguments)
        return done.returncode, done.stderr

    queue = await asyncio.to_thread(review, "list")
    (listed,) = queue["reviews"]
    assert (listed["cashOutId"], listed["reason"]) == (made, "contradiction")
    proof = ("--proof", "provider_portal", "--proof-reference", "page 3")
    proposal = await asyncio.to_thread(
        review, "propose", made, "paid", "--reason", "it is on their page", *proof
    )
    # Whoever sits at this machine has one name, and it is the account's.
    assert proposal["proposedBy"].startswith("cli:")
    alone = await asyncio.to_thread(command, "approve", proposal["proposalId"])
    assert alone[0] == 4
    assert "PROPOSER_CANNOT_APPROVE" in alone[1]
    forged = await asyncio.to_thread(command, "approve", proposal["proposalId"], "--token", "x.y.z")
    assert forged[0] == 4
    viewer = ("--token", token_for("vera", "viewer"))
    looked = await asyncio.to_thread(command, "approve", proposal["proposalId"], *viewer)
    assert looked[0] == 4
    assert "FORBIDDEN" in looked[1]
    shown = await asyncio.to_thread(console.run, "review", "show", made)
    assert "it is on their page" in shown.stdout
    approver = ("--token", token_for("amadou", "approver"))
    done = await asyncio.to_thread(review, "approve", proposal["proposalId"], *approver)
    assert (done["status"], done["agrees"], done["proposal"]["decidedBy"]) == (
        "failed",
        False,
        "amadou",
    )
    assert (await asyncio.to_thread(review, "list"))["reviews"] == []
    assert await verified(live)


async def test_wrong_usage_of_the_commands_is_told_in_a_line(tmp_path: Path) -> None:
    console = Console(tmp_path, {"JWT_SECRET": JWT_SECRET})
    assert console.run("migrate").returncode == 0
    nowhere = "00000000-0000-4000-8000-000000000404"
    for arguments, code_, says in (
        (("list", "--reason", "bad weather"), 2, "contradiction"),
        (("propose", nowhere, "perhaps", "--reason", "x"), 2, "keep_waiting"),
        (("show", "nonsense"), 3, "cash-out"),
        (("approve", nowhere), 3, "proposal"),
        (("dismiss", nowhere, "--reason", "x"), 3, "webhook"),
    ):
        done = console.run("review", *arguments)
        assert done.returncode == code_, (arguments, done.stderr)
        assert says in done.stderr
        assert "Traceback" not in done.stderr
    assert console.json("review", "orphans") == {"webhooks": []}
