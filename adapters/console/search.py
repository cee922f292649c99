"""Search: what an operator typed, tried as everything that it can be."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from application.ports import ConsoleReader, Listed

LONGEST: Final = 200
SHOWN: Final = 50
_SHORTEST_ENDING: Final = 3
"""Digits: as many as a masked number shows of its end."""
_NUMBER = re.compile(r"[+*•.\d\s()-]*?(\d{3,15})", re.ASCII)
_FULL = re.compile(r"\+?\d{8,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Found:
    """Cash-outs that were found in one way. exact: there can be no others under this name."""

    how: str
    rows: Sequence[Listed]
    exact: bool = False


async def search(
    reader: ConsoleReader, providers: Sequence[str], typed: str, *, numbers: bool
) -> list[Found]:
    """Return what was found, in each way that found something.

    numbers: for somebody who may see numbers. For others a number is found by those digits of it
    that they see anyway: by more they could find out the rest, one digit after the other.
    """
    text = typed.strip()[:LONGEST]
    identity = _uuid(text)
    if identity is not None:
        return await _by_identity(reader, identity)
    found = [
        Found("by reference", await reader.by_reference(text), exact=True),
        Found("by the provider's id", await reader.by_provider_id(providers, text), exact=True),
        Found("by user, the newest", await reader.of_user(text, SHOWN)),
    ]
    ending = number_ending(text)
    if ending:
        ending = ending if numbers else ending[-_SHORTEST_ENDING:]
        found.append(Found("by number", await reader.to_number(ending, SHOWN)))
    return [each for each in found if each.rows]


def number_ending(text: str) -> str:
    """Return the digits that a number ends in: of `+225*******789`, `*789`, `07 00 00 07 89`."""
    plain = re.sub(r"[\s().-]", "", text)
    if _FULL.fullmatch(plain):
        return plain.removeprefix("+")
    matched = _NUMBER.fullmatch(plain)
    if matched is None:
        return ""
    return re.split(r"\D", plain)[-1] if len(matched[1]) >= _SHORTEST_ENDING else ""


async def _by_identity(reader: ConsoleReader, identity: UUID) -> list[Found]:
    rows = await reader.by_id([identity])
    if rows:
        return [Found("by id", rows, exact=True)]
    owner = await reader.cash_out_of_event(identity)
    if owner is None:
        return []
    return [Found("by the id of its event", await reader.by_id([owner]), exact=True)]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
