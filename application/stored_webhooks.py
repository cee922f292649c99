"""Stored webhooks: operators have one judged again, or put aside what is nobody's."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from application.callers import Caller, Permission
from application.ports import AuditEntry, Chance, Clock, Conflict, Delivery, Dismissal, Units
from application.ports.storage import Unit
from application.record_news import MOST_TRIES, Arrival, Batch, RecordNews
from domain.cash_out import CashOut
from domain.evidence import Doorbell, News, Source
from domain.record import Report
from domain.refusals import NotFound
from domain.ruling_refusals import AlreadyMatched, UnreadableWebhook
from domain.rulings import check_why
from domain.states import Verdict


class Replay(StrEnum):
    """What became of a webhook that was to be judged again."""

    JUDGED = "judged"
    ALREADY_JUDGED = "already_judged"
    """What it says is in the evidence of its cash-out: once is enough."""
    STILL_NOBODYS = "still_nobodys"


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of it. cash_out: whom it is for, as it is now. verdict: only where JUDGED."""

    outcome: Replay
    delivery: Delivery
    cash_out: CashOut | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class ReplayWebhook:
    """Has a stored webhook judged as when it came; any number of times makes no difference.

    For one that waited for its cash-out longer than it is matched by itself.
    """

    units: Units
    clock: Clock
    chance: Chance
    news: RecordNews

    async def __call__(self, caller: Caller, delivery_id: UUID) -> Replayed:
        """Return what became of it; raise Forbidden, NotFound or UnreadableWebhook."""
        caller.must(Permission.REPLAY)
        for _ in range(MOST_TRIES - 1):
            try:
                return await self._replay(caller, delivery_id)
            except Conflict:
                continue
        return await self._replay(caller, delivery_id)

    async def _replay(self, caller: Caller, delivery_id: UUID) -> Replayed:
        async with self.units.begin() as unit:
            kept = await unit.rulings.delivery(delivery_id)
            if kept is None:
                raise NotFound("webhook")
            delivery, finding = kept.delivery, kept.delivery.finding
            if finding is None:
                raise UnreadableWebhook
            replayed, batch = await self._judge(unit, delivery, finding)
            await unit.audit.append(self._entry(caller, replayed))
        self.news.tell(batch)
        return replayed

    async def _judge(
        self, unit: Unit, delivery: Delivery, finding: News | Doorbell
    ) -> tuple[Replayed, Batch]:
        whose = await _whose(unit, delivery)
        locked = await unit.cash_outs.lock([whose]) if whose is not None else {}
        nothing = Batch(self.clock.now(), locked, {})
        if whose is None or whose not in locked:
            return Replayed(Replay.STILL_NOBODYS, delivery), nothing
        # Under the lock: of two who replay it, and the matching by itself, one judges.
        if await unit.rulings.judged(whose, delivery.digest):
            await unit.inbox.match({delivery.id: whose})
            return Replayed(Replay.ALREADY_JUDGED, delivery, locked[whose]), nothing
        report = Report(
            Source.WEBHOOK,
            finding,
            digest=delivery.digest,
            raw=delivery.raw,
            permille=self.chance.permille(),
            happened_at=delivery.received_at,
        )
        arrival = Arrival(delivery.provider, report, cash_out_id=whose, orphan=delivery.id)
        batch = await self.news.within(unit, [arrival])
        (recorded,) = batch.recorded
        verdict = recorded.change.evidence[-1].verdict if recorded.change else None
        return Replayed(Replay.JUDGED, delivery, recorded.cash_out, verdict), batch

    def _entry(self, caller: Caller, replayed: Replayed) -> AuditEntry:
        cash_out = replayed.cash_out
        return AuditEntry(
            self.clock.now(),
            caller.name,
            "webhook.replayed",
            str(replayed.delivery.id),
            {
                "outcome": replayed.outcome,
                "provider": replayed.delivery.provider,
                "cashOut": str(cash_out.id) if cash_out else None,
                "verdict": replayed.verdict,
            },
        )


async def _whose(unit: Unit, delivery: Delivery) -> UUID | None:
    if delivery.cash_out_id is not None or delivery.lookup is None:
        return delivery.cash_out_id
    return (await unit.cash_outs.find([delivery.lookup])).get(delivery.lookup)


@dataclass(frozen=True, slots=True)
class DismissOrphan:
    """Puts a webhook aside that is nobody's: it is kept, and no case for anybody any more."""

    units: Units
    clock: Clock

    async def __call__(self, caller: Caller, delivery_id: UUID, reason: str) -> Dismissal:
        """Return the dismissal, the first one where there are two.

        Raises Forbidden, NotFound, InvalidRuling (reason: 1..500 characters) or AlreadyMatched.
        """
        caller.must(Permission.REPLAY)
        check_why(reason)
        dismissal = Dismissal(delivery_id, self.clock.now(), caller.name, reason)
        async with self.units.begin() as unit:
            kept = await unit.rulings.delivery(delivery_id)
            if kept is None:
                raise NotFound("webhook")
            if kept.dismissal is not None:
                return kept.dismissal
            if await _whose(unit, kept.delivery) is not None:
                raise AlreadyMatched
            await unit.rulings.dismiss(dismissal)
            facts = {"provider": kept.delivery.provider}
            entry = AuditEntry(
                dismissal.at, caller.name, "webhook.dismissed", str(delivery_id), facts
            )
            await unit.audit.append(entry)
        return dismissal
