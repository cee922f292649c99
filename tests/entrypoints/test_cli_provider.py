"""`cashout provider close`, `open` and `health` beside a running service: what they do to it."""

import json
import sqlite3
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from entrypoints.cli.acting import name_here
from tests.entrypoints.beside_dev import Beside, beside_dev

ORANGE = "orange_money"
ROUTE = f"{ORANGE}/CI/XOF"
IN_CI = ("--country", "CI", "--currency", "XOF")
ELSEWHERE = ("request", ORANGE, "15000", "XOF", "+221770000789", "--name", "Awa Diop")
LONGEST_S = 60


@pytest.fixture(scope="module", name="dev")
def running_dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    with beside_dev(tmp_path_factory.mktemp("provider")) as beside:
        yield beside


def steer(dev: Beside, how: str, *words: str, reason: str = "maintenance") -> str:
    """Close or open; return what the command said."""
    done = dev.console.run("provider", how, ORANGE, *words, "--reason", reason)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return done.stderr.strip()


def standing(dev: Beside, country: str = "", currency: str = "") -> dict[str, Any] | None:
    """Return the line of a provider or corridor in `provider health`, if it has one."""
    wanted = {"provider": ORANGE, "country": country, "currency": currency}
    rows = dev.console.json("provider", "health")
    return next((row for row in rows if wanted.items() <= row.items()), None)


def served(dev: Beside) -> str:
    """Return what the running service itself says of the corridor."""
    token = dev.console.run("token", "--user", "ada").stdout.strip()
    asked = urllib.request.Request(
        f"{dev.facts['api']}/api/payments/providers", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(asked, timeout=10) as answer:
        found = json.loads(answer.read())["data"]["providers"]
    (orange,) = (each for each in found if each["id"] == ORANGE)
    (country,) = (each for each in orange["corridors"] if each["country"] == "CI")
    (corridor,) = (each for each in country["availability"] if each["currency"] == "XOF")
    return str(corridor["state"])


def until(holds: Callable[[], bool]) -> None:
    """Return once something is so of the running service."""
    give_up_at = time.monotonic() + LONGEST_S
    while not holds():
        assert time.monotonic() < give_up_at
        time.sleep(0.2)


def operators_did(dev: Beside) -> list[tuple[str, str, str, str]]:
    """Return who did what to what, and why, as the operators' log has it."""
    query = "SELECT operator, action, subject, facts FROM operators_log ORDER BY sequence"
    with closing(sqlite3.connect(dev.console.folder / ".cashout" / "cashout.db")) as books:
        entries = books.execute(query).fetchall()
    return [
        (operator, action, subject, json.loads(facts)["reason"])
        for operator, action, subject, facts in entries
        if action.startswith("provider.")
    ]


def test_a_corridor_that_is_closed_waits_and_is_paid_once_when_it_is_opened(dev: Beside) -> None:
    assert steer(dev, "close", *IN_CI) == f"{ROUTE} is closed."
    assert steer(dev, "close", *IN_CI) == f"{ROUTE} was closed already."
    shown = standing(dev, "CI", "XOF")
    assert shown is not None
    told = {key: shown[key] for key in ("state", "reason", "by", "note")}
    assert told == {
        "state": "CLOSED",
        "reason": "by_hand",
        "by": name_here(),
        "note": "maintenance",
    }
    whole = standing(dev)
    assert whole is not None
    assert whole["state"] == "OPERATIONAL"
    until(lambda: served(dev) == "CLOSED")
    waits = dev.request()
    # The same worker pays elsewhere meanwhile.
    paid = dev.console.json(*ELSEWHERE, "--wait", "30")
    assert paid["status"] == "completed"
    now = dev.console.json("status", waits["cashOutId"])
    assert (now["status"], now["attempts"]) == ("pending", 0)
    assert "not available at the moment" in now["statusDetail"]
    assert steer(dev, "open", *IN_CI, reason="it is over") == f"{ROUTE} is open."
    assert steer(dev, "open", *IN_CI) == f"{ROUTE} was open already."
    done = dev.console.run("status", waits["cashOutId"], "--watch", "30")
    assert done.returncode == 0, done.stderr
    assert payouts_of(dev, waits["reference"]) == 1
    assert standing(dev, "CI", "XOF") is None
    assert operators_did(dev) == [
        (name_here(), "provider.closed", ROUTE, "maintenance"),
        (name_here(), "provider.opened", ROUTE, "it is over"),
    ]
    tail = ("events", "tail", "--from-start", "--no-follow", "--type", "provider.health_changed")
    told_others = dev.console.run(*tail, "--json").stdout.splitlines()
    states = [json.loads(line)["data"]["state"] for line in told_others]
    assert states == ["CLOSED", "OPERATIONAL"]


def payouts_of(dev: Beside, reference: str) -> int:
    """Return how often the provider has paid a reference."""
    with urllib.request.urlopen(f"{dev.facts['sandbox']}/ledger?reference={reference}") as answer:
        return len(json.loads(answer.read())["payouts"])


def test_opening_a_corridor_of_what_is_closed_as_a_whole_says_that_nothing_is_sent(
    dev: Beside,
) -> None:
    steer(dev, "close")
    steer(dev, "close", *IN_CI)
    said = steer(dev, "open", *IN_CI)
    assert said.splitlines() == [
        f"{ROUTE} is open.",
        f"Nothing is sent there all the same: {ORANGE} is CLOSED.",
    ]
    table = dev.console.run("provider", "health").stdout
    assert "CLOSED" in table
    assert name_here() in table
    steer(dev, "open")
    assert "CLOSED" not in dev.console.run("provider", "health").stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("close", "nobody", "--reason", "x"), 4, "orange_money"),
        (("close", ORANGE), 2, "--reason"),
        (("close", ORANGE, "--reason", " "), 4, "reason"),
        (("open", ORANGE, "--country", "ZZ", "--reason", "x"), 4, "pays in"),
        (("open", ORANGE, "--currency", "XOF", "--reason", "x"), 4, "country"),
        (("close", ORANGE, "--country", "CI", "--currency", "GNF", "--reason", "x"), 4, "XOF"),
    ],
)
def test_what_cannot_be_closed_is_told_in_a_line_and_changes_nothing(
    dev: Beside, words: tuple[str, ...], code: int, says: str
) -> None:
    before = operators_did(dev)
    done = dev.console.run("provider", *words)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert operators_did(dev) == before
