"""Trace contexts: by which a request is followed from one program to the next (W3C `traceparent`).

A context is kept as the text that travels: with the cash-out, its events, and what asks about it.
Nothing is decided by it.
"""

import re
from typing import Final

_CONTEXT: Final = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})"
    r"(?P<context>-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})"
    r"(?P<more>-[ -~]*)?"
)
LONGEST: Final = 512
_ID: Final = slice(3, 35)


def read_traceparent(given: str) -> str | None:
    """Return a context in the form of version 00; None for what is none."""
    found = _CONTEXT.fullmatch(given) if len(given) <= LONGEST else None
    if found is None or (found["version"] == "00" and found["more"]):
        return None
    return f"00{found['context']}"


def trace_id(context: str) -> str:
    """Return the id of the trace that a context belongs to: 32 hexadecimal digits."""
    return context[_ID]
