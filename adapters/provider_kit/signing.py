"""Signatures on webhooks and requests: HMAC-SHA256, compared in constant time."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final

_LOWER_HEX: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


def hmac_sha256_hex(key: str, message: bytes) -> str:
    """Return the lower-case hex HMAC-SHA256 of a message."""
    return hmac.new(key.encode(), message, hashlib.sha256).hexdigest()


def sha256_hex(message: bytes) -> str:
    """Return the lower-case hex SHA-256 of a message."""
    return hashlib.sha256(message).hexdigest()


def is_signed(given: str, key: str, message: bytes) -> bool:
    """Tell whether `given` is exactly this key's signature of the message, in lower-case hex."""
    expected = hmac_sha256_hex(key, message)
    return bool(_LOWER_HEX.fullmatch(given)) and hmac.compare_digest(given, expected)


def only_header(headers: Sequence[tuple[str, str]], name: str) -> str | None:
    """Return the value of a header that came exactly once, whatever its case; None otherwise.

    Two signatures would let a sender choose which one is looked at.
    """
    values = [value for key, value in headers if key.lower() == name.lower()]
    return values[0] if len(values) == 1 else None
