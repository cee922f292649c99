"""Who is paid: a mobile money account named by an E.164 number, in a country we know."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

_E164 = re.compile(r"\+[1-9]\d{7,14}", re.ASCII)


class NumberFormat(StrEnum):
    """How a provider wants the number written."""

    E164_DIGITS = "e164_digits"
    E164_PLUS = "e164_plus"
    NATIONAL = "national"


@dataclass(frozen=True, slots=True)
class Country:
    """A country we pay in.

    `mobile` is a pattern over the national digits, empty where the numbering plan alone decides.
    """

    iso: str
    name: str
    calling_code: str
    mobile: str = ""

    def owns(self, e164: str) -> bool:
        """Tell whether the number is one of this country's mobile numbers by our own table."""
        national = e164.removeprefix(f"+{self.calling_code}")
        return bool(self.mobile) and national != e164 and bool(re.fullmatch(self.mobile, national))


COUNTRIES: dict[str, Country] = {
    country.iso: country
    for country in (
        Country("CM", "Cameroon", "237", r"6[25-9]\d{7}|64[0-2]\d{6}"),
        Country("CI", "Côte d'Ivoire", "225", r"0[157]\d{8}"),
        Country("ML", "Mali", "223"),
        Country("SN", "Senegal", "221", r"7\d{8}"),
        Country("GN", "Guinea", "224", r"6[0-356]\d{7}"),
        Country("MG", "Madagascar", "261", r"3[2-9]\d{7}"),
        Country("CD", "DRC", "243", r"(?:8[0-79]|9[016-9])\d{7}"),
        Country("SL", "Sierra Leone", "232"),
        Country("UG", "Uganda", "256"),
        Country("GM", "The Gambia", "220"),
    )
}
"""The ten countries, by ISO 3166 code, with the names that existing clients know."""


@dataclass(frozen=True, slots=True)
class Msisdn:
    """A phone number in E.164 (`+2250700000789`) and the ISO code of its country.

    operator: the network that the number was issued by, empty when that is not known. A hint only:
    it takes no part in comparisons.
    """

    e164: str
    country: str
    operator: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        """Refuse to exist in any other form; raise ValueError."""
        if not _E164.fullmatch(self.e164):
            message = "not an E.164 number"
            raise ValueError(message)

    def written(self, how: NumberFormat) -> str:
        """Return the number as a provider wants it."""
        if how is NumberFormat.E164_PLUS:
            return self.e164
        if how is NumberFormat.NATIONAL:
            return self.e164.removeprefix(f"+{COUNTRIES[self.country].calling_code}")
        return self.e164[1:]

    def is_same_as(self, echoed: str) -> bool:
        """Tell whether a number echoed by a provider, in any of its formats, is this one."""
        digits = "".join(character for character in echoed if character in "0123456789")
        national = self.written(NumberFormat.NATIONAL)
        return digits.removeprefix("00") in {self.e164[1:], national, national.lstrip("0")}

    @property
    def masked(self) -> str:
        """For logs and lists: the country and the last three digits."""
        return f"{self.e164[:4]}{'*' * (len(self.e164) - 7)}{self.e164[-3:]}"


@dataclass(frozen=True, slots=True)
class Payee:
    """The account's number and its holder's name (1 to 100 characters, no control characters)."""

    msisdn: Msisdn
    name: str
