"""At rest: when a healed world has nothing left to do, and what must hold then."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Final

from adapters.memory.books import MemorySnapshot
from adapters.memory.cash_outs import meant_by
from adapters.memory.store import Kept, Staging
from adapters.sandbox.behaviour import Word
from application.housekeeping import ORPHANS_KEPT
from application.verify import Bounds, check
from domain.cash_out import Action, CashOut
from domain.events import ANNOUNCES, EventType
from domain.evidence import Resolution, Source
from domain.rulings import ProposalState
from domain.states import ENDINGS, Status, Verdict
from entrypoints.simulation.broker import Broker
from entrypoints.simulation.fleet import Fleet
from entrypoints.simulation.operators import Operators, is_paid_to
from entrypoints.simulation.providers import FICKLE, ProviderSide
from entrypoints.simulation.store import SimulatedStore
from entrypoints.simulation.users import Users
from entrypoints.simulation.world import Invariant, World

_FINAL_WORDS: Final = frozenset({Word.SUCCESS, Word.FAILED, Word.CANCELLED})
_SENT_WITHIN: Final = timedelta(minutes=30)
"""A circuit that was open lets one probe pass every half minute: by then all had their turn."""
_LONG_BEFORE: Final = timedelta(days=30)
"""Chains are older than every cash-out of a run, however far behind a clock is."""
_QUESTIONS_FREE: Final = 60
_QUESTION_EVERY_S: Final = 600.0
_QUESTIONS_PER_RING: Final = 12

Fault = tuple[Invariant, str]


@dataclass(frozen=True, slots=True)
class Rest:
    """A look at the whole run from outside, with the provider's ledger as the judge."""

    world: World
    store: SimulatedStore
    side: ProviderSide
    broker: Broker
    users: Users
    operators: Operators
    fleet: Fleet

    def reached(self) -> str:
        """Return why there is no rest yet; empty when there is."""
        return next(self._unrest(), "")

    def _unrest(self) -> Iterator[str]:
        rows = self.store.rows
        if self.users.busy:
            yield "users are busy"
        if self.operators.busy:
            yield "operators are at work"
        if self.side.engine.next_due() is not None or self.side.courier.underway:
            yield "the provider has something to tell"
        if any(each.shut for each in rows.standings.values()):
            yield "somebody has closed a provider and will open it"
        if self.store.late:
            yield "a commit is under way"
        if rows.waiting:
            yield "events wait to be told"
        if any(map(self._waits_for_its_cash_out, rows.deliveries.values())):
            yield "a webhook is to be matched with its cash-out"
        yield from filter(None, map(self._open, rows.cash_outs.values()))

    def _open(self, cash_out: CashOut) -> str:
        if cash_out.ended:
            return f"{cash_out.id} has ended and is asked about" if cash_out.plan else ""
        if cash_out.review is None:
            return f"{cash_out.id} is {cash_out.status} without a review"
        plan = cash_out.plan
        late = plan is not None and plan.due_at + _SENT_WITHIN < self.world.now()
        if plan is not None and plan.action is Action.SUBMIT and late and cash_out.lease is None:
            return f"{cash_out.id} is to be sent since {plan.due_at}, and nobody does"
        if self._could_be_known(cash_out):
            return f"{cash_out.id} is {cash_out.status}, and its provider would tell its end"
        return ""

    def _could_be_known(self, cash_out: CashOut) -> bool:
        """Tell whether asking the provider would prove an ending."""
        seen = self.store.rows.evidence.get(cash_out.id, ())
        if any(piece.verdict is Verdict.MISMATCH for piece in seen):
            # What its provider says is about somebody else's: only a human can tell.
            return False
        by_reference = self.world.capabilities[cash_out.provider].lookup_by_reference
        its_id = cash_out.provider_transaction_id
        if its_id is None and not by_reference:
            return False
        report = self.side.engine.transactions.look_up(
            cash_out.provider, its_id or cash_out.reference, self.world.now()
        )
        return report is not None and report.word in _FINAL_WORDS

    def faults(self) -> Iterator[Fault]:
        """Yield every invariant that does not hold at rest, and how."""
        rows = self.store.rows
        for cash_out_id in self.users.promises.accepted:
            if cash_out_id not in rows.cash_outs:
                yield Invariant.ACCEPTED_IS_NEVER_LOST, f"{cash_out_id} was accepted and is gone"
        for cash_out in rows.cash_outs.values():
            yield from self._against_the_ledger(cash_out)
            yield from self._events(cash_out)
            yield from self._bounds(cash_out)
        yield from self._rulings()
        yield from self._invented()
        yield from self._health()
        yield from self._paid_for_nobody()
        yield from self._cancelled()
        yield from self._limits()
        yield from self._books()
        yield from self._strangers()
        yield from self._callers()
        yield from self._webhooks()
        yield from self._room()

    def _against_the_ledger(self, cash_out: CashOut) -> Iterator[Fault]:
        paid = self.side.engine.ledger.payouts_of(cash_out.reference)
        facts = f"{cash_out.id} ({cash_out.reference}, {cash_out.status})"
        if len(paid) > 1:
            yield Invariant.PAID_AT_MOST_ONCE, f"{facts} was paid {len(paid)} times"
        if not cash_out.ended and cash_out.review is None:
            yield Invariant.ACCEPTED_IS_NEVER_LOST, f"{facts} neither ended nor is in review"
        if cash_out.review is not None:
            return
        # Where operators have ruled, that is what we say: the state may be wrong, and it is known.
        said = says_paid(cash_out)
        is_paid = any(is_paid_to(each, cash_out) for each in paid)
        if said is True and not is_paid:
            yield Invariant.COMPLETED_MEANS_PAID, f"{facts} is not in the ledger: {paid}"
        if said is False and paid and not self._is_secret(cash_out):
            yield Invariant.FAILED_MEANS_UNPAID, f"{facts} is in the ledger: {paid}"

    def _is_secret(self, cash_out: CashOut) -> bool:
        """Tell whether it was paid behind our back: no webhook that tells of it was let in.

        By somebody else under its reference, or by a provider that had called it failed. A webhook
        that speaks of another time than our clocks is refused, until its sender gives up.
        """
        kept = [each.delivery for each in self.store.rows.deliveries.values()]
        if cash_out.reference in self.side.by_hand:
            lookups = [each.lookup for each in kept]
            return all(each is None or each.reference != cash_out.reference for each in lookups)
        if cash_out.payee.msisdn.e164[-3:] not in FICKLE:
            return False
        log = self.side.engine.deliveries
        bodies = [each.body for each in log if each.reference == cash_out.reference]
        digests = {each.digest for each in kept}
        return bool(bodies) and sha256(bodies[-1]).hexdigest() not in digests

    def _paid_for_nobody(self) -> Iterator[Fault]:
        """See that nothing was paid under a reference that none of the cash-outs has."""
        known = self.store.rows.by_reference.keys() | self.side.by_hand
        for payout in self.side.engine.ledger:
            if payout.reference not in known:
                yield Invariant.PAID_AT_MOST_ONCE, f"{payout} is of no cash-out"

    def _events(self, cash_out: CashOut) -> Iterator[Fault]:
        told = self.broker.told.get(cash_out.id, [])
        kinds = [each.type for each in told]
        endings = [each for each in kinds if each in {ANNOUNCES[status] for status in ENDINGS}]
        expected = [ANNOUNCES[cash_out.status]] if cash_out.ended else []
        first = kinds[0] if kinds else None
        if first is not EventType.INITIATED or endings != expected or len(told) != cash_out.events:
            facts = f"{cash_out.id} is {cash_out.status} with {cash_out.events} events"
            yield Invariant.ONE_ENDING_ONE_EVENT, f"{facts}, told were {kinds}"
        reviewed = cash_out.review is not None
        called, contradicted = map(kinds.count, (EventType.NEEDS_REVIEW, EventType.CONTRADICTED))
        resolved = kinds.count(EventType.REVIEW_RESOLVED)
        if called - resolved != reviewed or contradicted > called:
            how = f"{cash_out.id} has the review {cash_out.review}, told were {kinds}"
            yield Invariant.REVIEWS_ARE_TOLD, how
        for event in told:
            facts = json.loads(event.body, parse_float=Decimal)
            money = cash_out.amount
            same = (facts["amount"], facts["currency"]) == (money.decimal, money.currency.code)
            if not same or facts["fee"] != cash_out.fee.decimal:
                yield Invariant.TOTALS_ADD_UP, f"{cash_out.id}: {event.body}"

    def _rulings(self) -> Iterator[Fault]:
        """See that what was approved was judged, logged and told, once each, and nothing else."""
        rows = self.store.rows
        approved = [
            each for each in rows.proposals.values() if each.state is ProposalState.APPROVED
        ]
        judged = [
            piece
            for mine in rows.evidence.values()
            for piece in mine
            if piece.source is Source.OPERATOR
        ]
        entries = [each.entry.action for each in rows.operators_log.values()]
        told = [
            event
            for mine in self.broker.told.values()
            for event in mine
            if event.type is EventType.REVIEW_RESOLVED and "resolutionId" in event.body
        ]
        counts = {len(approved), len(judged), entries.count("review.approved"), len(told)}
        alone = [each for each in approved if each.decided_by == each.proposed_by]
        if len(counts) != 1 or alone:
            how = f"{approved} are approved, {judged} are judged, logged {entries}, told {told}"
            yield Invariant.RULED_BY_TWO, how

    def _invented(self) -> Iterator[Fault]:
        """See that nothing was told of what was never committed."""
        routes = {each.id for each in self.store.rows.standings}
        for cash_out_id in self.broker.told:
            if cash_out_id not in self.store.rows.cash_outs and cash_out_id not in routes:
                how = f"{cash_out_id} was told of, and there is no such cash-out"
                yield Invariant.ONE_ENDING_ONE_EVENT, how

    def _health(self) -> Iterator[Fault]:
        """See that every change of a standing was told, and that what was closed is open again."""
        for standing in self.store.rows.standings.values():
            told = self.broker.told.get(standing.route.id, [])
            if len(told) != standing.version:
                how = f"{standing.route} has version {standing.version}, told were {len(told)}"
                yield Invariant.HEALTH_IS_TOLD, how
            if standing.shut:
                yield Invariant.HEALTH_IS_TOLD, f"{standing.route} is still closed by hand"

    def _bounds(self, cash_out: CashOut) -> Iterator[Fault]:
        budget = 1 + self.world.plan.policy.retry_max_attempts
        spent = sum(not each.is_our_fault for each in cash_out.attempts)
        if spent > budget:
            yield Invariant.ATTEMPTS_ARE_BOUNDED, f"{cash_out.id}: {spent} of {budget} attempts"
        asked = self.side.questions.get(cash_out.reference, 0)
        rung = self.side.courier.rung.get(cash_out.reference, 0)
        # Taken by a clock that was ahead, it may not have been taken yet by the true one.
        age = max(0.0, (self.world.now() - cash_out.created_at).total_seconds())
        most = _QUESTIONS_FREE + age / _QUESTION_EVERY_S + rung * _QUESTIONS_PER_RING
        most += _QUESTIONS_FREE * len(cash_out.attempts)
        if asked > most:
            yield Invariant.QUESTIONS_ARE_BOUNDED, f"{cash_out.id} was asked about {asked} times"

    def _cancelled(self) -> Iterator[Fault]:
        for cash_out_id in sorted(self.users.promises.cancelled):
            cash_out = self.store.rows.cash_outs[cash_out_id]
            if cash_out.status is not Status.CANCELLED:
                how = f"{cash_out_id} was cancelled and is {cash_out.status}"
                yield Invariant.ENDINGS_ARE_FINAL, how

    def _limits(self) -> Iterator[Fault]:
        """Compare the counters with what the cash-outs themselves say."""
        used: dict[object, int] = {}
        for cash_out in self.store.rows.cash_outs.values():
            counts = cash_out.status not in {Status.FAILED, Status.CANCELLED}
            for slot in (cash_out.windows.day, cash_out.windows.month):
                used[slot] = used.get(slot, 0) + cash_out.amount.minor * counts
        counted = {slot: each.used for slot, each in self.store.rows.counters.items()}
        if used != counted:
            yield Invariant.LIMITS_HOLD, f"counted {counted}, held {used}"

    def _books(self) -> Iterator[Fault]:
        """Verify chains, seals, states, attempts and events, as `cashout verify` does."""
        bounds = Bounds.at(self.world.now(), self.world.plan.start - _LONG_BEFORE)
        for flaw in check(MemorySnapshot(self.store.rows).whole(), bounds).flaws:
            how = f"{flaw.subject}: {flaw.kind}: expected {flaw.expected}, found {flaw.found}"
            yield Invariant.BOOKS_AGREE, how

    def _strangers(self) -> Iterator[Fault]:
        forged = self.side.courier.forged
        kept = {digest for _, digest in self.store.rows.by_digest}
        seen = {each.digest for mine in self.store.rows.evidence.values() for each in mine}
        if forged & (kept | seen):
            yield Invariant.STRANGERS_CHANGE_NOTHING, "a forged webhook was kept"

    def _callers(self) -> Iterator[Fault]:
        """See that each request made one cash-out at most, and one that was refused none."""
        made = Counter(each.wallet_id for each in self.store.rows.cash_outs.values())
        for wallet_id, times in made.items():
            if times > 1:
                how = f"the request for {wallet_id} made {times} cash-outs"
                yield Invariant.SAME_KEY_SAME_CASH_OUT, how
        for wallet_id in self.users.promises.nothing():
            if made[wallet_id]:
                how = f"the request for {wallet_id} was refused, and a cash-out was made"
                yield Invariant.STRANGERS_CHANGE_NOTHING, how

    def _webhooks(self) -> Iterator[Fault]:
        """See that what was kept of providers' webhooks was judged."""
        rows = self.store.rows
        for kept in rows.deliveries.values():
            delivery = kept.delivery
            if kept.cash_out_id is not None:
                pieces = rows.evidence.get(kept.cash_out_id, ())
                judged = any(each.digest == delivery.digest for each in pieces)
            else:
                judged = not self._waits_for_its_cash_out(kept)
            if not judged:
                how = f"{delivery.raw!r} was kept and never judged"
                yield Invariant.NEWS_IS_JUDGED_ONCE, how

    def _waits_for_its_cash_out(self, kept: Kept) -> bool:
        """Tell whether a webhook that nobody was known for could be matched by now."""
        delivery = kept.delivery
        if kept.cash_out_id is not None or delivery.lookup is None:
            return False
        if self.world.now() - delivery.received_at >= ORPHANS_KEPT:
            return False
        return meant_by(Staging(self.store.rows), delivery.lookup) is not None

    def _room(self) -> Iterator[Fault]:
        """See that a process without a call under way has all its room for calls."""
        for process in self.fleet.alive:
            if process.service.worker.in_flight:
                continue
            for lane in process.service.lanes.values():
                if lane.submits or lane.queries or lane.circuit.probing:
                    how = f"{process.name} keeps room in {lane.provider.id} for nobody's calls"
                    yield Invariant.ROOM_IS_GIVEN_BACK, how


def says_paid(cash_out: CashOut) -> bool | None:
    """Tell whether we say that it was paid: as ruled, or else as it ended; None while open."""
    if cash_out.case.ruled in {Resolution.PAID, Resolution.NOT_PAID}:
        return cash_out.case.ruled is Resolution.PAID
    return cash_out.status is Status.COMPLETED if cash_out.ended else None
