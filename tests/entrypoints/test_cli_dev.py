"""`cashout dev`, and the commands beside it: one service, two entrances, the same documents."""

import json
import os
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.entrypoints.beside_dev import PAY, SUCCEEDS, Beside, beside_dev
from tests.entrypoints.console import COMMAND_S, Console, loggings

NOBODY = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.fixture(scope="module", name="dev")
def running_dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    with beside_dev(tmp_path_factory.mktemp("dev")) as beside:
        yield beside


def test_a_request_waits_for_its_ending(dev: Beside) -> None:
    done = dev.request("--wait", "30")
    assert done["status"] == "completed"
    assert (done["amount"], done["fee"], done["totalAmount"]) == (15000, 600, 15600)
    assert done["providerTransactionId"].startswith("OM-")
    assert done["userId"] == "cli"


def test_a_wait_shows_what_is_waited_for_apart_from_the_data(dev: Beside) -> None:
    name = ("--name", "Awa Koné")
    done = dev.console.run(*PAY, SUCCEEDS, *name, "--wait", "30")
    assert done.returncode == 0
    assert "completed: The money is in the payee's account." in done.stderr
    assert "amount     15000 XOF + fee 600 = 15600 XOF" in done.stdout
    assert "to         +2250700000789 (Awa Koné), by orange_money" in done.stdout


def test_a_cash_out_that_fails_ends_a_wait_with_1(dev: Beside) -> None:
    done = dev.request("--wait", "30", to="+2250700000089", expect=1)
    assert (done["status"], done["failureCode"]) == ("failed", "RECIPIENT_NOT_FOUND")


def test_a_cash_out_that_stays_open_ends_a_wait_with_5(dev: Beside) -> None:
    done = dev.request("--wait", "1", to="+2250700000129", expect=5)
    assert done["status"] == "processing"
    shown = dev.console.run("status", done["cashOutId"])
    assert shown.returncode == 0
    assert "The provider has it and is paying." in shown.stdout
    assert "attempt 1" in shown.stdout


def test_a_watch_is_told_by_the_api_as_it_happens(dev: Beside) -> None:
    made = dev.request(to="+2250700000139")["cashOutId"]
    done = dev.console.run("status", made, "--watch", "60")
    assert done.returncode == 0
    assert "completed: The money is in the payee's account." in done.stderr
    assert "completed" in done.stdout
    streamed = [line for line in loggings(dev.log()) if "/events" in line.get("route", "")]
    assert streamed[-1]["status"] == 200


def test_a_watch_ends_as_documented_when_time_is_up_or_it_fails(dev: Beside) -> None:
    stuck = dev.request(to="+2250700000129")["cashOutId"]
    assert dev.console.run("status", stuck, "--watch", "1").returncode == 5
    failed = dev.request(to="+2250700000089")["cashOutId"]
    assert dev.console.run("status", failed, "--watch", "30").returncode == 1
    assert dev.console.run("status", failed, "--watch", "30", "--user", "other").returncode == 4
    assert dev.console.run("status", NOBODY, "--watch", "30").returncode == 3


