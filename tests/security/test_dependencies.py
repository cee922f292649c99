"""What is installed is known: pinned by hash, listed in a bill of materials, and all of it used."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.house import ROOT
from tests.architecture.test_packaging import EVERYTHING, RUNTIME, pins

SCRIPT = ROOT / "deploy" / "sbom.py"


def bill(*files: Path) -> dict[str, Any]:
    """Return the bill of materials of these files."""
    done = run(*map(str, files))
    assert done.returncode == 0, done.stderr
    written: dict[str, Any] = json.loads(done.stdout)
    return written


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1764000000"},
    )


@pytest.mark.parametrize("path", [RUNTIME, EVERYTHING], ids=lambda path: str(path.name))
def test_the_bill_lists_exactly_what_is_pinned(path: Path) -> None:
    written = bill(path)
    listed = {each["name"]: each["version"] for each in written["components"]}
    assert listed == pins(path)
    for each in written["components"]:
        assert each["purl"] == each["bom-ref"] == f"pkg:pypi/{each['name']}@{each['version']}"
        (files,) = each["externalReferences"]
        assert files["hashes"]
        assert all(len(digest["content"]) == 64 for digest in files["hashes"])


def test_the_bill_is_cyclonedx_and_names_this_software() -> None:
    written = bill(RUNTIME)
    assert (written["bomFormat"], written["specVersion"], written["version"]) == (
        "CycloneDX",
        "1.6",
        1,
    )
    assert written["serialNumber"].startswith("urn:uuid:")
    assert written["metadata"]["timestamp"] == "2025-11-24T16:00:00Z"
    assert written["metadata"]["component"]["name"] == "cashout"


def test_the_bill_says_who_needs_whom_and_nothing_is_needed_by_nobody() -> None:
    written = bill(RUNTIME)
    needs = {each["ref"]: each["dependsOn"] for each in written["dependencies"]}
    reached, waiting = set(), [written["metadata"]["component"]["bom-ref"]]
    while waiting:
        ref = waiting.pop()
        if ref not in reached:
            reached.add(ref)
            waiting += needs[ref]
    assert reached == set(needs)
    assert {each["bom-ref"] for each in written["components"]} < reached


def test_the_same_pins_give_the_same_bytes() -> None:
    assert run(str(RUNTIME)).stdout == run(str(RUNTIME)).stdout


def test_what_is_not_pinned_has_no_bill(tmp_path: Path) -> None:
    loose = tmp_path / "loose.txt"
    loose.write_text("litestar>=2\n")
    done = run(str(loose))
    assert (done.returncode, done.stdout) == (1, "")
    assert "loose.txt:1" in done.stderr


def test_the_bill_is_made_by_one_command() -> None:
    done = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "sbom"],  # noqa: S607 -- make is on the path
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=30,
    )
    assert "deploy/sbom.py requirements.txt > dist/cashout.cdx.json" in done.stdout


def test_every_dependency_is_used_and_every_import_declared() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deptry", "."],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
