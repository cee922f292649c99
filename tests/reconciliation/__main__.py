"""`python -m tests.reconciliation`: a statement of 100,000 lines with 50 planted breaks, timed.

On a new SQLite file, and on a PostgreSQL of its own; exits 1 when anything but the 50 is found, or
when it takes a minute.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from adapters.sql.schema import migrate
from tests.contracts.stores import in_database
from tests.reconciliation.scale import Outcome, reconciled
from tests.servers import PostgresServer

_MOST_S = 60.0


async def _on(name: str, url: str, lines: int, folder: Path) -> Outcome:
    await migrate(url)
    store = in_database(name, url)
    try:
        return await reconciled(store.units, folder, lines)
    finally:
        if store.database is not None:
            await store.database.close()


def _tell(name: str, lines: int, outcome: Outcome) -> bool:
    good = outcome.found == outcome.planted and outcome.took_s < _MOST_S
    facts = {
        "store": name,
        "lines": lines,
        "planted": len(outcome.planted),
        "found": len(outcome.breaks),
        "exactly": outcome.found == outcome.planted,
        "took_s": round(outcome.took_s, 1),
        "busy_s": round(outcome.busy_s, 1),
        "grew_mb": round(outcome.grew_kb / 1024, 1),
    }
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()
    return good


def main() -> int:
    """Run it on both databases."""
    parser = argparse.ArgumentParser(prog="python -m tests.reconciliation", description=__doc__)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    asked = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory(prefix="cashout-statements-") as name:
        folder = Path(name)
        if asked.only != "postgres":
            url = f"sqlite+aiosqlite:///{folder / 'books.db'}"
            outcome = asyncio.run(_on("sqlite", url, asked.lines, folder))
            good &= _tell("sqlite", asked.lines, outcome)
        if asked.only != "sqlite":
            place = folder / "server"
            place.mkdir()
            folder.chmod(0o755)
            server = PostgresServer(place)
            try:
                url = server.dsn(server.create_database())
                outcome = asyncio.run(_on("postgres", url, asked.lines, folder))
            finally:
                server.stop()
            good &= _tell("postgres", asked.lines, outcome)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
