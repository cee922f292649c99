"""The provider of the page is built as it stands there, and keeps the contract."""

import asyncio
import re
from pathlib import Path

from adapters.provider_kit.contract.rules import RULES
from entrypoints.configuration import SHIPPED, read_configuration
from tests.architecture.house import ROOT, text_of
from tests.documents.shell import check, document, run, steps_of
from tests.entrypoints.console import Console

PAGE = document("add-a-provider.md")


def block(kind: str) -> str:
    (found,) = re.findall(rf"```{kind}\n(.*?)```", text_of(PAGE), re.DOTALL)
    return str(found)


def test_the_provider_of_the_page_keeps_the_contract(tmp_path: Path) -> None:
    folder = tmp_path / "lonestar"
    folder.mkdir()
    (folder / "__init__.py").write_text(block("python"), encoding="utf-8")
    environment = Console(tmp_path).environment()
    (step,) = steps = steps_of(PAGE)
    (said,) = asyncio.run(run(steps, tmp_path, environment, {}))
    check(step, said)
    assert "broken" not in said


def test_the_entry_of_the_page_is_one(tmp_path: Path) -> None:
    file = tmp_path / "cashout.toml"
    file.write_text(text_of(SHIPPED) + "\n" + block("toml"), encoding="utf-8")
    entry = read_configuration(file).providers["lonestar"]
    assert (entry.module, entry.capabilities.webhook_proves) == ("lonestar", True)


def test_the_page_counts_the_rules() -> None:
    assert f"{len(RULES)} rules" in text_of(PAGE)
    assert (ROOT / "adapters/provider_kit/contract").is_dir()
