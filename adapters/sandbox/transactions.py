"""The scenario engine proper: orders in, transactions through their course, payouts out.

It knows the meaning of requests and nothing of their wire form, so that a test's gateway may call
it directly.
"""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from types import MappingProxyType
from typing import Final

from adapters.sandbox.behaviour import Hook, Manner, Moment, Refusal, Scenario, Step, Turn, Word
from adapters.sandbox.corridors import (
    AFRIMONEY,
    ORANGE_MONEY,
    UNKNOWN_COUNTRY,
    corridor_of,
    suffix_of,
)
from adapters.sandbox.ledger import FloatAccount, Floats, Ledger, Payout
from adapters.sandbox.ledger_file import (
    Book,
    Entry,
    FloatRefused,
    FloatSet,
    Happened,
    NoBook,
    Taken,
    Tried,
)
from adapters.sandbox.scenarios import SCENARIOS, scenario_for
from adapters.sandbox.settings import SandboxSettings

_ID_PREFIX: Final = MappingProxyType({ORANGE_MONEY: "OM", AFRIMONEY: "AFM"})
_STRANGERS_MSISDN: Final = MappingProxyType(
    {ORANGE_MONEY: "221770009999", AFRIMONEY: "23277009999"}
)
_FLOAT_EMPTY: Final = SCENARIOS["049"].refusals
_WITHDRAWN: Final = frozenset({Word.FAILED, Word.CANCELLED})


@dataclass(frozen=True, slots=True)
class Order:
    """What a submit means. `msisdn` is E.164 digits; `amount` is in major units, exact."""

    reference: str
    msisdn: str
    amount: Decimal
    currency: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What the provider says of a transaction at one moment."""

    provider: str
    transaction_id: str
    order: Order
    word: Word
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a submit is answered. `replayed` marks a reference that was already known."""

    manner: Manner
    report: Report | None = None
    refusal: Refusal | None = None
    retry_after_s: int | None = None
    replayed: bool = False
    recorded: bool = False
    after_webhooks: bool = False
    payouts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Announcement:
    """A webhook that the provider decided to send at that instant."""

    at: datetime
    report: Report
    hook: Hook
    tells_amount: bool


class SandboxFull(Exception):
    """The sandbox keeps as many transactions as it was allowed; reset it."""


@dataclass(slots=True)
class _Transaction:
    provider: str
    transaction_id: str
    order: Order
    told: Order
    scenario: Scenario
    account: FloatAccount
    word: Word = Word.PENDING
    reason: str | None = None
    held: bool = False
    done: set[int] = field(default_factory=set)

    def report(self, word: Word | None = None) -> Report:
        reason = self.reason if word in {None, self.word} else None
        return Report(self.provider, self.transaction_id, self.told, word or self.word, reason)


@dataclass(slots=True)
class _Tries:
    count: int = 0
    float_refused_at: datetime | None = None


@dataclass(order=True, slots=True)
class _Due:
    at: datetime
    number: int
    transaction: _Transaction = field(compare=False)
    step: int = field(compare=False)


