"""The providers: the sandbox's engine, its ledger, and the bad line that leads to it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from adapters.provider_kit.outcomes import BY_CODE, BY_STATUS, CONFLICT, UNKNOWN
from adapters.provider_kit.vocabulary import Options, Vocabulary, vocabulary_of
from adapters.providers.afrimoney import wire as afrimoney_wire
from adapters.providers.orange_money import wire as orange_wire
from adapters.sandbox import afrimoney, orange_money
from adapters.sandbox.behaviour import Manner, Word
from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY, corridor_of
from adapters.sandbox.engine import Engine
from adapters.sandbox.ledger import DEFAULT_FLOAT, FloatAccount
from adapters.sandbox.settings import Fidelity, Pace, SandboxSettings
from adapters.sandbox.transactions import Answer, Report
from adapters.sandbox.transactions import Order as ProvidersOrder
from application.ports import Order
from domain.attempts import OutcomeKind
from domain.cash_out import CashOut
from domain.evidence import News, NotFound, Outcome
from domain.failures import FailureCode
from domain.states import Status
from entrypoints.simulation.courier import Courier
from entrypoints.simulation.plan import LATEST_REQUEST_S, VARIANTS, FaultKind, Plan
from entrypoints.simulation.store import SimulatedStore
from entrypoints.simulation.world import World

CALL_S: Final = 30.0
"""The longest that a call waits for its answer."""
_OVERTAKEN_S: Final = 2.0
_BEHIND_S: Final = 300.0
"""How long a machine of the provider may be behind; with the latest submit, still within what it
promises of a final "not found"."""
FICKLE: Final = frozenset({"304"})
"""Scenarios whose provider takes an ending back: what is told late was true once."""
_MAY_BE_PAID: Final = frozenset({Word.PENDING, Word.SUCCESS, Word.SETTLING, Word.REVERSED})
VOCABULARIES: Final[Mapping[str, Vocabulary]] = MappingProxyType(
    {
        ORANGE_MONEY: vocabulary_of(orange_wire.WORDS, Options(), folds_words=False),
        AFRIMONEY: vocabulary_of(afrimoney_wire.WORDS, Options(), folds_words=True),
    }
)
_WORDS: Final = {ORANGE_MONEY: orange_money.WORDS, AFRIMONEY: afrimoney.WORDS}
_UNREACHABLE: Final = Outcome(OutcomeKind.UNSENT, FailureCode.PROVIDER_UNAVAILABLE)
_BY_MANNER: Final[Mapping[Manner, Outcome]] = MappingProxyType(
    {
        Manner.ACCEPT: Outcome(OutcomeKind.ACCEPTED),
        Manner.ACCEPT_BLANK: Outcome(OutcomeKind.ACCEPTED, news=News("", Status.PROCESSING)),
        Manner.WRONG_CODE: Outcome(OutcomeKind.ACCEPTED, verify=True),
        Manner.TOO_MANY: BY_STATUS[429],
        Manner.CREDENTIALS_EXPIRED: BY_STATUS[401],
        Manner.CONFLICT: CONFLICT,
    }
)
"""What an answer means, as the gateways have it; any other manner is unknown."""
_UNHEARD: Final = frozenset({Manner.SILENCE})


@dataclass(frozen=True, kw_only=True)
class _Settings(SandboxSettings):
    """A sandbox whose pace is the plan's."""

    drawn: Pace

    @property
    def pace(self) -> Pace:
        """Return the durations of this run."""
        return self.drawn


def _engine(plan: Plan) -> Engine:
    fidelity = {
        each: Fidelity(
            idempotent=VARIANTS[variant].idempotent_submit,
            lookup_by_reference=VARIANTS[variant].lookup_by_reference,
        )
        for each, variant in plan.variants.items()
    }
    settings = _Settings(fidelity=fidelity, seed=plan.seed, drawn=plan.pace)
    return Engine(settings, plan.chance("engine"))


