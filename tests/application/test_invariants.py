"""A machine that does anything to the real use cases, in any order, and watches the invariants.

Users ask, repeat themselves and cancel; providers pay in silence, lose orders, tell late, twice or
wrongly; the store loses commits; two processes crash between any two steps or sleep through their
leases. After each step, and after a drain without faults, the nine invariants hold.
"""

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from adapters.memory.faults import Trouble
from adapters.memory.gateway import Manner, Transaction
from application.callers import Caller
from application.check_status import Question
from application.ports import Conflict, Order, Overloaded, StorageUnavailable
from application.request_cash_out import Taken
from application.submit_cash_out import Begun
from domain.attempts import Capabilities
from domain.evidence import News
from domain.refusals import Forbidden, InvalidSignature, Refusal
from domain.states import ENDINGS, Status
from tests.application.invariants import Witness
from tests.application.wiring import STRANGER, Process, World, outside
from tests.strategies import BLIND, CAREFUL, DOORBELLS, ORANGE, PROVES, a_request

Result = TypeVar("Result")

STORE_FAULTS = (Conflict, Overloaded, StorageUnavailable)
users = st.sampled_from(["user-1", "user-3"])
amounts = st.sampled_from(["600", "2500000", "3000000"])
keys = st.sampled_from([None, None, "k-1", "k-2", "k-3"])
references = st.sampled_from([None, None, "REF-00000001", "REF-00000002", "REF-00000003"])
manners = st.sampled_from([*Manner, Manner.ACCEPTS, Manner.HIDDEN, Manner.TAKEN_IN_SILENCE])
endings = st.sampled_from(sorted(ENDINGS))
which = st.integers(0, 5)
troubles = st.sampled_from([*[Trouble.NONE] * 7, *Trouble])
spans = st.sampled_from(
    [timedelta(seconds=seconds) for seconds in (1, 10, 121, 121, 960, 960, 7_200, 86_400)]
)


