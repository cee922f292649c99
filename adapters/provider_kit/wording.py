"""Text on its way to a provider, and a provider's text on its way into our records."""

import re
import unicodedata
from typing import Final
from urllib.parse import quote

MESSAGE_LENGTH: Final = 160
_WORD_LENGTH: Final = 64
_LONG_DIGITS: Final = re.compile(r"\d[\d \-]{4,}\d")


def clean(text: str, longest: int = MESSAGE_LENGTH) -> str:
    """Return text in NFC on one line, without control or formatting characters, cut to `longest`.

    Formatting characters (category C) go too: a right-to-left override would rewrite what an
    operator reads.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())[:longest].rstrip()
    composed = unicodedata.normalize("NFC", text)
    kept = (
        " " if character.isspace() else character
        for character in composed
        if character.isspace() or not unicodedata.category(character).startswith("C")
    )
    return unicodedata.normalize("NFC", " ".join("".join(kept).split()))[:longest].rstrip()


def told(text: str | None) -> str | None:
    """Return a provider's sentence as we keep it: clean, short, numbers of accounts masked."""
    return (clean(_LONG_DIGITS.sub("***", text)) or None) if text else None


def word(text: str) -> str:
    """Return a provider's status word as written, fit for a record."""
    return clean(text, _WORD_LENGTH)


def path_segment(identifier: str) -> str | None:
    """Return an id as one segment of a path; None when no escaping makes it one.

    `.` and `..` are resolved away by every client, escaped or not.
    """
    return None if identifier in {"", ".", ".."} else quote(identifier, safe="")
