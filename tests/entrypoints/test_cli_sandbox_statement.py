"""`cashout sandbox statement`: a running sandbox's statement, and the breaks that are in it."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio.to_thread
import pytest

from adapters.sandbox.corridors import ORANGE_MONEY
from adapters.sandbox.server import Sandbox
from adapters.sandbox.settings import SandboxSettings
from adapters.sandbox.statements import Plant, plant, rows_of, written
from entrypoints.cli.sandbox_statement import sandbox_beside
from tests.entrypoints.console import Console
from tests.reconciliation.scale import cash_outs, payouts
from tests.servers import free_port

pytestmark = pytest.mark.anyio
FILE = "statement.csv"


@pytest.fixture(name="console")
def a_console(tmp_path: Path) -> Console:
    return Console(tmp_path)


@pytest.fixture(name="sandbox")
async def a_sandbox_that_has_paid() -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxSettings(port=0)) as sandbox:
        for payout in payouts(cash_outs(12)):
            sandbox.engine.ledger.execute(payout)
        yield sandbox


async def _run(console: Console, sandbox: Sandbox, *more: str) -> Any:  # noqa: ANN401 -- a process
    words = ("sandbox", "statement", ORANGE_MONEY, FILE, "--at", sandbox.base_url, *more)
    return await anyio.to_thread.run_sync(lambda: console.run(*words))


async def test_it_is_written_as_the_provider_would(console: Console, sandbox: Sandbox) -> None:
    done = await _run(console, sandbox)
    assert (done.returncode, done.stdout) == (0, "")
    assert f"cashout reconcile {ORANGE_MONEY} {FILE}" in done.stderr
    expected = "".join(written(rows_of(sandbox.ledger, ORANGE_MONEY), ORANGE_MONEY))
    assert (console.folder / FILE).read_bytes().decode() == expected
    assert [each.name for each in console.folder.iterdir()] == [FILE]


async def test_planted_breaks_are_told_and_are_in_the_file(
    console: Console, sandbox: Sandbox
) -> None:
    done = await _run(console, sandbox, "--breaks", "2", "--seed", "9", "--json")
    told = json.loads(done.stdout)
    rows = rows_of(sandbox.ledger, ORANGE_MONEY)
    drawn, planted = plant(rows, dict.fromkeys(Plant, 2), 9)
    assert [each["reference"] for each in told["planted"]] == [each.reference for each in planted]
    assert Counter(each["kind"] for each in told["planted"]) == dict.fromkeys(Plant, 2)
    expected = "".join(written(drawn, ORANGE_MONEY)).encode()
    assert (console.folder / FILE).read_bytes() == expected
    assert told["bytes"] == len(expected)
    table = await _run(console, sandbox, "--breaks", "1")
    assert all(kind in table.stdout for kind in Plant)


async def test_a_span_narrows_it(console: Console, sandbox: Sandbox) -> None:
    first = next(iter(sandbox.ledger)).executed_at
    assert (await _run(console, sandbox, "--until", first.isoformat())).returncode == 0
    nothing = "".join(written([], ORANGE_MONEY))
    assert (console.folder / FILE).read_bytes().decode() == nothing


async def test_what_cannot_be_written_is_told_and_leaves_no_file(
    console: Console, sandbox: Sandbox
) -> None:
    few = await _run(console, sandbox, "--breaks", "100")
    assert (few.returncode, few.stdout) == (4, "")
    assert "500 breaks need as many payouts, and there are 12" in few.stderr
    words = ("sandbox", "statement", "nobody", FILE, "--at", sandbox.base_url)
    nobody = await anyio.to_thread.run_sync(lambda: console.run(*words))
    assert nobody.returncode == 3
    assert "no such provider" in nobody.stderr
    away = f"http://127.0.0.1:{free_port()}"
    words = ("sandbox", "statement", ORANGE_MONEY, FILE, "--at", away)
    gone = await anyio.to_thread.run_sync(lambda: console.run(*words))
    assert gone.returncode == 1
    assert f"No sandbox answers at {away}." in gone.stderr
    assert list(console.folder.iterdir()) == []


async def test_a_sandbox_beside_is_found_and_a_real_provider_is_not_asked(tmp_path: Path) -> None:
    beside = {"CASHOUT_DATA_DIR": str(tmp_path)}
    usual = sandbox_beside(beside)
    assert urlsplit(usual).port == 3005
    here = {**beside, "ORANGE_MONEY_API_URL": "http://127.0.0.1:4711/orange"}
    assert sandbox_beside(here) == "http://127.0.0.1:4711"
    for real in ("https://api.orange.test/v1", "http://10.0.0.7/orange", "http://orange.test"):
        assert sandbox_beside({**beside, "ORANGE_MONEY_API_URL": real}) == usual
