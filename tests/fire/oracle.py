"""The oracle: recomputes every window from the stored cash-outs alone, in a few lines of its own.

It shares no code with the product: neither the windows, nor the sums, nor the limits.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.fire.recorder import Entry, Kept
from tests.fire.tariff import Limits

Window = tuple[str, ...]
"""User, provider, currency, and the UTC day (2027-01-31) or month (2027-01)."""

_UNPAID = ("failed", "cancelled")


class OverTheLimit(AssertionError):
    """Some user got more than the limit."""


class WrongCounter(AssertionError):
    """A counter does not say what the cash-outs add up to: a slot was lost, or made."""


@dataclass(slots=True)
class Verdict:
    """What was seen. held: minor units per window at the end. filled: windows hit to the unit."""

    held: dict[Window, int]
    takings: int = 0
    returns: int = 0
    filled: set[Window] = field(default_factory=set)


def windows_of(user_id: str, provider: str, currency: str, at: datetime) -> tuple[Window, Window]:
    """Return the day and the month that a moment falls into."""
    day = at.astimezone(UTC).date().isoformat()
    return (user_id, provider, currency, day), (user_id, provider, currency, day[:7])


def watch(entries: Sequence[Entry], limit_of: Limits) -> Verdict:
    """Replay what was recorded, transaction by transaction; raise for the first thing wrong.

    Transactions of one window are in the order in which they wrote its counter, whose row they
    hold until they commit. Each taking has to fit into the limits of the tariff it was taken under.
    """
    transactions = _by_transaction(entries)
    order: dict[Window, dict[str, int]] = defaultdict(dict)
    for entry in entries:
        if entry.kind == "counter":
            order[_counter(entry)][entry.tx] = entry.minor
    _all_are_counted(transactions, order)
    verdict = Verdict({})
    for window, said in order.items():
        held = 0
        for tx, counter in said.items():
            held = _replay(transactions[tx], window, held, limit_of, verdict)
            if held != counter:
                raise WrongCounter(f"{window} says {counter} where the cash-outs hold {held}")
        verdict.held[window] = held
    return verdict


def _replay(
    holds: Iterable[Entry], window: Window, held: int, limit_of: Limits, verdict: Verdict
) -> int:
    for hold in holds:
        if window not in _windows(hold):
            continue
        held += hold.minor
        if held < 0:
            raise WrongCounter(f"{window} is at {held}: something was given back twice")
        if hold.minor < 0:
            verdict.returns += window[3].count("-") == 2
            continue
        verdict.takings += window[3].count("-") == 2
        assert hold.version is not None
        limit = limit_of(hold.provider, hold.currency, hold.version)
        most = limit.day if window[3].count("-") == 2 else limit.month
        if held > most:
            raise OverTheLimit(f"{window} holds {held} of {most}")
        if held == most:
            verdict.filled.add(window)
    return held


def _by_transaction(entries: Sequence[Entry]) -> Mapping[str, list[Entry]]:
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.kind == "hold":
            found[entry.tx].append(entry)
    return found


def _all_are_counted(
    transactions: Mapping[str, list[Entry]], order: Mapping[Window, Mapping[str, int]]
) -> None:
    for tx, holds in transactions.items():
        touched = {window for hold in holds for window in _windows(hold)}
        missing = [window for window in touched if tx not in order.get(window, {})]
        if missing:
            raise WrongCounter(f"a cash-out was taken or ended that {missing} know nothing of")


def _windows(hold: Entry) -> tuple[Window, Window]:
    assert hold.created_at is not None
    return windows_of(hold.user_id, hold.provider, hold.currency, hold.created_at)


def _counter(entry: Entry) -> Window:
    assert entry.counter is not None
    return entry.user_id, entry.provider, entry.currency, entry.counter


def sums(cash_outs: Iterable[Kept]) -> Counter[Window]:
    """Return what each window holds, added up from the cash-outs that are not unpaid."""
    held: Counter[Window] = Counter()
    for each in cash_outs:
        if each.status not in _UNPAID:
            windows = windows_of(each.user_id, each.provider, each.currency, each.created_at)
            held.update(dict.fromkeys(windows, each.minor))
    return held


def agree(held: Mapping[Window, int], said: Mapping[Window, int]) -> None:
    """Raise WrongCounter unless two accounts of all windows are the same; none is zero."""
    differing = {
        window: (held.get(window, 0), said.get(window, 0))
        for window in held.keys() | said.keys()
        if held.get(window, 0) != said.get(window, 0)
    }
    if differing:
        raise WrongCounter(f"held and said, by window: {differing}")
