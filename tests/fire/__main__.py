"""Limits under fire, in any size: `python -m tests.fire --requests 50000 [--seed N]`."""

import argparse
import asyncio
import secrets
import sys
import tempfile
import time
from pathlib import Path

from adapters.sql.schema import migrate
from entrypoints.logs import set_up_logs
from tests.fire.aftermath import look_after
from tests.fire.race import Race, judged, run
from tests.servers import PostgresServer


def main() -> None:
    """Race on SQLite and on a PostgreSQL of its own; print the figures, or raise what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.fire", description=__doc__)
    parser.add_argument("--requests", type=int, default=50_000, help="per store")
    parser.add_argument("--racers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--store", choices=("sqlite", "postgres", "both"), default="both")
    given = parser.parse_args()
    set_up_logs("warning")
    sys.stdout.write(f"seed {given.seed}\n")
    with tempfile.TemporaryDirectory(prefix="cashout-fire-") as name:
        if given.store != "postgres":
            url = f"sqlite+aiosqlite:///{name}/store.db"
            _one("sqlite", url, Path(name) / "sqlite", given)
        if given.store != "sqlite":
            _on_postgres(Path(name), given)


def _on_postgres(folder: Path, given: argparse.Namespace) -> None:
    place = folder / "server"
    place.mkdir()
    folder.chmod(0o755)
    server = PostgresServer(place)
    try:
        _one("postgres", server.dsn(server.create_database()), folder / "postgres", given)
    finally:
        server.stop()


def _one(store: str, url: str, folder: Path, given: argparse.Namespace) -> None:
    folder.mkdir()
    race = Race(url, folder, given.seed, given.requests, given.racers, within_s=3_600)
    began = time.monotonic()
    lines = asyncio.run(_raced(race))
    took_s = time.monotonic() - began
    sys.stdout.write("".join(f"{store}: {line}\n" for line in [*lines, f"{took_s:.0f} s in all"]))


async def _raced(race: Race) -> list[str]:
    await migrate(race.url)
    outcome = await run(race)
    asked = await look_after(race.url, race.folder)
    await judged(race.url)
    return [*outcome.lines(), f"{asked} windows filled up and asked for one unit more"]


if __name__ == "__main__":
    main()
