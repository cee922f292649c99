"""The nine invariants of the domain, each under its name, against the provider's own ledger."""

from collections import defaultdict

from adapters.memory.gateway import Transaction
from domain.cash_out import CashOut
from domain.events import EventType
from domain.limits import Slot
from domain.states import Status
from tests.application.wiring import World

ENDING_EVENTS = {EventType.COMPLETED, EventType.FAILED, EventType.CANCELLED}
UNPAID = {Status.FAILED, Status.CANCELLED}


class Witness:
    """Remembers what was seen, so that what must not change can be compared.

    lied_about: references of which the provider has told something untrue under its signature.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.accepted: dict[object, CashOut] = {}
        self.endings: dict[object, Status] = {}
        self.lied_about: set[str] = set()

    def look(self) -> None:
        """Check what holds at every instant."""
        self.paid_at_most_once()
        self.accepted_is_never_lost()
        self.endings_are_final()
        self.failed_means_unpaid()
        self.completed_means_paid()
        self.limits_hold()
        self.one_ending_one_event()
        self.totals_add_up()

    def look_at_rest(self) -> None:
        """Check what holds when faults have stopped, and time has passed until nothing is due."""
        self.look()
        for cash_out in self.stored():
            assert cash_out.ended or cash_out.needs_review, "accepted_is_never_lost"
            paid = bool(self.world.provider.paid(cash_out.reference))
            agrees = not cash_out.ended or paid == (cash_out.status is Status.COMPLETED)
            assert agrees or cash_out.needs_review, "our state agrees with the ledger"
        self.every_event_is_told()

    def stored(self) -> list[CashOut]:
        return list(self.world.store.cash_outs.values())

    def believed(self) -> list[CashOut]:
        """Return the cash-outs of which only the truth was told."""
        return [each for each in self.stored() if each.reference not in self.lied_about]

    def taken(self, cash_out: CashOut) -> list[Transaction]:
        return self.world.provider.of(cash_out.reference)

    def paid_at_most_once(self) -> None:
        for cash_out in self.stored():
            # Not even twice taken: what is taken may be paid at any moment.
            assert len(self.taken(cash_out)) <= 1, "paid_at_most_once"
            assert len(self.world.provider.paid(cash_out.reference)) <= 1, "paid_at_most_once"

    def accepted_is_never_lost(self) -> None:
        for cash_out_id, accepted in self.accepted.items():
            now = self.world.store.cash_outs[accepted.id]
            assert now.id == cash_out_id
            assert now.ended or now.plan is not None, "accepted_is_never_lost"
            told = (now.user_id, now.amount, now.payee, now.reference, now.created_at)
            first = accepted
            assert told == (
                first.user_id,
                first.amount,
                first.payee,
                first.reference,
                first.created_at,
            )

    def endings_are_final(self) -> None:
        for cash_out in self.stored():
            if cash_out.id in self.endings:
                assert cash_out.status is self.endings[cash_out.id], "endings_are_final"
            elif cash_out.ended:
                self.endings[cash_out.id] = cash_out.status

    def failed_means_unpaid(self) -> None:
        for cash_out in self.believed():
            if cash_out.status in UNPAID:
                states = {each.status for each in self.taken(cash_out)}
                assert states <= UNPAID, "failed_means_unpaid"

    def completed_means_paid(self) -> None:
        for cash_out in self.believed():
            if cash_out.status is Status.COMPLETED:
                (payout,) = self.world.provider.paid(cash_out.reference)
                assert payout.amount == cash_out.amount, "completed_means_paid"
                assert payout.msisdn == cash_out.payee.msisdn.e164, "completed_means_paid"

    def limits_hold(self) -> None:
        held: defaultdict[Slot, int] = defaultdict(int)
        for cash_out in self.stored():
            if cash_out.status not in UNPAID:
                for slot in (cash_out.windows.day, cash_out.windows.month):
                    held[slot] += cash_out.amount.minor
        for slot, counted in self.world.store.counters.items():
            assert counted.used == held[slot], "limits_hold"
            assert counted.used <= counted.cap, "limits_hold"
        assert set(held) <= set(self.world.store.counters), "limits_hold"

    def one_ending_one_event(self) -> None:
        told: defaultdict[object, list[EventType]] = defaultdict(list)
        for event in self.world.store.events.values():
            told[event.cash_out_id].append(event.type)
            assert event.sequence == len(told[event.cash_out_id])
        for cash_out in self.stored():
            events = told[cash_out.id]
            assert events[0] is EventType.INITIATED, "one_ending_one_event"
            endings = [each for each in events if each in ENDING_EVENTS]
            expected = [f"cash_out.{cash_out.status}"] if cash_out.ended else []
            assert endings == expected, "one_ending_one_event"
            for once in (EventType.PROCESSING, EventType.CONTRADICTED):
                assert events.count(once) <= 1
            # What asked for an ending alone is resolved by it, and something else may come up.
            called, resolved = map(
                events.count, (EventType.NEEDS_REVIEW, EventType.REVIEW_RESOLVED)
            )
            assert called - resolved == cash_out.needs_review

    def totals_add_up(self) -> None:
        for cash_out in self.stored():
            minor = cash_out.amount.minor + cash_out.fee.minor
            assert cash_out.total.minor == minor, "totals_add_up"
            assert type(minor) is int, "totals_add_up"
            assert cash_out.amount.currency == cash_out.fee.currency, "totals_add_up"

    def every_event_is_told(self) -> None:
        assert not self.world.store.waiting
        heard: defaultdict[object, list[int]] = defaultdict(list)
        for event in self.world.told.events:
            if event.sequence not in heard[event.cash_out_id]:
                heard[event.cash_out_id].append(event.sequence)
        for cash_out in self.stored():
            assert heard[cash_out.id] == list(range(1, cash_out.events + 1)), "in order, no gap"

    def footprint(self) -> object:
        """Return everything that a stranger must not change, and the provider's calls."""
        store = self.world.store
        written = (store.cash_outs, store.events, store.counters, store.keys, store.evidence)
        calls = len(self.world.provider.calls)
        return [dict(table) for table in written], dict(store.deliveries), calls
