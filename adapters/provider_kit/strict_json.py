"""JSON, strictly: one object, UTF-8, no key twice, no NaN, numbers exactly as written."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, TypeVar

import msgspec

_LONGEST_NUMBER: Final = 64
_LONGEST_TEXT: Final = 128
_IDENTIFIER: Final = re.compile(r"[!-~]{1,128}", re.ASCII)
_PATH_OF_FAULT: Final = re.compile(r"`\$\.([A-Za-z]+)")
_T = TypeVar("_T")


class NotReadable(Exception):
    """Not what is documented. `fields` names what is missing or of the wrong type, if known."""

    def __init__(self, *fields: str) -> None:
        """Take the names of the fields at fault."""
        super().__init__("not readable", *fields)
        self.fields = fields


def read_object(raw: bytes) -> dict[str, object]:
    """Return the JSON object in `raw`, every number as a Decimal; raise NotReadable."""
    try:
        value = _STRICTLY.decode(raw.decode())
        if b"\\u" in raw:
            _check_texts(value)
    except (ValueError, ArithmeticError, RecursionError):
        raise NotReadable from None
    if not isinstance(value, dict):
        raise NotReadable
    return value


def shaped(value: Mapping[str, object], kind: type[_T]) -> _T:
    """Return an object as a Struct; unknown fields are ignored. Raises NotReadable."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as problem:
        found = _PATH_OF_FAULT.search(str(problem))
        raise NotReadable(*(found.groups() if found else ())) from None


def require(body: Mapping[str, object], ids: tuple[str, ...], texts: tuple[str, ...]) -> None:
    """Raise NotReadable naming each of `ids` that is no id and each of `texts` that is no text."""
    missing = [name for name in ids if not is_identifier(body.get(name))]
    missing += [name for name in texts if not _is_text(body.get(name))]
    if missing:
        raise NotReadable(*missing)


def is_identifier(value: object) -> bool:
    """Tell whether this can be an id or a reference: 1 to 128 visible ASCII characters."""
    return isinstance(value, str) and bool(_IDENTIFIER.fullmatch(value))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= _LONGEST_TEXT


def identifier(value: str | None, field: str) -> str | None:
    """Return an id that a provider told, None when it told none; raise NotReadable."""
    if not value:
        return None
    if not is_identifier(value):
        raise NotReadable(field)
    return value


def finite(value: Decimal | None, field: str) -> Decimal | None:
    """Return an amount as told; raise NotReadable when it is not a number."""
    if value is not None and not value.is_finite():
        raise NotReadable(field)
    return value


def _number(text: str) -> Decimal:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError("a number is too long")
    return Decimal(text)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key is given twice")
    return fields


def _check_texts(value: object) -> None:
    """Raise ValueError for half a surrogate pair, wherever: it cannot be stored or sent on."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            each.encode()
        elif isinstance(each, dict):
            waiting += (*each, *each.values())
        elif isinstance(each, list):
            waiting += each


_STRICTLY: Final = json.JSONDecoder(
    parse_int=_number,
    parse_float=_number,
    parse_constant=_no_constant,
    object_pairs_hook=_pairs,
)
