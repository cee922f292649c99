"""Which numbers the sandbox knows: one base per provider and country, and its currencies."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

ORANGE_MONEY: Final = "orange_money"
AFRIMONEY: Final = "afrimoney"
PROVIDERS: Final = (ORANGE_MONEY, AFRIMONEY)

UNKNOWN_COUNTRY: Final = "ZZ"
"""ISO 3166's user-assigned code, for a number outside every corridor."""

_SUFFIX_DIGITS: Final = 3


@dataclass(frozen=True, slots=True)
class Corridor:
    """One provider in one country.

    `base` is the sandbox number in E.164 digits without its last three.
    """

    provider: str
    country: str
    country_name: str
    calling_code: str
    base: str
    local_currencies: tuple[str, ...]

    @property
    def currencies(self) -> tuple[str, ...]:
        """The currencies paid here; US dollars are paid everywhere."""
        return (
            self.local_currencies
            if "USD" in self.local_currencies
            else (*self.local_currencies, "USD")
        )


BASES: Final[tuple[Corridor, ...]] = (
    Corridor(ORANGE_MONEY, "CM", "Cameroon", "237", "237690000", ("XAF",)),
    Corridor(ORANGE_MONEY, "CI", "Côte d'Ivoire", "225", "2250700000", ("XOF",)),
    Corridor(ORANGE_MONEY, "ML", "Mali", "223", "22370000", ("XOF",)),
    Corridor(ORANGE_MONEY, "SN", "Senegal", "221", "221770000", ("XOF",)),
    Corridor(ORANGE_MONEY, "GN", "Guinea", "224", "224620000", ("GNF",)),
    Corridor(ORANGE_MONEY, "MG", "Madagascar", "261", "261320000", ("MGA",)),
    Corridor(ORANGE_MONEY, "CD", "DRC", "243", "243840000", ("CDF", "USD")),
    Corridor(AFRIMONEY, "SL", "Sierra Leone", "232", "23277000", ("SLE",)),
    Corridor(AFRIMONEY, "CD", "DRC", "243", "243900000", ("CDF", "USD")),
    Corridor(AFRIMONEY, "UG", "Uganda", "256", "256790000", ("UGX",)),
    Corridor(AFRIMONEY, "GM", "The Gambia", "220", "2207000", ("GMD",)),
)

EXPONENTS: Final[Mapping[str, int]] = MappingProxyType(
    {"XAF": 0, "XOF": 0, "GNF": 0, "UGX": 0, "CDF": 2, "SLE": 2, "GMD": 2, "MGA": 2, "USD": 2},
)
"""Decimals of each currency (ISO 4217). A currency that is not here is not paid by anyone."""

_BY_COUNTRY: Final = MappingProxyType({(c.provider, c.country): c for c in BASES})
_BY_CALLING_CODE: Final = MappingProxyType({(c.provider, c.calling_code): c for c in BASES})
_BY_BASE: Final = MappingProxyType({(c.provider, c.base): c for c in BASES})


def sandbox_msisdn(provider: str, country: str, suffix: str) -> str:
    """Return the sandbox number of that scenario, in E.164 with its plus sign.

    `country` is ISO 3166 alpha-2, `suffix` the scenario's three digits. Raises `KeyError` when the
    provider does not pay in that country and `ValueError` when the suffix is not three digits.
    """
    if len(suffix) != _SUFFIX_DIGITS or not (suffix.isascii() and suffix.isdigit()):
        message = f"a scenario is three digits, not {suffix!r}"
        raise ValueError(message)
    return f"+{_BY_COUNTRY[provider, country].base}{suffix}"


def suffix_of(provider: str, digits: str) -> str | None:
    """Return the scenario's three digits; None for a number outside the sandbox bases."""
    known = (provider, digits[:-_SUFFIX_DIGITS]) in _BY_BASE
    return digits[-_SUFFIX_DIGITS:] if known else None


def corridor_of(provider: str, digits: str) -> Corridor | None:
    """Return the corridor of a number in E.164 digits; None outside the provider's countries."""
    return _BY_CALLING_CODE.get((provider, digits[:3]))


def is_payable(amount: Decimal, currency: str) -> bool:
    """Tell whether the amount is positive and has no more decimals than the currency."""
    exponent = EXPONENTS[currency]
    return amount > 0 and amount == amount.quantize(Decimal(1).scaleb(-exponent))
