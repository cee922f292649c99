"""Rules for texts from outside: what a client may write, and what it is told otherwise."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

LONGEST_WALLET_ID: Final = 64
LONGEST_NAME: Final = 100
LONGEST_KEY: Final = 255
LONGEST_WORD: Final = 64
REFERENCE_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}"

_REFERENCE = re.compile(REFERENCE_PATTERN, re.ASCII)
_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class WrongText(Exception):
    """What is wrong with a text and what to do: a sentence for the client, without the text."""

    def __init__(self, message: str) -> None:
        """Take the sentence."""
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Visible:
    """Accepts 1 to `longest` visible characters, without spaces."""

    longest: int

    def __call__(self, text: str) -> str:
        """Return the text; raise WrongText."""
        # isprintable knows no white space but " ", no control, format or unassigned character.
        if not 0 < len(text) <= self.longest or not text.isprintable() or " " in text:
            raise WrongText(f"Use 1 to {self.longest} visible characters, without spaces.")
        return text


@dataclass(frozen=True, slots=True)
class Word:
    """Accepts a short printable text, which others will judge."""

    longest: int

    def __call__(self, text: str) -> str:
        """Return the text; raise WrongText."""
        if not 0 < len(text) <= self.longest or not text.isprintable():
            raise WrongText(f"Use 1 to {self.longest} printable characters.")
        return text


def payee_name(text: str) -> str:
    """Return a payee's name in Unicode's composed form (NFC); raise WrongText.

    Composed, because both spellings of an accent look alike to people and differ to providers.
    """
    name = unicodedata.normalize("NFC", text)
    # Of what is printable nothing is refused below: that is all of most names.
    if name.isprintable() and 0 < len(name) <= LONGEST_NAME and not name.isspace():
        return name
    kinds = {unicodedata.category(each) for each in name}
    if not 0 < len(name) <= LONGEST_NAME or name.isspace():
        raise WrongText(f"Use 1 to {LONGEST_NAME} characters, the name as the account has it.")
    if _BIDI & set(name):
        raise WrongText("Remove the characters that change the direction of writing.")
    if kinds & {"Cc", "Zl", "Zp"}:
        raise WrongText("Remove control characters and line breaks.")
    if kinds & {"Cf", "Cs", "Co", "Cn"}:
        raise WrongText("Remove invisible or unassigned characters.")
    return name


def reference(text: str) -> str:
    """Return a reference of the client's choice; raise WrongText."""
    if not _REFERENCE.fullmatch(text):
        raise WrongText(
            "Use 8 to 64 letters, digits, dots, underscores and hyphens,"
            " beginning with a letter or digit."
        )
    return text
