"""What a sandbox keeps over a restart: a line per happening, appended before it is answered.

The file survives the death of the process at any moment, not the loss of power: nothing is synced.
"""

import fcntl
import os
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec

_MODE: Final = 0o600


class Tried(msgspec.Struct, frozen=True, tag="tried"):
    """A reference was submitted, whatever came of it."""

    provider: str
    reference: str


class FloatRefused(msgspec.Struct, frozen=True, tag="float_refused"):
    """A submit was refused because a scenario's float is empty."""

    provider: str
    reference: str
    at: datetime


class Taken(msgspec.Struct, frozen=True, tag="taken"):
    """An order was taken. due: when each step of its scenario's course happens."""

    provider: str
    transaction_id: str
    number: int
    reference: str
    msisdn: str
    amount: Decimal
    currency: str
    name: str
    due: tuple[datetime, ...]


class Happened(msgspec.Struct, frozen=True, tag="happened"):
    """A step of a transaction's course happened: it may have paid."""

    provider: str
    transaction_id: str
    step: int
    at: datetime


class FloatSet(msgspec.Struct, frozen=True, tag="float_set"):
    """Somebody set a float balance."""

    provider: str
    country: str
    currency: str
    balance: Decimal
    at: datetime


Entry = Tried | FloatRefused | Taken | Happened | FloatSet

_DECODER: Final = msgspec.json.Decoder(Entry)


class Book(Protocol):
    """Where the happenings are written down."""

    def write(self, entry: Entry) -> None:
        """Write one down; it is kept once this returns."""
        ...

    def clear(self) -> None:
        """Forget them all."""
        ...


class NoBook:
    """Implements `Book` by keeping nothing: the ledger lives as long as the process."""

    def write(self, entry: Entry) -> None:
        """Write nothing."""

    def clear(self) -> None:
        """Forget nothing."""


class LedgerFileRefused(Exception):
    """The file cannot be used: somebody else writes to it, or it is not a sandbox's."""


class LedgerFile:
    """Implements `Book` with a file of JSON lines that one sandbox at a time may hold open.

    A last line without its end is what a dying process left: it was never acted on, and is removed.
    Raises `LedgerFileRefused` when another sandbox holds it, `OSError` when it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _MODE)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise LedgerFileRefused(f"{path.name} is another sandbox's at this moment") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def read(self) -> list[Entry]:
        """Return what was written, oldest first; raise `LedgerFileRefused` for a strange line."""
        with os.fdopen(os.dup(self._file), "rb") as file:
            file.seek(0)
            written = file.read()
        whole = written.rfind(b"\n") + 1
        os.ftruncate(self._file, whole)
        return list(read_entries(written[:whole], self._name))

    def write(self, entry: Entry) -> None:
        """Append a line, all of it or nothing; raise `OSError` when there is no room."""
        line = msgspec.json.encode(entry) + b"\n"
        end = os.fstat(self._file).st_size
        try:
            written = os.write(self._file, line)
            if written < len(line):
                os.write(self._file, line[written:])
        except OSError:
            os.ftruncate(self._file, end)
            raise

    def clear(self) -> None:
        """Empty the file."""
        os.ftruncate(self._file, 0)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


def read_entries(written: bytes, name: str) -> Iterable[Entry]:
    """Read lines one by one; raise `LedgerFileRefused` naming the first that is none of ours."""
    for number, line in enumerate(written.splitlines(), start=1):
        try:
            yield _DECODER.decode(line)
        except msgspec.MsgspecError:
            raise LedgerFileRefused(f"{name}, line {number} is no sandbox's entry") from None
