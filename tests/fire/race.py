"""A race from start to end: processes that ask, one of them killed, and what must hold then."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from adapters.sql.database import Database, open_database
from tests.contracts.stores import PATIENT
from tests.fire import oracle, recorder
from tests.fire.clock import Progress
from tests.fire.orders import share_of
from tests.fire.racer import AT_ONCE, Task, progress_file
from tests.fire.tariff import Limits, limit_of

ROOT = Path(__file__).parent.parent.parent
SKEWS_S = (-0.9, 0.0, 0.7, -0.3)
"""How far the racers' clocks are off; the borders are crossed in two seconds to each side."""
ZONES = ("America/Los_Angeles", "Pacific/Auckland", "UTC", "Africa/Abidjan")
"""Where the racers' machines believe to be: days and months are UTC's all the same."""
KILLED_AT = 0.45
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Race:
    """One race over one empty, migrated database. within_s: then it is given up."""

    url: str
    folder: Path
    seed: int
    requests: int
    racers: int = 3
    within_s: float = 240.0


@dataclass(slots=True)
class Outcome:
    """What the racers told, and what the store told of them. unanswered: at most, by the kill."""

    tally: Counter[str]
    told: set[str]
    unanswered: int
    took_s: float
    verdict: oracle.Verdict = field(default_factory=lambda: oracle.Verdict({}))

    def lines(self) -> list[str]:
        """Return the figures, for a report."""
        what = ", ".join(f"{name} {count:,}" for name, count in sorted(self.tally.items()))
        seen = self.verdict
        stored = f"{seen.takings:,} taken, {seen.returns:,} given back"
        windows = f"{len(seen.held)} windows, {len(seen.filled)} of them filled to the unit"
        return [f"{self.took_s:.0f} s; answers: {what}", f"stored: {stored}, {windows}"]


@asynccontextmanager
async def looking(url: str) -> AsyncIterator[Database]:
    """Open a database to look at it."""
    database = open_database(url, PATIENT)
    try:
        yield database
    finally:
        await database.close()


async def run(race: Race) -> Outcome:
    """Run the racers, kill one in the middle and start it anew; have the oracle judge the store."""
    async with looking(race.url) as database:
        await recorder.record(database)
    outcome = await asyncio.to_thread(_race, race)
    outcome.verdict = await judged(race.url)
    async with looking(race.url) as database:
        stored = {each.id for each in await recorder.kept(database)}
    # What a client was told is taken is there; what is there beyond that, the kill kept from it.
    assert outcome.told <= stored, f"lost: {sorted(outcome.told - stored)}"
    # Waiting for each other is no outage: everybody was given an answer.
    assert outcome.unanswered - AT_ONCE <= race.requests // 100, outcome.tally
    untold = len(stored - outcome.told)
    assert untold <= outcome.unanswered, f"{untold} are stored that nobody was told of"
    return outcome


async def judged(url: str, limits: Limits = limit_of) -> oracle.Verdict:
    """Return the oracle's verdict on all that ever happened in a store; raise for what is wrong."""
    async with looking(url) as database:
        verdict = oracle.watch(await recorder.recorded(database), limits)
        said = await recorder.counters(database)
        oracle.agree(oracle.sums(await recorder.kept(database)), said)
        oracle.agree(verdict.held, said)
        strays = await recorder.strays(database)
    assert not any(strays.values()), strays
    return verdict


def _race(race: Race) -> Outcome:
    shares = [
        len(share_of(race.seed, racer, race.racers, race.requests)) for racer in range(race.racers)
    ]
    began = time.monotonic()
    with Progress(progress_file(race.folder), race.racers, sum(shares)) as progress:
        running = [_start(race, racer, sum(shares)) for racer in range(race.racers)]
        try:
            while progress.share < KILLED_AT and progress.of(1) < shares[1] - AT_ONCE:
                _still_racing(race, running, began)
            running[1].send_signal(signal.SIGKILL)
            running[1].wait()
            running[1] = _start(race, 1, sum(shares))
            while any(process.poll() is None for process in running):
                _still_racing(race, running, began)
        finally:
            for process in running:
                process.kill()
                process.wait()
    codes = [process.returncode for process in running]
    assert codes == [0] * race.racers, _last_words(race)
    tally = _tally(race)
    unknown = tally["StorageUnavailable"] + tally["Overloaded"]
    return Outcome(tally, _told(race), AT_ONCE + unknown, time.monotonic() - began)


def _start(race: Race, racer: int, total: int) -> subprocess.Popen[bytes]:
    task = Task(
        url=race.url,
        folder=str(race.folder),
        seed=race.seed,
        racer=racer,
        racers=race.racers,
        requests=race.requests,
        total=total,
        skew_s=SKEWS_S[racer % len(SKEWS_S)],
        parent=os.getpid(),
    )
    zone = ZONES[racer % len(ZONES)]
    with (
        (race.folder / f"tally-{racer}.json").open("wb") as tally,
        (race.folder / f"racer-{racer}.log").open("ab") as log,
    ):
        return subprocess.Popen(
            [sys.executable, "-m", "tests.fire.racer", msgspec.json.encode(task).decode()],
            stdin=subprocess.DEVNULL,
            stdout=tally,
            stderr=log,
            cwd=ROOT,
            env={**os.environ, "TZ": zone},
        )


def _still_racing(race: Race, running: list[subprocess.Popen[bytes]], began: float) -> None:
    if any(process.poll() for process in running):
        raise AssertionError(_last_words(race))
    if time.monotonic() - began > race.within_s:
        raise TimeoutError(f"the race was not over after {race.within_s} s")
    time.sleep(_POLL_S)


def _last_words(race: Race) -> str:
    logs = sorted(race.folder.glob("racer-*.log"))
    return "\n".join(f"{log.name}:\n{log.read_text(errors='replace')[-3_000:]}" for log in logs)


def _tally(race: Race) -> Counter[str]:
    total: Counter[str] = Counter()
    for file in race.folder.glob("tally-*.json"):
        total.update(msgspec.json.decode(file.read_bytes(), type=dict[str, int]))
    return total


def _told(race: Race) -> set[str]:
    logs = race.folder.glob("taken-*.log")
    return {line.replace("-", "") for log in logs for line in log.read_text().split()}
