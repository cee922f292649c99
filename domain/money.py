"""Money: integer minor units of an ISO 4217 currency. Nothing here rounds, except `round_up`."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from domain.refusals import CurrencyNotSupported, InvalidAmount

# Fifteen digits are ten thousand times the largest monthly limit and stay far inside a BIGINT.
_PLAIN_DECIMAL = re.compile(r"(-?)(\d{1,15})(?:\.(\d{1,15}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Currency:
    """An ISO 4217 currency; `exponent` is the number of decimals of its minor unit."""

    code: str
    exponent: int

    @property
    def scale(self) -> int:
        """How many minor units make one major unit."""
        return int(10**self.exponent)


CURRENCIES: dict[str, Currency] = {
    code: Currency(code, exponent)
    for code, exponent in {
        "XAF": 0,
        "XOF": 0,
        "GNF": 0,
        "UGX": 0,
        "CDF": 2,
        "SLE": 2,
        "GMD": 2,
        "MGA": 2,
        "USD": 2,
    }.items()
}
"""Every currency this service can pay, with its ISO 4217 exponent."""

REPLACED_CURRENCIES: dict[str, str] = {"SLL": "SLE"}
"""Withdrawn codes and what replaced them. They are refused by name and never converted."""


def currency(code: str) -> Currency:
    """Return the currency of an upper-case ISO 4217 code; raise CurrencyNotSupported otherwise."""
    known = CURRENCIES.get(code)
    if known is None:
        raise CurrencyNotSupported(code, replaced_by=REPLACED_CURRENCIES.get(code))
    return known


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units. Two currencies never meet: adding them is a bug, not a refusal."""

    minor: int
    currency: Currency

    def __add__(self, other: Self) -> "Money":
        """Return the sum; raise ValueError when the currencies differ."""
        if other.currency != self.currency:
            message = f"{self.currency.code} and {other.currency.code} cannot be added"
            raise ValueError(message)
        return Money(self.minor + other.minor, self.currency)

    @property
    def decimal(self) -> Decimal:
        """The amount in major units, exactly."""
        return Decimal(self.minor).scaleb(-self.currency.exponent)

    @property
    def plain(self) -> str:
        """The amount in major units as a JSON number: `1500`, `10.5`; no exponent, no tail."""
        whole, cents = divmod(abs(self.minor), self.currency.scale)
        tail = f"{cents:0{self.currency.exponent}d}".rstrip("0") if cents else ""
        sign = "-" if self.minor < 0 else ""
        return f"{sign}{whole}.{tail}" if tail else f"{sign}{whole}"

    def __str__(self) -> str:
        """For people: `1500 XOF`."""
        return f"{self.plain} {self.currency.code}"


def read_amount(text: str, of: Currency, step_minor: int = 1) -> Money:
    """Read a positive amount in major units, exactly as written.

    `step_minor` is the smallest payable unit of the corridor, in minor units. Raises
    InvalidAmount for anything but a plain positive decimal that the corridor can pay.
    """
    written = _PLAIN_DECIMAL.fullmatch(text)
    if written is None:
        raise InvalidAmount("Write the amount as a plain positive number, like 1500 or 10.50.")
    sign, whole, tail = written.groups(default="")
    # Digits, not Decimals: arithmetic on those rounds to its context's precision.
    cents = tail.rstrip("0")
    if sign or not (whole + cents).strip("0"):
        raise InvalidAmount("The amount must be greater than zero.")
    if len(cents) > of.exponent:
        raise InvalidAmount(f"{of.code} is paid with at most {of.exponent} decimals.")
    minor = int(whole + cents.ljust(of.exponent, "0"))
    if minor % step_minor:
        step = Money(step_minor, of)
        raise InvalidAmount(f"This provider pays {of.code} in multiples of {step.plain}.")
    return Money(minor, of)


def round_up(numerator: int, denominator: int, step_minor: int) -> int:
    """Return `numerator / denominator` minor units rounded up to the step: the one rounding."""
    unit = denominator * step_minor
    return -(-numerator // unit) * step_minor
