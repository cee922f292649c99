"""`cashout verify` leaves what it found for Prometheus, and says so when it cannot."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from adapters.metrics.textfile import FILE
from adapters.sql.schema import migrate
from tests.processes import CASHOUT, MEASURED


@pytest.fixture(name="environment")
def an_environment(tmp_path: Path) -> dict[str, str]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'cashout.db'}"
    asyncio.run(migrate(url))
    return {**MEASURED, "DATABASE_URL": url, "PATH": "/usr/bin:/bin"}


def verify(folder: Path, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [CASHOUT, "verify", "--json"],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        timeout=120,
    )


def test_a_verification_leaves_its_figures(tmp_path: Path, environment: dict[str, str]) -> None:
    figures = tmp_path / "textfiles"
    figures.mkdir()
    done = verify(tmp_path, {**environment, "METRICS_TEXTFILE_DIR": str(figures)})
    assert done.returncode == 0, done.stderr
    text = (figures / FILE).read_text(encoding="utf-8")
    assert 'cashout_verify_flaws{kind="chain_head"} 0.0' in text
    assert "cashout_verify_timestamp_seconds 1." in text


def test_figures_that_cannot_be_left_are_a_line_and_no_failure(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    done = verify(tmp_path, {**environment, "METRICS_TEXTFILE_DIR": str(tmp_path / "nowhere")})
    assert done.returncode == 0, done.stderr
    assert "METRICS_TEXTFILE_DIR: the figures cannot be left" in done.stderr
