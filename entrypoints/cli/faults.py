"""Faults: the one place where an exception becomes a line that says what to do."""

import errno
import socket
from collections.abc import Callable, Iterator

from adapters.sandbox.ledger_file import LedgerFileRefused
from adapters.sandbox.settings import SandboxInProduction
from adapters.web.problems import Problem
from application.ports import Conflict, Overloaded, StorageUnavailable
from domain.refusals import NotFound, Refusal
from entrypoints.cli.exits import Exit, Stopped
from entrypoints.configuration import ConfigurationRefused
from entrypoints.settings import SettingsRefused


def explain(fault: BaseException) -> Stopped | None:
    """Return what a fault means to whoever typed the command; None for a bug of ours."""
    for each in _leaves(fault):
        if isinstance(each, Stopped):
            return each
        for kind, meaning in _MEANINGS.items():
            if isinstance(each, kind):
                return meaning(each)
    return None


def refused(refusal: Refusal) -> Stopped:
    """Return a refusal in the terminal's words: its sentence, its code, the fields it concerns."""
    code = Exit.NOT_FOUND if isinstance(refusal, NotFound) else Exit.REFUSED
    details = (
        f"  {field}: {message}" for field, message in refusal.details if message != refusal.message
    )
    return Stopped(f"{refusal.message} ({refusal.code})", *details, code=code)


def is_taken(fault: BaseException) -> bool:
    """Tell whether a fault says that a port is in use."""
    return isinstance(fault, OSError) and fault.errno == errno.EADDRINUSE


def _leaves(fault: BaseException) -> Iterator[BaseException]:
    if isinstance(fault, BaseExceptionGroup):
        for inner in fault.exceptions:
            yield from _leaves(inner)
    else:
        yield fault


def _refusal(fault: BaseException) -> Stopped:
    return refused(fault) if isinstance(fault, Refusal) else Stopped(str(fault))


def _problem(fault: BaseException) -> Stopped:
    if not isinstance(fault, Problem):
        return Stopped(str(fault))
    details = (f"  {field}: {message}" for field, message in fault.details)
    return Stopped(fault.message, *details, code=Exit.USAGE)


def _line_each(fault: BaseException) -> Stopped:
    return Stopped(*str(fault).splitlines())


def _without_storage(fault: BaseException) -> Stopped:
    return Stopped(f"the database cannot be used: {fault}; `cashout doctor` tells more")


def _busy(_fault: BaseException) -> Stopped:
    return Stopped("the database is busy; try again in a second")


def _os_fault(fault: BaseException) -> Stopped:
    if is_taken(fault):
        return Stopped("the port is in use: stop what listens there, or choose another by --port")
    if isinstance(fault, socket.gaierror) or getattr(fault, "errno", None) == errno.EADDRNOTAVAIL:
        return Stopped("HOST is no address of this machine: 127.0.0.1 and 0.0.0.0 always are")
    return Stopped(str(fault))


_MEANINGS: dict[type[BaseException], Callable[[BaseException], Stopped]] = {
    Refusal: _refusal,
    Problem: _problem,
    SettingsRefused: _line_each,
    ConfigurationRefused: _line_each,
    SandboxInProduction: _line_each,
    LedgerFileRefused: _line_each,
    StorageUnavailable: _without_storage,
    Overloaded: _busy,
    Conflict: _busy,
    OSError: _os_fault,
}
