"""Faults on order: rules that match requests and webhooks, and what they do to them."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from random import Random
from typing import Final


class Endpoint(StrEnum):
    """What a rule can be about."""

    TOKEN = "token"  # noqa: S105 - an endpoint
    SUBMIT = "submit"
    STATUS = "status"
    WEBHOOK = "webhook"


class Act(StrEnum):
    """What a rule does.

    The last three are for webhooks; of the others, a webhook knows only the delay.
    """

    DELAY = "delay"
    STATUS = "status"
    RESET = "reset"
    HANG = "hang"
    TRUNCATE = "truncate"
    DROP = "drop"
    DUPLICATE = "duplicate"
    CORRUPT = "corrupt"


_ON_WEBHOOKS: Final = frozenset({Act.DELAY, Act.DROP, Act.DUPLICATE, Act.CORRUPT})
_ON_REQUESTS: Final = frozenset({Act.DELAY, Act.STATUS, Act.RESET, Act.HANG, Act.TRUNCATE})
_MAX_SECONDS: Final = 86_400.0
_STATUSES: Final = range(200, 600)
_MAX_COPIES: Final = 100
_MAX_RULES: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRule:
    """One rule. A filter that is None matches everything; `nth` counts matching happenings from 1.

    `executed` says whether the provider acts on a request before the fault hides its answer.
    A window (`starts_at` to `ends_at`) with a status is an outage, with a delay and a probability
    a degradation. Raises `ValueError` when it makes no sense.
    """

    act: Act
    provider: str | None = None
    endpoint: Endpoint | None = None
    suffix: str | None = None
    nth: int | None = None
    times: int | None = None
    probability: float = 1.0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    seconds: float = 0.0
    status: int = 503
    retry_after_s: int | None = None
    body: str | None = None
    at_byte: int = 1
    copies: int = 2
    executed: bool = False

    def __post_init__(self) -> None:
        for wrong, why in self._faults():
            if wrong:
                raise ValueError(why)

    def _faults(self) -> Iterator[tuple[bool, str]]:
        on_webhook = self.endpoint is Endpoint.WEBHOOK
        allowed = _ON_WEBHOOKS if on_webhook else _ON_REQUESTS
        yield (
            self.endpoint is not None and self.act not in allowed,
            f"{self.act} does not apply to {self.endpoint}",
        )
        yield not 0 <= self.probability <= 1, "probability is between 0 and 1"
        yield not 0 <= self.seconds <= _MAX_SECONDS, "seconds is between 0 and 86400"
        yield self.status not in _STATUSES, "status is between 200 and 599"
        yield self.at_byte < 0, "at_byte is not negative"
        yield not 1 <= self.copies <= _MAX_COPIES, "copies is between 1 and 100"
        yield self.nth is not None and self.nth < 1, "nth counts from 1"
        yield self.times is not None and self.times < 1, "times is at least 1"
        for instant in (self.starts_at, self.ends_at):
            yield instant is not None and instant.tzinfo is None, "a window needs a time zone"

    def concerns(self, happening: "Happening", now: datetime) -> bool:
        """Tell whether the rule's filters and window match; chance and counts come after."""
        return (
            self.act in (_ON_WEBHOOKS if happening.is_webhook else _ON_REQUESTS)
            and self.provider in {None, happening.provider}
            and self.endpoint in {None, happening.endpoint}
            and self.suffix in {None, happening.suffix}
            and (self.starts_at is None or self.starts_at <= now)
            and (self.ends_at is None or now < self.ends_at)
        )


@dataclass(frozen=True, slots=True)
class Happening:
    """A request received or a webhook about to be scheduled.

    `suffix` None: not a sandbox number.
    """

    provider: str
    endpoint: Endpoint
    suffix: str | None

    @property
    def is_webhook(self) -> bool:
        """Tell a webhook from a request."""
        return self.endpoint is Endpoint.WEBHOOK


@dataclass(slots=True)
class Posted:
    """A rule in force, with how often it matched and fired."""

    number: int
    rule: FaultRule
    matched: int = 0
    fired: int = 0


@dataclass(frozen=True, slots=True)
class Mishap:
    """What the rules do to one happening: a delay in seconds, at most one rule that disrupts."""

    delay_s: float = 0.0
    rule: FaultRule | None = None


class TooManyRules(Exception):
    """There are as many rules as are kept; delete some."""


@dataclass(slots=True)
class Faults:
    """The rules in force. Chance comes from the seeded source alone."""

    chance: Random
    _posted: dict[int, Posted] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def add(self, rule: FaultRule) -> int:
        """Put a rule in force and return its number; raises `TooManyRules`."""
        if len(self._posted) >= _MAX_RULES:
            raise TooManyRules
        number = next(self._numbers)
        self._posted[number] = Posted(number, rule)
        return number

    def remove(self, number: int) -> bool:
        """Take a rule back; False when there is none of that number."""
        return self._posted.pop(number, None) is not None

    def clear(self) -> None:
        """Take every rule back."""
        self._posted.clear()

    def __iter__(self) -> Iterator[Posted]:
        """Go through the rules in force, oldest first."""
        return iter(tuple(self._posted.values()))

    def befall(self, happening: Happening, now: datetime) -> Mishap:
        """Return what befalls it: delays add up, the first disruptive rule that fires wins."""
        fired = [p.rule for p in self._posted.values() if self._fires(p, happening, now)]
        delay_s = sum(rule.seconds for rule in fired if rule.act is Act.DELAY)
        disruptive = next((rule for rule in fired if rule.act is not Act.DELAY), None)
        return Mishap(delay_s, disruptive)

    def _fires(self, posted: Posted, happening: Happening, now: datetime) -> bool:
        rule = posted.rule
        if not rule.concerns(happening, now):
            return False
        posted.matched += 1
        spent = rule.times is not None and posted.fired >= rule.times
        if spent or (rule.nth is not None and posted.matched != rule.nth):
            return False
        if rule.probability < 1 and self.chance.random() >= rule.probability:
            return False
        posted.fired += 1
        return True
