"""Standings: what can be expected of a provider, of a country or of a corridor, and since when."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

_NAMESPACE: Final = UUID("6f1c1c0e-9d0b-5d1f-9a52-2d8a3f3e7c11")


class State(StrEnum):
    """What can be expected of a provider or corridor."""

    OPERATIONAL = "OPERATIONAL"
    DELAYED = "DELAYED"
    """New cash-outs wait; a few are sent to see whether it answers again."""
    CLOSED = "CLOSED"
    """New cash-outs wait; at most a single one is sent at a time, none where a person closed it."""


GRAVITY: Final = {State.OPERATIONAL: 0, State.DELAYED: 1, State.CLOSED: 2}
"""How bad each state is."""


class Reason(StrEnum):
    """Why a provider or corridor is not operational."""

    AMBIGUITY = "ambiguity_rate"
    """Too many submits of which nobody knows whether they were paid."""
    SUCCESS = "success_rate"
    LATENCY = "latency"
    CIRCUIT_OPEN = "circuit_open"
    FLOAT_EMPTY = "float_empty"
    CREDENTIALS = "credentials"
    BY_HAND = "by_hand"
    SWITCHED_OFF = "switched_off"
    """There are no credentials for it here, or the configuration has it off."""


TRIPS: Final = frozenset({Reason.CIRCUIT_OPEN, Reason.FLOAT_EMPTY, Reason.CREDENTIALS})
"""Reasons that a process sees by itself, and that are over when it no longer sees them."""
SHUT: Final = frozenset({Reason.BY_HAND, Reason.SWITCHED_OFF})
"""Reasons for which nothing at all is sent, not even to see whether it answers."""
RINGS: Final = frozenset({Reason.FLOAT_EMPTY, Reason.CREDENTIALS})
"""Reasons that somebody here has to act on."""


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """A provider, one of its countries, or one currency there: the wider ones have empty ends."""

    provider: str
    country: str = ""
    currency: str = ""

    def __str__(self) -> str:
        """Return it as `orange_money/GN/GNF`, without what is empty."""
        return "/".join(each for each in (self.provider, self.country, self.currency) if each)

    @property
    def id(self) -> UUID:
        """By what its events are ordered: the same in every process and for ever."""
        return uuid5(_NAMESPACE, str(self))

    def upwards(self) -> tuple["Route", ...]:
        """Return this route and the wider ones that it is part of, the widest first."""
        wider = (Route(self.provider), Route(self.provider, self.country), self)
        return tuple(dict.fromkeys(wider))


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known and stored about a route.

    since: when it came into this state. version: 1.. counts its changes, and so its events. note
    and by: of a person who closed or opened it, the reason given and the name. unread: the stored
    words of a later version that are not known here; it is closed then, until a person opens it.
    """

    route: Route
    state: State = State.OPERATIONAL
    reason: Reason | None = None
    since: datetime | None = None
    version: int = 0
    note: str = ""
    by: str = ""
    unread: str = ""

    @property
    def parked(self) -> bool:
        """Tell whether new cash-outs wait."""
        return self.state is not State.OPERATIONAL

    @property
    def shut(self) -> bool:
        """Tell whether nothing at all may be sent."""
        return self.reason in SHUT

    def moved(
        self, state: State, reason: Reason | None, at: datetime, *, note: str = "", by: str = ""
    ) -> "Standing":
        """Return the standing after a change."""
        return Standing(self.route, state, reason, at, self.version + 1, note, by)


def worst(standings: Iterable[Standing]) -> Standing | None:
    """Return the gravest of some standings, a shut one before the others; None without any."""
    return max(standings, key=lambda each: (GRAVITY[each.state], each.shut), default=None)


def effective(standings: Mapping[Route, Standing], route: Route) -> Standing:
    """Return what counts for a route: the gravest of it and the wider ones that it is part of."""
    known = [standings[each] for each in route.upwards() if each in standings]
    return worst(known) or Standing(route)
