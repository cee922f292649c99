"""A running `cashout dev`, and a console in its folder."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.entrypoints.console import Console

PAY = ("request", "orange_money", "15000", "XOF")
SUCCEEDS = "+2250700000789"


@dataclass(frozen=True, slots=True)
class Beside:
    """A console in the folder of a running `cashout dev`, and what that printed."""

    console: Console
    facts: dict[str, Any]
    log: Callable[[], str]

    def request(self, *options: str, to: str = SUCCEEDS, expect: int = 0) -> dict[str, Any]:
        """Request a cash-out and return its document."""
        name = ("--name", "Awa Koné")
        document: dict[str, Any] = self.console.json(*PAY, to, *name, *options, expect=expect)
        return document


@contextmanager
def beside_dev(folder: Path) -> Iterator[Beside]:
    """Run API, worker and sandbox in a folder, as another process."""
    console = Console(folder)
    ports = ("--port", "0", "--sandbox-port", "0", "--profile", "instant")
    with console.running("dev", *ports, "--json") as program:
        yield Beside(console, json.loads(program.line()), program.said)
