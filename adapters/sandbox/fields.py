"""The fields that both protocols have, read strictly."""

import re
import unicodedata
from decimal import Decimal
from typing import Final

from adapters.sandbox.corridors import EXPONENTS, corridor_of, is_payable
from adapters.sandbox.wire import JsonNumber

_NORMALISED: Final = re.compile(r"(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{0,8}[1-9])?")
_DIGITS: Final = re.compile(r"[1-9][0-9]{6,14}")
_REFERENCE: Final = re.compile(r"[!-~]{1,128}")


def is_reference(value: object) -> bool:
    """Tell whether it can be a reference: 1 to 128 visible ASCII characters."""
    return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None


def read_amount(value: object) -> Decimal | None:
    """Return the amount of a number written plainly (1500, 10.5); None for other writings."""
    if isinstance(value, JsonNumber) and _NORMALISED.fullmatch(value.text):
        return Decimal(value.text)
    return None


def read_msisdn(value: object, *, plus_sign: bool) -> str | None:
    """Return the E.164 digits; None unless they are written exactly as the partner agreed."""
    if not isinstance(value, str) or value.startswith("+") is not plus_sign:
        return None
    digits = value.removeprefix("+")
    return digits if _DIGITS.fullmatch(digits) else None


def is_plain_text(value: object, longest: int) -> bool:
    """Tell whether it is a composed (NFC) string without control characters, within the length."""
    return (
        isinstance(value, str)
        and len(value) <= longest
        and unicodedata.is_normalized("NFC", value)
        and not any(unicodedata.category(character) == "Cc" for character in value)
    )


def refused_amount(provider: str, digits: str, amount: Decimal, currency: object) -> str | None:
    """Return the code that refuses this amount for this number; None: it is payable.

    A number outside the provider's countries is paid in any currency, because any other number
    simply succeeds.
    """
    if not isinstance(currency, str) or currency not in EXPONENTS:
        return "CURRENCY_NOT_SUPPORTED"
    corridor = corridor_of(provider, digits)
    if corridor is not None and currency not in corridor.currencies:
        return "CURRENCY_NOT_SUPPORTED"
    return None if is_payable(amount, currency) else "AMOUNT_OUT_OF_BOUNDS"
