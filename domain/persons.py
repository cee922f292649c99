"""Persons: whether two names are one person's, wherever each of them was signed in with."""

import unicodedata

AT_THE_MACHINE = "cli:"
"""What the names begin with of those who act by a command, before their account here."""


def is_same_person(one: str, other: str) -> bool:
    """Tell whether two names are one person's: as written otherwise, or at this machine.

    The console, tokens and the machine's accounts each have names of their own, and who has `ada`
    here is `Ada` or `cli:ada` there. Rather one person too few than the same one twice.
    """
    return _person(one) == _person(other)


def _person(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name).strip().casefold()
    return plain.removeprefix(AT_THE_MACHINE).strip()
