"""Faults against real processes, for as long as you like.

`python -m tests.nemesis --minutes 10 [--seed N]`
"""

import argparse
import asyncio
import secrets
import sys

from entrypoints.logs import set_up_logs
from tests.nemesis.campaign import run


def main() -> int:
    """Run one campaign and print its report; return 1 when anything did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.nemesis", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of faults")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    given = parser.parse_args()
    set_up_logs("error")
    sys.stdout.write(f"seed {given.seed}\n")
    sys.stdout.flush()
    outcome = asyncio.run(run(given.seed, given.minutes * 60))
    sys.stdout.write(f"{outcome.report}\n")
    for line in outcome.violations:
        sys.stdout.write(f"WRONG  {line}\n")
    verdict = "all held" if not outcome.violations else f"repeat it by: {outcome.command}"
    sys.stdout.write(f"{verdict}\n")
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())
