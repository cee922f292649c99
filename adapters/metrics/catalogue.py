"""Every figure that a process shows. Names and labels are contracts: dashboards are made of them.

Amounts are in minor units; `cashout_currency_minor_units` says how many make one of a currency.
"""

from collections.abc import Iterator
from typing import Final

from adapters.metrics.figures import Count, Figure, Level, Spread

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
HOURS: Final = (1, 2, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400)
LAGS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_WHOSE: Final = ("provider", "currency")


class Figures:
    """The figures of one process."""

    def __init__(self) -> None:
        self._what_happened()
        self._how_it_runs()
        self._what_is_open()

    def __iter__(self) -> Iterator[Figure]:
        """Yield each of them, in the order in which they are shown."""
        yield from vars(self).values()

    @property
    def names(self) -> frozenset[str]:
        """The names of all their series."""
        return frozenset(name for figure in self for name in figure.names)

    def _what_happened(self) -> None:
        self.accepted = Count("cashout_accepted", "Cash-outs accepted.", *_WHOSE)
        self.transitions = Count(
            "cashout_transitions", "Changes of state.", "provider", "before", "after"
        )
        self.attempts = Count(
            "cashout_attempts", "Attempts that ended.", "provider", "outcome", "code"
        )
        self.completion = Spread(
            "cashout_completion_seconds", "From acceptance to completion.", HOURS, "provider"
        )
        self.news = Count(
            "cashout_news", "Pieces of evidence, by what became of them.", "source", "verdict"
        )
        self.reviews_raised = Count("cashout_reviews_raised", "Humans called.", "reason")
        self.refusals = Count("cashout_refusals", "Refused requests for a cash-out.", "code")
        self.webhooks = Count(
            "cashout_webhooks", "Webhooks, by what their signature says.", "provider", "verdict"
        )
        self.provider_calls = Spread(
            "cashout_provider_call_seconds", "Calls.", SECONDS, "provider", "call", "outcome"
        )
        self.told = Count("cashout_events_told", "Events that the broker acknowledged.")
        self.untold = Count("cashout_events_untold", "Events that it did not, to be told again.")
        self.faults = Count("cashout_faults", "Faults got over, and bugs.", "where", "kind")
        self.requests = Count(
            "cashout_http_requests", "Requests answered.", "method", "route", "status"
        )
        self.request_time = Spread(
            "cashout_http_request_seconds", "From head to answer.", SECONDS, "route"
        )

    def _how_it_runs(self) -> None:
        self.loop_lag = Spread(
            "cashout_event_loop_lag_seconds", "How late the event loop wakes who slept.", LAGS
        )
        self.batches = Count(
            "cashout_batches", "Batches begun, by what they were smaller than.", "door", "below"
        )
        self.queued = Level("cashout_queue_waiting", "Callers waiting for a batch.", "door")
        self.in_flight = Level("cashout_calls_in_flight", "Calls.", "provider", "call")
        self.circuits = Level(
            "cashout_circuit_state", "1 for the state that a circuit is in.", "provider", "state"
        )
        corridor = ("provider", "country", "currency")
        self.gravity = Level(
            "cashout_corridor_state", "0 operational, 1 delayed, 2 closed.", *corridor
        )
        self.reasons = Level(
            "cashout_corridor_reason", "1 for why it is not operational.", *corridor, "reason"
        )
        self.connections = Level(
            "cashout_database_connections", "Connections of this process, by use.", "use"
        )
        self.pool_waits = Count(
            "cashout_database_waits", "How often somebody waited for a connection or a turn."
        )
        self.pool_wait_time = Count("cashout_database_wait_seconds", "For how long, all together.")
        self.disk = Level("cashout_data_free_bytes", "Room left where the database file is.")
        self.build = Level("cashout_build_info", "1, with what is running.", "version", "python")
        self.minor_units = Level(
            "cashout_currency_minor_units", "Minor units in one of a currency.", "currency"
        )

    def _what_is_open(self) -> None:
        """What one survey found: shown by the one process that surveys, by all others not."""
        self.database_up = Level("cashout_database_up", "1 while the database can be used.")
        self.surveyed_at = Level("cashout_survey_timestamp_seconds", "When it was surveyed.")
        self.survey_took = Level("cashout_survey_seconds", "How long the last survey took.")
        self.capped = Level("cashout_survey_capped", "1 where there is more than counted.", "what")
        self.open = Level(
            "cashout_open", "Open cash-outs.", "provider", "currency", "status", "age"
        )
        self.open_amount = Level("cashout_open_minor_units", "What they amount to.", *_WHOSE)
        self.exposure = Level(
            "cashout_exposure_minor_units", "What may be paid but is not known to be.", *_WHOSE
        )
        self.oldest = Level("cashout_open_oldest_seconds", "Age of the oldest open.", "provider")
        self.unknown_oldest = Level(
            "cashout_unknown_oldest_seconds", "Age of the oldest that may be paid.", "provider"
        )
        self.reviews = Level("cashout_reviews_open", "Reviews that wait for a human.", "reason")
        self.reviews_oldest = Level("cashout_reviews_oldest_seconds", "Age of the oldest of them.")
        self.outbox = Level("cashout_outbox_waiting", "Events that wait to be told.")
        self.outbox_oldest = Level("cashout_outbox_oldest_seconds", "Age of the oldest of them.")
        self.orphans = Level("cashout_orphans_waiting", "Webhooks of nobody's cash-out.")
        self.orphans_oldest = Level("cashout_orphans_oldest_seconds", "Age of the oldest of them.")
