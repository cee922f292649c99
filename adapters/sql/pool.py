"""The pool of connections, which knows how often and how long somebody waited for one."""

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry


@dataclass(frozen=True, slots=True)
class PoolUse:
    """The connections of one process: in use, open but idle, and how many there may be at most.

    waits: how often there was none free, and waited_s: for how long all together. On SQLite these
    are about the turn to write.
    """

    in_use: int
    idle: int
    most: int
    waits: int
    waited_s: float


class WatchedPool(AsyncAdaptedQueuePool):
    """The pool that async engines have anyway, with two figures."""

    def __init__(self, *args: Any, **settings: Any) -> None:  # noqa: ANN401 -- handed on
        super().__init__(*args, **settings)
        self.waits = 0
        self.waited_s = 0.0

    def _do_get(self) -> ConnectionPoolEntry:
        if self.checkedin() or self.overflow() < self._max_overflow:
            return super()._do_get()
        self.waits += 1
        began = time.monotonic()
        try:
            return super()._do_get()
        finally:
            self.waited_s += time.monotonic() - began
