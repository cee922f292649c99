"""What is checked at every commit, by the simulator's own books."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from adapters.memory.store import MemoryStore, Staging
from domain.attempts import NextStep, OutcomeKind
from domain.cash_out import CashOut
from domain.evidence import Evidence, ReviewReason, Source
from domain.limits import Slot
from domain.record import next_step
from domain.rulings import Proposal, ProposalState
from domain.states import RANK, Status
from entrypoints.simulation.world import Invariant, World

_SAMPLED_EVERY = 4
"""Decisions are made again to be counted: some of them are enough."""
_A_WHILE = timedelta(minutes=3)
"""By then a process that was starting or stopping when all was healed is at work."""
_UNPAID = frozenset({Status.FAILED, Status.CANCELLED})


class Watch:
    """Compares each commit with what was before, and counts what was seen."""

    def __init__(self, world: World, rows: MemoryStore) -> None:
        self._world = world
        self._rows = rows
        self._used: defaultdict[Slot, int] = defaultdict(int)
        self.commits = 0
        self._parked: set[str] = set()

    def before_commit(self, staging: Staging) -> None:
        """Look at what a transaction is about to make visible."""
        self.commits += 1
        slots: set[Slot] = set()
        for cash_out_id, after in staging.cash_outs.written.items():
            if after is None:
                self._world.violated(Invariant.ACCEPTED_IS_NEVER_LOST, f"{cash_out_id} is gone")
                continue
            before = self._rows.cash_outs.get(cash_out_id)
            self._check(before, after)
            self._check_cause(before, after, staging)
            slots.update(self._count(before, after))
        self._check_limits(staging, slots)
        self._check_rulings(staging)
        self._note_the_parked(staging)
        for cash_out_id, pieces in staging.evidence.written.items():
            self._check_evidence(cash_out_id, pieces or ())

    def _check(self, before: CashOut | None, after: CashOut) -> None:
        world = self._world
        world.note("commit", after.id, after.status, after.version, after.plan, after.review)
        if after.total.minor != after.amount.minor + after.fee.minor:
            world.violated(Invariant.TOTALS_ADD_UP, f"{after.id}: {after.total}")
        if before is None:
            world.cover("transition", f"new -> {after.status}")
            return
        if before.ended and _ending(before) != _ending(after):
            world.violated(
                Invariant.ENDINGS_ARE_FINAL, f"{after.id}: {before.status} became {after.status}"
            )
        if after.status is not before.status:
            if RANK[after.status] <= RANK[before.status]:
                how = f"{after.id}: {before.status} became {after.status}"
                world.violated(Invariant.ENDINGS_ARE_FINAL, how)
            world.cover("transition", f"{before.status} -> {after.status}")
            self._check_proof(after)
        self._check_history(before, after)
        self._check_review(before)
        self._check_taking(before, after)
        self._cover(before, after)

    def _check_proof(self, after: CashOut) -> None:
        """See that an ending is true when it is told, not only in the end."""
        denied = self._world.denies(after) if after.ended else ""
        if denied:
            completed = after.status is Status.COMPLETED
            unpaid, paid = Invariant.FAILED_MEANS_UNPAID, Invariant.COMPLETED_MEANS_PAID
            self._world.violated(paid if completed else unpaid, f"{after.id}: {denied}")

    def _check_cause(self, before: CashOut | None, after: CashOut, staging: Staging) -> None:
        """See that an ending comes with what it follows from; a cancel follows from its caller."""
        moved = before is not None and after.status is not before.status
        if not moved or after.status not in {Status.COMPLETED, Status.FAILED}:
            return
        kept = len(self._rows.evidence.get(after.id, ()))
        if len(staging.evidence.written.get(after.id) or ()) <= kept:
            how = f"{after.id} is {after.status} and nothing says why"
            self._world.violated(Invariant.ENDINGS_HAVE_EVIDENCE, how)

    def _check_history(self, before: CashOut, after: CashOut) -> None:
        """See that nothing that was learnt is forgotten."""
        shorter = len(after.attempts) < len(before.attempts)
        changed = any(
            was.outcome is not None and was.outcome is not now.outcome
            for was, now in zip(before.attempts, after.attempts, strict=False)
        )
        known, now_known = before.provider_transaction_id, after.provider_transaction_id
        forgotten = known is not None and known != now_known
        ruled = after.review is None and after.case.reviewed_at != before.case.reviewed_at
        by_time = before.review is ReviewReason.UNKNOWN_TOO_LONG
        answered = after.review is None and by_time and after.ended and not before.ended
        lost_review = before.review not in {None, after.review} and not (ruled or answered)
        if shorter or changed or forgotten or lost_review or after.version <= before.version:
            self._world.violated(Invariant.HISTORY_ONLY_GROWS, f"{after.id}: {before} -> {after}")

    def _check_review(self, before: CashOut) -> None:
        """See that a human is called when it is time, not at the next question."""
        world = self._world
        if world.healed_at is None or before.ended or before.review is not None:
            return
        since = max(before.waits_since + world.plan.policy.review_after, world.healed_at)
        if world.now() - since > _A_WHILE:
            how = f"{before.id} is overdue since {since} and nobody was called"
            world.violated(Invariant.OVERDUE_IS_REVIEWED, how)

    def _check_taking(self, before: CashOut, after: CashOut) -> None:
        """See that a worker takes what is due and in nobody's hands; polls would not show it."""
        world, was = self._world, before.lease
        if after.lease is None or after.lease == was or world.plan.common_clock:
            # By a clock that all share and that can be set, what is due is the clock's to say.
            return
        due = before.plan is not None and before.plan.due_at <= world.now()
        if not due or (was is not None and was.until > world.now()):
            how = f"{before.id} is taken at {world.now()}: {before.plan}, {was}"
            world.violated(Invariant.ONLY_WHAT_IS_DUE_IS_TAKEN, how)

    def _cover(self, before: CashOut, after: CashOut) -> None:
        world = self._world
        if after.review is not None and before.review is None:
            world.cover("review", after.review)
        for number, attempt in enumerate(after.attempts):
            if attempt.outcome is None:
                continue
            if number >= len(before.attempts) or before.attempts[number].outcome is None:
                world.cover("attempt outcome", attempt.outcome)
                world.cover("attempt code", attempt.code or "none")
                if attempt.outcome is OutcomeKind.UNKNOWN and after.id in world.on_lost_answer:
                    world.on_lost_answer[after.id]()
        sampled = self.commits % _SAMPLED_EVERY == 0
        if sampled and not after.ended and after.lease is None and after.plan is not None:
            self._cover_decision(after)

    def _cover_decision(self, after: CashOut) -> None:
        world = self._world
        capabilities = world.capabilities.get(after.provider)
        if capabilities is None:
            return
        decision = next_step(after, capabilities, world.plan.policy, world.now())
        human = ", with a human" if decision.needs_human else ""
        world.cover("decision", f"{decision.step}{human}")

    def _check_rulings(self, staging: Staging) -> None:
        """See that a proposal is decided once, by somebody else, with what follows from it."""
        for proposal_id, after in staging.proposals.written.items():
            before = self._rows.proposals.get(proposal_id)
            again = before is not None and not before.is_open
            alone = after is not None and after.decided_by == after.proposed_by
            approved = after is not None and after.state is ProposalState.APPROVED
            if after is None or again or (alone and approved):
                self._world.violated(Invariant.RULED_BY_TWO, f"{before} -> {after}")
            elif approved:
                self._check_ruled(after, staging)

    def _check_ruled(self, approved: Proposal, staging: Staging) -> None:
        kept = len(self._rows.evidence.get(approved.cash_out_id, ()))
        new = (staging.evidence.written.get(approved.cash_out_id) or ())[kept:]
        mine = [each for each in new if str(approved.id).encode() in each.raw]
        if len(mine) != 1 or mine[0].source is not Source.OPERATOR:
            how = f"{approved} is approved and the judge was told {new}"
            self._world.violated(Invariant.RULED_BY_TWO, how)
        self._world.cover("ruling", f"{approved.resolution}: {mine[0].verdict if mine else None}")

    def _note_the_parked(self, staging: Staging) -> None:
        """Keep which webhooks came before their cash-out: two processes may both judge those."""
        for delivery_id, parked in staging.unmatched.written.items():
            kept = staging.deliveries.get(delivery_id) if parked else None
            if kept is not None:
                self._parked.add(kept.delivery.digest)

    def _check_evidence(self, cash_out_id: UUID, pieces: Sequence[Evidence]) -> None:
        earlier = self._rows.evidence.get(cash_out_id, ())
        for place, piece in enumerate(pieces[len(earlier) :], len(earlier)):
            if piece.source is Source.WEBHOOK and piece.digest not in self._parked:
                again = any(piece.digest == each.digest for each in pieces[:place])
                if again:
                    how = f"{cash_out_id}: one webhook is judged twice"
                    self._world.violated(Invariant.NEWS_IS_JUDGED_ONCE, how)
            self._world.cover("verdict", piece.verdict)
            self._world.cover("finding", f"{piece.source}: {piece.kind}")
            failed = piece.kind in {"Outcome", "NotFound"} and piece.status is None
            if failed and piece.verdict == "move":
                self._world.cover("decision", NextStep.FAIL)

    def _count(self, before: CashOut | None, after: CashOut) -> tuple[Slot, ...]:
        """Keep our own sums of what counts; return the slots that were touched."""
        held = after.amount.minor if after.status not in _UNPAID else 0
        was = 0
        if before is not None and before.status not in _UNPAID:
            was = before.amount.minor
        if held == was and before is not None:
            return ()
        windows = after.windows
        for slot in (windows.day, windows.month):
            self._used[slot] += held - was
        return (windows.day, windows.month)

    def _check_limits(self, staging: Staging, slots: set[Slot]) -> None:
        for slot in sorted(slots):
            counted = staging.counters.get(slot)
            used, caps = self._used[slot], self._world.caps.get((slot.provider, slot.currency))
            if counted is None or counted.used != used:
                how = f"{slot}: {used} is reserved or paid, {counted} is counted"
                self._world.violated(Invariant.LIMITS_HOLD, how)
            daily = len(slot.window) > len("2026-11")
            if caps is not None and used > caps[0 if daily else 1]:
                self._world.violated(Invariant.LIMITS_HOLD, f"{slot}: {used} is above {caps}")

    def settled(self) -> dict[Slot, int]:
        """Return what counts for each slot by our own books."""
        return dict(self._used)


def _ending(cash_out: CashOut) -> tuple[object, ...]:
    return (cash_out.status, cash_out.completed_at, cash_out.failure_code, cash_out.failure_reason)