class Service(RuleBasedStateMachine):
    """The real use cases over a provider of these capabilities.

    quiet: few cash-outs, and only what workers, providers and time do to them: deeper, not wider.
    """

    capabilities: Capabilities = PROVES
    quiet = False

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = World(self.capabilities)
        self.world.provider.after = self.answer_travels
        self.witness = Witness(self.world)
        self.processes = [self.world.one, self.world.another()]
        self.begun: list[tuple[Process, Begun]] = []
        self.questions: list[tuple[Process, Question]] = []
        self.travelling: list[asyncio.Future[None]] = []
        self.calls: dict[asyncio.Task[object], Process] = {}
        self.taken_by: dict[str, datetime] = {}
        self.bugs: list[BaseException] = []
        self.slow = False
        self.history: list[tuple[Transaction, News]] = []
        self.stamps = 0

    def run(self, work: Coroutine[Any, Any, Result]) -> Result | None:
        """Run this much; a fault of the store is the caller's bad luck and no more."""
        try:
            return self.loop.run_until_complete(work)
        except STORE_FAULTS:
            return None
        finally:
            self.world.units.troubles.clear()

    def process(self, number: int) -> Process:
        return self.processes[number % 2]

    async def answer_travels(self, name: str, order: Order) -> None:
        """Let a slow answer wait until it lands; the provider has acted already."""
        await outside(name, order)
        if self.slow:
            landing = self.loop.create_future()
            self.travelling.append(landing)
            await landing

    async def calling(self, process: Process, call: Coroutine[Any, Any, object]) -> None:
        """Make a call; a slow one stays on its way."""

        async def guarded() -> None:
            try:
                await call
            except STORE_FAULTS:
                return

        task: asyncio.Task[object] = asyncio.create_task(guarded())
        self.calls[task] = process
        task.add_done_callback(self.call_ended)
        on_its_way = len(self.travelling)
        while not task.done() and len(self.travelling) == on_its_way:  # noqa: ASYNC110 -- or either
            await asyncio.sleep(0)

    def call_ended(self, task: asyncio.Task[object]) -> None:
        del self.calls[task]
        if not task.cancelled() and (bug := task.exception()) is not None:
            self.bugs.append(bug)

    # --- users ------------------------------------------------------------------------------------

    @precondition(lambda self: not (self.quiet and len(self.world.store.cash_outs) > 4))
    @rule(
        asked=st.lists(st.tuples(users, amounts, keys, references), min_size=1, max_size=3),
        number=which,
        trouble=troubles,
    )
    def users_ask(
        self,
        asked: list[tuple[str, str, str | None, str | None]],
        number: int,
        trouble: Trouble,
    ) -> None:
        requests = [
            a_request(user_id=user, amount=amount, key=key, reference=reference)
            for user, amount, key, reference in asked
        ]
        self.world.trouble(trouble)
        for result in self.run(self.process(number).take_requests(requests)) or []:
            assert isinstance(result, Taken | Refusal)
            if isinstance(result, Taken):
                self.witness.accepted.setdefault(result.cash_out.id, result.cash_out)

    @precondition(lambda self: not self.quiet and self.world.store.cash_outs)
    @rule(number=which, trouble=troubles)
    def a_user_cancels(self, number: int, trouble: Trouble) -> None:
        cash_out = self.witness.stored()[-1 - number % len(self.witness.stored())]
        self.world.trouble(trouble)
        try:
            self.run(self.process(number).cancel(Caller(cash_out.user_id), cash_out.id))
        except Refusal:
            assert self.world.now(cash_out) == cash_out

    @precondition(lambda self: not self.quiet and self.world.store.cash_outs)
    @rule(number=which)
    def a_user_reads(self, number: int) -> None:
        cash_out = self.witness.stored()[-1 - number % len(self.witness.stored())]
        self.run(self.process(number).get(Caller(cash_out.user_id), cash_out.id))

    @precondition(lambda self: not self.quiet and self.world.store.cash_outs)
    @rule(number=which)
    def strangers_change_nothing(self, number: int) -> None:
        cash_out = self.witness.stored()[-1 - number % len(self.witness.stored())]
        process, before = self.process(number), self.witness.footprint()
        headers, raw = self.world.provider.webhook(
            News("COMPLETED", Status.COMPLETED, "FORGED", cash_out.reference)
        )
        forged = [(name, value[::-1]) for name, value in headers]
        with pytest.raises(Forbidden):
            self.run(process.get(STRANGER, cash_out.id))
        with pytest.raises(Forbidden):
            self.run(process.cancel(STRANGER, cash_out.id))
        with pytest.raises(InvalidSignature):
            self.run(process.receive(ORANGE, forged, raw))
        refused = [a_request(amount="1"), a_request(provider="nobody"), a_request(msisdn=None)]
        self.run(process.take_requests(refused))
        assert self.witness.footprint() == before, "strangers_change_nothing"

    # --- workers ----------------------------------------------------------------------------------

    @rule(number=which, trouble=troubles)
    def a_worker_begins(self, number: int, trouble: Trouble) -> None:
        process = self.process(number)
        self.world.trouble(trouble)
        begun = self.run(process.submit.begin(process.lane, 1 + number % 2)) or []
        self.begun += [(process, each) for each in begun]

    @precondition(lambda self: self.begun)
    @rule(number=which, manner=manners, trouble=troubles, slow=st.booleans())
    def a_worker_sends(self, number: int, manner: Manner, trouble: Trouble, slow: bool) -> None:
        process, begun = self.begun.pop(number % len(self.begun))
        self.world.provider.manners[begun.order.reference].append(manner)
        self.slow = slow
        self.world.trouble(trouble)
        self.run(self.calling(process, process.submit.send(process.lane, begun)))
        self.world.provider.manners.clear()

    @rule(number=which, trouble=troubles)
    def a_worker_looks_for_questions(self, number: int, trouble: Trouble) -> None:
        process = self.process(number)
        self.world.trouble(trouble)
        questions = self.run(process.check.begin(process.lane, 2)) or []
        self.questions += [(process, each) for each in questions]

    @precondition(lambda self: self.questions)
    @rule(number=which, trouble=troubles, slow=st.booleans(), answering=st.booleans())
    def a_worker_asks(self, number: int, trouble: Trouble, slow: bool, answering: bool) -> None:
        process, question = self.questions.pop(number % len(self.questions))
        self.slow, self.world.provider.answering = slow, answering
        self.world.trouble(trouble)
        self.run(self.calling(process, process.check.ask(process.lane, question)))

    @rule(number=which)
    def a_worker_looks_and_asks(self, number: int) -> None:
        process = self.process(number)
        self.slow, self.world.provider.answering = False, True
        for question in self.run(process.check.begin(process.lane, 2)) or []:
            self.run(self.calling(process, process.check.ask(process.lane, question)))

    @precondition(lambda self: self.travelling)
    @rule(number=which, trouble=troubles)
    def an_answer_lands(self, number: int, trouble: Trouble) -> None:
        self.travelling.pop(number % len(self.travelling)).set_result(None)
        self.world.trouble(trouble)
        self.run(self.turns())

    @rule(number=which)
    def a_process_dies(self, number: int) -> None:
        dead = self.process(number)
        self.processes[number % 2] = self.world.another()
        self.begun = [each for each in self.begun if each[0] is not dead]
        self.questions = [each for each in self.questions if each[0] is not dead]
        for task, owner in list(self.calls.items()):
            if owner is dead:
                task.cancel()
        self.run(self.turns())
        self.travelling = [each for each in self.travelling if not each.done()]

    @precondition(lambda self: not self.quiet)
    @rule(number=which, trouble=troubles)
    def housekeeping_is_done(self, number: int, trouble: Trouble) -> None:
        process = self.process(number)
        self.world.trouble(trouble)
        self.run(process.rematch())
        self.run(process.reviews())

    @precondition(lambda self: not self.quiet)
    @rule(number=which, trouble=troubles, away=st.booleans(), at_most=st.integers(1, 5))
    def events_are_relayed(self, number: int, trouble: Trouble, away: bool, at_most: int) -> None:
        self.world.told.away, self.world.told.at_most = away, at_most
        self.world.trouble(trouble)
        self.run(self.process(number).relay())

    async def turns(self) -> None:
        for _ in range(60):
            await asyncio.sleep(0)

    # --- providers and time -----------------------------------------------------------------------

    def transaction(self, number: int) -> Transaction:
        return list(self.world.provider.transactions.values())[-1 - number % self.taken]

    @property
    def taken(self) -> int:
        return len(self.world.provider.transactions)

    @precondition(lambda self: self.taken)
    @rule(number=which, ending=endings)
    def the_provider_settles(self, number: int, ending: Status) -> None:
        transaction = self.transaction(number)
        self.history.append((transaction, transaction.news))
        self.world.provider.settle(transaction, ending)
        self.history.append((transaction, transaction.news))

    @precondition(lambda self: self.history)
    @rule(number=st.integers(0, 50), copies=st.integers(1, 3), trouble=troubles)
    def a_webhook_comes(self, number: int, copies: int, trouble: Trouble) -> None:
        """Late, early, twice or out of order, but it was true once."""
        _, news = self.history[number % len(self.history)]
        self.world.trouble(trouble)
        for _ in range(copies):
            self.run(self.delivered(self.process(number), news))

    @precondition(lambda self: not self.quiet and self.taken)
    @rule(number=which, status=st.sampled_from(Status))
    def a_webhook_lies(self, number: int, status: Status) -> None:
        transaction = self.transaction(number)
        if self.capabilities.webhook_proves:
            self.witness.lied_about.add(transaction.order.reference)
        known = self.world.provider.webhook_proves
        its_id = transaction.id if known else "SOMETHING-ELSE"
        news = News(status.upper(), status, its_id, transaction.order.reference)
        self.run(self.delivered(self.process(number), news))

    @precondition(lambda self: not self.quiet and not self.capabilities.webhook_proves)
    @rule(reference=references, status=st.sampled_from(Status), number=which)
    def somebody_rings(self, reference: str | None, status: Status, number: int) -> None:
        """Ring for whatever reference, sent or not, with what our own submit would give away."""
        news = News(status.upper(), status, "MP-1", reference or "REF-00000009")
        self.run(self.delivered(self.process(number), news))

    async def delivered(self, process: Process, news: News) -> None:
        self.stamps += 1
        headers, raw = self.world.provider.webhook(news, stamp=f"{self.stamps}")
        if self.capabilities.webhook_proves:
            headers, raw = self.world.provider.webhook(news)
        await process.receive(ORANGE, headers, raw)

    @rule(span=spans)
    def time_passes(self, span: timedelta) -> None:
        """Move on; what a provider promises not to hide for so long is found from then on."""
        before = self.world.clock.now()
        self.world.clock.advance(span)
        final_after = self.capabilities.not_found_final_after
        for transaction in self.world.provider.transactions.values():
            taken_at = self.taken_by.setdefault(transaction.id, before)
            if final_after is not None and self.world.clock.now() - taken_at >= final_after / 4:
                transaction.visible = True

    @rule(span=spans, number=which, manner=manners)
    def one_works_on_while_the_other_sleeps(
        self, span: timedelta, number: int, manner: Manner
    ) -> None:
        self.time_passes(span)
        self.slow, self.world.provider.answering = False, True
        self.world.provider.manner = lambda _: manner
        for _ in range(3):
            self.run(self.process(number).worker.step())

    # --- watching ---------------------------------------------------------------------------------

    @invariant()
    def everything_holds(self) -> None:
        assert self.bugs == []
        self.witness.look()

    def teardown(self) -> None:
        """Stop the faults, let time pass until nothing is due, and look again."""
        try:
            for task in list(self.calls):
                task.cancel()
            self.run(self.turns())
            self.world.provider.after = None
            self.world.provider.manner = lambda _: Manner.ACCEPTS
            self.world.provider.answering = True
            self.world.told.away, self.world.told.at_most = False, 1_000
            self.drain()
            self.witness.look_at_rest()
        finally:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()

    def drain(self) -> None:
        last = self.world.another()
        self.world.clock.advance(timedelta(minutes=5))
        for _ in range(3):
            self.loop.run_until_complete(
                self.world.rest(last.worker, longest=timedelta(minutes=20))
            )
            self.world.provider.settle_all()
            for transaction in list(self.world.provider.transactions.values()):
                self.loop.run_until_complete(self.delivered(last, transaction.news))
        self.world.clock.advance(self.world.policy.review_after)
        self.loop.run_until_complete(self.world.rest(last.worker, longest=timedelta(minutes=1)))
        self.world.clock.advance(timedelta(days=1))
        self.loop.run_until_complete(self.world.rest(last.worker, longest=timedelta(minutes=1)))


