"""Batches of cash-outs on their way through a store, as the use cases move them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from adapters.sql.unit_of_work import SqlUnits
from application.ports import Delivery, Identity, KeyUse, Lookup
from application.record_news import Arrival
from domain.attempts import OutcomeKind
from domain.cash_out import Action, CashOut, Change, Lease, begin_attempt
from domain.evidence import Evidence, News, Outcome, Source
from domain.limits import Counted, Slot
from domain.reports import Report
from domain.states import Status, Verdict
from tests.contracts.stores import changed
from tests.strategies import NOW, ORANGE, TOKEN


async def take(units: SqlUnits, new: Sequence[Change], slots: Sequence[Slot]) -> None:
    """Take new cash-outs, and count them into these slots."""
    identities = [Identity("user-1", each.after.reference, each.after.reference) for each in new]
    async with units.begin() as unit:
        await unit.cash_outs.known(identities)
        await unit.limits.lock(slots)
        keys = [KeyUse("user-1", each.after.reference, each.after.id) for each in new]
        await unit.cash_outs.add(new, keys)
        await unit.limits.write(dict.fromkeys(slots, Counted(5, 10)))
        await unit.outbox.add([event for each in new for event in each.events])


async def send(units: SqlUnits, size: int) -> None:
    """Begin the attempts of so many that are due."""
    async with units.begin() as unit:
        claimed = await unit.cash_outs.claim(ORANGE, Action.SUBMIT, size, NOW)
        lease = Lease(TOKEN, NOW + timedelta(minutes=1))
        begun = [begin_attempt(each, NOW, lease) for each in claimed.cash_outs]
        assert len(begun) == size
        await unit.cash_outs.save(begun)


async def record(units: SqlUnits, new: Sequence[Change], slots: Sequence[Slot]) -> None:
    """Record a webhook for each, statement by statement."""
    deliveries = [delivery(change.after) for change in new]
    lookups = [each.lookup for each in deliveries if each.lookup]
    async with units.begin() as unit:
        found = await unit.cash_outs.find(lookups)
        receipts = await unit.inbox.store(deliveries, NOW - timedelta(minutes=1))
        assert all(receipt.fresh for receipt in receipts)
        locked = await unit.cash_outs.lock(list(found.values()))
        await unit.cash_outs.owners([(ORANGE, each.reference) for each in lookups])
        await unit.cash_outs.save([answered(each) for each in locked.values()])
        await unit.limits.give_back(dict.fromkeys(slots, 5))
        await unit.inbox.match({each.id: each.id for each in deliveries})


async def tell(units: SqlUnits, size: int) -> None:
    """Mark so many events as told."""
    async with units.begin() as unit:
        entries = await unit.outbox.waiting(size)
        assert len(entries) == size
        await unit.outbox.mark_sent([entry.position for entry in entries], NOW)


def delivery(cash_out: CashOut) -> Delivery:
    """Return a webhook about a cash-out, received and read."""
    news, lookup = News("OK", Status.COMPLETED), Lookup(ORANGE, cash_out.reference, "T")
    digest = cash_out.id.hex
    return Delivery(cash_out.id, ORANGE, digest, NOW, b"{}", digest, news, lookup)


def answered(cash_out: CashOut) -> Change:
    """Return the change of its attempt's answer."""
    (tried,) = cash_out.attempts
    closed = replace(tried, outcome=OutcomeKind.ACCEPTED, ended_at=NOW)
    piece = Evidence(cash_out.id, cash_out.pieces + 1, Source.WEBHOOK, NOW, Verdict.MOVE, "News")
    change = changed(cash_out, attempts=(closed,), lease=None, pieces=piece.sequence)
    return replace(change, evidence=(piece,))


def answers(new: Sequence[Change]) -> list[Arrival]:
    """Return what the provider answered to the submit of each."""
    return [
        Arrival(
            ORANGE,
            Report(
                Source.SUBMIT,
                Outcome(OutcomeKind.ACCEPTED, news=News("OK", None, each.after.reference)),
                attempt=1,
                lease=TOKEN,
            ),
            cash_out_id=each.after.id,
        )
        for each in new
    ]


def webhooks(new: Sequence[Change]) -> list[Arrival]:
    """Return the webhook that says each was paid."""
    return [
        Arrival(
            ORANGE,
            Report(
                Source.WEBHOOK,
                News("OK", Status.COMPLETED, each.after.reference, each.after.reference),
            ),
            lookup=Lookup(ORANGE, each.after.reference),
            delivery=replace(delivery(each.after), replay_key=None),
        )
        for each in new
    ]
