"""Chains: what was written, rendered in one way and hashed over what was written before.

Every rendering carries the name and the version of its kind, so that none can pass for another,
and a later version can still check what an earlier one wrote.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

GENESIS: Final = ""
"""What stands before the first link of a chain."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_BETWEEN: Final = "\x1f"
_LOG: Final = "cashout/log/1"


def digest(kind: str, parts: Sequence[str]) -> str:
    """Return the hex SHA-256 over a kind and its parts: two lists that differ never share one.

    Parts are read as a database stores them: NUL and lone surrogates count as U+FFFD.
    """
    text = _BETWEEN.join((kind, *parts))
    if text.count(_BETWEEN) != len(parts):
        # A part has the separator in it: lengths tell the parts apart, and the mark the rendering.
        text = "".join((kind, _BETWEEN * 2, *(f"{len(part)}:{part}" for part in parts)))
    return sha256(encoded(text)).hexdigest()


def encoded(text: str) -> bytes:
    """Return UTF-8, with what no database stores as U+FFFD."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def moment(at: datetime) -> str:
    """Return the microseconds since 1970: the same whatever zone it is written in."""
    return str((at - _EPOCH) // _MICROSECOND)


def maybe(value: str | None) -> str:
    """Return an optional text so that none and an empty one differ."""
    return "" if value is None else "=" + value


def maybe_moment(at: datetime | None) -> str:
    """Return an optional moment."""
    return "" if at is None else str((at - _EPOCH) // _MICROSECOND)


def log_hash(
    previous: str,
    sequence: int,
    at: datetime,
    operator: str,
    action: str,
    subject: str,
    facts: str,
) -> str:
    """Return the link of one entry of the operators' log; `facts` is its canonical JSON."""
    return digest(_LOG, (previous, str(sequence), moment(at), operator, action, subject, facts))
