"""The numbering plan: what people write as a phone number, read strictly."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberType

from adapters.phones.operators import OPERATORS
from domain.payee import COUNTRIES, Country, Msisdn

LONGEST = 24
_WRITTEN = re.compile(r"(?:\+|00)?[0-9][0-9 ().-]*", re.ASCII)
_PUNCTUATION = str.maketrans("", "", " ().-")
_CAN_HAVE_AN_ACCOUNT = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
_ISO_OF: Final = {country.calling_code: country.iso for country in COUNTRIES.values()}
_CODE: Final = slice(1, 4)
"""Where an E.164 number of ours has its calling code: all of them have three digits."""
_LONGEST_PREFIX: Final = max(
    len(prefix)
    for names in OPERATORS.values()
    for prefixes in names.values()
    for prefix in prefixes.split()
)
_NEVER_MOBILE: Final = (
    "premium_rate",
    "toll_free",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
)
"""What the library takes a number for first, by the names of its descriptions."""


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
    iso = _ISO_OF.get(e164[_CODE])
    plan = _plan(iso) if iso else None
    if plan is not None and plan.mobile.fullmatch(e164):
        return Msisdn(e164, plan.iso, plan.operator(e164))
    return _at_length(e164)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the library knows of one of our countries, in a form that is quick to ask.

    mobile: E.164 numbers that it would read as they are and call mobile; whatever this does not
    match may still be one. operators: names by the national digits that numbers begin with.
    """

    iso: str
    mobile: re.Pattern[str]
    operators: Mapping[str, str]

    def operator(self, e164: str) -> str:
        """Return who issued a mobile number, empty when that is not known."""
        for length in range(_LONGEST_PREFIX, 0, -1):
            name = self.operators.get(e164[_CODE.stop : _CODE.stop + length])
            if name is not None:
                return name
        return ""


@cache
def _plan(iso: str) -> _Plan | None:
    """Return a country's plan, None where the library's cannot be said in one pattern."""
    code = COUNTRIES[iso].calling_code
    mobile = _pattern(code, PhoneMetadata.metadata_for_region(iso))
    if mobile is None or phonenumbers.region_codes_for_country_code(int(code)) != (iso,):
        return None
    operators = {
        prefix: name for name, prefixes in OPERATORS[iso].items() for prefix in prefixes.split()
    }
    return _Plan(iso, mobile, operators)


def _pattern(code: str, known: PhoneMetadata | None) -> re.Pattern[str] | None:
    if known is None or known.general_desc is None or known.mobile is None:
        return None
    before = (getattr(known, name) for name in _NEVER_MOBILE)
    unlike = [f"(?:{each.national_number_pattern})$" for each in before if each is not None]
    if known.national_prefix_for_parsing:
        # It may have a trunk prefix in front, which is no part of the number.
        unlike.append(known.national_prefix_for_parsing)
    lengths = known.mobile.possible_length or known.general_desc.possible_length
    return re.compile(
        rf"\+{code}"
        + "".join(f"(?!{each})" for each in unlike)
        + f"(?={'|'.join(f'[0-9]{{{length}}}$' for length in lengths)})"
        + f"(?=(?:{known.general_desc.national_number_pattern})$)"
        + f"(?:{known.mobile.national_number_pattern})",
        re.ASCII,
    )


def _at_length(e164: str) -> Msisdn | None:
    """Return what the library, and our own table, make of any number."""
    try:
        number = phonenumbers.parse(e164)
    except NumberParseException:
        return None
    region = phonenumbers.region_code_for_number(number)
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    mobile = phonenumbers.number_type(number) in _CAN_HAVE_AN_ACCOUNT
    plan = _plan(region) if region in COUNTRIES else None
    operator = plan.operator(written) if plan is not None and mobile else ""
    country = _country_by_our_table(e164)
    if country is not None:
        return Msisdn(e164, country.iso, operator)
    # Written otherwise, it had digits that are no part of the number: a trunk zero, say.
    if region is None or not mobile or written != e164:
        return None
    return Msisdn(e164, region, operator)


def _country_by_our_table(e164: str) -> Country | None:
    return next((country for country in COUNTRIES.values() if country.owns(e164)), None)
