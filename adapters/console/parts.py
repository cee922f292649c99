"""What the console is made of: the use cases and reads behind its pages."""

from dataclasses import dataclass
from typing import Final

from adapters.console.peers import Network
from application.cancel_cash_out import CancelCashOut
from application.explain import Explain
from application.operators import SignIn
from application.ports import AuditReader, Clock, ConsoleReader, Reader, Units
from application.ports.observing import UNWATCHED, RequestWatch
from application.provider_health import ProviderHealth
from application.receive_statements import ReceiveStatements
from application.review_desk import ReviewDesk
from application.statement_queries import ExplainBreak, ReadStatements
from application.steer_providers import SteerProviders
from domain.corridors import Catalogue, Policy

BASE: Final = "/console"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSettings:
    """secure: reached over TLS, so that cookies never travel in the clear.

    trusted_proxies: whose X-Forwarded-For is believed, see `peers.address_of`.
    origin: where browsers see it, like `https://console.example.com`, when that is not what the
    Host header says. form_most: bytes of a form. statement_most, statement_s: bytes of a provider's
    statement, and seconds for it to arrive.
    """

    secure: bool = False
    origin: str = ""
    form_most: int = 65_536
    trusted_proxies: tuple[Network, ...] = ()
    statement_most: int = 256 * 1024 * 1024
    statement_s: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleParts:
    """Everything that the pages need."""

    sign_in: SignIn
    console: ConsoleReader
    reader: Reader
    log: AuditReader
    explain: Explain
    desk: ReviewDesk
    cancel: CancelCashOut
    statements: ReadStatements
    receive: ReceiveStatements
    explain_break: ExplainBreak
    health: ProviderHealth
    steer: SteerProviders
    units: Units
    catalogue: Catalogue
    policy: Policy
    clock: Clock
    watch: RequestWatch = UNWATCHED
    settings: ConsoleSettings = ConsoleSettings()
