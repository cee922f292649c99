"""Statement files: read line by line in bounded pieces, on a thread beside the event loop."""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from adapters.statements.mapping import StatementMapping
from adapters.statements.records import RecordReader, header_of
from application.ports.statements import LinesRead, Malformed, Statement, UnreadableStatement
from domain.statement_refusals import InvalidStatement
from domain.statements import StatementLine

_MARK: Final = b"\xef\xbb\xbf"
"""What some programs put before text in UTF-8."""
_CHUNK: Final = 1 << 18
_NO_TEXT: Final = {b"PK\x03\x04": "a spreadsheet or archive", b"%PDF": "a PDF"}


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """What a file may have: bytes in all, bytes of a line, columns of a line."""

    file_most: int = 256 * 1024 * 1024
    line_most: int = 8_192
    fields_most: int = 64


@dataclass(frozen=True, slots=True)
class CsvStatement:
    """Implements `Statement` over a file that can be opened again and again."""

    name: str
    size: int
    opened: Callable[[], AbstractContextManager[BinaryIO]]
    mapping: StatementMapping
    limits: ReadingLimits

    async def digest(self) -> str:
        """Return the hex SHA-256 of the file; raise UnreadableStatement when it is too large."""
        if self.size > self.limits.file_most:
            raise UnreadableStatement(f"the file has more than {self.limits.file_most} bytes")
        return await asyncio.to_thread(self._digest)

    def _digest(self) -> str:
        whole = hashlib.sha256()
        with self.opened() as file:
            while chunk := file.read(_CHUNK):
                whole.update(chunk)
        return whole.hexdigest()

    async def pages(self, most: int) -> AsyncIterator[LinesRead]:
        """Yield its lines, at most so many at once; raise UnreadableStatement."""
        with self.opened() as file:
            reading = _Reading(file, self.mapping, self.limits)
            records = reading.records()
            while True:
                page = await asyncio.to_thread(reading.page, records, most)
                if page is None:
                    return
                yield page


@dataclass(slots=True)
class _Reading:
    """One reading of a file, from its beginning."""

    file: BinaryIO
    mapping: StatementMapping
    limits: ReadingLimits
    number: int = 0
    done: int = 0

    def page(
        self, records: Iterator[StatementLine | Malformed | None], most: int
    ) -> LinesRead | None:
        """Return the next lines, None when there are no more."""
        lines: list[StatementLine] = []
        malformed: list[Malformed] = []
        left_out = 0
        for record in records:
            match record:
                case StatementLine():
                    lines.append(record)
                case Malformed():
                    malformed.append(record)
                case None:
                    left_out += 1
            if len(lines) + len(malformed) + left_out >= most:
                break
        if not (lines or malformed or left_out):
            return None
        return LinesRead(tuple(lines), tuple(malformed), left_out, self.done)

    def records(self) -> Iterator[StatementLine | Malformed | None]:
        """Yield what each line is; raise UnreadableStatement."""
        table = self.mapping.table
        footers = tuple(each.encode(table.encoding) for each in table.footers)
        for _ in range(table.skip):
            self._line()
        reader = self._reader()
        while (raw := self._line()) is not None:
            if isinstance(raw, Malformed):
                yield raw
            elif raw.strip() and not (footers and raw.lstrip(b' "').startswith(footers)):
                yield reader.read(self.number, raw)

    def _reader(self) -> RecordReader:
        most = self.limits.fields_most
        if not self.mapping.table.header:
            return RecordReader.of(self.mapping, None, most)
        raw = self._line()
        if raw is None or isinstance(raw, Malformed):
            raise UnreadableStatement("the file has no header line that can be read")
        for beginning, what in _NO_TEXT.items():
            if raw.startswith(beginning):
                raise UnreadableStatement(f"this is {what}: export the statement as CSV")
        return RecordReader.of(self.mapping, header_of(raw, self.mapping, most), most)

    def _line(self) -> bytes | Malformed | None:
        """Return the next line without its end, None behind the last."""
        most = self.limits.line_most
        raw = self.file.readline(most + 2)
        if not raw:
            return None
        self.number += 1
        self.done += len(raw)
        line = raw.removesuffix(b"\n").removesuffix(b"\r")
        if self.number == 1:
            line = line.removeprefix(_MARK)
        if len(line) > most:
            self._skip_rest(raw)
            return Malformed(self.number, f"longer than {most} bytes")
        if b"\0" in line:
            return Malformed(self.number, "has a NUL byte")
        return line

    def _skip_rest(self, raw: bytes) -> None:
        while raw and not raw.endswith(b"\n"):
            raw = self.file.readline(self.limits.line_most)
            self.done += len(raw)


@dataclass(frozen=True, slots=True)
class CsvStatements:
    """Implements `StatementFiles`. folder: where what is received is kept while it is worked on."""

    mappings: Mapping[str, StatementMapping]
    folder: Path
    limits: ReadingLimits = field(default_factory=ReadingLimits)

    def providers(self) -> frozenset[str]:
        """Return the providers whose statements can be read."""
        return frozenset(self.mappings)

    def at(self, provider: str, path: str | Path) -> Statement:
        """Return the statement in a file; raise InvalidStatement when it cannot be opened."""
        mapping, path = self._mapping(provider), Path(path)
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
        except OSError:
            raise InvalidStatement("The file cannot be read.") from None
        return CsvStatement(path.name, size, lambda: path.open("rb"), mapping, self.limits)

    @asynccontextmanager
    async def received(
        self, provider: str, name: str, chunks: AsyncIterator[bytes]
    ) -> AsyncIterator[Statement]:
        """Keep what arrives in a file without a name, gone with the process; yield it.

        Raises InvalidStatement when there is more than a file may have.
        """
        mapping = self._mapping(provider)
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self.folder) as file:
            size = 0
            async for chunk in chunks:
                size += len(chunk)
                if size > self.limits.file_most:
                    raise InvalidStatement(f"Send at most {self.limits.file_most} bytes.")
                file.write(chunk)
            file.flush()
            yield CsvStatement(name, size, lambda: _from_start(file), mapping, self.limits)

    def _mapping(self, provider: str) -> StatementMapping:
        mapping = self.mappings.get(provider)
        if mapping is None:
            raise InvalidStatement(
                "There is no mapping for this provider's statements in the configuration."
            )
        return mapping


@contextmanager
def _from_start(file: BinaryIO) -> Iterator[BinaryIO]:
    file.seek(0)
    yield file
