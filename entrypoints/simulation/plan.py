"""The plan of a run: what its seed decides beforehand, and how it can be made smaller."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Final

from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY
from adapters.sandbox.scenarios import SCENARIOS
from adapters.sandbox.settings import Pace
from domain.attempts import Capabilities
from domain.corridors import Policy


class FaultKind(StrEnum):
    """Everything that goes wrong on purpose."""

    COMMIT_FAILS = "commit_fails"
    """The store says no; nothing was written."""
    COMMIT_LOST = "commit_lost"
    """Nothing was written, and nobody learns that."""
    COMMIT_ANSWER_LOST = "commit_answer_lost"
    """It was written, and nobody learns that."""
    COMMIT_LATE = "commit_late"
    """It is written after all, when whoever asked for it has long been told that nobody knows."""
    CONFLICT = "conflict"
    STORE_AWAY = "store_away"
    STORE_FULL = "store_full"
    STORE_SLOW = "store_slow"
    READ_FAILS = "read_fails"
    CRASH = "crash"
    PAUSE = "pause"
    """As SIGSTOP and, later, SIGCONT."""
    RESTART = "restart"
    """As SIGTERM: it drains, ends and is started anew."""
    NUDGE_LOST = "nudge_lost"
    CLOCK_FORWARD = "clock_forward"
    CLOCK_BACK = "clock_back"
    BROKER_AWAY = "broker_away"
    BROKER_SLOW = "broker_slow"
    ACK_LOST = "ack_lost"
    CONNECT_REFUSED = "connect_refused"
    REQUEST_LOST = "request_lost"
    REQUEST_DOUBLED = "request_doubled"
    """Something on the way sends it twice, to a provider that executes it once."""
    REQUEST_LATE = "request_late"
    """It reaches the provider long after we have given up."""
    ANSWER_LOST = "answer_lost"
    ANSWER_SLOW = "answer_slow"
    LOOK_UP_UNANSWERED = "look_up_unanswered"
    LOOK_UP_BEHIND = "look_up_behind"
    """Another machine of the provider answers, which has not heard of the submit yet."""
    PROVIDER_AWAY = "provider_away"
    MISCONFIGURED = "misconfigured"
    """The provider refuses our credentials for a while."""
    FLOAT_EMPTY = "float_empty"
    IDS_MIXED_UP = "ids_mixed_up"
    """The provider answers with another transaction's id."""
    CLOSED_BY_HAND = "closed_by_hand"
    """An operator closes a provider, or a corridor of it, and opens it again."""
    PAID_BY_HAND = "paid_by_hand"
    """Somebody pays at the provider's portal, under our reference, before we send."""
    PAID_EARLY = "paid_early"
    """The same before we are asked at all: its webhook finds no cash-out."""
    WEBHOOK_LOST = "webhook_lost"
    WEBHOOK_LATE = "webhook_late"
    WEBHOOK_REORDERED = "webhook_reordered"
    WEBHOOK_DUPLICATED = "webhook_duplicated"
    WEBHOOK_UNANSWERED = "webhook_unanswered"
    """It is taken in, and the provider does not learn that."""
    WEBHOOK_TAMPERED = "webhook_tampered"
    """Another state under a signature that was made for this one."""
    WEBHOOK_FORGED = "webhook_forged"
    WEBHOOK_REPLAYED = "webhook_replayed"
    CLIENT_GONE = "client_gone"
    """The caller hangs up, and its request is cancelled."""
    CLIENT_IMPATIENT = "client_impatient"
    """The caller stops waiting and asks again."""
    DOUBLE_CLICK = "double_click"
    RESEND = "resend"
    KEY_REUSED = "key_reused"
    """The same key or reference with another body."""
    CANCEL = "cancel"
    READ = "read"
    WAIT = "wait"
    STRANGER = "stranger"


_OFTEN = (20, 60, 150, 300)
_RATES: Mapping[FaultKind, tuple[int, ...]] = {
    FaultKind.COMMIT_FAILS: (10, 30, 80),
    FaultKind.COMMIT_LOST: (10, 30, 80),
    FaultKind.COMMIT_ANSWER_LOST: (10, 30, 80),
    FaultKind.COMMIT_LATE: (10, 30, 80),
    FaultKind.CONFLICT: (10, 50, 200),
    FaultKind.STORE_FULL: (5, 20),
    FaultKind.STORE_SLOW: (20, 100),
    FaultKind.READ_FAILS: (50, 300),
    FaultKind.NUDGE_LOST: (100, 500, 1000),
    FaultKind.CLIENT_GONE: (50, 200),
    FaultKind.PAID_BY_HAND: (300, 1000),
    FaultKind.PAID_EARLY: (300, 1000),
    FaultKind.CRASH: (60, 300, 600),
    FaultKind.PAUSE: (60, 300, 600),
}
"""How often each strikes, per mille of its occasions; other kinds: _OFTEN."""

