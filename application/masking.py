"""Masking: what any value looks like where those read it who have no need to know it.

By type, whatever it is called: a number, a payee and every type of which nothing is known show
nothing but what they are. Text is the exception that cannot be avoided; it loses whatever has the
shape of a phone number, a token or a credential. Text of our own making is said to be so: `Plain`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from typing import Final
from uuid import UUID

from domain.money import Money
from domain.payee import Msisdn, Payee

HIDDEN: Final = "***"
LONGEST: Final = 8_000
"""Characters of a text; what is longer is cut."""
LONGEST_MESSAGE: Final = 200
DEEPEST: Final = 6
MOST_ITEMS: Final = 50

_UUID: Final = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_DAY: Final = r"(?:19|20)\d\d-[01]\d-[0-3]\d"
_MOMENT: Final = _DAY + r"(?:[T ][0-2]\d:[0-5]\d(?::[0-5]\d(?:[.,]\d{1,6})?)?)?"
_SHAPES: Final = re.compile(
    rf"(?P<kept>(?<![\w-])(?:{_UUID}|{_MOMENT}(?!\d))(?![\w-]*\d))"
    r"|(?P<credential>\beyJ[\w.-]+|(?<=:/)/?[^/\s@]+(?=@)|(?i:\b(?:bearer|basic)\s+[\w.~+/=-]+))"
    r"|(?P<opaque>[A-Za-z0-9_+/=-]{20,})"
    r"|(?P<number>\+?\d(?:[ .()/-]{0,2}\d){6,})"
)
_NUMBER_IN_A_NAME: Final = re.compile(
    rf"(?P<kept>(?<![\w-])(?:{_UUID})(?![\w-])|(?<![A-Za-z0-9]){_DAY}(?![A-Za-z0-9-]))"
    r"|(?P<number>(?<![A-Za-z0-9])\+?\d(?:[ .()/_-]{0,2}\d){6,}(?![A-Za-z0-9]))",
    re.ASCII,
)
_PART: Final = re.compile(r"(?=[^/]*\d)(?=[^/]*[A-Za-z])[^/]{16,}", re.ASCII)
_SEVEN_DIGITS: Final = re.compile(r"\d(?:\D{0,2}\d){6}")
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|«[^»]*»|“[^”]*”")
_SECRET_NAME: Final = re.compile(
    r"authori[sz]ation|cookie|secret|passw|token|signature|credential|api.?key"
    r"|(?:account|payee|holder|full|first|last).?name",
    re.IGNORECASE,
)
_SHORTEST_OPAQUE: Final = 20
_FEWEST_DIGITS: Final = 7
_DIGITS: Final = b"0123456789"
_PHONES: Final = range(10**6, 10**15)
"""Whole numbers that may be somebody's phone number, with or without the country's code."""


class Plain(str):
    """Text of our own making with nothing personal in it: shown as it is."""

    __slots__ = ()


def scrubbed(text: str) -> str:
    """Return a text without what has the shape of a phone number, a token or a credential.

    Ids and moments stay. A name cannot be told from other words: none may be put into a text.
    """
    return text if _is_a_word(text) else _SHAPES.sub(_without, text[:LONGEST])


def unnumbered(name: str) -> str:
    """Return a reference or a file's name without what may be a phone number by itself.

    Ids and days stay, and so does what has letters right beside its digits, as drawn ones have.
    """
    return _NUMBER_IN_A_NAME.sub(_without, name)


def message(text: str) -> str:
    """Return what an exception or a library says: its first line, without what it quotes."""
    first = text.partition("\n")[0][: 4 * LONGEST_MESSAGE]
    return scrubbed(_QUOTED.sub(HIDDEN, first))[:LONGEST_MESSAGE]


def shown(value: object, deep: int = 0) -> object:
    """Return what may be seen of any value: None, bool, int, float, UUID, text, lists, dicts."""
    kind = type(value)
    render = _BY_TYPE.get(kind)
    if render is not None:
        return render(value)
    for family, by_family in _BY_FAMILY:
        if isinstance(value, family):
            return by_family(value)
    if deep >= DEEPEST:
        return _kind_of(value)
    if isinstance(value, Mapping):
        return _mapping(value, deep + 1)
    if isinstance(value, list | tuple | set | frozenset):
        return _items(value, deep + 1)
    return _kind_of(value)


def _is_a_word(text: str) -> bool:
    """Tell at a glance, of most text, that it can be nothing but a word or a short id."""
    if len(text) >= _SHORTEST_OPAQUE or not text.isascii():
        return False
    # A token or credential has one of these in it: `Bearer x`, `amqp://x@`, `eyJ.x`.
    digits = len(text) - len(text.encode().translate(None, _DIGITS))
    return digits < _FEWEST_DIGITS and not (" " in text or ":/" in text or "eyJ" in text)


def _without(found: re.Match[str]) -> str:
    kind, text = found.lastgroup, found[0]
    if kind == "kept":
        return text
    if kind == "number":
        return HIDDEN + "".join(filter(str.isdigit, text))[-3:]
    if kind == "opaque" and not _PART.search(text):
        # Long words and paths; a number may be among them all the same.
        return HIDDEN if _SEVEN_DIGITS.search(text) else text
    return HIDDEN


def _mapping(given: Mapping[object, object], deep: int) -> dict[str, object]:
    pairs = islice(given.items(), MOST_ITEMS)
    return {_name(key): _valued(key, value, deep) for key, value in pairs}


def _items(given: Iterable[object], deep: int) -> list[object]:
    some = list(islice(given, MOST_ITEMS))
    # A header: its name, and what it says.
    if isinstance(given, tuple) and len(some) == 2 and isinstance(some[0], str | bytes):  # noqa: PLR2004
        return [_name(some[0]), _valued(some[0], some[1], deep)]
    return [shown(each, deep) for each in some]


def _valued(name: object, value: object, deep: int) -> object:
    if isinstance(name, bytes):
        name = name.decode("latin-1")
    secret = isinstance(name, str) and _SECRET_NAME.search(name)
    return HIDDEN if secret else shown(value, deep)


def _name(key: object) -> str:
    return str(shown(key, DEEPEST))


def _kind_of(value: object) -> str:
    return f"<{scrubbed(type(value).__name__)}>"


def _same(value: object) -> object:
    return value


def _int(value: object) -> object:
    return HIDDEN if isinstance(value, int) and abs(value) in _PHONES else value


def _float(value: object) -> object:
    if not isinstance(value, float):
        return HIDDEN
    whole = int(value) if value == value and abs(value) < 10**18 else 0  # noqa: PLR0124 -- not NaN
    return HIDDEN if abs(whole) in _PHONES else value


def _fault(value: object) -> str:
    """Return an exception by its kind and what is left of its message."""
    return f"{type(value).__name__}: {message(str(value))}".removesuffix(": ")


def _text(value: object) -> str:
    return scrubbed(str(value))


_BY_TYPE: Final[Mapping[type, Callable[..., object]]] = {
    str: scrubbed,
    Plain: str,
    int: _int,
    bool: _same,
    type(None): _same,
    float: _float,
    UUID: _same,
    Money: str,
    Msisdn: lambda number: number.masked,
    Payee: lambda payee: payee.msisdn.masked,
    Decimal: _text,
    datetime: datetime.isoformat,
    date: date.isoformat,
    timedelta: str,
    bytes: lambda raw: scrubbed(raw.decode("latin-1")),
    bytearray: lambda raw: scrubbed(raw.decode("latin-1")),
}
_BY_FAMILY: Final[tuple[tuple[type, Callable[..., object]], ...]] = (
    (BaseException, _fault),
    (Enum, lambda member: scrubbed(str(member.value))),
    # A driver may have a class of its own for them.
    (UUID, lambda given: UUID(int=given.int)),
    (str, _text),
    (int, _int),
)
