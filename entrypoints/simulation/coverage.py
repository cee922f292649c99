"""What a campaign must have seen at least once: a fault that never struck was never survived."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from adapters.sandbox.behaviour import Manner
from adapters.sandbox.corridors import PROVIDERS
from domain.attempts import NextStep, OutcomeKind
from domain.events import EventType
from domain.evidence import ReviewReason
from domain.states import Status, Verdict
from entrypoints.simulation.plan import FaultKind, scenarios_of

ENOUGH_SEEDS: Final = 1_000
"""From this many seeds on, everything that is expected must have happened."""
ENOUGH_FOR_THE_RARE: Final = 10_000

_TRANSITIONS: Final = (
    (Status.PENDING, Status.PROCESSING),
    (Status.PENDING, Status.COMPLETED),
    (Status.PENDING, Status.CANCELLED),
    (Status.PROCESSING, Status.COMPLETED),
    (Status.PROCESSING, Status.FAILED),
    (Status.PROCESSING, Status.CANCELLED),
)
RARE: Final = (
    ("transition", f"{Status.PENDING} -> {Status.FAILED}"),
    ("request", "MonthlyLimitExceeded"),
)
"""What takes more seeds: somebody has paid by hand before we send, and that has failed; a user who
fills what a second day has left of the month."""
_FINDINGS: Final = (
    "submit: Outcome",
    "status_query: News",
    "status_query: NotFound",
    "status_query: NoAnswer",
    "webhook: News",
    "webhook: Doorbell",
    "clock: Overdue",
    "operator: Ruling",
)
_REQUESTS: Final = ("taken", "DailyLimitExceeded")
_REFUSALS: Final = ("Forbidden", "TooLateToCancel")

_RULINGS: Final = (
    "paid: move",
    "paid: stale",
    "paid: contradiction",
    "not_paid: move",
    "not_paid: stale",
    "keep_waiting: noted",
)
_RULINGS_REFUSED: Final = (
    "ProposerCannotApprove",
    "ProposalAlreadyDecided",
    "ReviewChanged",
)

EXPECTED: Final[Mapping[str, tuple[str, ...]]] = {
    "transition": tuple(f"{now} -> {later}" for now, later in _TRANSITIONS),
    "attempt outcome": tuple(OutcomeKind),
    "verdict": tuple(Verdict),
    "decision": tuple(NextStep),
    "review": tuple(ReviewReason),
    "event": tuple(EventType),
    "finding": _FINDINGS,
    "manner": tuple(each.name.lower() for each in Manner if each is not Manner.CREDENTIALS_EXPIRED),
    "request": _REQUESTS,
    "refusal": _REFUSALS,
    "ruling": _RULINGS,
    "ruling refused": _RULINGS_REFUSED,
    "scenario": tuple(f"{each} {suffix}" for each in PROVIDERS for suffix in scenarios_of(each)),
}
"""By group. Expired credentials are renewed by the gateway and not seen behind it."""


def missing(
    covered: Counter[tuple[str, str]],
    struck: Counter[FaultKind],
    without: frozenset[FaultKind],
    runs: int,
) -> Iterator[str]:
    """Yield what was expected of so many runs and never happened.

    Where faults were left out, only the others are expected: who knows what those lead to.
    """
    expected = [(group, name) for group, names in EXPECTED.items() for name in names]
    if runs >= ENOUGH_FOR_THE_RARE:
        expected += RARE
    for group, name in expected if not without else ():
        if not covered[group, name]:
            yield f"{group} {name}"
    for kind in FaultKind:
        if not struck[kind] and kind not in without:
            yield f"fault {kind}"
