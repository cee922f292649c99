"""The written limits of every call to a provider."""

from dataclasses import dataclass
from datetime import timedelta

from application.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """How long and how much, for every call. `answer` is the longest silence while reading.

    total: one HTTP call from the first packet to the last (`PROVIDER_TIMEOUT_SECONDS`). budget:
    all calls of one question to the provider, tokens and replays included. Writing has no limit of
    its own: our bodies fit a socket's buffer, and `total` bounds what does not. idle: after this
    long an unused connection is closed by us, because one that the provider closes under a submit
    makes an unknown outcome; it is below the 5 seconds that common servers allow.
    """

    connect: timedelta = timedelta(seconds=5)
    pool: timedelta = timedelta(seconds=5)
    answer: timedelta = timedelta(seconds=30)
    total: timedelta = timedelta(seconds=30)
    budget: timedelta = timedelta(seconds=45)
    idle: timedelta = timedelta(seconds=4)
    body_bytes: int = 256 * 1024
    connections: int = 100

    @classmethod
    def of(cls, total: timedelta, budget: timedelta | None = None) -> "CallLimits":
        """Return limits for calls of at most `total`; the budget is half as much again."""
        usual = cls()
        return cls(
            connect=min(usual.connect, total),
            pool=min(usual.pool, total),
            answer=min(usual.answer, total),
            total=total,
            budget=budget or total * 3 / 2,
        )


class Budget:
    """What is left of the time for one question to the provider."""

    def __init__(self, clock: Clock, whole: timedelta) -> None:
        self._clock = clock
        self._ends = clock.elapsed() + whole

    @property
    def left(self) -> timedelta:
        """The time left, never negative."""
        return max(self._ends - self._clock.elapsed(), timedelta(0))