class Transactions:
    """Every transaction of both providers, moved along by the instants that callers hand in."""

    def __init__(self, settings: SandboxSettings, chance: Random, book: Book | None = None) -> None:
        self._book = book or NoBook()
        self.ledger = Ledger()
        self.floats = Floats()
        self.announcements: list[Announcement] = []
        self._settings = settings
        self._chance = chance
        self._by_reference: dict[tuple[str, str], list[_Transaction]] = {}
        self._by_id: dict[tuple[str, str], _Transaction] = {}
        self._tries: dict[tuple[str, str], _Tries] = {}
        self._steps: list[_Due] = []
        self._numbered = 0

    def submit(self, provider: str, order: Order, now: datetime) -> Answer:
        """Take, refuse or spoil an order, as its number's scenario says.

        Raises `SandboxFull` when no further reference can be kept.
        """
        self.settle(now)
        tries = self._tried(provider, order.reference)
        known = self._by_reference.get((provider, order.reference), [])
        if known and self._settings.fidelity[provider].idempotent:
            return _repeated(provider, known[-1], order)
        scenario = scenario_for(provider, suffix_of(provider, order.msisdn))
        turn = scenario.turn(tries.count)
        refusal = self._refusal(provider, scenario, turn, order, now)
        if refusal is not None:
            return Answer(manner=Manner.REFUSE, refusal=refusal)
        if not turn.records:
            return Answer(manner=turn.manner, retry_after_s=turn.retry_after_s)
        return self._taken(provider, order, scenario, turn, now)

    def look_up(self, provider: str, identifier: str, now: datetime) -> Report | None:
        """Return what the provider says of their id or our reference; None: it knows nothing."""
        self.settle(now)
        found = self._by_id.get((provider, identifier))
        if found is not None:
            return found.report()
        if self._settings.fidelity[provider].lookup_by_reference:
            return self.booked(provider, identifier, now)
        return None

    def booked(self, provider: str, reference: str, now: datetime) -> Report | None:
        """Return what its books say of a reference, whether or not a status query would tell."""
        self.settle(now)
        found = next(reversed(self._by_reference.get((provider, reference), [])), None)
        return None if found is None else found.report()

    def tries(self, provider: str, reference: str) -> int:
        """Return how often that reference was submitted, whatever came of it."""
        tries = self._tries.get((provider, reference))
        return 0 if tries is None else tries.count

    def settle(self, now: datetime) -> None:
        """Let happen, in order, everything that is due at that instant."""
        while self._steps and self._steps[0].at <= now:
            due = heapq.heappop(self._steps)
            if due.step not in due.transaction.done:
                self._happen(due.transaction, due.step, due.at)

    def next_due(self) -> datetime | None:
        """Return when something happens next, or None when all is at rest."""
        return self._steps[0].at if self._steps else None

    def put_float(self, account: FloatAccount, balance: Decimal, at: datetime) -> None:
        """Set a float balance, as a top-up (or a withdrawal) does."""
        self._book.write(FloatSet(account.provider, account.country, account.currency, balance, at))
        self.floats.put(account, balance, at)

    def restore(self, entries: Iterable[Entry]) -> None:
        """Become what the entries tell of.

        Webhooks of what had happened by then are not sent any more, as after a provider's crash:
        a look-up tells. What was still due happens when it is due, or at once.
        """
        for entry in entries:
            self._restore(entry)

    def _restore(self, entry: Entry) -> None:
        match entry:
            case Tried():
                self._tries.setdefault((entry.provider, entry.reference), _Tries()).count += 1
            case FloatRefused():
                self._tries[entry.provider, entry.reference].float_refused_at = entry.at
            case Taken():
                self._enter(entry)
            case Happened():
                known = self._by_id[entry.provider, entry.transaction_id]
                self._change(known, entry.step, entry.at)
            case FloatSet():
                account = FloatAccount(entry.provider, entry.country, entry.currency)
                self.floats.put(account, entry.balance, entry.at)

    def _tried(self, provider: str, reference: str) -> _Tries:
        key = (provider, reference)
        if key not in self._tries and len(self._tries) >= self._settings.max_transactions:
            raise SandboxFull
        self._book.write(Tried(provider, reference))
        tries = self._tries.setdefault(key, _Tries())
        tries.count += 1
        return tries

    def _refusal(
        self, provider: str, scenario: Scenario, turn: Turn, order: Order, now: datetime
    ) -> Refusal | None:
        if turn.manner is Manner.REFUSE:
            return scenario.refusals[provider]
        account = _account(provider, order)
        if turn.records and self.floats.balance(account) < order.amount:
            return _FLOAT_EMPTY[provider]
        if scenario.waits_for_float and self._float_is_empty(provider, order, account, now):
            return scenario.refusals[provider]
        return None

    def _float_is_empty(
        self, provider: str, order: Order, account: FloatAccount, now: datetime
    ) -> bool:
        tries = self._tries[provider, order.reference]
        if tries.float_refused_at is None:
            self._book.write(FloatRefused(provider, order.reference, now))
            tries.float_refused_at = now
            return True
        waited = now - tries.float_refused_at >= timedelta(seconds=self._settings.pace.refill_s)
        return not (waited or self.floats.set_since(account, tries.float_refused_at))

    def _taken(
        self, provider: str, order: Order, scenario: Scenario, turn: Turn, now: datetime
    ) -> Answer:
        paid_before = len(self.ledger)
        transaction = self._recorded(provider, order, scenario, now)
        # A webhook that overtakes the answer leaves an answer that is already out of date.
        early = transaction.report() if turn.after_webhooks else None
        self.settle(now)
        paid = len(self.ledger) > paid_before
        return Answer(
            manner=turn.manner,
            report=early or transaction.report(),
            retry_after_s=turn.retry_after_s,
            recorded=True,
            after_webhooks=turn.after_webhooks,
            payouts=(transaction.transaction_id,) if paid else (),
        )

    def _recorded(
        self, provider: str, order: Order, scenario: Scenario, now: datetime
    ) -> _Transaction:
        transaction_id = self.new_id(provider)
        taken = Taken(
            provider,
            transaction_id,
            self._numbered,
            order.reference,
            order.msisdn,
            order.amount,
            order.currency,
            order.name,
            self._timetable(scenario, now),
        )
        self._book.write(taken)
        return self._enter(taken)

    def _enter(self, taken: Taken) -> _Transaction:
        provider = taken.provider
        order = Order(taken.reference, taken.msisdn, taken.amount, taken.currency, taken.name)
        scenario = scenario_for(provider, suffix_of(provider, order.msisdn))
        transaction = _Transaction(
            provider,
            taken.transaction_id,
            order,
            _as_told(provider, order, scenario),
            scenario,
            _account(provider, order),
        )
        if not scenario.another_payee:
            self.floats.change(transaction.account, -transaction.told.amount)
            transaction.held = True
        self._by_reference.setdefault((provider, order.reference), []).append(transaction)
        self._by_id[provider, transaction.transaction_id] = transaction
        self._numbered = max(self._numbered, taken.number)
        for step, at in enumerate(taken.due):
            self._numbered += 1
            heapq.heappush(self._steps, _Due(at, self._numbered, transaction, step))
        return transaction

    def _timetable(self, scenario: Scenario, now: datetime) -> tuple[datetime, ...]:
        pace = self._settings.pace
        settle_s = self._chance.uniform(*pace.settle_s)
        wait_s = {
            Moment.NOW: 0.0,
            Moment.SETTLED: settle_s,
            Moment.SLOW: pace.slow_s,
            Moment.LATE: settle_s + pace.late_s,
        }
        return tuple(now + timedelta(seconds=wait_s[step.moment]) for step in scenario.course)

    def new_id(self, provider: str) -> str:
        """Return a fresh transaction id of that provider."""
        self._numbered += 1
        return f"{_ID_PREFIX[provider]}-{self._numbered:06d}{self._chance.getrandbits(32):08X}"

    def _happen(self, transaction: _Transaction, number: int, at: datetime) -> None:
        self._book.write(Happened(transaction.provider, transaction.transaction_id, number, at))
        step = self._change(transaction, number, at)
        tells_amount = transaction.scenario.echoes_another_amount
        self.announcements += [
            Announcement(at, transaction.report(hook.says), hook, tells_amount)
            for hook in step.hooks
        ]

    def _change(self, transaction: _Transaction, number: int, at: datetime) -> Step:
        step = transaction.scenario.course[number]
        transaction.done.add(number)
        if step.word is not None:
            transaction.word, transaction.reason = step.word, step.reason
        self._move_money(transaction, step, at)
        return step

    def _move_money(self, transaction: _Transaction, step: Step, at: datetime) -> None:
        order = transaction.told
        if step.pays:
            if not transaction.held:
                self.floats.change(transaction.account, -order.amount)
            transaction.held = False
            self.ledger.execute(
                Payout(
                    transaction.provider,
                    order.reference,
                    transaction.transaction_id,
                    order.msisdn,
                    order.amount,
                    order.currency,
                    at,
                )
            )
        elif step.reverses:
            self.floats.change(transaction.account, order.amount)
            self.ledger.reverse(transaction.provider, transaction.transaction_id, at)
        elif step.word in _WITHDRAWN and transaction.held:
            self.floats.change(transaction.account, order.amount)
            transaction.held = False


def _account(provider: str, order: Order) -> FloatAccount:
    corridor = corridor_of(provider, order.msisdn)
    country = UNKNOWN_COUNTRY if corridor is None else corridor.country
    return FloatAccount(provider, country, order.currency)


def _as_told(provider: str, order: Order, scenario: Scenario) -> Order:
    """Return the order as status and webhook will echo it."""
    if scenario.another_payee:
        return Order(order.reference, _STRANGERS_MSISDN[provider], order.amount + 1, order.currency)
    if scenario.echoes_another_amount:
        return Order(order.reference, order.msisdn, order.amount + 1, order.currency, order.name)
    return order


def _repeated(provider: str, known: _Transaction, order: Order) -> Answer:
    """Answer a reference that was already taken: nothing happens twice."""
    original = known.told if known.scenario.another_payee else known.order
    if provider == AFRIMONEY and original == order:
        manner = known.scenario.then.manner
        return Answer(manner=manner, report=known.report(), replayed=True)
    return Answer(manner=Manner.CONFLICT, report=known.report(), replayed=True)
