"""The numbering plan: what people write as a phone number, read strictly."""

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType, carrier

from domain.payee import COUNTRIES, Country, Msisdn

LONGEST = 24
_WRITTEN = re.compile(r"(?:\+|00)?[0-9][0-9 ().-]*", re.ASCII)
_PUNCTUATION = str.maketrans("", "", " ().-")
_CAN_HAVE_AN_ACCOUNT = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}


class PhoneNumbers:
    """Implements `NumberingPlan` over the numbering plans of the phonenumbers library.

    A number counts as mobile where the library or our own table of the country says so: operators
    open prefixes before the library's next release knows of them.
    """

    def read(self, text: str) -> Msisdn | None:
        """Return the mobile number written in `text`, or None.

        Taken: digits with an optional +, spaces, hyphens, dots or parentheses, a 00 prefix, or bare
        digits that begin with one of our calling codes. Refused: everything else, so letters,
        extensions, digits of other scripts and more than 24 characters.
        """
        stripped = text.strip(" ")
        if len(text) > LONGEST or not _WRITTEN.fullmatch(stripped):
            return None
        digits = stripped.translate(_PUNCTUATION).removeprefix("+")
        if not stripped.startswith("+"):
            digits = _international(digits)
        return _mobile(f"+{digits}") if digits else None


def _international(digits: str) -> str:
    """Return the digits with their calling code first, or nothing when they have none of ours."""
    if digits.startswith("00"):
        return digits[2:]
    codes = tuple(country.calling_code for country in COUNTRIES.values())
    return digits if digits.startswith(codes) else ""


def _mobile(e164: str) -> Msisdn | None:
    try:
        number = phonenumbers.parse(e164)
    except NumberParseException:
        return None
    operator = carrier.name_for_number(number, "en")
    country = _country_by_our_table(e164)
    if country is not None:
        return Msisdn(e164, country.iso, operator)
    region = phonenumbers.region_code_for_number(number)
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    mobile = phonenumbers.number_type(number) in _CAN_HAVE_AN_ACCOUNT
    # Written otherwise, it had digits that are no part of the number: a trunk zero, say.
    if region is None or not mobile or written != e164:
        return None
    return Msisdn(e164, region, operator)


def _country_by_our_table(e164: str) -> Country | None:
    return next((country for country in COUNTRIES.values() if country.owns(e164)), None)
