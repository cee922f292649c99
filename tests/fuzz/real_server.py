"""A real server, a sandbox behind it, and schemathesis before it: its document must hold.

Every check of schemathesis is on. To two of them more is allowed than they know of:
- `positive_data_acceptance`: what fits the schema may still be refused with 400 or 422: a provider
  that does not exist, a currency that is not paid there, a limit that is reached. That it is never
  called malformed is a check of our own.
- `use_after_free` has nothing to find: nothing can be deleted here.
Rounds as a user send as two of them, and `object_level_authorization` compares what each sees.
"""

import asyncio
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from adapters.sql.schema import migrate
from tests.processes import CASHOUT, api_process
from tests.running import HASTY, JWT_SECRET, token_for
from tests.server_process import ServerProcess

ROOT: Final = Path(__file__).resolve().parents[2]
ROLES: Final = ("user", "admin")
CHECKS: Final = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "404", "409", "422", "429"]
"""
PEERS: Final = """
[auth.wfc]
path = "users.json"
peers = ["user-1", "user-2"]
"""
EXAMPLES_A_ROUND: Final = 100
"""For each operation: a round of them is about fifteen hundred cases."""
EXAMPLES_OF_A_TEST: Final = 65
"""About eleven hundred cases."""
MOST_ROUNDS: Final = 4
LEAST_LINKS: Final = 5
"""Of the fifteen: nine in the document, and what schemathesis sees by itself."""
LONGEST_ROUND_S: Final = 3_600
LONGEST_ANSWER_S: Final = "15"
"""The ten seconds that a client may ask to wait for an ending, and those of a busy machine."""
_CASES: Final = re.compile(r"^\s*([\d,]+) generated", re.MULTILINE)
_LINKS: Final = re.compile(r"API Links:\s*(\d+) covered")
_PHASES: Final = ("Examples", "Coverage", "Fuzzing", "Stateful")


@dataclass(frozen=True, slots=True)
class Round:
    """One run of schemathesis: how many cases it made, and what it printed when one failed.

    links: how many links of the document were followed, from an answer to the next request.
    """

    seed: int
    role: str
    cases: int
    links: int
    broken: str = ""


def fuzz_real_server(
    cases: int,
    seed: int | None,
    say: Callable[[str], None],
    role: str | None = None,
    examples: int | None = None,
) -> int:
    """Run rounds until so many cases were made; return 0 when every one held, 1 else.

    role: of every round; None: they take turns. examples: of every operation in a round, which has
    to be the same for a seed to repeat it.
    """
    chosen = random.randrange(1, 2**31) if seed is None else seed
    done = number = 0
    with real_server() as (url, environment):
        while done < cases:
            found = one_round(
                url,
                environment,
                seed=chosen + number,
                role=role or ROLES[number % len(ROLES)],
                examples=examples or EXAMPLES_A_ROUND,
            )
            number += 1
            done += found.cases
            say(
                f"{done} cases; seed {found.seed} as {found.role}: {found.cases},"
                f" {found.links} links followed"
            )
            if found.broken:
                say(f"{found.broken}\nrepeat it: --cases 1 --seed {found.seed} --role {found.role}")
                return 1
    return 0


def held_by(role: str, cases: int) -> None:
    """Assert that so many cases hold, in every phase, and that links were followed."""
    seed = random.randrange(1, 2**31)
    done = links = 0
    with real_server() as (url, environment):
        for number in range(MOST_ROUNDS):
            examples = EXAMPLES_OF_A_TEST if not number else EXAMPLES_OF_A_TEST // 4
            found = one_round(url, environment, seed=seed + number, role=role, examples=examples)
            again = f"--cases 1 --seed {found.seed} --role {role} --examples {examples}"
            assert not found.broken, f"python -m tests.fuzz http {again}\n{found.broken}"
            done, links = done + found.cases, links + found.links
            if done >= cases:
                break
    assert done >= cases
    assert links >= LEAST_LINKS


def one_round(
    url: str, environment: Mapping[str, str], *, seed: int, role: str, examples: int
) -> Round:
    """Run schemathesis once over all operations and all phases, signed in with this role."""
    command = [
        *(str(Path(sys.executable).with_name("st")), "run", f"{url}/schema/openapi.json"),
        *("--max-examples", str(examples), "--seed", str(seed), "--checks", "all"),
        *(
            "--request-timeout",
            "30",
            "--max-response-time",
            LONGEST_ANSWER_S,
            "--warnings",
            "off",
            "--no-color",
            "--continue-on-failure",
        ),
    ]
    if role == "admin":
        command += ["--header", f"Authorization: Bearer {token_for('admin-1', role)}"]
    with tempfile.TemporaryDirectory(prefix="cashout-fuzz-") as folder:
        _configure(Path(folder), role)
        ended = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_ROUND_S,
            cwd=folder,
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": folder,
                "PYTHONPATH": str(ROOT),
                "SCHEMATHESIS_HOOKS": "tests.fuzz.http_hooks",
                **environment,
            },
        )
    made, followed = _CASES.search(ended.stdout), _LINKS.search(ended.stdout)
    count, links = (int(each[1].replace(",", "")) if each else 0 for each in (made, followed))
    failed = ended.returncode != 0 or not count or not _all_phases(ended.stdout)
    return Round(seed, role, count, links, ended.stdout + ended.stderr if failed else "")


def _configure(folder: Path, role: str) -> None:
    (folder / "schemathesis.toml").write_text(CHECKS + (PEERS if role == "user" else ""))
    users = [
        {
            "name": name,
            "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {token_for(name)}"}],
        }
        for name in ("user-1", "user-2")
    ]
    (folder / "users.json").write_text(json.dumps({"auth": users}))


def _all_phases(printed: str) -> bool:
    return all(re.search(rf"✅\s+{phase}\b", printed) for phase in _PHASES)


@contextmanager
def real_server() -> Iterator[tuple[str, dict[str, str]]]:
    """Run `cashout sandbox` and `cashout serve` on SQLite; yield its address and its settings."""
    with tempfile.TemporaryDirectory(prefix="cashout-fuzz-") as name:
        folder = Path(name)
        database = f"sqlite+aiosqlite:///{folder}/cashout.db"
        asyncio.run(migrate(database))
        sandbox = _sandbox(folder)
        try:
            environment = {
                **HASTY,
                **_told(folder)["environment"],
                "JWT_SECRET": JWT_SECRET,
                "DATABASE_URL": database,
                "CASHOUT_DATA_DIR": name,
                "PROVIDER_TIMEOUT_SECONDS": "2",
            }
            process, url = api_process(folder, environment)
            process.start()
            try:
                yield url, environment
            finally:
                process.stop()
        finally:
            sandbox.stop()


def _sandbox(folder: Path) -> ServerProcess:
    process = ServerProcess(
        command=[CASHOUT, "sandbox", "--port", "0", "--profile", "instant", "--json"],
        log=folder / "sandbox.log",
        is_ready=lambda _pid: bool(_told(folder)),
        stop_signal=signal.SIGTERM,
        environment={},
    )
    process.start()
    return process


def _told(folder: Path) -> dict[str, Any]:
    """Return what the sandbox printed first; nothing while it has not."""
    log = folder / "sandbox.log"
    lines = log.read_text().splitlines() if log.exists() else []
    found: dict[str, Any] = next((json.loads(line) for line in lines if line[:1] == "{"), {})
    return found if "environment" in found else {}
