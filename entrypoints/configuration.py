"""The configuration file: corridors, tariffs, capabilities and policy, read from TOML."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import msgspec

from adapters.provider_kit.limits import CallLimits
from adapters.statements.mapping import StatementMapping, StatementTable
from application.gate import GatePolicy
from domain.attempts import Capabilities
from domain.corridors import Catalogue, Corridor, Policy, Provider, Tariff, TariffRow
from domain.health import HealthPolicy
from domain.money import currency, read_amount
from domain.payee import COUNTRIES, NumberFormat
from domain.ramp import RampPolicy
from domain.refusals import Refusal
from entrypoints.reconciliation import ReconciliationTable, checked_mappings

SHIPPED = Path(__file__).with_name("cashout.toml")
"""The configuration that is used unless CASHOUT_CONFIG names another."""

_PERCENT = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,2})?", re.ASCII)
_MARGIN = timedelta(seconds=1)
_SHORTEST_LEASE = timedelta(seconds=10)
_Seconds = Annotated[int, msgspec.Meta(ge=0, le=31_536_000)]
_Count = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
_Positive = Annotated[int, msgspec.Meta(ge=1, le=86_400)]
_Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]


class ConfigurationRefused(Exception):
    """The configuration file cannot be used; `faults` has one line for each reason."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        """Take the lines."""
        super().__init__("\n".join(faults))
        self.faults = faults


class _Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file: a name that it does not know is a fault, not a comment."""


class PolicyTable(_Closed, frozen=True):
    """`[policy]`: see domain.corridors.Policy. Durations are in seconds."""

    poll_steps: tuple[_Count, ...]
    poll_later: _Count
    poll_daily_after: _Seconds
    poll_daily: _Seconds
    retry_longest: _Seconds
    jitter_permille: Annotated[int, msgspec.Meta(ge=0, le=999)]


class CircuitTable(_Closed, frozen=True):
    """`[circuit]`: see application.lanes.Circuit."""

    threshold: _Count
    rest: _Seconds


class RampTable(_Closed, frozen=True):
    """`[health.ramp]`: see domain.ramp.RampPolicy."""

    first: _Count = 2
    every: _Positive = 10
    bad_most: _Percent = 5


class ProbesTable(_Closed, frozen=True):
    """`[health.probes]`: see application.gate.GatePolicy."""

    delayed: _Count = 2
    delayed_every: _Positive = 5
    closed_every: _Positive = 30
    float_threshold: _Count = 2


class HealthTable(_Closed, frozen=True):
    """`[health]`: see domain.health.HealthPolicy. Shares are in percent."""

    bucket: _Positive = 60
    window: _Positive = 300
    recent: _Positive = 120
    samples: _Count = 20
    recovery_samples: _Count = 3
    unknown_delays: _Percent = 20
    unknown_closes: _Percent = 60
    unknown_recovers: _Percent = 10
    success_delays: _Percent = 70
    success_closes: _Percent = 20
    success_recovers: _Percent = 85
    latency_delays: _Positive = 10
    latency_recovers: _Positive = 5
    hold: _Seconds = 30
    ramp: RampTable = RampTable()
    probes: ProbesTable = ProbesTable()

    def policy(self) -> HealthPolicy:
        """Return it as the domain knows it; raise ValueError for lines that contradict."""
        return HealthPolicy(
            bucket=timedelta(seconds=self.bucket),
            window=timedelta(seconds=self.window),
            recent=timedelta(seconds=self.recent),
            samples=self.samples,
            recovery_samples=self.recovery_samples,
            unknown_delays=self.unknown_delays,
            unknown_closes=self.unknown_closes,
            unknown_recovers=self.unknown_recovers,
            success_delays=self.success_delays,
            success_closes=self.success_closes,
            success_recovers=self.success_recovers,
            latency_delays=timedelta(seconds=self.latency_delays),
            latency_recovers=timedelta(seconds=self.latency_recovers),
            hold=timedelta(seconds=self.hold),
        )

    def gating(self) -> GatePolicy:
        """Return how what is parked is probed and let through again."""
        ramp, probes = self.ramp, self.probes
        return GatePolicy(
            probes=probes.delayed,
            every=timedelta(seconds=probes.delayed_every),
            closed_every=timedelta(seconds=probes.closed_every),
            float_threshold=probes.float_threshold,
            ramp=RampPolicy(ramp.first, timedelta(seconds=ramp.every), ramp.bad_most),
        )


class CapabilitiesTable(_Closed, frozen=True):
    """`[providers.ID.capabilities]`: see domain.attempts.Capabilities."""

    idempotent_submit: bool
    lookup_by_reference: bool
    webhook_proves: bool
    not_found_final_after: _Seconds | None = None


class CorridorTable(_Closed, frozen=True):
    """`[providers.ID.corridors]`: one entry per ISO country code."""

    currencies: tuple[str, ...]
    number_format: NumberFormat = NumberFormat.E164_DIGITS
    enabled: bool = True
    closed_in_production: bool = False


class RowTable(_Closed, frozen=True):
    """One currency of a tariff, in major units as decimal strings."""

    fee_percent: str
    fee_minimum: str
    minimum: str
    maximum: str
    daily: str
    monthly: str
    step: str | None = None


class TariffTable(_Closed, frozen=True):
    """`[[providers.ID.tariffs]]`: in force from `effective_from` until a later one is."""

    version: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    effective_from: datetime
    rows: dict[str, RowTable]


class ProviderTable(_Closed, frozen=True):
    """`[providers.ID]`. module: where its gateway is built. Its settings begin with the ID."""

    name: str
    module: str
    capabilities: CapabilitiesTable
    corridors: dict[str, CorridorTable]
    tariffs: tuple[TariffTable, ...]
    operators: tuple[str, ...] = ()
    max_submits: _Count = 32
    max_queries: _Count = 16
    options: dict[str, object] = {}
    """Whatever its gateway understands besides: status words, failure codes, webhook key."""
    statement: StatementTable | None = None


