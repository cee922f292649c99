"""The users: they ask, click twice, send again, cancel, look, and meddle with others' affairs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from random import Random
from typing import Final
from uuid import UUID

from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY
from application.callers import Caller
from application.ports import Order
from application.request_cash_out import Taken
from domain.cash_out import CashOut
from domain.money import read_amount
from domain.payee import Msisdn, NumberFormat, Payee
from domain.refusals import (
    DailyLimitExceeded,
    DuplicateReference,
    Forbidden,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    MonthlyLimitExceeded,
    NotFound,
    Refusal,
    TooLateToCancel,
)
from domain.request import CashOutRequest
from domain.states import Status
from entrypoints.container import Service
from entrypoints.simulation.catalogue import countries_of, number
from entrypoints.simulation.fleet import Fleet
from entrypoints.simulation.plan import CLOCKS, TOLD_BY_WEBHOOK, FaultKind, scenarios_of
from entrypoints.simulation.process import Gone, Impatient
from entrypoints.simulation.world import FOR_A_STRANGER, STORE_FAULTS, Invariant, World, pause

Wanted = Callable[[Service], Awaitable[object]]

_PATIENCE_S: Final = 20.0
_MOST_TRIES: Final = 60
_USUAL_SCENARIO: Final = "789"
_NO_ANSWER: Final = (*STORE_FAULTS, Gone, Impatient, IdempotencyKeyInUse)
_EARLY: Final = 0.8
_USUAL: Final = 0.4
_REFERENCED: Final = 0.4
_WITHOUT_KEY: Final = 0.2
_BARE: Final = 0.9
"""Of the cash-outs some have a key, some a reference, some both; those from _BARE on neither."""
_WORST_WITHIN_S: Final = 120.0
_AMOUNTS: Final = (0, 0, 1, 50, 50, 100)
"""How far between the smallest and the largest amount, in percent: limits are to be met."""


@dataclass(slots=True)
class Promises:
    """What callers were told with a 2xx. by_key and by_reference: what each means for ever.

    Each request has a wallet of its own. refused: of those whose request was turned down.
    unsettled: of those with a request that was taken, or was not answered.
    """

    accepted: dict[UUID, CashOutRequest] = field(default_factory=dict)
    by_key: dict[tuple[str, str], UUID] = field(default_factory=dict)
    by_reference: dict[str, UUID] = field(default_factory=dict)
    cancelled: set[UUID] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    unsettled: set[str] = field(default_factory=set)

    def nothing(self) -> list[str]:
        """Return the wallets for which nothing may have been done: all was refused."""
        return sorted(self.refused - self.unsettled)


class Users:
    """All callers of one run."""

    def __init__(self, world: World, fleet: Fleet) -> None:
        self._world = world
        self._fleet = fleet
        self._chance = world.plan.chance("users")
        self.promises = Promises()
        self.busy = 0

    def begin(self) -> None:
        """Let everybody come, some time during the phase of faults."""
        plan = self._world.plan
        for place in plan.places:
            user = f"user-{1 + place % max(1, plan.users)}"
            # One source each: leaving one out changes nothing about the others.
            chance = plan.chance(f"user {place}")
            request = self._drawn(user, place, chance)
            delay = chance.uniform(0, plan.phase_s * _EARLY) if plan.rates else 0.0
            self.busy += 1
            self._world.spawn(self._live(request, delay))

    def _drawn(self, user: str, place: int, chance: Random) -> CashOutRequest:
        plan = self._world.plan
        if plan.scenarios:
            provider, suffix = plan.scenarios[place % len(plan.scenarios)]
        else:
            provider = chance.choice((ORANGE_MONEY, ORANGE_MONEY, AFRIMONEY))
            usual = chance.random() < _USUAL
            suffix = _USUAL_SCENARIO if usual else chance.choice(scenarios_of(provider))
        # Few countries, so that users meet their own limits.
        country, code = chance.choice(countries_of(provider)[:2])
        known = number(provider, country, suffix)
        self._world.cover("scenario", f"{provider} {suffix}")
        named = chance.random()
        return CashOutRequest(
            user_id=user,
            wallet_id=f"wallet-{place}",
            amount=self._amount(provider, code, chance),
            currency=code,
            provider=provider,
            account=known.e164,
            name="Awa Koné",
            msisdn=known,
            reference=f"REF-{plan.seed}-{place}" if named < _REFERENCED else None,
            key=f"key-{place}" if _WITHOUT_KEY < named < _BARE else None,
        )

    def _amount(self, provider: str, code: str, chance: Random) -> str:
        world = self._world
        row = world.catalogue.provider(provider).row_for(code, world.plan.start)
        share = chance.choice(_AMOUNTS)
        minor = row.minimum + (row.maximum - row.minimum) * share // 100
        return row.money(minor - minor % row.step).plain

    async def _live(self, request: CashOutRequest, delay: float) -> None:
        await pause(self._world, delay)
        faults = self._world.faults
        if self._is_paid_early(request):
            await pause(self._world, self._chance.choice((0.0, 2.0, 60.0)))
        clicks = [self._world.spawn(self._ask(request))]
        if request.key or request.reference:
            clicks += [self._world.spawn(self._ask(request)) for _ in range(self._clicks_more())]
        told = [await each for each in clicks]
        taken = next((each for each in told if each is not None), None)
        if taken is not None:
            await self._use(taken, request)
        if faults.strikes(FaultKind.KEY_REUSED) and (request.key or request.reference):
            await self._misuse(request)
        if faults.strikes(FaultKind.RESEND) and (request.key or request.reference):
            await pause(self._world, self._chance.choice((1.0, 60.0, 4_000.0)))
            await self._ask(request)
        self.busy -= 1

    def _is_paid_early(self, request: CashOutRequest) -> bool:
        """Have somebody pay under this reference at the portal before we hear of it, maybe."""
        world, number_ = self._world, request.msisdn
        promises = world.capabilities[request.provider]
        if request.reference is None or number_ is None or not promises.idempotent_submit:
            return False
        told = number_.e164[-3:] in TOLD_BY_WEBHOOK
        if not told or not world.faults.strikes(FaultKind.PAID_EARLY):
            return False
        self._fleet.side.pay_by_hand(request.provider, self._order(request, number_))
        return True

    def _order(self, request: CashOutRequest, msisdn: Msisdn) -> Order:
        provider = self._world.catalogue.provider(request.provider)
        row = provider.row_for(request.currency, self._world.plan.start)
        return Order(
            UUID(int=0),
            request.reference or "",
            read_amount(request.amount, row.currency, row.step),
            Payee(msisdn, request.name),
            msisdn.written(NumberFormat.E164_DIGITS),
        )

    def _clicks_more(self) -> int:
        if not self._world.faults.strikes(FaultKind.DOUBLE_CLICK):
            return 0
        return self._chance.choice((1, 1, 2, 4))

    async def _ask(self, request: CashOutRequest) -> CashOut | None:
        """Ask until there is an answer, where asking again is safe."""
        safe = request.key is not None or request.reference is not None
        for _ in range(_MOST_TRIES):
            began = self._world.now()
            try:
                answer = await self._ask_once(request)
            except _NO_ANSWER as fault:
                self._world.cover("client", type(fault).__name__)
                self.promises.unsettled.add(request.wallet_id)
                if not safe:
                    return None
                await pause(self._world, self._chance.uniform(0.1, 20.0))
                continue
            if isinstance(answer, IdempotencyKeyInUse):
                await pause(self._world, 1.0)
                continue
            if isinstance(answer, DailyLimitExceeded | MonthlyLimitExceeded):
                self._check_refused(request, began)
            return self._answered(request, answer)
        return None

    def _check_refused(self, request: CashOutRequest, began: datetime) -> None:
        """See that nobody is told of a limit that his own cash-out has used up."""
        world, rows = self._world, self._fleet.side.store.rows
        place = (request.user_id, request.key or "")
        taken = rows.keys.get(place) or rows.by_reference.get(request.reference or "")
        mine = [each for each in rows.cash_outs.values() if each.user_id == request.user_id]
        # Room that came later, or on another day, may have gone to a second try of the same.
        freed = any(each.status in {Status.FAILED, Status.CANCELLED} for each in mine)
        clocks = any(world.faults.struck[kind] for kind in CLOCKS)
        if taken is None or freed or clocks or began.date() != world.now().date():
            return
        how = f"{request.key or request.reference} is refused for what {taken} has used up"
        world.violated(Invariant.SAME_KEY_SAME_CASH_OUT, how)

    async def _ask_once(self, request: CashOutRequest) -> Taken | Refusal:
        faults, chance = self._world.faults, self._chance
        process = self._fleet.any()
        service = process.service
        gone = faults.strikes(FaultKind.CLIENT_GONE)
        impatient = faults.strikes(FaultKind.CLIENT_IMPATIENT)
        return await process.call(
            lambda: service.request(request),
            chance.choice((0.0, 0.2, 3.0)) if impatient else _PATIENCE_S,
            chance.choice((0.0, 0.01, 2.0)) if gone else None,
        )

    def _answered(self, request: CashOutRequest, answer: Taken | Refusal) -> CashOut | None:
        world, promises = self._world, self.promises
        world.cover("request", "taken" if isinstance(answer, Taken) else type(answer).__name__)
        if isinstance(answer, Refusal):
            promises.refused.add(request.wallet_id)
            return None
        cash_out = answer.cash_out
        promises.unsettled.add(request.wallet_id)
        world.note("accepted", cash_out.id, answer.replayed)
        promises.accepted[cash_out.id] = request
        known = set()
        if request.key is not None:
            place = (request.user_id, request.key)
            known.add(promises.by_key.setdefault(place, cash_out.id))
        if request.reference is not None:
            known.add(promises.by_reference.setdefault(request.reference, cash_out.id))
        if known - {cash_out.id}:
            how = f"{request.key or request.reference} made two cash-outs"
            world.violated(Invariant.SAME_KEY_SAME_CASH_OUT, how)
        return cash_out

    async def _misuse(self, request: CashOutRequest) -> None:
        """Send another body under the same key or reference: it must be refused."""
        other = replace(request, wallet_id=f"{request.wallet_id}-other")
        place = (request.user_id, request.key or "")
        promises = self.promises
        spent = place in promises.by_key or request.reference in promises.by_reference
        try:
            answer = await self._ask_once(other)
        except _NO_ANSWER:
            promises.unsettled.add(other.wallet_id)
            return
        if not spent:
            # What it should have collided with was never taken: this is a request as any other.
            self._answered(other, answer)
            return
        promises.refused.add(other.wallet_id)
        if not isinstance(answer, IdempotencyKeyReused | DuplicateReference | IdempotencyKeyInUse):
            how = f"{other.key or other.reference} with another body: {answer}"
            self._world.violated(Invariant.SAME_KEY_SAME_CASH_OUT, how)

    async def _use(self, cash_out: CashOut, request: CashOutRequest) -> None:
        """Look at a cash-out, wait for it, cancel it, as a user may."""
        faults, chance = self._world.faults, self._chance
        caller = Caller(request.user_id)
        if faults.strikes(FaultKind.WAIT):
            await self._try(lambda s: s.await_answer(cash_out, self._world.plan.policy.first_poll))
        for _ in range(3):
            if faults.strikes(FaultKind.READ):
                await pause(self._world, chance.uniform(0, 30))
                await self._try(lambda s: s.get(caller, cash_out.id))
        if faults.strikes(FaultKind.STRANGER):
            await self._meddle(cash_out)
        if faults.strikes(FaultKind.CANCEL):
            # Who is told that it is too late tries again: an answer may have been lost meanwhile.
            for _ in range(chance.choice((1, 1, 4))):
                await pause(self._world, chance.choice((0.0, 0.0, 0.5, 20.0, 120.0)))
                await self._cancel(caller, cash_out)
            await self._world.answer_lost(cash_out.id, _WORST_WITHIN_S)
            await self._cancel(caller, cash_out)

    async def _cancel(self, caller: Caller, cash_out: CashOut) -> None:
        if cash_out.id in self.promises.cancelled:
            return
        answer = await self._try(lambda s: s.cancel(caller, cash_out.id))
        if isinstance(answer, CashOut):
            self.promises.cancelled.add(cash_out.id)
            if answer.status is not Status.CANCELLED:
                how = f"{cash_out.id} is {answer.status} after its cancelling was confirmed"
                self._world.violated(Invariant.ENDINGS_ARE_FINAL, how)
        elif answer is not None and not isinstance(answer, TooLateToCancel):
            self._world.violated(Invariant.NO_BUG, f"cancelling {cash_out.id}: {answer!r}")

    async def _meddle(self, cash_out: CashOut) -> None:
        stranger = Caller("a stranger")
        acts: tuple[Wanted, ...] = (
            lambda service: service.get(stranger, cash_out.id),
            lambda service: service.cancel(stranger, cash_out.id),
        )
        for act in acts:
            # Later there is more that a look could have an effect on.
            await pause(self._world, self._chance.choice((0.0, 7.0, 13.0, 60.0)))
            answer = await self._try(partial(_as_a_stranger, act))
            if answer is not None and not isinstance(answer, Forbidden | NotFound):
                how = f"a stranger is let in to {cash_out.id}: {answer!r}"
                self._world.violated(Invariant.STRANGERS_CHANGE_NOTHING, how)

    async def _try(self, what: Wanted) -> object:
        """Return the answer or the refusal; None when there is none."""
        try:
            process = self._fleet.any()
            service = process.service
            answer = await process.call(lambda: what(service), _PATIENCE_S)
        except _NO_ANSWER:
            return None
        except Refusal as refusal:
            self._world.cover("refusal", type(refusal).__name__)
            return refusal
        return answer


async def _as_a_stranger(act: Wanted, service: Service) -> object:
    """Act in a way that nothing may come of, at the store or at a provider."""
    FOR_A_STRANGER.set(True)
    return await act(service)
