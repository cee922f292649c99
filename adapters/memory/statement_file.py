"""A statement that is in memory already."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from application.ports.statements import LinesRead, Malformed
from domain.statements import StatementLine


@dataclass(frozen=True, slots=True)
class MemoryStatement:
    """Implements `Statement` over lines. Its digest is that of the lines' own, in their order."""

    lines: Sequence[StatementLine]
    malformed: Sequence[Malformed] = ()
    left_out: int = 0
    name: str = "memory.csv"

    @property
    def size(self) -> int:
        """How many bytes the lines have."""
        return sum(len(line.raw) for line in self.lines)

    async def digest(self) -> str:
        """Return a hex SHA-256 that no other lines have."""
        whole = hashlib.sha256()
        for line in self.lines:
            whole.update(f"{line.number} {line.digest}\n".encode())
        for each in self.malformed:
            whole.update(f"{each.number} {each.reason}\n".encode())
        return whole.hexdigest()

    async def pages(self, most: int) -> AsyncIterator[LinesRead]:
        """Yield the lines, at most so many at once; the malformed ones come with the first."""
        read = 0
        for start in range(0, max(len(self.lines), 1), most):
            some = tuple(self.lines[start : start + most])
            read += sum(len(line.raw) for line in some)
            malformed, left_out = ((), 0) if start else (tuple(self.malformed), self.left_out)
            yield LinesRead(some, malformed, left_out, read)
