"""The providers: the sandbox's engine behind a bad line, and the gateway that speaks to it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from adapters.provider_kit.outcomes import BY_CODE, BY_STATUS, CONFLICT, UNKNOWN
from adapters.provider_kit.vocabulary import Options, Vocabulary, vocabulary_of
from adapters.providers.afrimoney import webhook as afrimoney_webhook
from adapters.providers.afrimoney import wire as afrimoney_wire
from adapters.providers.orange_money import webhook as orange_webhook
from adapters.providers.orange_money import wire as orange_wire
from adapters.sandbox import afrimoney, orange_money
from adapters.sandbox.behaviour import Manner
from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY, corridor_of
from adapters.sandbox.engine import Engine
from adapters.sandbox.ledger import DEFAULT_FLOAT, FloatAccount
from adapters.sandbox.settings import Fidelity, Pace, SandboxSettings
from adapters.sandbox.transactions import Answer, Report
from adapters.sandbox.transactions import Order as ProvidersOrder
from application.ports import Order, WebhookReading
from domain.attempts import Attempt, OutcomeKind
from domain.evidence import News, NoAnswer, NotFound, Outcome
from domain.failures import FailureCode
from domain.states import Status
from entrypoints.simulation.courier import Courier
from entrypoints.simulation.loop import a_turn
from entrypoints.simulation.plan import LATEST_REQUEST_S, VARIANTS, FaultKind, Plan
from entrypoints.simulation.store import SimulatedStore, in_unit
from entrypoints.simulation.world import Invariant, World, pause

CALL_S: Final = 30.0
"""The longest that a call waits for its answer."""
_OVERTAKEN_S: Final = 2.0
_VOCABULARIES: Final[Mapping[str, Vocabulary]] = MappingProxyType(
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

    sends and questions count the calls about each reference; not_found is when one was last said
    to be unknown.
    """

    def __init__(self, world: World, store: SimulatedStore) -> None:
        self.world = world
        self.store = store
        self.engine = _engine(world.plan)
        self.courier = Courier(world, self.engine)
        self.chance = world.plan.chance("line")
        self.ids: dict[str, list[str]] = {ORANGE_MONEY: [], AFRIMONEY: []}
        self.sends: dict[str, int] = {}
        self.questions: dict[str, int] = {}
        self.not_found: dict[str, datetime] = {}

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

    def arrive(self, provider: str, order: Order, answered: asyncio.Future[Outcome | None]) -> None:
        """Have the provider act on a submit, and send its answer back if it has one."""
        world, now = self.world, self.world.now()
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
        world.loop.call_later(delay, _resolve, answered, outcome, context=world.outside)

    def asked(self, provider: str, order: Order) -> News | NotFound:
        """Answer a look-up."""
        identifier = order.provider_transaction_id or order.reference
        now = self.world.now()
        report = self.engine.transactions.look_up(provider, identifier, now)
        self.engine.settle(now)
        self.courier.arm()
        if report is None:
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

    def pay_by_hand(self, provider: str, order: Order) -> None:
        """Have somebody pay an order at the provider's portal, under our reference."""
        self.engine.transactions.submit(provider, providers_order(order), self.world.now())
        self.engine.settle(self.world.now())
        self.courier.arm()

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
        vocabulary = _VOCABULARIES[provider]
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
        vocabulary, word = _VOCABULARIES[provider], _WORDS[provider][report.word]
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


def _resolve(answered: asyncio.Future[Outcome | None], outcome: Outcome | None) -> None:
    if not answered.done():
        answered.set_result(outcome)


