"""Corridors and tariffs: where a provider pays, in what, for how much and within which limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.attempts import Capabilities
from domain.money import REPLACED_CURRENCIES, Currency, Money, round_up
from domain.payee import COUNTRIES, Country, NumberFormat
from domain.refusals import (
    AmountAboveMaximum,
    AmountBelowMinimum,
    CurrencyNotSupported,
    InvalidAccount,
    InvalidProvider,
)

_BASIS_POINTS = 10_000
_PERMILLE = 1_000


@dataclass(frozen=True, slots=True)
class TariffRow:
    """Fee and limits of one provider in one currency; every amount is in minor units.

    The fee is `fee_bps` basis points of the amount, at least `fee_minimum`, rounded up to `step`.
    """

    currency: Currency
    fee_bps: int
    fee_minimum: int
    minimum: int
    maximum: int
    daily: int
    monthly: int
    step: int = 1

    def __post_init__(self) -> None:
        """Refuse figures that contradict each other; raise ValueError naming the currency."""
        amounts = (self.minimum, self.maximum, self.daily, self.monthly, self.fee_minimum)
        ordered = 0 < self.minimum <= self.maximum <= self.daily <= self.monthly
        in_steps = self.step > 0 and not any(amount % self.step for amount in amounts)
        fair = 0 <= self.fee_bps <= _BASIS_POINTS and self.fee_minimum >= 0
        if not (ordered and in_steps and fair):
            message = f"the tariff for {self.currency.code} contradicts itself"
            raise ValueError(message)

    def money(self, minor: int) -> Money:
        """Return minor units of this row's currency as money."""
        return Money(minor, self.currency)

    def fee_for(self, amount: Money) -> Money:
        """Return the fee on top of the amount."""
        share = round_up(amount.minor * self.fee_bps, _BASIS_POINTS, self.step)
        return self.money(max(share, self.fee_minimum))

    def check_size(self, amount: Money) -> None:
        """Raise AmountBelowMinimum or AmountAboveMaximum when one cash-out may not be this big."""
        if amount.minor < self.minimum:
            limit = self.money(self.minimum)
            raise AmountBelowMinimum(f"The smallest cash-out here is {limit}.", limit=limit)
        if amount.minor > self.maximum:
            limit = self.money(self.maximum)
            raise AmountAboveMaximum(f"The largest cash-out here is {limit}.", limit=limit)


@dataclass(frozen=True, slots=True)
class Tariff:
    """The rows in force from a moment on, under a version that each cash-out remembers."""

    version: str
    effective_from: datetime
    rows: Mapping[str, TariffRow]


