"""How a command ends: the exit codes, and the exception that stops one with a line."""

from enum import IntEnum


class Exit(IntEnum):
    """How a command ended. Scripts rely on these numbers."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    OPEN = 5
    """Nothing went wrong, and the cash-out that was waited for has not ended yet."""
    INTERRUPTED = 130


class Stopped(Exception):
    """A command cannot go on; each line says why and what to do."""

    def __init__(self, *lines: str, code: Exit = Exit.FAILED) -> None:
        """Take the lines, without secrets, and how the process is to end."""
        super().__init__("\n".join(lines))
        self.lines = lines
        self.code = code