class SimulatedGateway:
    """Implements `Gateway` for one process, over the bad line."""

    def __init__(self, provider: str, side: ProviderSide) -> None:
        self._provider = provider
        self._side = side
        self._world = side.world

    async def disburse(self, order: Order) -> Outcome:
        """Have the provider pay."""
        self._check_sending(order)
        silence = self._side.refused_at_the_door()
        if silence is not None:
            await a_turn()
            return silence
        world, side = self._world, self._side
        side.sends[order.reference] = side.sends.get(order.reference, 0) + 1
        world.note("sent", order.reference, order.attempt)
        answered: asyncio.Future[Outcome | None] = world.loop.create_future()
        if not world.faults.strikes(FaultKind.REQUEST_LOST):
            # From here on it is under way, whatever becomes of this process.
            for _ in range(1 + self._is_doubled()):
                world.loop.call_later(
                    side.travel(),
                    side.arrive,
                    self._provider,
                    order,
                    answered,
                    context=world.outside,
                )
        given_up = world.loop.call_later(CALL_S, _resolve, answered, None)
        outcome = await answered
        given_up.cancel()
        return UNKNOWN if outcome is None else outcome

    async def look_up(self, order: Order) -> News | NotFound | NoAnswer:
        """Ask what became of an order."""
        world, side = self._world, self._side
        if in_unit():
            world.violated(Invariant.NO_NETWORK_IN_A_TRANSACTION, f"asking about {order.reference}")
        side.questions[order.reference] = side.questions.get(order.reference, 0) + 1
        known = order.provider_transaction_id is not None
        if not known and not world.capabilities[self._provider].lookup_by_reference:
            return NoAnswer("there is no id to ask by")
        faults = world.faults
        if faults.is_on(FaultKind.PROVIDER_AWAY) or faults.strikes(FaultKind.LOOK_UP_UNANSWERED):
            await pause(world, side.chance.choice((0.1, CALL_S)))
            return NoAnswer("no answer")
        await self._wait()
        finding = side.asked(self._provider, order)
        await self._wait()
        return finding

    def read_webhook(
        self, headers: Sequence[tuple[str, str]], raw: bytes, now: datetime
    ) -> WebhookReading:
        """Verify and read a webhook as the real gateways do."""
        told, vocabulary = self._side.engine.settings, _VOCABULARIES[self._provider]
        if self._provider == AFRIMONEY:
            return afrimoney_webhook.read(
                headers,
                raw,
                now,
                api_key=told.afrimoney_api_key,
                secret=told.afrimoney_signing_key,
                vocabulary=vocabulary,
            )
        secret = told.orange_money_webhook_secret
        return orange_webhook.read(headers, raw, secret=secret, vocabulary=vocabulary, proves=True)

    async def check(self) -> str | None:
        """Return None: it can be reached, most of the time."""
        return None

    def _is_doubled(self) -> bool:
        """Tell whether something on the way repeats a submit; only where that is harmless."""
        idempotent = self._world.capabilities[self._provider].idempotent_submit
        return idempotent and self._world.faults.strikes(FaultKind.REQUEST_DOUBLED)

    def _check_sending(self, order: Order) -> None:
        world = self._world
        if in_unit():
            world.violated(Invariant.NO_NETWORK_IN_A_TRANSACTION, f"sending {order.reference}")
        stored = self._side.store.rows.cash_outs.get(order.cash_out_id)
        if stored is None or len(stored.attempts) < order.attempt:
            how = f"{order.reference} is sent, and attempt {order.attempt} is not committed"
            world.violated(Invariant.ATTEMPT_BEFORE_FIRST_BYTE, how)
        elif self._is_unsafe(order, stored.attempts[: order.attempt - 1]):
            how = f"{order.reference} is sent again, and an earlier attempt may have been paid"
            world.violated(Invariant.SENT_AGAIN_ONLY_WHEN_SAFE, how)

    def _is_unsafe(self, order: Order, earlier: Sequence[Attempt]) -> bool:
        """Tell whether sending breaks the rule about earlier attempts, by our own books."""
        if all(each.outcome is OutcomeKind.UNSENT for each in earlier):
            return False
        promises, policy = self._world.capabilities[self._provider], self._world.plan.policy
        wait = promises.not_found_final_after
        if promises.idempotent_submit:
            wait = policy.not_found_grace
        not_found_at = self._side.not_found.get(order.reference)
        if wait is None or not_found_at is None:
            return True
        # A clock that all share can be set, and attempts are timed by it.
        slack = timedelta(days=1) if self._world.plan.common_clock else timedelta(seconds=1)
        return not_found_at - earlier[-1].started_at + slack < wait

    async def _wait(self) -> None:
        seconds = self._side.latency()
        if seconds:
            await pause(self._world, seconds)
        else:
            await a_turn()
