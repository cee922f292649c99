"""`cashout simulate`: what it prints, how it ends, and the line that replays a failure."""

import json
import re

import pytest

from adapters.memory.limits import MemoryLimits
from entrypoints.cli import simulation
from entrypoints.cli.exits import Exit
from entrypoints.cli.program import run
from entrypoints.simulation.crashes import stories

Captured = pytest.CaptureFixture[str]


async def _forget(_: MemoryLimits, __: object) -> None: ...


def test_schedules_are_run_and_counted(capsys: Captured) -> None:
    assert run(["simulate", "--from", "1", "--seeds", "30", "--json"]) == Exit.DONE
    told = json.loads(capsys.readouterr().out)
    assert told["schedules"] == 30
    assert told["failures"] == []
    assert sum(told["faults"].values()) > 100
    assert told["covered"]["transition: processing -> completed"] > 10


def test_several_cores_see_what_one_sees(capsys: Captured) -> None:
    documents = []
    for jobs in ("1", "2"):
        arguments = ["simulate", "--from", "1", "--seeds", "120", "--jobs", jobs, "--json"]
        assert run(arguments) == Exit.DONE
        documents.append(json.loads(capsys.readouterr().out))
    for each in documents:
        del each["perMinuteAndCore"]
    assert documents[0] == documents[1]


def test_a_failure_is_told_as_a_line_that_replays_it(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryLimits, "give_back", _forget)
    assert run(["simulate", "--from", "1", "--seeds", "200"]) == Exit.FAILED
    told = capsys.readouterr().err
    replay = re.search(r"Replay: cashout (simulate --from \d+ --seeds 1)\n", told)
    smaller = re.search(r"Smaller: cashout (simulate --from \d+ --seeds 1 .*)\n", told)
    assert "limits_hold" in told
    assert replay is not None
    assert smaller is not None
    for line in (replay[1], smaller[1]):
        assert run(line.split()) == Exit.FAILED
        assert "limits_hold" in capsys.readouterr().err


def test_what_is_left_out_does_not_strike(capsys: Captured) -> None:
    arguments = ["--without", "crash,pause", "--skip", "0", "--users", "1", "--processes", "1"]
    assert run(["simulate", "--from", "1", "--seeds", "40", "--json", *arguments]) == Exit.DONE
    told = json.loads(capsys.readouterr().out)
    assert told["faults"]["crash"] == told["faults"]["pause"] == 0


@pytest.mark.parametrize("wrong", [["--without", "rain"], ["--skip", "first"], ["--seeds", "0"]])
def test_what_there_is_not_is_wrong_usage(wrong: list[str], capsys: Captured) -> None:
    assert run(["simulate", *wrong]) == Exit.USAGE
    assert wrong[1] in capsys.readouterr().err


def test_crash_points_are_explored(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "stories", lambda: stories()[:1])
    assert run(["simulate", "--crash-points", "--pairs", "50"]) == Exit.DONE
    told = capsys.readouterr().err
    assert "1 scenarios" in told
    assert "Every invariant held." in told
