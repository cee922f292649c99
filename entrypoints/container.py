"""The object graph, on one page. What has to be opened and closed comes in as a Dependency."""

from dependency_injector import containers, providers

from adapters.journal import StructuredJournal
from adapters.memory.signals import Signals
from adapters.passwords.scrypt import ScryptPasswords
from adapters.phones import PhoneNumbers
from adapters.system import SystemChance
from application.board import Board
from application.cancel_cash_out import CancelCashOut
from application.check_status import CheckStatus
from application.explain import Explain
from application.figures import KeepFigures
from application.follow_cash_outs import FollowCashOuts
from application.group_commit import GroupCommit
from application.housekeeping import PruneBoxes, RaiseReviews, RematchOrphans
from application.interrupted_runs import TellInterrupted
from application.measuring import MeasuringJournal, Meter
from application.operators import Operators
from application.ports import (
    AuditReader,
    Clock,
    ConsoleReader,
    Gateway,
    Journal,
    Nudge,
    Publisher,
    Reader,
    ReviewReader,
    Units,
)
from application.ports.observing import UNWATCHED, RequestWatch, Tracing
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
from application.record_news import PatientRecord, RecordNews
from application.relay_events import RelayEvents
from application.republish_events import RepublishEvents
from application.request_cash_out import RequestCashOut
from application.review_desk import open_desk
from application.statement_desk import open_statement_desk
from application.steer_providers import SteerProviders
from application.submit_cash_out import SubmitCashOut
from application.watch_health import WatchHealth
from application.worker import Worker
from entrypoints.makers import (
    make_catalogue,
    make_health_policy,
    make_lanes,
    make_note_configuration,
    make_pace,
    make_policy,
    make_retention,
    make_sign_in,
    make_statement_files,
    make_traced_record,
)
from entrypoints.service import Service
from entrypoints.settings import Settings

__all__ = ["Container", "Service"]


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
    journal: providers.Dependency[Journal] = providers.Dependency(
        default=providers.Singleton(StructuredJournal)
    )
    tracing: providers.Dependency[Tracing] = providers.Dependency(default=UNWATCHED)
    watch: providers.Dependency[RequestWatch] = providers.Dependency(default=UNWATCHED)
    catalogue = providers.Singleton(make_catalogue, settings, gateways)
    policy = providers.Singleton(make_policy, settings)
    pace = providers.Singleton(make_pace, settings)
    health_policy = providers.Singleton(make_health_policy, settings)
    health_journal = providers.Singleton(StructuredJournal)
    board = providers.Singleton(Board)
    meter = providers.Singleton(Meter, clock, health_policy)
    lanes = providers.Singleton(make_lanes, settings, catalogue, gateways, board, meter)
    telling = providers.Singleton(MeasuringJournal, journal, meter)

    take_requests = providers.Singleton(
        RequestCashOut, units, catalogue, clock, chance, nudge, journal
    )
    request = providers.Singleton(GroupCommit, take_requests, at_once=units.provided.batches)
    record_news = providers.Singleton(RecordNews, units, catalogue, policy, clock, nudge, telling)
    record = providers.Singleton(GroupCommit, record_news, at_once=units.provided.batches)
    recording = providers.Singleton(make_traced_record, tracing, record)
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
    retention = providers.Singleton(make_retention, settings)
    prune = providers.Singleton(PruneBoxes, units, clock, retention)
    interrupted = providers.Singleton(TellInterrupted, units, clock, chance)
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
        interrupted=interrupted,
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
        files=providers.Singleton(make_statement_files, settings),
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
            make_note_configuration, settings, units, clock, catalogue
        ),
        explain=providers.Singleton(Explain, reader, review_reader, catalogue, policy, clock),
        history=providers.Singleton(History, reader),
        quote=providers.Singleton(QuoteCashOut, reader, catalogue, numbers, clock, board),
        limits=providers.Singleton(ListLimits, reader, catalogue, clock),
        providers=providers.Singleton(ListProviders, catalogue),
        republish=providers.Singleton(RepublishEvents, units, nudge, clock),
        receive=providers.Singleton(ReceiveWebhook, lanes, recording, clock, chance, tracing),
        desk=desk,
        statements=statements,
        worker=worker,
        operators=providers.Singleton(Operators, units, passwords, clock),
        sign_in=providers.Singleton(make_sign_in, units, console, passwords, clock, journal),
        keep_figures=providers.Singleton(KeepFigures, units, clock, journal),
        provider_health=providers.Singleton(ProviderHealth, board, units, catalogue, clock),
        watch_health=watch_health,
        steer=providers.Singleton(
            SteerProviders, units, catalogue, board, clock, nudge, health_journal
        ),
    )
