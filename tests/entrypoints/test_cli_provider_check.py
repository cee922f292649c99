"""`cashout provider check`: a provider's id or a folder, its findings, and how it ends."""

from pathlib import Path

import pytest

from adapters.provider_kit.contract.rules import RULES
from adapters.sandbox.scenarios import SCENARIOS
from adapters.sandbox.server import Sandbox
from entrypoints.cli.provider_checking import check_provider
from tests.entrypoints.console import Console

HERE = Path(__file__).parents[1]


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path)


def test_a_provider_that_keeps_the_contract_ends_with_0(console: Console) -> None:
    told = console.json("provider", "check", "afrimoney")
    assert told["provider"] == "afrimoney"
    assert told["keepsTheContract"] is True
    tried = [each["what"] for each in told["findings"]]
    assert tried[: len(RULES)] == [rule.says for rule in RULES]
    played = [row for row in SCENARIOS.values() if "afrimoney" in row.providers]
    assert len(tried) == len(RULES) + len(played)


def test_a_folder_is_tried_as_it_is_and_what_it_breaks_is_named(console: Console) -> None:
    done = console.run("provider", "check", str(HERE / "third_provider"))
    assert done.returncode == 1
    assert "broken  429: not sent, and the pause is kept" in done.stdout
    assert "Retry-After: 7 became None" in done.stdout
    assert "third_provider: " in done.stderr


def test_neither_an_id_nor_a_folder_is_told_with_what_there_is(console: Console) -> None:
    done = console.run("provider", "check", "mpesa")
    assert done.returncode == 3
    assert "known: orange_money, afrimoney" in done.stderr


def test_a_folder_without_a_provider_in_it_is_told(console: Console, tmp_path: Path) -> None:
    (tmp_path / "empty_shop").mkdir()
    (tmp_path / "empty_shop" / "__init__.py").write_text("")
    done = console.run("provider", "check", "empty_shop")
    assert done.returncode == 1
    assert "has no SETTINGS or no build(wiring)" in done.stderr


@pytest.mark.anyio
async def test_a_server_is_asked_with_the_credentials_of_this_environment(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async with Sandbox() as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        url = sandbox.afrimoney_url
        assert await check_provider("afrimoney", url=url, as_json=False) == 0
        assert f"kept    {url} lets us in" in capfd.readouterr().out
        monkeypatch.setenv("AFRIMONEY_API_SECRET", "another-secret-0123456789")
        assert await check_provider("afrimoney", url=url, as_json=False) == 1
        said = capfd.readouterr()
        assert f"broken  {url} lets us in" in said.out
        assert "another-secret" not in said.out + said.err
    assert sandbox.ledger.count("") == 0
