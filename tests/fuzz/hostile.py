"""Hostile inputs: sound ones, mutated the way that breaks readers."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from hypothesis import strategies as st

from tests.fuzz.target import LONGEST, SEPARATOR

PIECES: Final[tuple[bytes, ...]] = (
    b'"\\ud800"',
    b'{"\\udfff":"\\ud800"}',
    b"\\ud800",
    b"\\u0000",
    b"\x00",
    b"\x80\xbf",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf5\x90\x80\x80",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    "\u202e".encode(),
    "\u00a0\u2028\ufeff".encode(),
    "٣٤".encode(),
    "K\u212a".encode(),
    b"1e400",
    b"-0",
    b"-0.0",
    b"NaN",
    b"-Infinity",
    b"1e-400",
    b"1e999999999999999999",
    b"9" * 400,
    b"0." + b"0" * 400 + b"1",
    b"1_0",
    b"0x10",
    b"true",
    b"null",
    b'""',
    b"[]",
    b"{}",
    b'{"$ne":null}',
    b"[" * 30_000 + b"]" * 30_000,
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    b'"' + b"x" * 5_000 + b'"',
    b"\r\nX-Evil: 1",
    b"\n",
    b"%00%FF%0d%0a",
    b"../..",
    b"0001-01-01T00:00:00+23:59",
    b"9999-12-31T23:59:59-23:59",
    b"2026-02-30",
    b"24:00:60",
    SEPARATOR,
)
"""What is put in, or in the place of something."""

_VALUE = re.compile(rb'"(?:[^"\\\n]|\\.)*"(?!\s*:)|-?\d[\d.eE+-]*|true|false|null')
_PAIR = re.compile(rb'"[^"\\\n]*"\s*:\s*(?:"(?:[^"\\\n]|\\.)*"|-?\d[\d.]*)')
_ENCODINGS: Final = ("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7", "latin-1")

Mutation = Callable[[st.DataObject, bytes], bytes]


def _position(data: st.DataObject, raw: bytes) -> int:
    return data.draw(st.integers(0, len(raw)), "at")


def _piece(data: st.DataObject) -> bytes:
    return data.draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=20)), "piece")


def _truncate(data: st.DataObject, raw: bytes) -> bytes:
    return raw[: _position(data, raw)]


def _insert(data: st.DataObject, raw: bytes) -> bytes:
    at = _position(data, raw)
    return raw[:at] + _piece(data) + raw[at:]


def _overwrite(data: st.DataObject, raw: bytes) -> bytes:
    at, length = _position(data, raw), data.draw(st.integers(1, 12))
    return raw[:at] + _piece(data) + raw[at + length :]


def _repeat(data: st.DataObject, raw: bytes) -> bytes:
    begin, length = _position(data, raw), data.draw(st.integers(1, 200))
    times = data.draw(st.sampled_from([1, 2, 50]))
    return raw[:begin] + raw[begin : begin + length] * times + raw[begin:]


def _another_value(data: st.DataObject, raw: bytes) -> bytes:
    return _in_place_of(_VALUE, data, raw, lambda _: _piece(data))


def _key_twice(data: st.DataObject, raw: bytes) -> bytes:
    return _in_place_of(_PAIR, data, raw, lambda pair: pair + b"," + pair)


def _another_key(data: st.DataObject, raw: bytes) -> bytes:
    key = json.dumps(data.draw(st.text(max_size=8), "key")).encode()
    return _in_place_of(_PAIR, data, raw, lambda pair: key + b":" + pair.partition(b":")[2])


def _any_json(data: st.DataObject, raw: bytes) -> bytes:
    scalars = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.decimals().map(str)
    )
    nested = st.recursive(
        scalars,
        lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
        max_leaves=8,
    )
    return _in_place_of(_VALUE, data, raw, lambda _: json.dumps(data.draw(nested)).encode())


def _encode(data: st.DataObject, raw: bytes) -> bytes:
    name = data.draw(st.sampled_from(_ENCODINGS), "encoding")
    return raw.decode("utf-8", "replace").encode(name, "replace")


def _flip(data: st.DataObject, raw: bytes) -> bytes:
    changed = bytearray(raw or b"\0")
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    return bytes(changed)


def _in_place_of(
    what: re.Pattern[bytes], data: st.DataObject, raw: bytes, by: Callable[[bytes], bytes]
) -> bytes:
    found = list(what.finditer(raw))
    if not found:
        return _insert(data, raw)
    one = found[data.draw(st.integers(0, len(found) - 1), "which")]
    return raw[: one.start()] + by(one.group()) + raw[one.end() :]


MUTATIONS: Final[tuple[Mutation, ...]] = (
    _truncate,
    _insert,
    _overwrite,
    _repeat,
    _another_value,
    _key_twice,
    _another_key,
    _any_json,
    _encode,
    _flip,
)


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """Return one of the seeds after one to four mutations, at most LONGEST bytes of it."""
    data: Any = draw(st.data())
    raw = draw(st.sampled_from(list(seeds)))
    for mutation in draw(st.lists(st.sampled_from(MUTATIONS), min_size=1, max_size=4)):
        raw = mutation(data, raw)[:LONGEST]
    return raw