class Configuration(_Closed, frozen=True):
    """The whole file."""

    policy: PolicyTable
    circuit: CircuitTable
    providers: dict[str, ProviderTable]
    health: HealthTable = HealthTable()
    reconciliation: ReconciliationTable = ReconciliationTable()

    def digest(self) -> str:
        """Return the hex SHA-256 over all that it says, however the file is written."""
        return sha256(msgspec.json.encode(self, order="sorted")).hexdigest()

    def statements(self) -> dict[str, StatementMapping]:
        """Return how providers write their statements; raise ValueError for a wrong mapping."""
        return checked_mappings({each: table.statement for each, table in self.providers.items()})

    def catalogue(self, *, production: bool, available: Mapping[str, bool]) -> Catalogue:
        """Return the providers as the domain knows them; `available` says which are connected."""
        return Catalogue(
            {
                provider_id: _provider(
                    provider_id,
                    table,
                    production=production,
                    available=available.get(provider_id, False),
                )
                for provider_id, table in self.providers.items()
            }
        )


@dataclass(frozen=True, slots=True)
class Patience:
    """The part of the policy that is set by the environment. call: the whole provider call."""

    call: timedelta
    retry_base: timedelta
    retry_max_attempts: int
    first_poll: timedelta
    not_found_grace: timedelta
    review_after: timedelta

    def policy(self, table: PolicyTable) -> Policy:
        """Return the policy of the domain; a lease outlives the longest call twice over."""
        call_deadline = CallLimits.of(self.call).budget + _MARGIN
        return Policy(
            retry_base=self.retry_base,
            retry_max_attempts=self.retry_max_attempts,
            retry_longest=timedelta(seconds=table.retry_longest),
            first_poll=self.first_poll,
            poll_steps=table.poll_steps,
            poll_later=table.poll_later,
            poll_daily_after=timedelta(seconds=table.poll_daily_after),
            poll_daily=timedelta(seconds=table.poll_daily),
            not_found_grace=self.not_found_grace,
            review_after=self.review_after,
            lease=max(_SHORTEST_LEASE, 2 * call_deadline),
            call_deadline=call_deadline,
            jitter_permille=table.jitter_permille,
        )


def read_configuration(path: Path) -> Configuration:
    """Read and check a file; raise ConfigurationRefused naming the place of each fault."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        read = msgspec.convert(document, Configuration)
        read.catalogue(production=True, available={})
        read.statements()
        read.health.policy()
        read.health.gating()
    except OSError:
        raise ConfigurationRefused((f"CASHOUT_CONFIG: {path} cannot be read",)) from None
    except RecursionError:
        raise ConfigurationRefused((f"CASHOUT_CONFIG: {path.name}: nested too deeply",)) from None
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError, Refusal) as fault:
        raise ConfigurationRefused((f"CASHOUT_CONFIG: {path.name}: {fault}",)) from None
    return read


def _provider(
    provider_id: str, table: ProviderTable, *, production: bool, available: bool
) -> Provider:
    unknown = [iso for iso in table.corridors if iso not in COUNTRIES]
    if unknown:
        message = f"providers.{provider_id}: no country {', '.join(unknown)}"
        raise ValueError(message)
    capabilities = table.capabilities
    final_after = capabilities.not_found_final_after
    return Provider(
        id=provider_id,
        name=table.name,
        corridors={
            iso: Corridor(
                country=COUNTRIES[iso],
                currencies=tuple(currency(code).code for code in corridor.currencies),
                number_format=corridor.number_format,
                enabled=corridor.enabled and not (production and corridor.closed_in_production),
            )
            for iso, corridor in table.corridors.items()
        },
        tariffs=tuple(_tariff(provider_id, tariff) for tariff in table.tariffs),
        capabilities=Capabilities(
            idempotent_submit=capabilities.idempotent_submit,
            lookup_by_reference=capabilities.lookup_by_reference,
            webhook_proves=capabilities.webhook_proves,
            not_found_final_after=None if final_after is None else timedelta(seconds=final_after),
        ),
        available=available,
        operators=table.operators,
    )


def _tariff(provider_id: str, table: TariffTable) -> Tariff:
    if table.effective_from.tzinfo is None:
        message = (
            f"providers.{provider_id}: effective_from needs a time zone, like 2026-01-01T00:00:00Z"
        )
        raise ValueError(message)
    try:
        effective_from = table.effective_from.astimezone(UTC)
    except OverflowError:
        message = f"providers.{provider_id}: effective_from is outside the years 1 to 9999"
        raise ValueError(message) from None
    return Tariff(
        version=table.version,
        effective_from=effective_from,
        rows={code: _row(code, row) for code, row in table.rows.items()},
    )


def _row(code: str, table: RowTable) -> TariffRow:
    of = currency(code)
    step = read_amount(table.step, of).minor if table.step else 1
    if not _PERCENT.fullmatch(table.fee_percent):
        message = f"{code}: fee_percent is a plain number like 2 or 1.25, with at most two decimals"
        raise ValueError(message)
    return TariffRow(
        currency=of,
        fee_bps=int(Decimal(table.fee_percent) * 100),
        fee_minimum=read_amount(table.fee_minimum, of, step).minor,
        minimum=read_amount(table.minimum, of, step).minor,
        maximum=read_amount(table.maximum, of, step).minor,
        daily=read_amount(table.daily, of, step).minor,
        monthly=read_amount(table.monthly, of, step).minor,
        step=step,
    )
