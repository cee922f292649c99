"""The board: what this process knows of the standings of providers, read without waiting."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from domain.cash_out import CashOut
from domain.corridors import Corridor, Provider
from domain.standings import GRAVITY, Reason, Route, Standing, State, effective


def corridors_of(provider: Provider) -> tuple[Route, ...]:
    """Return the routes of a provider, one for each country and currency, the closed included."""
    return tuple(
        Route(provider.id, corridor.country.iso, code)
        for corridor in provider.corridors.values()
        for code in corridor.currencies
    )


def route_of(cash_out: CashOut) -> Route:
    """Return the route that a cash-out takes."""
    return Route(cash_out.provider, cash_out.payee.msisdn.country, cash_out.amount.currency.code)


@dataclass(slots=True)
class Board:
    """A snapshot of the stored standings. It is replaced as a whole, in the background.

    changes: grows whenever the standings are others than before. read_at: None before the first.
    """

    standings: Mapping[Route, Standing] = field(default_factory=dict)
    read_at: datetime | None = None
    changes: int = 0

    def show(self, standings: Iterable[Standing], read_at: datetime) -> None:
        """Put up a newer snapshot."""
        new = {each.route: each for each in standings}
        if new != self.standings:
            self.standings = MappingProxyType(new)
            self.changes += 1
        self.read_at = read_at

    def standing(self, route: Route) -> Standing:
        """Return what counts for a route: the gravest of it and the wider ones around it."""
        return effective(self.standings, route)

    def of_corridor(self, provider: Provider, corridor: Corridor, currency: str) -> Standing:
        """Return the standing as others are told it: what is switched off is closed."""
        route = Route(provider.id, corridor.country.iso, currency)
        if provider.available and corridor.enabled:
            return replace(self.standing(route), route=route)
        return Standing(route, State.CLOSED, Reason.SWITCHED_OFF)

    def of_country(self, provider: Provider, corridor: Corridor) -> Standing:
        """Return the standing of a country: the least grave of its currencies."""
        each = [self.of_corridor(provider, corridor, code) for code in corridor.currencies]
        return _least_grave(each) or Standing(Route(provider.id, corridor.country.iso))

    def of_provider(self, provider: Provider) -> Standing:
        """Return the standing of a provider: the least grave of its corridors that are in use."""
        if not provider.available:
            return Standing(Route(provider.id), State.CLOSED, Reason.SWITCHED_OFF)
        each = [self.of_country(provider, corridor) for corridor in provider.open_corridors()]
        return _least_grave(each) or Standing(Route(provider.id))

    def parked(self, provider: Provider) -> list[Standing]:
        """Return the standings of the corridors in use whose cash-outs wait."""
        found = [
            self.of_corridor(provider, corridor, code)
            for corridor in provider.open_corridors()
            for code in corridor.currencies
        ]
        return [each for each in found if each.parked]


def _least_grave(standings: list[Standing]) -> Standing | None:
    return min(standings, key=lambda each: GRAVITY[each.state], default=None)
