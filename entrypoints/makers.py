"""What has to be made of the settings before the object graph can use it."""

from dataclasses import replace
from datetime import timedelta

from adapters.statements.files import CsvStatements
from application.board import Board
from application.housekeeping import Retention
from application.lanes import Circuit, Lane, Lanes
from application.measuring import Meter
from application.note_configuration import NoteConfiguration
from application.operators import SignIn
from application.ports import (
    Clock,
    ConsoleReader,
    Gateway,
    Journal,
    Passwords,
    Units,
)
from application.ports.observing import Step, Tracing
from application.record_news import Record
from application.refusal_log import RefusalLog
from application.throttle import Throttle
from application.worker import Pace
from domain.corridors import Catalogue, Policy
from domain.health import HealthPolicy
from entrypoints.settings import Settings


def make_catalogue(settings: Settings, gateways: dict[str, Gateway]) -> Catalogue:
    """Return the providers, on where there is a gateway, with the tariffs of the configuration."""
    available = dict.fromkeys(gateways, True)
    return settings.configuration.catalogue(production=settings.production, available=available)


def make_policy(settings: Settings) -> Policy:
    """Return how patient we are, as configuration and environment say."""
    return settings.patience.policy(settings.configuration.policy)


def make_lanes(
    settings: Settings,
    catalogue: Catalogue,
    gateways: dict[str, Gateway],
    board: Board,
    meter: Meter,
) -> Lanes:
    """Return the lane of each provider that is on."""
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


def make_health_policy(settings: Settings) -> HealthPolicy:
    """Return when a provider is slow or closed; looked at every other poll."""
    policy, look = settings.configuration.health.policy(), 2 * settings.poll
    return replace(policy, look=look, alive=max(policy.alive, 10 * look))


def make_traced_record(tracing: Tracing, record: Record) -> Record:
    """Return the door for news with a span around it."""
    return tracing.around(Step.RECORD, record)


def make_pace(settings: Settings) -> Pace:
    """Return how often the worker looks and how long it may take to stop."""
    poll = settings.poll
    return Pace(poll=poll, tidy=5 * poll, drain=settings.shutdown_grace, health=2 * poll)


def make_statement_files(settings: Settings) -> CsvStatements:
    """Return the reader of providers' statements."""
    configuration = settings.configuration
    limits = configuration.reconciliation.limits()
    return CsvStatements(configuration.statements(), settings.data_dir, limits)


def make_retention(settings: Settings) -> Retention:
    """Return how long is kept what has done its work."""
    return Retention(
        settings.outbox_retention, settings.inbox_retention, settings.statement_retention
    )


def make_note_configuration(
    settings: Settings, units: Units, clock: Clock, catalogue: Catalogue
) -> NoteConfiguration:
    """Return what writes a changed tariff into the operators' log at the start."""
    now, four_eyes = clock.now(), settings.review_four_eyes
    tariffs = {
        each.id: each.tariff_at(now).version
        for each in catalogue.providers.values()
        if any(tariff.effective_from <= now for tariff in each.tariffs)
    }
    digest = settings.configuration.digest()
    return NoteConfiguration(units, clock, digest, four_eyes, tariffs)


def make_sign_in(
    units: Units, reader: ConsoleReader, passwords: Passwords, clock: Clock, journal: Journal
) -> SignIn:
    """Return the operators' door, which counts guesses and refusals in this process alone."""
    refusals = RefusalLog(units, clock, journal)
    return SignIn(units, reader, passwords, clock, Throttle(clock), refusals)
