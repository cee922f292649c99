"""A fuzz target: something of ours that reads bytes from outside, and what it may do with them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

SEPARATOR: Final = b"\n--\n"
"""Between the parts of an input that has several: a header and a body, say."""
LONGEST: Final = 65_536
"""Bytes of an input: what a body may have. The rest is refused before any of these readers."""
PATIENCE_S: Final = 2.0
"""For one input, on a machine that is busy with other things; what is measured takes a
thousandth of it."""


class Broken(AssertionError):
    """A promise that an input broke: a wrong answer, where an exception would be a crash."""


@dataclass(frozen=True, slots=True)
class Target:
    """One reader, and inputs to begin with.

    run: hands an input to our code; returns whether it was taken, True, or refused as documented,
    False. Raises Broken for a broken promise; anything else that it raises is a crash.
    good: inputs that are taken, from which others are grown. bad: inputs that are refused.
    """

    name: str
    run: Callable[[bytes], bool]
    good: Sequence[bytes]
    bad: Sequence[bytes] = ()

    def __call__(self, data: bytes) -> bool:
        """Try an input of at most LONGEST bytes; raise Broken when it takes too long."""
        began = time.process_time()
        taken = self.run(data[:LONGEST])
        took = time.process_time() - began
        if took > PATIENCE_S:
            raise Broken(f"{took:.1f} s for {len(data)} bytes")
        return taken


def parts(data: bytes, count: int) -> tuple[bytes, ...]:
    """Return an input as so many parts; the ones that are missing are empty."""
    found = data.split(SEPARATOR, count - 1)
    return (*found, *([b""] * (count - len(found))))


def joined(*pieces: bytes) -> bytes:
    """Return the input that has these parts."""
    return SEPARATOR.join(pieces)


def require(promise: object, what: str) -> None:
    """Raise Broken unless a promise holds."""
    if not promise:
        raise Broken(what)


def tried(target: Target, data: bytes) -> bool:
    """Try an input; what goes wrong carries a note that says how to try it again."""
    try:
        return target(data)
    except Exception as fault:
        fault.add_note(f"repeat it:\n{repeat_line(target.name, data)}")
        raise


def repeat_line(name: str, data: bytes) -> str:
    """Return how an input is tried again, as lines of Python."""
    return (
        f"    from tests.fuzz.targets import TARGETS\n    TARGETS[{name!r}]({data!r})\n"
        "  with: .venv/bin/python, in the folder of the project"
    )
