"""A disk that is soon full: a small tmpfs, or where none may be mounted a limit on file sizes."""

import contextlib
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

SIZE = "24m"
"""The write-ahead log of SQLite alone grows to 4 MB before it is used again."""
_COMMAND_S = 20
_BLOCK = b"\0" * 4096


class Disk(Protocol):
    """A place for files."""

    folder: Path

    def fill(self, pid: int) -> None:
        """Leave no room to that process for another byte."""
        ...

    def free(self, pid: int) -> None:
        """Give it room again."""
        ...


class Tmpfs:
    """A file system of its own; whoever writes when it is full gets ENOSPC."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, pid: int) -> None:
        """Write until nothing goes in any more, whoever runs as that process."""
        del pid
        with self._ballast.open("ab", buffering=0) as ballast:
            for block in (_BLOCK, b"\0"):
                with contextlib.suppress(OSError):
                    while ballast.write(block) == len(block):
                        pass

    def free(self, pid: int) -> None:
        """Remove what filled it."""
        del pid
        self._ballast.unlink()


class Limited:
    """A limit that the kernel puts on one process: no file may grow beyond what there is now."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, pid: int) -> None:
        """Forbid any file to grow."""
        largest = max(each.stat().st_size for each in self.folder.iterdir())
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))

    def free(self, pid: int) -> None:
        """Lift the limit."""
        infinite = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, infinite)


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """Mount a small disk in a folder, or say what stands in for it; unmount it at the end."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", str(folder)]
    if not _succeeds(command):
        yield Limited(folder)
        return
    try:
        yield Tmpfs(folder)
    finally:
        assert _succeeds(["umount", str(folder)])


def _succeeds(command: list[str]) -> bool:
    try:
        done = subprocess.run(command, check=False, capture_output=True, timeout=_COMMAND_S)
    except FileNotFoundError:
        return False
    return done.returncode == 0
