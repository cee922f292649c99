"""The rate limit: a token bucket per user, in this process, in bounded memory."""

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from adapters.web.problems import rate_limited
from application.ports import Clock

_MINUTE_S: Final = 60
MOST_USERS: Final = 10_000
"""Users that are remembered; whoever was quiet for longest is forgotten first."""


@dataclass(slots=True)
class _Bucket:
    """What a user may still ask, at a moment in seconds of the process's clock."""

    left: float
    at: float


class RateLimit:
    """Lets each user ask `per_minute` times at once, refilled evenly; 0 lets everything pass."""

    def __init__(self, per_minute: int, clock: Clock, *, most_users: int = MOST_USERS) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._most_users = most_users
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, user_id: str) -> None:
        """Count one request; raise Problem RATE_LIMITED, with when to come back, over the limit."""
        if not self._per_minute:
            return
        now = self._clock.elapsed().total_seconds()
        bucket = self._buckets.get(user_id)
        if bucket is None:
            bucket = self._buckets[user_id] = _Bucket(self._per_minute, now)
            if len(self._buckets) > self._most_users:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(user_id)
        per_second = self._per_minute / _MINUTE_S
        bucket.left = min(self._per_minute, bucket.left + (now - bucket.at) * per_second)
        bucket.at = now
        if bucket.left < 1:
            raise rate_limited(max(1, math.ceil((1 - bucket.left) / per_second)))
        bucket.left -= 1
