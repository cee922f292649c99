"""What a simulated service is configured with: the shipped file, with the run's capabilities.

Where a run passes midnight within a month, the month has no more room than a day: no run lasts long
enough to fill a month of the shipped tariff, and a limit that nobody meets is not tested.
"""

from dataclasses import replace
from datetime import timedelta
from functools import lru_cache

from msgspec import structs

from adapters.phones import PhoneNumbers
from adapters.sandbox.corridors import AFRIMONEY, BASES, sandbox_msisdn
from domain.attempts import Capabilities
from domain.corridors import Catalogue, Tariff
from domain.payee import Msisdn
from entrypoints.configuration import HealthTable, ProbesTable, RampTable
from entrypoints.settings import Settings, read_settings
from entrypoints.simulation.plan import VARIANTS, Plan

_HEALTH = HealthTable(
    bucket=10,
    window=60,
    recent=30,
    samples=3,
    recovery_samples=2,
    hold=10,
    ramp=RampTable(first=1, every=5),
    probes=ProbesTable(delayed_every=5, closed_every=10),
)
"""Thresholds that a few cash-outs can cross."""
_SECRET = "a secret that guards nothing in a simulation"  # noqa: S105 -- as it says


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of every simulated process: the defaults, and health as in _HEALTH."""
    usual = read_settings({"JWT_SECRET": _SECRET})
    return replace(usual, configuration=structs.replace(usual.configuration, health=_HEALTH))


def catalogue(plan: Plan) -> Catalogue:
    """Return the shipped catalogue with what this run's providers promise."""
    soon = plan.start + timedelta(hours=1)
    tight = soon.day != plan.start.day and soon.month == plan.start.month
    return _catalogue(tuple(sorted(plan.variants.items())), tight=tight)


@lru_cache(maxsize=64)
def _catalogue(variants: tuple[tuple[str, str], ...], *, tight: bool) -> Catalogue:
    names = dict(variants)
    shipped = settings().configuration.catalogue(
        production=False, available=dict.fromkeys(names, True)
    )
    return Catalogue(
        {
            each.id: replace(
                each,
                capabilities=_promised(each.id, names[each.id]),
                tariffs=tuple(map(_tightened, each.tariffs)) if tight else each.tariffs,
            )
            for each in shipped.providers.values()
        }
    )


def _tightened(tariff: Tariff) -> Tariff:
    rows = {code: replace(row, monthly=row.daily) for code, row in tariff.rows.items()}
    return replace(tariff, rows=rows)


def _promised(provider: str, variant: str) -> Capabilities:
    proves = provider != AFRIMONEY
    return replace(VARIANTS[variant], webhook_proves=proves)


@lru_cache(maxsize=8)
def countries_of(provider: str) -> tuple[tuple[str, str], ...]:
    """Return the countries that a provider pays in, each with its local currency."""
    return tuple(
        (each.country, each.local_currencies[0]) for each in BASES if each.provider == provider
    )


@lru_cache(maxsize=4096)
def number(provider: str, country: str, suffix: str) -> Msisdn:
    """Return the sandbox number of a scenario, read as the API reads it."""
    read = PhoneNumbers().read(sandbox_msisdn(provider, country, suffix))
    if read is None:
        message = f"{provider} has no number {suffix} in {country}"
        raise LookupError(message)
    return read
