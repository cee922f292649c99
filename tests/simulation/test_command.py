"""`cashout simulate`: what it prints, how it ends, and the line that replays a failure."""

import json
import os
import re
import signal
import subprocess
import time
import tracemalloc
from dataclasses import replace

import pytest

from adapters.memory.limits import MemoryLimits
from entrypoints.cli import simulation
from entrypoints.cli.exits import Exit
from entrypoints.cli.program import run
from entrypoints.simulation.campaign import Failure, Tally, fight
from entrypoints.simulation.coverage import ENOUGH_FOR_THE_RARE, ENOUGH_SEEDS
from entrypoints.simulation.crashes import crash_at, crash_of, stories
from entrypoints.simulation.plan import FaultKind, Reduction
from entrypoints.simulation.world import Broken, Invariant
from tests.entrypoints.console import PROGRAM

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


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("--crash-points --seeds 3 --users 2", "--seeds, --users"),
        ("--crash-points --from 0 --skip 1", "--from, --skip"),
        ("--crash-points --without crash", "--without"),
        ("--seeds 1 --pairs 5", "--pairs"),
        ("--seeds 1 --short 0", "--short"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(
    line: str, named: str, capsys: Captured
) -> None:
    assert run(["simulate", *line.split()]) == Exit.USAGE
    told = capsys.readouterr().err
    assert named in told
    assert "schedules" not in told


def test_crash_points_are_explored(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "stories", lambda: stories()[:1])
    assert run(["simulate", "--crash-points", "--pairs", "50"]) == Exit.DONE
    told = capsys.readouterr().err
    assert "1 stories" in told
    assert "all 0 of 0 short stories" in told
    assert "Every invariant held." in told


def test_every_pair_of_short_stories_is_explored(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = [each for each in stories() if each.suffix in {"789", "011"}]
    brief = [replace(each, awaits=7 if each.suffix == "789" else 9) for each in few]
    monkeypatch.setattr(simulation, "stories", lambda: brief)
    assert run(["simulate", "--crash-points", "--pairs", "0", "--short", "7", "--json"]) == 0
    told = capsys.readouterr()
    singles, short = sum(each.awaits for each in brief), 4
    assert f"all {short * 7 * 7} of {short} short stories" in told.err
    assert json.loads(told.out)["schedules"] == singles + short * 7 * 7


def test_a_crash_is_run_again_as_it_was_told(capsys: Captured) -> None:
    assert run(["simulate", "--crash-at", "orange_money:304:server:12,40", "--json"]) == Exit.DONE
    assert json.loads(capsys.readouterr().out)["schedules"] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        "orange_money:304:server",
        "orange_money:304:cloud:1",
        "orange_money:999:file:1",
        "nobody:304:file:1",
        "orange_money:304:file:0",
        "orange_money:304:file:x",
    ],
)
def test_a_crash_that_there_is_not_is_wrong_usage(wrong: str, capsys: Captured) -> None:
    assert run(["simulate", "--crash-at", wrong]) == Exit.USAGE
    assert "PROVIDER:SCENARIO:STORE:AWAITS" in capsys.readouterr().err


def test_a_crash_that_breaks_something_is_told_with_its_replay(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first, *_) = stories()
    plan = first.plan(40, 41)
    broken = Failure(plan, Broken(Invariant.LIMITS_HOLD, "one over"))
    monkeypatch.setattr(simulation, "run_plans", lambda _plans: Tally(runs=1, failures=[broken]))
    assert run(["simulate", "--crash-at", crash_at(plan)]) == Exit.FAILED
    told = capsys.readouterr().err
    (replay,) = re.findall(r"Replay: cashout simulate --crash-at (\S+)", told)
    assert crash_of(replay) == plan


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_long_run_that_is_stopped_tells_what_it_showed_and_how_to_go_on(jobs: str) -> None:
    command = [str(PROGRAM), "simulate", "--from", "1", "--json"]
    with subprocess.Popen(
        [*command, "--seeds", "1000000", "--jobs", jobs],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stderr is not None
        assert running.stderr.readline() == "Seeds 1 to 1000000\n"
        time.sleep(2)
        # As a terminal does: the whole group is told.
        os.killpg(running.pid, signal.SIGINT)
        out, commentary = running.communicate(timeout=100)
    assert running.returncode == Exit.INTERRUPTED
    done = json.loads(out)["schedules"]
    assert 0 < done < 1_000_000
    going_on = f"Stopped. Go on: cashout simulate --from {1 + done} --seeds {1_000_000 - done}"
    assert commentary.splitlines() == [going_on]


def test_a_campaign_of_millions_is_not_laid_out_in_memory() -> None:
    looked_at: list[int] = []

    def look(so_far: Tally) -> bool:
        looked_at.append(so_far.runs)
        return False

    tracemalloc.start()
    assert fight(1, 100_000_000, reduction=Reduction(cash_outs=1), progress=look).runs < 100
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(looked_at) == 1
    assert peak < 40_000_000


def test_what_never_happened_fails_a_run_of_enough_seeds_and_says_so() -> None:
    tally = Tally(runs=ENOUGH_FOR_THE_RARE)
    unseen = set(tally.never_seen(Reduction()))
    assert {f"fault {each}" for each in FaultKind} < unseen
    assert {"transition pending -> failed", "attempt outcome unknown"} < unseen
    assert "transition pending -> failed" not in Tally(runs=ENOUGH_SEEDS).never_seen(Reduction())
    assert Tally(runs=ENOUGH_SEEDS - 1).never_seen(Reduction()) == []


def test_what_follows_from_a_fault_that_is_left_out_is_not_expected() -> None:
    left_out = Reduction(without=frozenset({FaultKind.CANCEL}))
    unseen = Tally(runs=ENOUGH_FOR_THE_RARE).never_seen(left_out)
    assert set(unseen) == {f"fault {each}" for each in FaultKind if each is not FaultKind.CANCEL}
