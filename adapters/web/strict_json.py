"""Strict JSON: what a parser usually forgives is refused, and numbers stay as they were written."""

import json
from typing import Final

from adapters.web.problems import Problem, bad_request

LARGEST_NAME: Final = 64


class Number(str):
    """A JSON number as its text: no float, no rounding, `1e400` as harmless as `1`."""

    __slots__ = ()


class _Twice(Exception):
    """An object names a field twice."""


JsonValue = str | Number | bool | list["JsonValue"] | dict[str, "JsonValue"] | None


def read_object(raw: bytes) -> dict[str, JsonValue]:
    """Return the object that a body is; raise Problem BAD_REQUEST for anything else.

    Refused besides plain mistakes: invalid UTF-8, a field named twice, nesting without end.
    """
    try:
        value: JsonValue = _DECODER.decode(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise _refusal("The body is not valid UTF-8.") from None
    except json.JSONDecodeError as fault:
        raise _refusal(f"The body is not valid JSON (at character {fault.pos}).") from None
    except _Twice as fault:
        raise _refusal(f"The body names a field twice: {fault}.") from None
    except RecursionError:
        raise _refusal("The body is nested too deeply.") from None
    if not isinstance(value, dict):
        raise _refusal("The body must be a JSON object.")
    return value


def printable_name(name: str) -> str:
    """Return a field's name as it can be repeated to its sender."""
    plain = name.isascii() and name.isprintable() and 0 < len(name) <= LARGEST_NAME
    return name if plain else "(unreadable)"


def _refusal(message: str) -> Problem:
    return bad_request([("body", message)], message)


def _once(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for name, value in pairs:
        if name in found:
            raise _Twice(printable_name(name))
        found[name] = value
    return found


# NaN and Infinity, which Python alone accepts, become numbers whose text is no amount.
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_once, parse_int=Number, parse_float=Number, parse_constant=Number
)