CLOCKS: Final = (FaultKind.CLOCK_FORWARD, FaultKind.CLOCK_BACK)

_DRAWN_APART: Final = (
    FaultKind.COMMIT_LATE,
    FaultKind.LOOK_UP_BEHIND,
    FaultKind.CLOSED_BY_HAND,
)
"""Drawn from sources of their own: what else a seed means has stayed as it was before them."""

WINDOWS: Mapping[FaultKind, tuple[float, float]] = {
    FaultKind.STORE_AWAY: (1, 40),
    FaultKind.BROKER_AWAY: (5, 300),
    FaultKind.PROVIDER_AWAY: (5, 200),
    FaultKind.MISCONFIGURED: (5, 120),
    FaultKind.FLOAT_EMPTY: (5, 300),
    FaultKind.CLOSED_BY_HAND: (5, 300),
}
"""Faults that come and go: their shortest and longest duration in seconds."""

VARIANTS: Mapping[str, Capabilities] = {
    "usual": Capabilities(idempotent_submit=True, lookup_by_reference=True, webhook_proves=True),
    "careful": Capabilities(idempotent_submit=False, lookup_by_reference=True, webhook_proves=True),
    "blind": Capabilities(idempotent_submit=False, lookup_by_reference=False, webhook_proves=True),
    "final": Capabilities(
        idempotent_submit=False,
        lookup_by_reference=True,
        webhook_proves=True,
        not_found_final_after=timedelta(minutes=20),
    ),
}
"""What a provider can promise. AfriMoney's webhooks never prove anything, whatever the rest."""

TOLD_BY_WEBHOOK: Final = frozenset({"789", "119", "149"})
"""Scenarios whose end is told by webhook, so that what was paid by hand can be learnt."""

LATEST_REQUEST_S = 600.0
"""The longest that a request is under way: within every provider's not_found_final_after."""

_STARTS = (
    datetime(2026, 11, 23, 10, 0, tzinfo=UTC),
    datetime(2026, 11, 30, 23, 57, tzinfo=UTC),
    datetime(2026, 12, 31, 23, 59, tzinfo=UTC),
    datetime(2028, 2, 28, 23, 58, tzinfo=UTC),
)
_POLICIES = (
    Policy(review_after=timedelta(hours=1), not_found_grace=timedelta(seconds=60)),
    Policy(review_after=timedelta(hours=2), retry_base=timedelta(seconds=5)),
    Policy(review_after=timedelta(minutes=20), retry_max_attempts=1),
    Policy(review_after=timedelta(minutes=40), not_found_grace=timedelta(seconds=10)),
    Policy(review_after=timedelta(hours=1), retry_max_attempts=0),
)
_USUAL: Final = 0.6
"""How often both providers promise what they do by default."""
_ON_ONE_MACHINE: Final = 0.4
"""How often all processes share a clock and a database file; else a server with row locks."""
_WATCHES_HEALTH: Final = 0.5
"""How often the health of providers is watched, so that what does not answer is parked."""
_THE_DEFAULT: Final = 0.04
"""How often a run has the default policy: days of questions make it a long one."""
_PACES = (
    Pace((0.0, 0.0), (0.0, 0.1), 5.0, 2.0, 5.0, 1.0, 30.0),
    Pace((0.05, 0.4), (0.3, 5.0), 60.0, 20.0, 40.0, 2.0, 300.0),
    Pace((0.1, 25.0), (1.0, 120.0), 900.0, 300.0, 90.0, 10.0, 1800.0),
    Pace((0.1, 3.0), (5.0, 1800.0), 5400.0, 3600.0, 600.0, 60.0, 3600.0),
)
_POLLS_S = (1.0, 1.0, 2.0, 5.0)
_PHASES_S = (30.0, 120.0, 400.0)
_CHANCE_OF_A_FAULT = (0.0, 0.1, 0.2, 0.3, 0.5)


