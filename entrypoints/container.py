"""The object graph, on one page. What has to be opened and closed comes in as a Dependency."""

from dataclasses import dataclass, replace
from datetime import timedelta

from dependency_injector import containers, providers

from adapters.journal import StructuredJournal
from adapters.memory.signals import Signals
from adapters.passwords.scrypt import ScryptPasswords
from adapters.phones import PhoneNumbers
from adapters.statements.files import CsvStatements
from adapters.system import SystemChance
from application.board import Board
from application.cancel_cash_out import CancelCashOut
from application.check_status import CheckStatus
from application.explain import Explain
from application.figures import KeepFigures
from application.follow_cash_outs import FollowCashOuts
from application.group_commit import GroupCommit
from application.housekeeping import PruneBoxes, RaiseReviews, RematchOrphans, Retention
from application.lanes import Circuit, Lane, Lanes
from application.measuring import MeasuringJournal, Meter
from application.note_configuration import NoteConfiguration
from application.operators import Operators, SignIn
from application.ports import (
    AuditReader,
    Chance,
    Clock,
    ConsoleReader,
    Gateway,
    Journal,
    Nudge,
    NumberingPlan,
    Publisher,
    Reader,
    ReviewReader,
    Units,
)
from application.ports.observing import UNWATCHED, RequestWatch, Step, Tracing
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
from application.record_news import Arrival, PatientRecord, Record, Recorded, RecordNews
from application.relay_events import RelayEvents
from application.republish_events import RepublishEvents
from application.request_cash_out import RequestCashOut, Taken
from application.review_desk import ReviewDesk, open_desk
from application.statement_desk import StatementDesk, open_statement_desk
from application.steer_providers import SteerProviders
from application.submit_cash_out import SubmitCashOut
from application.throttle import Throttle
from application.watch_health import WatchHealth
from application.worker import Pace, Worker
from domain.corridors import Catalogue, Policy
from domain.health import HealthPolicy
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


def _catalogue(settings: Settings, gateways: dict[str, Gateway]) -> Catalogue:
    available = dict.fromkeys(gateways, True)
    return settings.configuration.catalogue(production=settings.production, available=available)


def _policy(settings: Settings) -> Policy:
    return settings.patience.policy(settings.configuration.policy)


def _lanes(
    settings: Settings,
    catalogue: Catalogue,
    gateways: dict[str, Gateway],
    board: Board,
    meter: Meter,
) -> Lanes:
    table = settings.configuration
    return {
        provider_id: Lane(
            provider=catalogue.providers[provider_id],
            gateway=gateway,
            circuit=Circuit(table.circuit.threshold, timedelta(seconds=table.circuit.rest)),
            most_submits=table.providers[provider_id].max_submits,
            most_queries=table.providers[provider_id].max_queries,
            board=board,
            gating=table.health.gating(),
            meter=meter,
        )
        for provider_id, gateway in gateways.items()
    }


def _health_policy(settings: Settings) -> HealthPolicy:
    policy, look = settings.configuration.health.policy(), 2 * settings.poll
    return replace(policy, look=look, alive=max(policy.alive, 10 * look))


def _traced_record(tracing: Tracing, record: Record) -> Record:
    return tracing.around(Step.RECORD, record)


def _pace(settings: Settings) -> Pace:
    poll = settings.poll
    return Pace(poll=poll, tidy=5 * poll, drain=settings.shutdown_grace, health=2 * poll)


def _statement_files(settings: Settings) -> CsvStatements:
    configuration = settings.configuration
    limits = configuration.reconciliation.limits()
    return CsvStatements(configuration.statements(), settings.data_dir, limits)


def _retention(settings: Settings) -> Retention:
    return Retention(settings.outbox_retention, settings.inbox_retention)


def _note_configuration(
    settings: Settings, units: Units, clock: Clock, catalogue: Catalogue
) -> NoteConfiguration:
    now, four_eyes = clock.now(), settings.review_four_eyes
    tariffs = {
        each.id: each.tariff_at(now).version
        for each in catalogue.providers.values()
        if any(tariff.effective_from <= now for tariff in each.tariffs)
    }
    digest = settings.configuration.digest()
    return NoteConfiguration(units, clock, digest, four_eyes, tariffs)