class ProviderSide:
    """Both providers, with their ledger, and the line that leads to them.

    sends has the attempts that were made under each reference, questions counts how often it was
    asked about; not_found is when it was last said to be unknown.
    """

    def __init__(self, world: World, store: SimulatedStore) -> None:
        self.world = world
        self.store = store
        self.engine = _engine(world.plan)
        self.courier = Courier(world, self.engine)
        self.chance = world.plan.chance("line")
        self.ids: dict[str, list[str]] = {ORANGE_MONEY: [], AFRIMONEY: []}
        self.sends: dict[str, list[int]] = {}
        self.questions: dict[str, int] = {}
        self.not_found: dict[str, datetime] = {}
        self.underway: dict[str, int] = {}
        self.arrived: dict[str, float] = {}
        self.by_hand: set[str] = set()
        world.denies = self.denies

    def latency(self) -> float:
        """Return how long one way takes, in seconds."""
        low, high = self.world.plan.pace.answer_s
        return low + (high - low) * self.chance.random() ** 2

    def travel(self) -> float:
        """Return how long this request takes to arrive."""
        if self.world.faults.strikes(FaultKind.REQUEST_LATE):
            return self.chance.uniform(CALL_S, LATEST_REQUEST_S)
        return self.latency()

    def refused_at_the_door(self) -> Outcome | None:
        """Return the outcome of a submit that reaches nobody, or None."""
        faults = self.world.faults
        if faults.strikes(FaultKind.CONNECT_REFUSED) or faults.is_on(FaultKind.PROVIDER_AWAY):
            return _UNREACHABLE
        if faults.is_on(FaultKind.MISCONFIGURED):
            return BY_STATUS[401]
        return None

    def put_on_the_wire(
        self, provider: str, order: Order, answered: asyncio.Future[Outcome | None]
    ) -> None:
        """Send a submit on its way; it arrives whatever becomes of the one who sent it."""
        world, reference = self.world, order.reference
        self.underway[reference] = self.underway.get(reference, 0) + 1
        world.loop.call_later(
            self.travel(), self.arrive, provider, order, answered, context=world.outside
        )
        idempotent = world.capabilities[provider].idempotent_submit
        if idempotent and world.faults.strikes(FaultKind.REQUEST_DOUBLED):
            world.loop.call_later(
                self.travel(), self._arrive_again, provider, order, context=world.outside
            )

    def _arrive_again(self, provider: str, order: Order) -> None:
        """Act on what somebody on the way has repeated, where the first was taken."""
        transactions, now = self.engine.transactions, self.world.now()
        if transactions.look_up(provider, order.reference, now) is not None:
            transactions.submit(provider, providers_order(order), now)
        self.engine.settle(now)
        self.courier.arm()

    def arrive(self, provider: str, order: Order, answered: asyncio.Future[Outcome | None]) -> None:
        """Have the provider act on a submit, and send its answer back if it has one."""
        world, now = self.world, self.world.now()
        self.underway[order.reference] -= 1
        self.arrived.setdefault(order.reference, world.elapsed)
        theirs = providers_order(order)
        answer = self.engine.transactions.submit(provider, theirs, now)
        if answer.manner is Manner.CREDENTIALS_EXPIRED:
            # As the gateways do: once more, with fresh credentials.
            answer = self.engine.transactions.submit(provider, theirs, now)
        self.engine.settle(now)
        self.courier.arm()
        if answer.report is not None:
            self._remember(provider, answer.report.transaction_id)
        world.cover("manner", answer.manner.name.lower())
        world.note("arrived", order.reference, answer.manner, order.attempt)
        if answer.manner in _UNHEARD or world.faults.strikes(FaultKind.ANSWER_LOST):
            return
        delay = self.latency() + _OVERTAKEN_S * answer.after_webhooks
        if world.faults.strikes(FaultKind.ANSWER_SLOW):
            delay += self.chance.uniform(0, 2 * CALL_S)
        outcome = self._outcome(provider, answer)
        world.loop.call_later(delay, resolve, answered, outcome, context=world.outside)

    def asked(self, provider: str, order: Order) -> News | NotFound:
        """Answer a look-up."""
        identifier = order.provider_transaction_id or order.reference
        now = self.world.now()
        report = self.engine.transactions.look_up(provider, identifier, now)
        self.engine.settle(now)
        self.courier.arm()
        if report is None or self._is_behind(order.reference):
            self.not_found[order.reference] = now
            return NotFound()
        told = report.order
        return replace(
            self._news(provider, report),
            reference=told.reference,
            amount=told.amount,
            currency=told.currency,
            payee=told.msisdn,
        )

    def _is_behind(self, reference: str) -> bool:
        """Tell whether the answer comes from where this submit has not been heard of yet."""
        since = self.world.elapsed - self.arrived.get(reference, self.world.elapsed)
        return since < _BEHIND_S and self.world.faults.strikes(FaultKind.LOOK_UP_BEHIND)

    def settle(self) -> None:
        """Bring the books up to this moment: for who reads them at the portal."""
        self.engine.settle(self.world.now())
        self.courier.arm()

    def pay_by_hand(self, provider: str, order: Order) -> None:
        """Have somebody pay an order at the provider's portal, under our reference."""
        self.by_hand.add(order.reference)
        self.engine.transactions.submit(provider, providers_order(order), self.world.now())
        self.engine.settle(self.world.now())
        self.courier.arm()

    def denies(self, cash_out: CashOut) -> str:
        """Return what speaks against an ending at the moment when it is told; empty: nothing."""
        reference = cash_out.reference
        fickle = cash_out.payee.msisdn.e164[-3:] in FICKLE
        if fickle or reference in self.by_hand:
            return ""
        if cash_out.status is Status.COMPLETED:
            return "" if self.engine.ledger.count(reference) else "completed, and nothing was paid"
        found = self.engine.transactions.look_up(cash_out.provider, reference, self.world.now())
        if found is None and self.underway.get(reference, 0):
            return f"{cash_out.status}, and a submit is under way"
        if found is not None and found.word in _MAY_BE_PAID:
            return f"{cash_out.status}, and its provider says {found.word}"
        return ""

    def empty_floats(self) -> None:
        """Take all our money at the providers away."""
        self._set_floats(empty=True)

    def fill_floats(self) -> None:
        """Top the floats up."""
        self._set_floats(empty=False)

    def _set_floats(self, *, empty: bool) -> None:
        balance = DEFAULT_FLOAT * 0 if empty else DEFAULT_FLOAT
        for account in self.accounts():
            self.engine.floats.put(account, balance, self.world.now())

    def accounts(self) -> list[FloatAccount]:
        """Return the float accounts that this run's cash-outs are paid from."""
        found = set()
        for cash_out in self.store.rows.cash_outs.values():
            digits = cash_out.payee.msisdn.e164[1:]
            corridor = corridor_of(cash_out.provider, digits)
            if corridor is not None:
                code = cash_out.amount.currency.code
                found.add(FloatAccount(cash_out.provider, corridor.country, code))
        return sorted(found)

    def _remember(self, provider: str, transaction_id: str) -> None:
        if transaction_id not in self.ids[provider]:
            self.ids[provider].append(transaction_id)

    def _outcome(self, provider: str, answer: Answer) -> Outcome:
        vocabulary = VOCABULARIES[provider]
        if answer.refusal is not None:
            code = vocabulary.code_of(answer.refusal.code, answer.refusal.message)
            return UNKNOWN if code is None else BY_CODE.get(code, UNKNOWN)
        outcome = _BY_MANNER.get(answer.manner, UNKNOWN)
        outcome = replace(outcome, retry_after_s=answer.retry_after_s)
        tells = answer.manner in {Manner.ACCEPT, Manner.WRONG_CODE}
        if tells and answer.report is not None:
            return replace(outcome, news=self._news(provider, answer.report))
        return outcome

    def _news(self, provider: str, report: Report) -> News:
        vocabulary, word = VOCABULARIES[provider], _WORDS[provider][report.word]
        its_id = report.transaction_id
        others = [each for each in self.ids[provider] if each != its_id]
        if others and self.world.faults.strikes(FaultKind.IDS_MIXED_UP):
            its_id = self.chance.choice(others)
        code = vocabulary.code_of(report.reason)
        return News(word, vocabulary.status_of(word), its_id, code=code, reason=report.reason)


def providers_order(order: Order) -> ProvidersOrder:
    """Return our order as the provider reads it from the wire."""
    money = order.amount
    return ProvidersOrder(
        order.reference, order.account, money.decimal, money.currency.code, order.payee.name
    )


def resolve(answered: asyncio.Future[Outcome | None], outcome: Outcome | None) -> None:
    """Hand an answer to the one who waits for it, unless it has one; None: nothing more comes."""
    if not answered.done():
        answered.set_result(outcome)
