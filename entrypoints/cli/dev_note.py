"""The note that a running `cashout dev` leaves in its data directory, for commands beside it.

It holds what points at that service: database, sandbox and keys that are of no use elsewhere.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

_NAME = "dev.json"
_OWNER_ONLY = 0o600
DATA_DIR = "CASHOUT_DATA_DIR"
USUAL_DATA_DIR = ".cashout"


def data_dir(environ: Mapping[str, str]) -> Path:
    """Return the data directory that this environment means."""
    return Path(environ.get(DATA_DIR, "").strip() or USUAL_DATA_DIR)


@contextlib.contextmanager
def left_in(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Leave a note with these settings for as long as the body runs; its owner alone reads it."""
    note = folder / _NAME
    draft = folder / f"{_NAME}.{os.getpid()}"
    draft.touch(mode=_OWNER_ONLY)
    draft.write_text(json.dumps({"pid": os.getpid(), "environment": dict(environment)}))
    draft.replace(note)
    try:
        yield
    finally:
        if _written_by(note) == os.getpid():
            note.unlink()


def running_in(folder: Path) -> int | None:
    """Return the process of the dev service that runs in this folder, None where there is none."""
    pid = _written_by(folder / _NAME)
    return pid if pid is not None and pid != os.getpid() and _runs(pid) else None


def environment_beside(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment, completed by a running dev service's note where there is one.

    Whoever names a database or is in production means another service.
    """
    note = data_dir(environ) / _NAME
    own = environ.get("DATABASE_URL") or environ.get("APP_ENV") == "production"
    pid = None if own else _written_by(note)
    if pid is None or not _runs(pid):
        return dict(environ)
    return {**_read(note)["environment"], **environ}


def _read(note: Path) -> dict[str, dict[str, str]]:
    read: dict[str, dict[str, str]] = json.loads(note.read_text())
    return read


def _written_by(note: Path) -> int | None:
    try:
        pid = json.loads(note.read_text())["pid"]
    except (OSError, ValueError, KeyError):
        return None
    return pid if isinstance(pid, int) else None


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
