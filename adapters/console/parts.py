"""What the console is made of: the use cases and reads behind its pages."""

from dataclasses import dataclass
from typing import Final

from application.operators import SignIn
from application.ports import AuditReader, Clock, ConsoleReader, Reader, Units
from domain.corridors import Catalogue, Policy

BASE: Final = "/console"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSettings:
    """secure: reached over TLS, so that cookies never travel in the clear.

    origin: where browsers see it, like `https://console.example.com`, when that is not what the
    Host header says. form_most: bytes of a form.
    """

    secure: bool = False
    origin: str = ""
    form_most: int = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleParts:
    """Everything that the pages need."""

    sign_in: SignIn
    console: ConsoleReader
    reader: Reader
    log: AuditReader
    units: Units
    catalogue: Catalogue
    policy: Policy
    clock: Clock
    settings: ConsoleSettings = ConsoleSettings()
