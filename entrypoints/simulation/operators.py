"""The operators: they look at what waits, ask at the provider, and rule; four eyes, some late.

What they say is true when they say it: they read it in the provider's books, and call something
unpaid only when nothing of it can be under way any more.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final
from uuid import UUID

from adapters.sandbox.behaviour import Word
from adapters.sandbox.ledger import Payout
from application.callers import Caller, Role
from application.review_desk import ReviewDesk
from application.rule_on_reviews import AskedResolution
from domain.cash_out import CashOut
from domain.evidence import Proof, ProofKind, Resolution, ReviewReason
from domain.refusals import Forbidden, Refusal
from domain.ruling_refusals import ProposalAlreadyDecided, ProposerCannotApprove
from domain.rulings import Proposal
from entrypoints.container import Service
from entrypoints.simulation.fleet import Fleet
from entrypoints.simulation.process import Gone, Impatient
from entrypoints.simulation.providers import FICKLE, ProviderSide
from entrypoints.simulation.store import SimulatedStore
from entrypoints.simulation.world import FOR_A_STRANGER, STORE_FAULTS, Invariant, World, pause

Act = Callable[[ReviewDesk], Awaitable[object]]
_CUSTOMER: Final = Caller("user-1")
_OLGA: Final = Caller("olga", Role.OPERATOR)
_APPROVERS: Final = (Caller("amadou", Role.APPROVER), Caller("aisha", Role.APPROVER))
_PATIENCE_S: Final = 20.0
_NO_ANSWER: Final = (*STORE_FAULTS, Gone, Impatient)
_AT_WORK: Final = 0.5
"""How often a run has operators; in the others reviews wait."""
_ROUNDS: Final = (4, 8, 12)
_BETWEEN_S: Final = (120.0, 1_800.0, 3_600.0, 7_200.0)
_THINKS_S: Final = (0.0, 0.0, 5.0, 900.0)
"""How long a proposal waits for somebody who looks at it."""
_LOOKED_AT: Final = 0.8
_MEDDLES: Final = 0.1
_ALONE: Final = 0.2
_BOTH: Final = 0.3
_TURNED_DOWN: Final = 0.15
_TAKEN_BACK: Final = 0.1
_UNPAID_WORDS: Final = frozenset({Word.FAILED, Word.CANCELLED})


class Operators:
    """Everybody who rules on reviews in one run."""

    def __init__(
        self, world: World, store: SimulatedStore, side: ProviderSide, fleet: Fleet
    ) -> None:
        self._world = world
        self._store = store
        self._side = side
        self._fleet = fleet
        self._chance = world.plan.chance("operators")
        self.busy = False

    def begin(self) -> None:
        """Have them come to work, in some runs."""
        if self._chance.random() < _AT_WORK:
            self.busy = True
            self._world.spawn(self._work())

    async def _work(self) -> None:
        between = self._chance.choice(_BETWEEN_S)
        for _ in range(self._chance.choice(_ROUNDS)):
            await pause(self._world, self._chance.uniform(0, between))
            await self._a_round()
        # What was left to wait in the last round has all its time to be looked at by itself.
        self.busy = False

    async def _a_round(self) -> None:
        rows = self._store.rows.cash_outs
        for cash_out in [each for each in rows.values() if each.review is not None]:
            if self._chance.random() < _LOOKED_AT:
                await self._look_at(cash_out)

    async def _look_at(self, cash_out: CashOut) -> None:
        if self._chance.random() < _MEDDLES:
            await self._meddle(cash_out)
        resolution = self._truth(cash_out)
        if resolution is None:
            return
        proposal = await self._propose(cash_out, resolution)
        if proposal is None:
            return
        await pause(self._world, self._chance.choice(_THINKS_S))
        await self._decide(proposal)

    async def _propose(self, cash_out: CashOut, resolution: Resolution) -> Proposal | None:
        proof = Proof(ProofKind.PROVIDER_PORTAL, cash_out.reference)
        asked = AskedResolution(resolution, "as the provider's books say", proof)
        proposer = _APPROVERS[0] if self._chance.random() < _ALONE else _OLGA
        answer = await self._try(lambda desk: desk.propose(proposer, cash_out.id, asked))
        if isinstance(answer, Proposal):
            return answer
        # Its answer may be lost and the proposal there: whoever comes next finds it.
        found = self._store.rows.proposals_of.get(cash_out.id, ())
        waiting = (self._store.rows.proposals[each] for each in found)
        return next((each for each in waiting if each.is_open), None)

    async def _meddle(self, cash_out: CashOut) -> None:
        """Have a customer try what only operators may."""
        lie = AskedResolution(Resolution.NOT_PAID, "not mine", Proof(ProofKind.STATEMENT_LINE, "1"))
        proposed = self._store.rows.proposals_of.get(cash_out.id, ())
        acts: list[Act] = [
            lambda desk: desk.propose(_CUSTOMER, cash_out.id, lie),
            lambda desk: desk.read(_CUSTOMER),
            *(partial(_approved_by_a_customer, each) for each in proposed[-1:]),
        ]
        for act in acts:
            answer = await self._try(partial(_as_a_stranger, act))
            if answer is not None and not isinstance(answer, Forbidden):
                how = f"a customer is let in to the review of {cash_out.id}: {answer!r}"
                self._world.violated(Invariant.STRANGERS_CHANGE_NOTHING, how)

    async def _decide(self, proposal: Proposal) -> None:
        chance, approver = self._chance, self._chance.choice(_APPROVERS)
        cash_out = self._store.rows.cash_outs[proposal.cash_out_id]
        if self._truth(cash_out) is not proposal.resolution or chance.random() < _TURNED_DOWN:
            await self._try(lambda desk: desk.reject(approver, proposal.id, "look again"))
            return
        if chance.random() < _TAKEN_BACK:
            proposer = next(
                each for each in (_OLGA, *_APPROVERS) if each.name == proposal.proposed_by
            )
            await self._try(lambda desk: desk.withdraw(proposer, proposal.id))
            return
        both = chance.random() < _BOTH
        tries = [
            self._world.spawn(self._approve(each, proposal)) for each in _APPROVERS[: 1 + both]
        ]
        for each in tries:
            await each

    async def _approve(self, approver: Caller, proposal: Proposal) -> None:
        answer = await self._try(lambda desk: desk.approve(approver, proposal.id))
        alone = approver.name == proposal.proposed_by
        refused = isinstance(answer, ProposerCannotApprove | ProposalAlreadyDecided)
        if alone and answer is not None and not refused:
            how = f"{approver.name} approved what they proposed: {answer!r}"
            self._world.violated(Invariant.RULED_BY_TWO, how)

    def _truth(self, cash_out: CashOut) -> Resolution | None:
        """Return what the provider's books say; None where nobody can say it now."""
        if cash_out.reference in self._side.by_hand:
            return None
        self._side.settle()
        payouts = self._side.engine.ledger.payouts_of(cash_out.reference)
        if any(is_paid_to(each, cash_out) for each in payouts):
            return Resolution.PAID
        if payouts or self._may_still_be_paid(cash_out):
            return None if cash_out.ended else Resolution.KEEP_WAITING
        return Resolution.NOT_PAID

    def _may_still_be_paid(self, cash_out: CashOut) -> bool:
        world, side = self._world, self._side
        reference = cash_out.reference
        found = side.engine.transactions.booked(cash_out.provider, reference, world.now())
        if found is not None:
            fickle = cash_out.payee.msisdn.e164[-3:] in FICKLE
            told_both = cash_out.review is ReviewReason.CONTRADICTION
            return found.word not in _UNPAID_WORDS or (fickle and not told_both)
        return cash_out.lease is not None or side.underway.get(cash_out.reference, 0) > 0

    async def _try(self, what: Act) -> object:
        """Return the answer or the refusal; None when there is none."""
        try:
            # Not by the fleet's own choice: what else a seed means stays as it is without them.
            if not self._fleet.alive:
                return None
            process = self._chance.choice(self._fleet.alive)
            service: Service = process.service
            return await process.call(lambda: what(service.desk), _PATIENCE_S)
        except _NO_ANSWER:
            return None
        except Refusal as refusal:
            self._world.cover("ruling refused", type(refusal).__name__)
            return refusal


async def _as_a_stranger(act: Act, desk: ReviewDesk) -> object:
    """Act in a way that nothing may come of."""
    FOR_A_STRANGER.set(True)
    return await act(desk)


async def _approved_by_a_customer(proposal_id: UUID, desk: ReviewDesk) -> object:
    return await desk.approve(_CUSTOMER, proposal_id)


def is_paid_to(payout: Payout, cash_out: CashOut) -> bool:
    """Tell whether a payout is what a cash-out asked for."""
    money = cash_out.amount
    return (payout.provider, payout.amount, payout.currency, payout.msisdn) == (
        cash_out.provider,
        money.decimal,
        money.currency.code,
        cash_out.payee.msisdn.e164[1:],
    )
