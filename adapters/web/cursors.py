"""Cursors: a place in a user's history, opaque and strict."""

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from application.ports import Place

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_LAYOUT: Final = struct.Struct(">q16sI")
_CHECK_BYTES: Final = 8
LONGEST_CURSOR: Final = 64
_MOST_PAGES: Final = 2**32 - 2
"""The last page that can have a cursor to the page behind it."""


class BadCursor(Exception):
    """Not a cursor of ours, or another user's."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Behind `place` begins page number `page`."""

    place: Place
    page: int


def write_cursor(cursor: Cursor, user_id: str) -> str:
    """Return the cursor as text that means something to this user's history alone."""
    micros = (cursor.place.created_at - _EPOCH) // _MICROSECOND
    raw = _LAYOUT.pack(micros, cursor.place.id.bytes, cursor.page)
    return base64.urlsafe_b64encode(raw + _check(raw, user_id)).decode("ascii")


def read_cursor(text: str, user_id: str) -> Cursor:
    """Return the place that a cursor of ours names; raise BadCursor."""
    try:
        raw = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
        place, check = raw[: _LAYOUT.size], raw[_LAYOUT.size :]
        micros, identity, page = _LAYOUT.unpack(place)
        created_at = _EPOCH + micros * _MICROSECOND
    except (binascii.Error, ValueError, struct.error, OverflowError):
        raise BadCursor from None
    # Not a secret, a guard against cursors that were cut, mixed up or made up by accident.
    as_written = base64.urlsafe_b64encode(raw).decode("ascii")
    if text != as_written or check != _check(place, user_id) or not 0 < page <= _MOST_PAGES:
        raise BadCursor
    return Cursor(Place(created_at, UUID(bytes=identity)), page)


def _check(raw: bytes, user_id: str) -> bytes:
    return hashlib.blake2b(raw + user_id.encode(), digest_size=_CHECK_BYTES).digest()
