"""Provider health, for those who look at it: the API, the console and the metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.board import Board, corridors_of
from application.ports import Clock, Units
from domain.corridors import Catalogue, Provider
from domain.measures import Bucket
from domain.standings import Standing

MOST_BUCKETS = 10_000
"""The most buckets that one look into the past returns."""


@dataclass(frozen=True, slots=True)
class ProviderStanding:
    """A provider as a whole, and each of its corridors: a country and a currency.

    whole: the least grave of the corridors that are in use, so it is parked only when all are.
    """

    provider: Provider
    whole: Standing
    corridors: tuple[Standing, ...]

    @property
    def parked(self) -> tuple[Standing, ...]:
        """The corridors whose new cash-outs wait."""
        return tuple(each for each in self.corridors if each.parked)


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """Tells how providers are. `now` never waits: it reads the snapshot of this process."""

    board: Board
    units: Units
    catalogue: Catalogue
    clock: Clock

    @property
    def read_at(self) -> datetime | None:
        """When the snapshot was read from the store; None before the first time."""
        return self.board.read_at

    async def refresh(self) -> None:
        """Read the snapshot anew, where nobody does that in the background."""
        async with self.units.begin() as unit:
            standings = await unit.health.standings()
        self.board.show(standings, self.clock.now())

    def now(self) -> Sequence[ProviderStanding]:
        """Return every provider of the catalogue, the ones that are switched off included."""
        return [self.of(each) for each in self.catalogue.providers.values()]

    def of(self, provider: Provider) -> ProviderStanding:
        """Return one provider."""
        return ProviderStanding(
            provider,
            self.board.of_provider(provider),
            tuple(
                self.board.of_corridor(provider, provider.corridors[each.country], each.currency)
                for each in corridors_of(provider)
            ),
        )

    async def measured(self, provider: str, since: datetime) -> list[Bucket]:
        """Return what was measured of a provider, by corridor and minute, in the order of time.

        Buckets are kept for two days; of more than MOST_BUCKETS the newest. Raises
        StorageUnavailable or Overloaded.
        """
        async with self.units.begin() as unit:
            return await unit.health.buckets(provider, since, MOST_BUCKETS)
