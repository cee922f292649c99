"""The terminal: data on standard output, commentary on standard error, plain when nobody looks.

`NO_COLOR` and `TERM=dumb` are honoured; nothing is ever asked, so nothing waits for a keyboard.
"""

import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDE = 1_000
"""Columns where no terminal sets a width: lines are for programs then, and never folded."""
_HELP_WIDTH = 100

STATUS_STYLES: Mapping[str, str] = {
    "pending": "yellow",
    "processing": "cyan",
    "completed": "green",
    "failed": "red",
    "cancelled": "magenta",
}


class Terminal:
    """Where a command speaks. Texts are never read as markup, whoever wrote them."""

    def __init__(self) -> None:
        self.out = _console(sys.stdout)
        self.err = _console(sys.stderr)
        self.help = Console(width=None if sys.stdout.isatty() else _HELP_WIDTH)

    def data(self, line: str | Text) -> None:
        """Print a line that was asked for."""
        _print(self.out, line)

    def verbatim(self, line: str) -> None:
        """Print a line to be copied: never folded, coloured or changed."""
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    def json(self, document: object) -> None:
        """Print a document as one line of JSON."""
        self.verbatim(json.dumps(document, ensure_ascii=False, default=str))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> None:
        """Print rows under their headings."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(_text(cell) for cell in row))
        self.out.print(table)

    def say(self, line: str | Text) -> None:
        """Print a comment."""
        _print(self.err, line)

    def complain(self, line: str) -> None:
        """Print what went wrong, in one line."""
        _print(self.err, Text.assemble(("cashout: ", "bold red"), line))

    @contextmanager
    def waiting(self, line: str) -> Iterator["Waiting"]:
        """Show that something is waited for: moving on a terminal, a line per change elsewhere."""
        waiting = Waiting(self, line)
        if not self.err.is_terminal:
            yield waiting
            return
        with self.err.status(Text(line)) as spinner:
            waiting.spinner = spinner
            yield waiting


class Waiting:
    """What is said while waiting."""

    def __init__(self, terminal: Terminal, line: str) -> None:
        self._terminal = terminal
        self._said = line
        self.spinner: Any = None

    def now(self, line: str) -> None:
        """Say how it stands, unless that was the last thing said."""
        if line == self._said:
            return
        self._said = line
        if self.spinner is not None:
            self.spinner.update(Text(line))
        else:
            self._terminal.say(line)


def status_text(status: str) -> Text:
    """Return a state's name in its colour."""
    return Text(status, style=STATUS_STYLES.get(status, ""))


def _console(stream: IO[str]) -> Console:
    looked_at = stream.isatty()
    if isinstance(stream, io.TextIOWrapper):
        # A terminal without a payee's letters shows a stand-in; it is no reason to fail.
        stream.reconfigure(errors="replace")
    return Console(
        file=stream,
        width=None if looked_at else _WIDE,
        markup=False,
        emoji=False,
        highlight=False,
        force_terminal=None if looked_at else False,
    )


def _print(console: Console, line: str | Text) -> None:
    console.print(_text(line), soft_wrap=True)


def _text(line: str | Text) -> Text:
    return line if isinstance(line, Text) else Text(line)
