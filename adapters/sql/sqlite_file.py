"""The file behind SQLite: whether its path still leads to what was opened."""

import os
from dataclasses import dataclass

_URI = "file:"


class FileGone(OSError):
    """The path leads to another file, or to none."""


@dataclass(slots=True)
class SqliteFile:
    """The one file that a database is, from its first connection on.

    SQLite goes on writing to a file that was deleted or moved, and makes an empty one for the next
    connection: what is committed then is gone with the process. So the path is looked at.
    """

    path: str
    _opened: tuple[int, int] | None = None

    def opened(self) -> None:
        """Note which file it is; of later connections, raise `FileGone` if it is another."""
        if self._opened is None and not self.path.startswith(_URI):
            self._opened = self._found()
        self.check()

    def check(self) -> None:
        """Raise `FileGone` unless the path leads to the file that was opened, if one was."""
        if self._opened is not None and self._found() != self._opened:
            raise FileGone("the database file was deleted, moved or replaced")

    def _found(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.path)  # noqa: PTH116 -- once per transaction: the plain call
        except OSError:
            return None
        return found.st_dev, found.st_ino