class Doorbells(Service):
    """Webhooks prove nothing; anybody may ring."""

    capabilities = DOORBELLS


class Careful(Service):
    """One reference may be paid twice, if it is sent twice; look-ups work."""

    capabilities = CAREFUL


class Blind(Service):
    """One reference may be paid twice, and nobody can be asked without the provider's id."""

    capabilities = BLIND


class Forgetful(Service):
    """One reference is paid once, but cannot be looked up."""

    capabilities = Capabilities(
        idempotent_submit=True, lookup_by_reference=False, webhook_proves=True
    )


class Final(Service):
    """Sent twice is paid twice, but its "not found" is final after an hour."""

    quiet = True
    capabilities = Capabilities(
        idempotent_submit=False,
        lookup_by_reference=True,
        webhook_proves=True,
        not_found_final_after=timedelta(hours=1),
    )


HOW_HARD = settings(max_examples=settings().max_examples // 3, stateful_step_count=50)

for machine in (Service, Doorbells, Careful, Blind, Forgetful, Final):
    machine.TestCase.settings = HOW_HARD

TestService = Service.TestCase
TestDoorbells = Doorbells.TestCase
TestCareful = Careful.TestCase
TestBlind = Blind.TestCase
TestForgetful = Forgetful.TestCase
TestFinal = Final.TestCase
