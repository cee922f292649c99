"""The five public states of a cash-out, as data: rank only grows, and an ending is final.

The database guard, the diagram in the README, the API's enumeration and the tests derive from
`RANK` and `TRANSITIONS`.
"""

from enum import StrEnum


class Status(StrEnum):
    """What a cash-out is; see RANK for their order."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


RANK: dict[Status, int] = {
    Status.PENDING: 0,
    Status.PROCESSING: 1,
    Status.COMPLETED: 2,
    Status.FAILED: 2,
    Status.CANCELLED: 2,
}

TRANSITIONS: dict[Status, tuple[Status, ...]] = {
    now: tuple(later for later in Status if RANK[later] > RANK[now]) for now in Status
}
"""What each state may become."""

ENDINGS: tuple[Status, ...] = tuple(now for now in Status if not TRANSITIONS[now])


class Verdict(StrEnum):
    """What becomes of a piece of news."""

    MOVE = "move"
    STALE = "stale"
    CONTRADICTION = "contradiction"
    UNRECOGNISED = "unrecognised"
    """The provider's word is no state of ours: recorded, never guessed at."""
    MISMATCH = "mismatch"
    """It speaks of another amount, payee or reference: recorded, never adopted."""
    NOTED = "noted"
    """It says nothing about the state: an attempt's outcome, silence, "not found", a doorbell."""


def judge(now: Status, reported: Status) -> Verdict:
    """Judge a reported state against the present one: the only judge, whatever door it came by."""
    if RANK[reported] > RANK[now]:
        return Verdict.MOVE
    if now in ENDINGS and reported in ENDINGS and now is not reported:
        return Verdict.CONTRADICTION
    return Verdict.STALE


def mermaid() -> str:
    """Return the state diagram as Mermaid text, from the table."""
    lines = ["stateDiagram-v2", f"    [*] --> {Status.PENDING}"]
    lines += [f"    {now} --> {later}" for now in Status for later in TRANSITIONS[now]]
    lines += [f"    {ending} --> [*]" for ending in Status if ending in ENDINGS]
    return "\n".join(lines)
