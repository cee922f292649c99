"""Reports: what was learnt about a cash-out, and how it came in."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.evidence import Finding, Source


@dataclass(frozen=True, slots=True)
class Report:
    """A finding and how it came in.

    attempt: the number of the try it answers, for a submit. lease: the token under which it was
    done. digest: hex SHA-256 of the raw body. id_taken: the provider's transaction id that it
    carries belongs to another cash-out. permille: this report's share of chance, for jitter.
    happened_at: when it was so what the finding says, where that may be long ago; None: just now.
    """

    source: Source
    finding: Finding
    attempt: int | None = None
    lease: UUID | None = None
    digest: str = ""
    raw: bytes = field(default=b"", repr=False)
    id_taken: bool = False
    permille: int = 0
    happened_at: datetime | None = None