@dataclass(frozen=True, slots=True)
class Reduction:
    """How a run is made smaller than its seed would have it; None leaves a number alone.

    skip: the cash-outs that are left out, counted from 0; the others stay as they are.
    """

    users: int | None = None
    cash_outs: int | None = None
    processes: int | None = None
    without: frozenset[FaultKind] = frozenset()
    skip: frozenset[int] = frozenset()

    def joined(self, other: "Reduction") -> "Reduction":
        """Return what takes away what both do."""
        return Reduction(
            other.users or self.users,
            other.cash_outs or self.cash_outs,
            other.processes or self.processes,
            self.without | other.without,
            self.skip | other.skip,
        )

    def options(self) -> str:
        """Return it as options of `cashout simulate`."""
        words = []
        if self.without:
            words.append(f"--without {','.join(sorted(self.without))}")
        if self.skip:
            words.append(f"--skip {','.join(map(str, sorted(self.skip)))}")
        for name in ("users", "cash_outs", "processes"):
            number = getattr(self, name)
            if number is not None:
                words.append(f"--{name.replace('_', '-')} {number}")
        return " ".join(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run.

    rates: per mille for each fault that may strike. variants: by provider, see VARIANTS. phase_s:
    how long faults strike. common_clock: all processes and the store share one wall clock, as on
    one machine with a database file; otherwise each has its own, and the store its own too.
    row_locks: transactions run beside each other, as in PostgreSQL; else one at a time. health: it
    is watched, by thresholds that the few cash-outs of a run can cross.
    scenarios: provider and suffix for
    each cash-out, None for a drawn one. fuses: when the first processes die, for exploring crashes.
    """

    seed: int
    users: int = 1
    cash_outs: int = 1
    processes: int = 1
    rates: Mapping[FaultKind, int] = field(default_factory=dict)
    variants: Mapping[str, str] = field(
        default_factory=lambda: {ORANGE_MONEY: "usual", AFRIMONEY: "usual"}
    )
    policy: Policy = field(default_factory=Policy)
    pace: Pace = _PACES[1]
    poll_s: float = 1.0
    phase_s: float = 30.0
    start: datetime = _STARTS[0]
    common_clock: bool = False
    row_locks: bool = False
    health: bool = False
    shuffle: float = 1.0
    scenarios: tuple[tuple[str, str], ...] = ()
    skip: frozenset[int] = frozenset()
    fuses: tuple[int, ...] = ()

    def reduced(self, by: Reduction) -> "Plan":
        """Return the same run with less in it."""
        return replace(
            self,
            users=self.users if by.users is None else by.users,
            cash_outs=self.cash_outs if by.cash_outs is None else by.cash_outs,
            processes=self.processes if by.processes is None else by.processes,
            skip=self.skip | by.skip,
            rates={kind: rate for kind, rate in self.rates.items() if kind not in by.without},
        )

    @property
    def places(self) -> list[int]:
        """The cash-outs that this run has."""
        return [place for place in range(self.cash_outs) if place not in self.skip]

    def chance(self, name: str) -> Random:
        """Return the source of chance for one purpose: what one draws does not move another."""
        return Random(f"{self.seed}/{name}")  # noqa: S311 -- repeatable on purpose


def drawn(seed: int) -> Plan:
    """Return the plan of a seed."""
    chance = Random(f"{seed}/plan")  # noqa: S311 -- repeatable on purpose
    likely = chance.choice(_CHANCE_OF_A_FAULT)
    rates: dict[FaultKind, int] = {
        kind: chance.choice(_RATES.get(kind, _OFTEN))
        for kind in FaultKind
        if kind not in _DRAWN_APART and chance.random() < likely
    }
    for kind in _DRAWN_APART:
        apart = Random(f"{seed}/{kind}")  # noqa: S311 -- repeatable on purpose
        if apart.random() < likely:
            rates[kind] = apart.choice(_RATES.get(kind, _OFTEN))
    health = Random(f"{seed}/health").random() < _WATCHES_HEALTH  # noqa: S311 -- repeatable
    if not health:
        rates.pop(FaultKind.CLOSED_BY_HAND, None)
    usual = chance.random() < _USUAL
    variants = {
        each: "usual" if usual else chance.choice(sorted(VARIANTS))
        for each in (ORANGE_MONEY, AFRIMONEY)
    }
    many = chance.random() > _ON_ONE_MACHINE
    return Plan(
        seed=seed,
        users=chance.choice((1, 1, 2, 3)),
        cash_outs=chance.choice((2, 3, 4, 5, 6, 8, 12)),
        processes=chance.choice((1, 2, 2, 3)),
        rates=rates,
        variants=variants,
        policy=Policy() if chance.random() < _THE_DEFAULT else chance.choice(_POLICIES),
        pace=chance.choice(_PACES),
        poll_s=chance.choice(_POLLS_S),
        phase_s=chance.choice(_PHASES_S),
        start=chance.choice(_STARTS),
        common_clock=not many,
        row_locks=many,
        health=health,
        shuffle=chance.choice((0.0, 0.3, 1.0, 1.0)),
    )


def scenarios_of(provider: str) -> tuple[str, ...]:
    """Return the suffixes of every scenario that a provider has, in order."""
    return tuple(sorted(each.suffix for each in SCENARIOS.values() if provider in each.providers))
