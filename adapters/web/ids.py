"""Ids in paths."""

import re
from uuid import UUID

from domain.refusals import NotFound

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


def read_id(text: str) -> UUID:
    """Return the id; raise NotFound for what cannot be one, as for one that is nobody's."""
    if not _UUID.fullmatch(text):
        raise NotFound
    return UUID(text)
