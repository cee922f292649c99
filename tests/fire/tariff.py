"""What is raced for: a small tariff of the tests' own, with limits that a race fills many times."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from domain.payee import Msisdn
from entrypoints.configuration import Configuration, RowTable, TariffTable

BORDERS = tuple(datetime(2027, month, day, tzinfo=UTC) for month, day in ((1, 31), (2, 1), (2, 2)))
"""What the race crosses: a midnight, a midnight with the end of a month, a midnight."""

OLD, NEW = "before-february-2", "from-february-2"
EFFECTIVE = {OLD: datetime(2020, 1, 1, tzinfo=UTC), NEW: BORDERS[2]}
"""The tariff changes in the middle of a month, at the last midnight."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What one user may take in a UTC day and month, in minor units."""

    day: int
    month: int


@dataclass(frozen=True, slots=True)
class Market:
    """A provider and a currency. exponent: decimals. step: the smallest amount, minor units."""

    provider: str
    currency: str
    payee: Msisdn
    exponent: int
    step: int
    limits: Mapping[str, Limit]

    def written(self, minor: int) -> str:
        """Return minor units as a client writes them."""
        return str(Decimal(minor).scaleb(-self.exponent))

    def row(self, version: str) -> RowTable:
        """Return the row of the tariff file; one cash-out may take all that a day has."""
        limit = self.limits[version]
        return RowTable(
            fee_percent="2",
            fee_minimum=self.written(self.step),
            minimum=self.written(self.step),
            maximum=self.written(limit.day),
            daily=self.written(limit.day),
            monthly=self.written(limit.month),
            step=self.written(self.step),
        )


_ABIDJAN, _FREETOWN = Msisdn("+2250700000789", "CI"), Msisdn("+23277000789", "SL")
_TANA = Msisdn("+261320000789", "MG")

MARKETS = (
    # The month grows tighter in its middle, while a part of it is used.
    Market(
        *("orange_money", "USD", _ABIDJAN, 2, 1),
        {OLD: Limit(30_000, 50_000), NEW: Limit(20_000, 45_000)},
    ),
    # The month grows wider in its middle.
    Market(
        *("orange_money", "XOF", _ABIDJAN, 0, 1),
        {OLD: Limit(40_000, 70_000), NEW: Limit(60_000, 90_000)},
    ),
    # Only whole ariary are paid.
    Market(
        *("orange_money", "MGA", _TANA, 2, 100),
        dict.fromkeys((OLD, NEW), Limit(900_000, 1_600_000)),
    ),
    Market(
        *("afrimoney", "SLE", _FREETOWN, 2, 1),
        dict.fromkeys((OLD, NEW), Limit(25_000, 40_000)),
    ),
)

Limits = Callable[[str, str, str], Limit]
"""Tells the limit of a provider and currency under a version of the tariff."""


def limit_of(provider: str, currency: str, version: str) -> Limit:
    """Return the limit that the race is run under."""
    return _BY_NAME[provider, currency].limits[version]


_BY_NAME = {(market.provider, market.currency): market for market in MARKETS}


def raced_for(configuration: Configuration) -> Configuration:
    """Return a configuration with this tariff in the place of its own."""
    providers = {}
    for provider_id, table in configuration.providers.items():
        tariffs = tuple(
            TariffTable(
                version=version,
                effective_from=since,
                rows={m.currency: m.row(version) for m in MARKETS if m.provider == provider_id},
            )
            for version, since in EFFECTIVE.items()
        )
        providers[provider_id] = msgspec.structs.replace(table, tariffs=tariffs)
    return msgspec.structs.replace(configuration, providers=providers)
