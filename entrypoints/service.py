"""What an entrypoint drives: the use cases of one process, and what they stand on."""

from dataclasses import dataclass

from application.cancel_cash_out import CancelCashOut
from application.explain import Explain
from application.figures import KeepFigures
from application.follow_cash_outs import FollowCashOuts
from application.group_commit import GroupCommit
from application.lanes import Lanes
from application.note_configuration import NoteConfiguration
from application.operators import Operators, SignIn
from application.ports import (
    AuditReader,
    Chance,
    Clock,
    ConsoleReader,
    Journal,
    NumberingPlan,
    Publisher,
    Reader,
    Units,
)
from application.ports.observing import RequestWatch, Tracing
from application.provider_health import ProviderHealth
from application.queries import (
    AwaitAnswer,
    GetCashOut,
    History,
    ListLimits,
    ListProviders,
    QuoteCashOut,
)
from application.receive_webhook import ReceiveWebhook
from application.record_news import Arrival, Recorded
from application.republish_events import RepublishEvents
from application.request_cash_out import Taken
from application.review_desk import ReviewDesk
from application.statement_desk import StatementDesk
from application.steer_providers import SteerProviders
from application.watch_health import WatchHealth
from application.worker import Worker
from domain.corridors import Catalogue, Policy
from domain.refusals import Refusal
from domain.request import CashOutRequest
from entrypoints.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Everything that an entrypoint drives: the use cases and what they stand on."""

    settings: Settings
    catalogue: Catalogue
    policy: Policy
    clock: Clock
    chance: Chance
    numbers: NumberingPlan
    units: Units
    reader: Reader
    log: AuditReader
    console: ConsoleReader
    publisher: Publisher
    lanes: Lanes
    journal: Journal
    watch: RequestWatch
    tracing: Tracing
    request: GroupCommit[CashOutRequest, Taken | Refusal]
    record: GroupCommit[Arrival, Recorded]
    cancel: CancelCashOut
    get: GetCashOut
    await_answer: AwaitAnswer
    follow: FollowCashOuts
    explain: Explain
    note_configuration: NoteConfiguration
    history: History
    quote: QuoteCashOut
    limits: ListLimits
    providers: ListProviders
    republish: RepublishEvents
    receive: ReceiveWebhook
    desk: ReviewDesk
    statements: StatementDesk
    worker: Worker
    operators: Operators
    sign_in: SignIn
    keep_figures: KeepFigures
    provider_health: ProviderHealth
    watch_health: WatchHealth
    steer: SteerProviders
