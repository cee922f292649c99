"""Conditions: what is said once when it turns bad and once when it is good again."""

from dataclasses import dataclass, field
from typing import Any

import structlog


@dataclass(slots=True)
class Condition:
    """One log line per change of state, however often the same is reported.

    bad, good: the names of the two log events. A new `kind` of trouble is a change too.
    """

    bad: str
    good: str
    _log: Any = field(default_factory=structlog.get_logger, repr=False)
    _kind: str | None = None

    def worsen(self, kind: str, **facts: object) -> None:
        """Say that it is bad, and which kind of bad, unless that was the last thing said."""
        if kind != self._kind:
            self._kind = kind
            self._log.warning(self.bad, reason=kind, **facts)

    def recover(self, **facts: object) -> None:
        """Say that it is good again, if it was bad."""
        if self._kind is not None:
            self._kind = None
            self._log.info(self.good, **facts)