def test_a_watch_looks_by_itself_where_no_api_streams(dev: Beside) -> None:
    """Nobody listens where the settings say, or somebody who knows no such route."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = str(closed.getsockname()[1])
    made = dev.request()["cashOutId"]
    for port in (nobody, dev.facts["sandbox"].rpartition(":")[2].partition("/")[0]):
        done = dev.console.run("status", made, "--watch", "30", PORT=port)
        assert (done.returncode, "completed" in done.stdout) == (0, True)


def test_the_same_key_is_the_same_cash_out(dev: Beside) -> None:
    key = f"order-{uuid4()}"
    first = dev.request("--key", key)
    again = dev.request("--key", key, "--wait", "30")
    assert again["cashOutId"] == first["cashOutId"]
    other = dev.console.run(
        "request", "orange_money", "9999", "XOF", SUCCEEDS, "--name", "Awa Koné", "--key", key
    )
    assert other.returncode == 4
    assert "(IDEMPOTENCY_KEY_REUSED)" in other.stderr
    assert "amount: Differs" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("orange_money", "1.5", "XOF", SUCCEEDS), "INVALID_AMOUNT"),
        (("orange_money", "1000", "SLL", SUCCEEDS), "CURRENCY_NOT_SUPPORTED"),
        (("orange_money", "1000", "XOF", "+33612345678"), "INVALID_ACCOUNT"),
    ],
)
def test_a_refusal_is_told_with_its_code_and_ends_with_4(
    dev: Beside, arguments: tuple[str, ...], code: str
) -> None:
    done = dev.console.run("request", *arguments, "--name", "Awa Koné")
    assert done.returncode == 4
    assert done.stdout == ""
    assert f"({code})" in done.stderr.splitlines()[0]


def test_both_entrances_show_the_same_document(dev: Beside) -> None:
    """The command line and the HTTP API are two doors to one use case."""
    done = dev.request("--wait", "30", "--user", "dev")
    ours = dev.console.json("status", done["cashOutId"], "--user", "dev")
    assert _over_http(dev, f"/cash-out/{done['cashOutId']}") == ours


def test_status_is_for_its_user_or_an_admin(dev: Beside) -> None:
    made = dev.request()["cashOutId"]
    assert dev.console.run("status", made, "--user", "stranger").returncode == 4
    assert dev.console.run("status", made, "--user", "boss", "--admin").returncode == 0
    watched = dev.console.json("status", made, "--watch", "30")
    assert watched["status"] == "completed"


@pytest.mark.parametrize("unknown", [NOBODY, "not-an-id"])
def test_what_does_not_exist_is_not_found(dev: Beside, unknown: str) -> None:
    for command in ("status", "cancel"):
        done = dev.console.run(command, unknown)
        assert done.returncode == 3
        assert "NOT_FOUND" in done.stderr


def test_what_is_under_way_cannot_be_cancelled(dev: Beside) -> None:
    made = dev.request("--wait", "30")["cashOutId"]
    done = dev.console.run("cancel", made)
    assert done.returncode == 4
    assert "(TOO_LATE_TO_CANCEL)" in done.stderr


def test_history_lists_a_users_own_newest_first(dev: Beside) -> None:
    user = f"user-{uuid4()}"
    ids = [dev.request("--user", user, "--wallet", f"w-{n}")["cashOutId"] for n in range(3)]
    page = dev.console.json("history", "--user", user, "--limit", "2")
    assert [each["cashOutId"] for each in page["cashOuts"]] == ids[:0:-1]
    assert page["pagination"] == {
        "totalItems": 3,
        "totalPages": 2,
        "currentPage": 1,
        "itemsPerPage": 2,
    }
    (last,) = dev.console.json("history", "--user", user, "--wallet", "w-0")["cashOuts"]
    assert last["cashOutId"] == ids[0]
    table = dev.console.run("history", "--user", user)
    assert all(each in table.stdout for each in ids)
    assert "0789" not in table.stdout.replace(SUCCEEDS, ""), "numbers are masked in lists"
    assert dev.console.run("history", "--since", "yesterday").returncode == 2


def test_providers_are_those_of_the_api(dev: Beside) -> None:
    assert dev.console.json("providers") == _over_http(dev, "/providers")
    table = dev.console.run("providers").stdout
    assert "Sierra Leone" in table
    assert "1.5 %" in table


def test_a_quote_tells_price_and_what_is_left(dev: Beside) -> None:
    quote = dev.console.json("quote", "afrimoney", "2000", "SLE", "+23277000789")
    assert (quote["fee"], quote["totalAmount"]) == (30, 2030)
    assert quote["country"] == "SL"
    assert quote["daily"]["remaining"] == 115000
    shown = dev.console.run("quote", "afrimoney", "2000", "SLE")
    assert "2030 SLE" in shown.stdout
    assert dev.console.run("quote", "afrimoney", "0.001", "SLE").returncode == 4


def test_events_are_followed_from_the_database(dev: Beside) -> None:
    made = dev.request("--wait", "30")["cashOutId"]
    kind = ("--type", "cash_out.completed")
    done = dev.console.run("events", "tail", "--from-start", "--count", "1", *kind, "--json")
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert told["type"] == "cash_out.completed"
    assert UUID(told["cashOutId"]).version == 7
    assert told["data"]["providerTransactionId"]
    whole = dev.console.run("events", "tail", "--from-start", "--no-follow", *kind, "--json")
    assert whole.returncode == 0
    assert done.stdout in whole.stdout
    assert "up to now" in whole.stderr
    with dev.console.running("events", "tail", "--type", "cash_out.initiated") as tail:
        tail.wait_until_said("Events from the database")
        line, later = "", ""
        while made != later:
            later = dev.request()["cashOutId"]
            line = tail.line()
            made = later if later in line else made
        assert "cash_out.initiated" in line


def test_a_token_opens_the_api_for_its_user_and_role(dev: Beside) -> None:
    made = dev.request()["cashOutId"]
    admin = dev.console.run("token", "--user", "boss", "--role", "admin", "--ttl", "5m")
    assert _over_http(dev, f"/cash-out/{made}", admin.stdout.strip())["cashOutId"] == made
    described = dev.console.json("token", "--ttl", "90s")
    assert (described["userId"], described["expiresInSeconds"]) == ("cli", 90)
    assert dev.console.run("token", "--user", "two words").returncode == 1


def test_the_doctor_finds_the_running_service_well(dev: Beside) -> None:
    found = dev.console.json("doctor")
    assert found["well"] is True
    well = {each["subject"] for each in found["findings"] if each["mark"] == "good"}
    assert {"settings", "tokens", "database", "schema", "durability"} <= well
    assert {"Orange Money", "AfriMoney"} <= well


def test_keys_and_notes_are_for_their_owner_alone(dev: Beside) -> None:
    for name in ("jwt-secret", "dev.json"):
        mode = (dev.console.folder / ".cashout" / name).stat().st_mode
        assert stat.S_IMODE(mode) == 0o600


def test_whoever_names_a_database_means_another_service(dev: Beside, tmp_path: Path) -> None:
    elsewhere = f"sqlite+aiosqlite:///{tmp_path / 'other.db'}"
    done = dev.console.run("history", DATABASE_URL=elsewhere)
    assert done.returncode == 1
    assert "the database is empty" in done.stderr


def test_the_printed_curl_line_works_as_it_is_and_sigterm_drains(tmp_path: Path) -> None:
    """Everything that a newcomer sees: addresses, a token, a line to paste, an orderly end."""
    console = Console(tmp_path)
    with console.running("dev", "--port", "0", "--sandbox-port", "0") as program:
        lines = program.lines_until("Other last digits")
        shown = "\n".join(lines)
        (curl,) = [line for line in lines if line.startswith("curl ")]
        done = subprocess.run(
            ["/bin/sh", "-c", curl],
            check=True,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={"PATH": _path_with_curl(tmp_path)},
            timeout=COMMAND_S,
        )
        answer = json.loads(done.stdout)
        assert answer["success"] is True
        assert answer["data"]["status"] in {"processing", "completed"}
        for label in ("Its documentation", "Its state", "The providers' sandbox"):
            address = next(line.split()[-1] for line in lines if line.startswith(label))
            assert _get(address).status == 200, shown
        # Not yet paid by the sandbox: it is on its way when the end is asked for.
        cash_out = answer["data"]["cashOutId"]
        assert program.stop(signal.SIGTERM) == 0
        assert "Stopping: what is in flight is finished first." in program.said()
        assert "Traceback" not in program.said()
    assert not (tmp_path / ".cashout" / "dev.json").exists()
    kept = console.json("status", cash_out, "--user", "dev")
    assert kept["cashOutId"] == cash_out


def test_dev_says_which_port_is_in_use(tmp_path: Path) -> None:
    console = Console(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        api = console.run("dev", "--port", port, "--sandbox-port", "0")
        sandbox = console.run("dev", "--port", "0", "--sandbox-port", port)
    for done, option in ((api, "--port"), (sandbox, "--sandbox-port")):
        assert done.returncode == 1
        (line,) = [each for each in done.stderr.splitlines() if each.startswith("cashout: ")]
        assert "in use" in line
        assert option in line
        assert "Traceback" not in done.stderr


def test_a_second_dev_in_the_same_folder_is_sent_away(dev: Beside) -> None:
    second = dev.console.run("dev", "--port", "0", "--sandbox-port", "0")
    assert second.returncode == 1
    assert "`cashout dev` runs here already (process " in second.stderr
    assert dev.request("--wait", "30")["status"] == "completed", "the first one goes on"


def test_dev_does_not_pretend_in_production(tmp_path: Path) -> None:
    done = Console(tmp_path).run("dev", APP_ENV="production")
    assert done.returncode == 1
    assert "cashout serve" in done.stderr
    assert list(tmp_path.glob(".cashout/*")) == []


def _over_http(dev: Beside, path: str, token: str | None = None) -> Any:  # noqa: ANN401 -- JSON
    address = f"{dev.facts['api']}/api/payments{path}"
    signed = {"Authorization": f"Bearer {token or dev.facts['token']}"}
    request = urllib.request.Request(address, headers=signed)
    with urllib.request.urlopen(request, timeout=COMMAND_S) as answer:
        return json.load(answer)["data"]


def _get(address: str) -> Any:  # noqa: ANN401 -- an answer of the standard library
    with urllib.request.urlopen(address, timeout=COMMAND_S) as answer:
        answer.read()
        return answer


def _path_with_curl(folder: Path) -> str:
    """Return a PATH on which the shell finds curl, or what stands in for it on a bare machine."""
    usual = os.environ.get("PATH", os.defpath)
    if shutil.which("curl", path=usual):
        return usual
    stand_in = folder / "bin" / "curl"
    stand_in.parent.mkdir()
    stand_in.write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -c '{_CURL}' \"$@\"\n")
    stand_in.chmod(0o700)
    return f"{stand_in.parent}{os.pathsep}{usual}"


_CURL = """
import sys, urllib.request
words = sys.argv[1:]
address = next(w for w in words if w.startswith("http"))
headers = dict(b.split(": ", 1) for a, b in zip(words, words[1:]) if a == "-H")
data = next(b.encode() for a, b in zip(words, words[1:]) if a == "-d")
with urllib.request.urlopen(urllib.request.Request(address, data, headers), timeout=60) as answer:
    sys.stdout.write(answer.read().decode())
"""