@dataclass(frozen=True, slots=True)
class Corridor:
    """A provider in a country: the currencies it pays there and how it wants numbers written."""

    country: Country
    currencies: tuple[str, ...]
    number_format: NumberFormat = NumberFormat.E164_DIGITS
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Provider:
    """A mobile money provider as this service sees it. `available` is false where it is off.

    operators: the networks whose numbers are usually its customers': a hint, numbers are ported.
    """

    id: str
    name: str
    corridors: Mapping[str, Corridor]
    tariffs: tuple[Tariff, ...]
    capabilities: Capabilities
    available: bool = True
    operators: tuple[str, ...] = ()

    def tariff_at(self, now: datetime) -> Tariff:
        """Return the tariff in force; raise ValueError when none is yet."""
        in_force = [tariff for tariff in self.tariffs if tariff.effective_from <= now]
        if not in_force:
            message = f"{self.id} has no tariff in force"
            raise ValueError(message)
        return max(in_force, key=lambda tariff: tariff.effective_from)

    def row_for(self, code: str, now: datetime) -> TariffRow:
        """Return the tariff row of a currency; raise CurrencyNotSupported where there is none."""
        rows = self.tariff_at(now).rows
        if code not in rows:
            replaced_by = REPLACED_CURRENCIES.get(code)
            raise CurrencyNotSupported(code, replaced_by=replaced_by, supported=sorted(rows))
        return rows[code]

    def corridor_for(self, country: str, code: str) -> Corridor:
        """Return where a payee of this country is paid in this currency.

        Raises InvalidAccount when the provider does not pay there, CurrencyNotSupported when it
        pays other currencies there.
        """
        corridor = self.corridors.get(country)
        if corridor is None or not corridor.enabled:
            names = ", ".join(each.country.name for each in self.open_corridors())
            elsewhere = COUNTRIES[country].name if country in COUNTRIES else "another country"
            raise InvalidAccount(
                f"This is a number of {elsewhere}; {self.name} pays numbers of: {names}."
            )
        if code not in corridor.currencies:
            raise CurrencyNotSupported(code, supported=corridor.currencies)
        return corridor

    def open_corridors(self) -> tuple[Corridor, ...]:
        """Return the corridors that are in use."""
        return tuple(each for each in self.corridors.values() if each.enabled)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All providers by id."""

    providers: Mapping[str, Provider]

    def provider(self, provider_id: str) -> Provider:
        """Return a provider that can be used now; raise InvalidProvider otherwise."""
        found = self.providers.get(provider_id)
        if found is None or not found.available:
            usable = [each.id for each in self.providers.values() if each.available]
            raise InvalidProvider(provider_id, usable)
        return found


@dataclass(frozen=True, slots=True)
class Policy:
    """How often and how long we try, ask and wait. Every field is a written-out limit."""

    retry_base: timedelta = timedelta(seconds=30)
    retry_max_attempts: int = 3
    retry_longest: timedelta = timedelta(hours=1)
    first_poll: timedelta = timedelta(seconds=5)
    poll_steps: tuple[int, ...] = (1, 2, 4, 8, 12, 24, 60, 120)
    """Delays between status checks as multiples of `first_poll`: 5, 10, 20, 40 s, 1 to 10 min."""
    poll_later: int = 360
    """Then every 30 minutes (again as a multiple of `first_poll`) until `poll_daily_after`."""
    poll_daily_after: timedelta = timedelta(hours=72)
    poll_daily: timedelta = timedelta(days=1)
    not_found_grace: timedelta = timedelta(seconds=900)
    review_after: timedelta = timedelta(seconds=86_400)
    lease: timedelta = timedelta(seconds=120)
    call_deadline: timedelta = timedelta(seconds=45)
    """The longest that one provider call can take, tokens and replays included."""
    jitter_permille: int = 200

    def __post_init__(self) -> None:
        """Refuse a policy that cannot work; raise ValueError naming the contradiction."""
        nothing = timedelta(0)
        needs = {
            "a call must end inside its lease": nothing < self.call_deadline < self.lease,
            "there must be time between two questions": bool(self.poll_steps)
            and min(self.first_poll, self.poll_daily) > nothing
            and min(*self.poll_steps, self.poll_later) > 0,
            "jitter is 0 to 999 permille": 0 <= self.jitter_permille < _PERMILLE,
            "retries are not negative": self.retry_max_attempts >= 0,
        }
        broken = [need for need, is_met in needs.items() if not is_met]
        if broken:
            raise ValueError("; ".join(broken))

    def poll_delay(self, asked: int, age: timedelta) -> timedelta:
        """Return how long to wait for the next status check, after `asked` of them."""
        if age >= self.poll_daily_after:
            return self.poll_daily
        steps = self.poll_steps
        return self.first_poll * (steps[asked] if asked < len(steps) else self.poll_later)

    def retry_delay(self, attempt: int) -> timedelta:
        """Return how long to wait before sending again, after `attempt` tries (1..)."""
        return min(self.retry_base * (1 << min(attempt, 16)), self.retry_longest)

    def jittered(self, delay: timedelta, permille: int) -> timedelta:
        """Return the delay moved by at most `jitter_permille`; permille is -1000 to 1000."""
        return delay + delay * (permille * self.jitter_permille) // 1_000_000
