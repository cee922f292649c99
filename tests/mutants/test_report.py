"""The report on mutants: whom it names, what it forgives, when it fails."""

import json
from pathlib import Path

import pytest

from tests.mutants import report

SOURCE = """\
def x_judge__mutmut_orig(now: int) -> bool:
    return now > 1 | 2
def x_judge__mutmut_1(now: int) -> bool:
    return now >= 1 | 2
def xǁDraftǁ_enter__mutmut_orig(self) -> None:
    self.open = False
def xǁDraftǁ_enter__mutmut_1(self) -> None:
    self.open = None
"""
JUDGE = "| `domain.limits.judge` | `return now > 1 \\| 2 → return now >= 1 \\| 2` |"
DRAFT = "| `domain.limits.Draft._enter` | `self.open = False → self.open = None` |"
KILLED, SURVIVED, TIMED_OUT, UNREACHED = 1, 0, -24, 33


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty run of mutmut, in which the report is started."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "mutants" / "domain"
    folder.mkdir(parents=True)
    (folder / "limits.py").write_text(SOURCE, "utf-8")
    names = [line[4 : line.index("(")] for line in SOURCE.splitlines() if line.startswith("def")]
    spans = {name: [2 * at + 1, 2 * at + 2] for at, name in enumerate(names)}
    (folder / "limits.py.spans").write_text(json.dumps({"version": 1, "spans": spans}), "utf-8")
    return folder


def judged(
    run: Path, capsys: pytest.CaptureFixture[str], listed: str, **codes: int | None
) -> tuple[int, str]:
    """Return the exit code and the text of a report on these exit codes, over this list."""
    meta = {"exit_code_by_key": {f"domain.limits.{name}": code for name, code in codes.items()}}
    (run / "limits.py.meta").write_text(json.dumps(meta), "utf-8")
    Path("list.md").write_text(listed, "utf-8")
    return report.main(Path("list.md")), capsys.readouterr().out


def test_a_survivor_is_named_by_function_and_change_and_fails_the_run(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed = dict.fromkeys([f"x_f__mutmut_{number}" for number in range(40)], KILLED)
    code, text = judged(run, capsys, "", x_judge__mutmut_1=SURVIVED, **killed)
    assert code == 1
    assert JUDGE in text
    assert "| **domain** | 41 | 40 | 0 | 1 | 97.6% |" in text


def test_a_survivor_with_a_reason_is_forgiven_and_one_without_words_is_not(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed = dict.fromkeys([f"x_f__mutmut_{number}" for number in range(40)], TIMED_OUT)
    survivor = {"xǁDraftǁ_enter__mutmut_1": UNREACHED}
    code, text = judged(run, capsys, f"{DRAFT} nobody looks |", **survivor, **killed)
    assert (code, DRAFT in text) == (0, False)
    assert judged(run, capsys, f"{DRAFT}  |", **survivor, **killed)[0] == 1


def test_too_small_a_share_fails_whatever_the_reasons(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = judged(
        run, capsys, f"{JUDGE} equal |", x_judge__mutmut_1=SURVIVED, x_f__mutmut_1=KILLED
    )
    assert code == 1
    assert "less than 95% of the mutants of domain killed" in text


def test_a_reason_whose_mutant_is_dead_is_told(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = judged(run, capsys, f"{JUDGE} equal |", x_judge__mutmut_1=KILLED)
    assert code == 0
    assert "1 reasons in list.md whose mutant is dead now or gone:\n" + JUDGE in text


def test_a_run_in_which_nothing_was_tried_is_no_success(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judged(run, capsys, "", x_judge__mutmut_1=None)[0] == 1
