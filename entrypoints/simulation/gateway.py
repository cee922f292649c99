"""The gateway of a simulated process: it speaks to the providers over a line that may fail."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from adapters.provider_kit.outcomes import UNKNOWN
from adapters.providers.afrimoney import webhook as afrimoney_webhook
from adapters.providers.orange_money import webhook as orange_webhook
from adapters.sandbox.corridors import AFRIMONEY
from application.board import Board, route_of
from application.ports import Order, WebhookReading
from domain.attempts import Attempt, OutcomeKind
from domain.cash_out import CashOut
from domain.evidence import News, NoAnswer, NotFound, Outcome
from entrypoints.simulation.loop import OWNER, a_turn
from entrypoints.simulation.plan import FaultKind
from entrypoints.simulation.providers import CALL_S, VOCABULARIES, ProviderSide, resolve
from entrypoints.simulation.store import in_unit
from entrypoints.simulation.world import FOR_A_STRANGER, Invariant, pause


class SimulatedGateway:
    """Implements `Gateway` for one process, over the bad line."""

    def __init__(self, provider: str, side: ProviderSide, board: Board) -> None:
        self._provider = provider
        self._side = side
        self._world = side.world
        self._board = board

    async def disburse(self, order: Order) -> Outcome:
        """Have the provider pay."""
        self._check_sending(order)
        silence = self._side.refused_at_the_door()
        if silence is not None:
            await a_turn()
            return silence
        world, side = self._world, self._side
        made = side.sends.setdefault(order.reference, [])
        if order.attempt in made:
            how = f"attempt {order.attempt} of {order.reference} is made twice"
            world.violated(Invariant.SENT_AGAIN_ONLY_WHEN_SAFE, how)
        made.append(order.attempt)
        world.note("sent", order.reference, order.attempt)
        answered: asyncio.Future[Outcome | None] = world.loop.create_future()
        if not world.faults.strikes(FaultKind.REQUEST_LOST):
            # From here on it is under way, whatever becomes of this process.
            side.put_on_the_wire(self._provider, order, answered)
        given_up = world.loop.call_later(CALL_S, resolve, answered, None)
        with self._finished(order):
            outcome = await answered
        given_up.cancel()
        return UNKNOWN if outcome is None else outcome

    async def look_up(self, order: Order) -> News | NotFound | NoAnswer:
        """Ask what became of an order."""
        world, side = self._world, self._side
        self._check_calling(f"asking about {order.reference}")
        side.questions[order.reference] = side.questions.get(order.reference, 0) + 1
        known = order.provider_transaction_id is not None
        if not known and not world.capabilities[self._provider].lookup_by_reference:
            return NoAnswer("there is no id to ask by")
        faults = world.faults
        if faults.is_on(FaultKind.PROVIDER_AWAY) or faults.strikes(FaultKind.LOOK_UP_UNANSWERED):
            await pause(world, side.chance.choice((0.1, CALL_S)))
            return NoAnswer("no answer")
        with self._finished(order):
            await self._wait()
            finding = side.asked(self._provider, order)
            await self._wait()
        return finding

    def read_webhook(
        self, headers: Sequence[tuple[str, str]], raw: bytes, now: datetime
    ) -> WebhookReading:
        """Verify and read a webhook as the real gateways do."""
        told, vocabulary = self._side.engine.settings, VOCABULARIES[self._provider]
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

    def _check_calling(self, how: str) -> None:
        if in_unit():
            self._world.violated(Invariant.NO_NETWORK_IN_A_TRANSACTION, how)
        if FOR_A_STRANGER.get():
            self._world.violated(Invariant.STRANGERS_CHANGE_NOTHING, how)

    def _check_sending(self, order: Order) -> None:
        world = self._world
        self._check_calling(f"sending {order.reference}")
        stored = self._side.store.rows.cash_outs.get(order.cash_out_id)
        if stored is None or len(stored.attempts) < order.attempt:
            how = f"{order.reference} is sent, and attempt {order.attempt} is not committed"
            world.violated(Invariant.ATTEMPT_BEFORE_FIRST_BYTE, how)
        elif not self._is_held(stored, order):
            how = f"{order.reference} is sent by one who has lost its lease"
            world.violated(Invariant.SENT_UNDER_A_LEASE, how)
        elif self._is_unsafe(order, stored.attempts[: order.attempt - 1]):
            how = f"{order.reference} is sent again, and an earlier attempt may have been paid"
            world.violated(Invariant.SENT_AGAIN_ONLY_WHEN_SAFE, how)
        if stored is not None and self._board.standing(route_of(stored)).shut:
            how = f"{order.reference} is sent where its process knows that a person closed"
            world.violated(Invariant.NOTHING_IS_SENT_WHERE_CLOSED, how)

    def _is_held(self, stored: CashOut, order: Order) -> bool:
        """Tell whether nobody else can have taken this attempt for a lost one."""
        attempt, lease = stored.attempts[order.attempt - 1], stored.lease
        if self._world.plan.common_clock:
            # Leases end by it, and it can be set: that a stale send is harmless is all there is.
            return True
        if attempt.outcome is not None:
            return False
        # News may have ended it a moment ago.
        return stored.ended or (lease is not None and lease.until > self._world.now())

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

    @contextmanager
    def _finished(self, order: Order) -> Iterator[None]:
        """See that a process that is told to stop does not cut a call off before its time is up."""
        try:
            yield
        except asyncio.CancelledError:
            owner, world = OWNER.get(), self._world
            if owner is not None and owner.drains_until > world.elapsed:
                how = f"a call about {order.reference} is cut off at a stop"
                world.violated(Invariant.CALLS_ARE_FINISHED, how)
            raise

    async def _wait(self) -> None:
        seconds = self._side.latency()
        if seconds:
            await pause(self._world, seconds)
        else:
            await a_turn()