class Container(containers.DeclarativeContainer):
    """Every object, once per process."""

    settings = providers.Dependency(instance_of=Settings)
    units: providers.Dependency[Units] = providers.Dependency()
    reader: providers.Dependency[Reader] = providers.Dependency()
    review_reader: providers.Dependency[ReviewReader] = providers.Dependency()
    log: providers.Dependency[AuditReader] = providers.Dependency()
    console: providers.Dependency[ConsoleReader] = providers.Dependency()
    gateways: providers.Dependency[dict[str, Gateway]] = providers.Dependency(instance_of=dict)
    publisher: providers.Dependency[Publisher] = providers.Dependency()
    nudge: providers.Dependency[Nudge] = providers.Dependency()
    signals = providers.Dependency(instance_of=Signals)
    clock: providers.Dependency[Clock] = providers.Dependency()

    chance = providers.Singleton(SystemChance)
    numbers = providers.Singleton(PhoneNumbers)
    passwords = providers.Singleton(ScryptPasswords)
    throttle = providers.Singleton(Throttle, clock)
    journal: providers.Dependency[Journal] = providers.Dependency(
        default=providers.Singleton(StructuredJournal)
    )
    tracing: providers.Dependency[Tracing] = providers.Dependency(default=UNWATCHED)
    watch: providers.Dependency[RequestWatch] = providers.Dependency(default=UNWATCHED)
    catalogue = providers.Singleton(_catalogue, settings, gateways)
    policy = providers.Singleton(_policy, settings)
    pace = providers.Singleton(_pace, settings)
    health_policy = providers.Singleton(_health_policy, settings)
    health_journal = providers.Singleton(StructuredJournal)
    board = providers.Singleton(Board)
    meter = providers.Singleton(Meter, clock, health_policy)
    lanes = providers.Singleton(_lanes, settings, catalogue, gateways, board, meter)
    telling = providers.Singleton(MeasuringJournal, journal, meter)

    take_requests = providers.Singleton(
        RequestCashOut, units, catalogue, clock, chance, nudge, journal
    )
    request = providers.Singleton(GroupCommit, take_requests, at_once=units.provided.batches)
    record_news = providers.Singleton(RecordNews, units, catalogue, policy, clock, nudge, telling)
    record = providers.Singleton(GroupCommit, record_news, at_once=units.provided.batches)
    recording = providers.Singleton(_traced_record, tracing, record)
    patient_record = providers.Singleton(PatientRecord, recording, clock)

    submit = providers.Singleton(
        SubmitCashOut, units, patient_record, policy, clock, chance, journal, tracing
    )
    check = providers.Singleton(
        CheckStatus, units, patient_record, policy, clock, chance, journal, tracing
    )
    holder = providers.Singleton(lambda chance: chance.token(), chance)
    relay = providers.Singleton(RelayEvents, units, publisher, clock, holder)
    rematch = providers.Singleton(RematchOrphans, units, record, clock, chance)
    reviews = providers.Singleton(RaiseReviews, units, record, policy, clock)
    retention = providers.Singleton(_retention, settings)
    prune = providers.Singleton(PruneBoxes, units, clock, retention)
    watch_health = providers.Singleton(
        WatchHealth,
        units=units,
        catalogue=catalogue,
        lanes=lanes,
        board=board,
        meter=meter,
        clock=clock,
        nudge=nudge,
        process=holder,
        journal=health_journal,
        policy=health_policy,
        faults=journal,
    )
    worker = providers.Singleton(
        Worker,
        lanes=lanes,
        submit=submit,
        check=check,
        relay=relay,
        rematch=rematch,
        reviews=reviews,
        prune=prune,
        clock=clock,
        nudge=signals,
        waiting=signals,
        journal=journal,
        pace=pace,
        health=watch_health,
    )

    get = providers.Singleton(GetCashOut, reader, units, clock, policy, nudge)

    desk = providers.Singleton(
        open_desk,
        units,
        reader,
        review_reader,
        clock,
        chance,
        record_news,
        four_eyes=settings.provided.review_four_eyes,
    )

    statements = providers.Singleton(
        open_statement_desk,
        units,
        record_news,
        catalogue,
        clock,
        chance,
        files=providers.Singleton(_statement_files, settings),
        rules=settings.provided.configuration.reconciliation.rules.call(),
        journal=journal,
    )

    service = providers.Singleton(
        Service,
        settings=settings,
        catalogue=catalogue,
        policy=policy,
        clock=clock,
        chance=chance,
        numbers=numbers,
        units=units,
        reader=reader,
        log=log,
        console=console,
        publisher=publisher,
        lanes=lanes,
        journal=journal,
        watch=watch,
        tracing=tracing,
        request=request,
        record=record,
        cancel=providers.Singleton(CancelCashOut, units, clock, nudge, journal),
        get=get,
        await_answer=providers.Singleton(AwaitAnswer, reader, clock, signals),
        follow=providers.Singleton(FollowCashOuts, get, reader, clock, signals, journal=journal),
        note_configuration=providers.Singleton(
            _note_configuration, settings, units, clock, catalogue
        ),
        explain=providers.Singleton(Explain, reader, review_reader, catalogue, policy, clock),
        history=providers.Singleton(History, reader),
        quote=providers.Singleton(QuoteCashOut, reader, catalogue, numbers, clock, board),
        limits=providers.Singleton(ListLimits, reader, catalogue, clock),
        providers=providers.Singleton(ListProviders, catalogue),
        republish=providers.Singleton(RepublishEvents, units, nudge),
        receive=providers.Singleton(ReceiveWebhook, lanes, recording, clock, chance, tracing),
        desk=desk,
        statements=statements,
        worker=worker,
        operators=providers.Singleton(Operators, units, passwords, clock),
        sign_in=providers.Singleton(SignIn, units, console, passwords, clock, throttle),
        keep_figures=providers.Singleton(KeepFigures, units, clock, journal),
        provider_health=providers.Singleton(ProviderHealth, board, units, catalogue, clock),
        watch_health=watch_health,
        steer=providers.Singleton(
            SteerProviders, units, catalogue, board, clock, nudge, health_journal
        ),
    )
