"""The composition root of the tests: the real use cases over what is in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from adapters.memory.events import LocalEvents
from adapters.memory.faults import Trouble, TroubledUnits, is_inside_a_unit
from adapters.memory.gateway import MemoryProvider
from adapters.memory.manual_time import ManualClock, SeededChance
from adapters.memory.reader import MemoryReader
from adapters.memory.rulings import MemoryReviewReader
from adapters.memory.signals import Signals
from adapters.memory.store import MemoryStore
from adapters.memory.units import MemoryUnits
from application.board import Board
from application.callers import Caller, Role
from application.cancel_cash_out import CancelCashOut
from application.check_status import CheckStatus
from application.gate import GatePolicy
from application.group_commit import GroupCommit
from application.housekeeping import PruneBoxes, RaiseReviews, RematchOrphans
from application.interrupted_runs import TellInterrupted
from application.lanes import Circuit, Lane
from application.measuring import MeasuringJournal, Meter
from application.ports import Order, OutboxEntry, Publisher, Work
from application.queries import GetCashOut
from application.receive_webhook import ReceiveWebhook
from application.record_news import Arrival, Recorded, RecordNews
from application.relay_events import RelayEvents
from application.request_cash_out import RequestCashOut, Taken
from application.review_desk import ReviewDesk, open_desk
from application.submit_cash_out import SubmitCashOut
from application.watch_health import WatchHealth
from application.worker import Pace, Worker
from domain.attempts import Capabilities
from domain.cash_out import CashOut, Change
from domain.corridors import Catalogue, Policy
from domain.events import Event
from domain.evidence import News
from domain.health import HealthPolicy
from domain.refusals import Refusal
from domain.request import CashOutRequest
from domain.standings import Standing
from domain.states import Status
from tests.strategies import AFRI, DOORBELLS, NOW, ORANGE, PROVES, a_provider, a_request

USER = Caller("user-1")
ADMIN = Caller("boss", Role.ADMIN)
STRANGER = Caller("user-2")
MOST_ROUNDS = 400


@dataclass(slots=True)
class Notebook:
    """A journal that keeps what it is told."""

    changes: list[Change] = field(default_factory=list)
    faults: list[tuple[str, BaseException]] = field(default_factory=list)
    standings: list[Standing] = field(default_factory=list)

    def health_changed(self, before: Standing, after: Standing) -> None:
        assert after.version == before.version + 1
        self.standings.append(after)

    def changed(self, changes: Sequence[Change]) -> None:
        self.changes += changes

    def fault(self, where: str, fault: BaseException) -> None:
        self.faults.append((where, fault))


@dataclass(slots=True)
class Bell:
    """A nudge that remembers what it was told."""

    kinds: list[Work] = field(default_factory=list)
    ids: list[UUID] = field(default_factory=list)

    def work(self, *kinds: Work) -> None:
        self.kinds += kinds

    def changed(self, ids: Sequence[UUID]) -> None:
        self.ids += ids


@dataclass(slots=True)
class Told:
    """A publisher that keeps what it is told; it can be away, or take only so many at once."""

    events: list[Event] = field(default_factory=list)
    away: bool = False
    at_most: int = 1_000
    hidden: LocalEvents = field(default_factory=LocalEvents)

    async def publish(self, entries: Sequence[OutboxEntry]) -> list[int]:
        assert not is_inside_a_unit(), "no_network_in_a_transaction"
        if self.away:
            return []
        taken = list(entries)[: self.at_most]
        self.events += [entry.event for entry in taken]
        return await self.hidden.publish(taken)

    async def healthy(self) -> bool:
        return not self.away


async def outside(_name: str, _order: Order) -> None:
    """Look on at a provider call: no transaction may be open around it."""
    assert not is_inside_a_unit(), "no_network_in_a_transaction"


class Process:
    """One process of the service: its memory is gone when it dies, the store stays."""

    def __init__(self, world: "World", holder: int) -> None:
        self.world = world
        self.units = world.units
        self.signals = Signals(world.clock)
        self.journal = Notebook()
        self.board = Board()
        self.meter = Meter(world.clock, world.health_policy)
        telling = MeasuringJournal(self.journal, self.meter)
        self.record_news = RecordNews(
            self.units, world.catalogue, world.policy, world.clock, self.signals, telling
        )
        self.record: GroupCommit[Arrival, Recorded] = GroupCommit(self.record_news)
        self.lanes = {
            each: Lane(
                world.catalogue.providers[each],
                gateway,
                Circuit(),
                board=self.board,
                gating=world.gating,
                meter=self.meter,
            )
            for each, gateway in world.gateways.items()
        }
        self.health = WatchHealth(
            units=self.units,
            catalogue=world.catalogue,
            lanes=self.lanes,
            board=self.board,
            meter=self.meter,
            clock=world.clock,
            nudge=self.signals,
            process=UUID(int=holder),
            journal=self.journal,
            policy=world.health_policy,
            faults=self.journal,
        )
        common = (self.units, self.record, world.policy, world.clock, world.chance)
        self.submit = SubmitCashOut(*common, self.journal)
        self.check = CheckStatus(*common, self.journal)
        self.take_requests = RequestCashOut(
            self.units, world.catalogue, world.clock, world.chance, self.signals, self.journal
        )
        self.request: GroupCommit[CashOutRequest, Taken | Refusal] = GroupCommit(self.take_requests)
        self.cancel = CancelCashOut(self.units, world.clock, self.signals, self.journal)
        self.receive = ReceiveWebhook(self.lanes, self.record, world.clock, world.chance)
        self.relay = RelayEvents(self.units, world.told, world.clock, UUID(int=holder))
        self.rematch = RematchOrphans(self.units, self.record, world.clock, world.chance)
        self.reviews = RaiseReviews(self.units, self.record, world.policy, world.clock)
        self.prune = PruneBoxes(self.units, world.clock)
        self.interrupted = TellInterrupted(self.units, world.clock, world.chance)
        self.desk = self.a_desk()
        self.get = GetCashOut(world.reader, self.units, world.clock, world.policy, self.signals)
        self.worker = self.a_worker()

    @property
    def lane(self) -> Lane:
        return self.lanes[ORANGE]

    def a_desk(self, *, four_eyes: bool = True) -> ReviewDesk:
        world = self.world
        return open_desk(
            self.units,
            world.reader,
            world.reviews,
            world.clock,
            world.chance,
            self.record_news,
            four_eyes=four_eyes,
        )

    def a_worker(self, pace: Pace | None = None) -> Worker:
        return Worker(
            lanes=self.lanes,
            submit=self.submit,
            check=self.check,
            relay=self.relay,
            rematch=self.rematch,
            reviews=self.reviews,
            prune=self.prune,
            interrupted=self.interrupted,
            clock=self.world.clock,
            nudge=self.signals,
            waiting=self.signals,
            journal=self.journal,
            pace=pace or Pace(),
            health=self.health,
        )


class World:
    """The store, the providers and the clock, and one process over them; `another` starts more."""

    def __init__(
        self, capabilities: Capabilities = PROVES, seed: int = 1, policy: Policy | None = None
    ) -> None:
        self.clock = ManualClock(NOW)
        self.chance = SeededChance(seed)
        self.store = MemoryStore()
        self.units = TroubledUnits(MemoryUnits(self.store))
        self.reader = MemoryReader(self.store)
        self.reviews = MemoryReviewReader(self.store)
        self.policy = policy or Policy()
        self.catalogue = Catalogue(
            {
                ORANGE: a_provider(ORANGE, capabilities),
                AFRI: a_provider(AFRI, DOORBELLS, countries=("SL", "CD")),
            }
        )
        self.provider = _provider(capabilities)
        self.gateways = {ORANGE: self.provider, AFRI: _provider(DOORBELLS)}
        self.told = Told()
        self.health_policy = HealthPolicy()
        self.gating = GatePolicy()
        self.processes = 0
        self.one = self.another()

    def another(self) -> Process:
        """Start a process."""
        self.processes += 1
        return Process(self, self.processes)

    @property
    def publisher(self) -> Publisher:
        return self.told

    def trouble(self, *troubles: Trouble) -> None:
        """Let these befall the next transactions."""
        self.units.troubles.extend(troubles)

    def now(self, cash_out: CashOut) -> CashOut:
        """Return the cash-out as it is stored."""
        return self.store.cash_outs[cash_out.id]

    def used(self, cash_out: CashOut) -> tuple[int, int]:
        """Return what is used of the day and the month that a cash-out counts in."""
        windows = cash_out.windows
        day, month = (self.store.counters.get(each) for each in (windows.day, windows.month))
        return day.used if day else 0, month.used if month else 0

    def events(self, cash_out: CashOut) -> list[str]:
        """Return the types of a cash-out's events, in order."""
        mine = [each for each in self.store.events.values() if each.cash_out_id == cash_out.id]
        assert [each.sequence for each in mine] == list(range(1, len(mine) + 1))
        return [each.type.removeprefix("cash_out.") for each in mine]

    async def taken(self, **fields: object) -> CashOut:
        """Take a request and return its cash-out."""
        (taken,) = await self.one.take_requests([a_request(**fields)])
        assert isinstance(taken, Taken), taken
        return taken.cash_out

    async def sent(self, **fields: object) -> CashOut:
        """Take a request, send it, and return the cash-out as it is then."""
        cash_out = await self.taken(**fields)
        for begun in await self.one.submit.begin(self.one.lane, 10):
            await self.one.submit.send(self.one.lane, begun)
        return self.now(cash_out)

    async def tell(self, news: News, provider: str = ORANGE, stamp: str = "") -> Recorded:
        """Deliver news by a signed webhook."""
        headers, raw = self.gateways[provider].webhook(news, stamp)
        return await self.one.receive(provider, headers, raw)

    async def ring(self, cash_out: CashOut, status: Status | str, stamp: str) -> Recorded:
        """Deliver a webhook about a cash-out with any word."""
        word = status.upper()
        its_id = cash_out.provider_transaction_id or f"MP-OF-{cash_out.id}"
        news = News(word, None, its_id, cash_out.reference)
        return await self.tell(news, cash_out.provider, stamp)

    async def ring_true(self, cash_out: CashOut, status: Status, stamp: str = "") -> Recorded:
        """Deliver a webhook that proves a state."""
        its_id = self.now(cash_out).provider_transaction_id
        news = News(status.upper(), status, its_id, cash_out.reference)
        return await self.tell(news, cash_out.provider, f"{status}{stamp}")

    async def rest(self, worker: Worker | None = None, longest: timedelta | None = None) -> None:
        """Let time pass until nothing is due any more, or no longer than `longest`."""
        worker = worker or self.one.worker
        until = None if longest is None else self.clock.now() + longest
        for _ in range(MOST_ROUNDS):
            while await worker.step():
                continue
            due = [_free_at(each) for each in self.store.cash_outs.values() if each.plan]
            soonest = min(due, default=None)
            if soonest is None or (until is not None and soonest > until):
                return
            # An open circuit or a pause makes what is due wait: time passes in small steps then.
            wake = max(soonest, self.clock.now() + timedelta(seconds=5))
            self.clock.advance(wake - self.clock.now())
        pending = [each.status for each in self.store.cash_outs.values() if each.plan]
        message = f"no rest after {MOST_ROUNDS} rounds: {pending}"
        raise AssertionError(message)


def _free_at(cash_out: CashOut) -> datetime:
    """Return when somebody may take up a cash-out that has a plan."""
    assert cash_out.plan is not None
    until = cash_out.lease.until if cash_out.lease else cash_out.plan.due_at
    return max(cash_out.plan.due_at, until)


def _provider(capabilities: Capabilities) -> MemoryProvider:
    return MemoryProvider(
        idempotent=capabilities.idempotent_submit,
        finds_references=capabilities.lookup_by_reference,
        webhook_proves=capabilities.webhook_proves,
        before=outside,
    )
