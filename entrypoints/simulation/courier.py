"""The providers' webhooks on their way: lost, late, doubled, reordered, tampered with, forged."""

import hashlib
from dataclasses import dataclass
from typing import Protocol

from adapters.sandbox.corridors import AFRIMONEY
from adapters.sandbox.deliveries import Dispatch
from adapters.sandbox.engine import Engine
from entrypoints.simulation.loop import Turn
from entrypoints.simulation.plan import CLOCKS, FaultKind
from entrypoints.simulation.world import Invariant, World, pause

_OK = 200
_REFUSED = 401
_DAY_S = 86_400.0
_REORDERED_S = 300.0
_ONE_BODY_S = 500.0
"""For so long at least, two bodies under one signature are not both taken."""
_OTHER = {
    b'"SUCCESSFUL"': b'"FAILED"',
    b'"FAILED"': b'"SUCCESSFUL"',
    b'"completed"': b'"failed"',
    b'"failed"': b'"completed"',
    b'"PENDING"': b'"SUCCESSFUL"',
    b'"processing"': b'"completed"',
}
"""What somebody makes of a state who tampers with a webhook."""


@dataclass(frozen=True, slots=True)
class Post:
    """One webhook on the wire."""

    provider: str
    headers: tuple[tuple[str, str], ...]
    raw: bytes


class Door(Protocol):
    """Where webhooks go."""

    async def deliver(self, post: Post) -> int | None:
        """Return the HTTP status that answers it, None when nobody does."""
        ...


class Courier:
    """Carries what the engine wants told. underway counts what has not arrived yet.

    forged: the digests of what no provider has signed; none of them may be kept anywhere.
    """

    def __init__(self, world: World, engine: Engine) -> None:
        self._world = world
        self._engine = engine
        self._chance = world.plan.chance("courier")
        self._timer: Turn | None = None
        self.door: Door | None = None
        self.underway = 0
        self.forged: set[str] = set()
        self.rung: dict[str, int] = {}
        self._signed: dict[tuple[str, ...], tuple[bytes, float]] = {}
        self._taken: set[bytes] = set()

    def arm(self) -> None:
        """Set the alarm for the next webhook that is due."""
        due = self._engine.next_due()
        if due is None:
            return
        at = max(self._world.at(due), self._world.elapsed)
        if self._timer is not None and not self._timer.cancelled() and self._timer.when() <= at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._world.loop.call_at(at, self._go, context=self._world.outside)

    def _go(self) -> None:
        self._timer = None
        for dispatch in self._engine.due(self._world.now()):
            self._world.spawn(self._carry(dispatch))
        self.arm()

    async def _carry(self, dispatch: Dispatch) -> None:
        self.underway += 1
        post = Post(dispatch.provider, dispatch.headers, dispatch.body)
        reference = self._reference(dispatch)
        self.rung[reference] = self.rung.get(reference, 0) + 1
        self._attack(post)
        doubled = self._world.faults.strikes(FaultKind.WEBHOOK_DUPLICATED)
        copies = [self._world.spawn(self._send(post)) for _ in range(dispatch.copies + doubled)]
        statuses = tuple([await each for each in copies])
        self._engine.delivered(dispatch.number, statuses, self._world.now())
        self.underway -= 1
        self.arm()

    def _reference(self, dispatch: Dispatch) -> str:
        delivery = self._engine.deliveries.get(dispatch.number)
        return "" if delivery is None else delivery.reference

    async def _send(self, post: Post) -> int | None:
        faults = self._world.faults
        if faults.strikes(FaultKind.WEBHOOK_LOST):
            return None
        if faults.strikes(FaultKind.WEBHOOK_LATE):
            self._world.spawn(self._later(post, self._chance.uniform(60, _DAY_S)))
            return None
        if faults.strikes(FaultKind.WEBHOOK_REORDERED):
            await pause(self._world, self._chance.uniform(0, _REORDERED_S))
        if faults.strikes(FaultKind.WEBHOOK_REPLAYED):
            self._world.spawn(self._later(post, self._chance.choice((1.0, 400.0, _DAY_S))))
        status = await self._deliver(post)
        return None if faults.strikes(FaultKind.WEBHOOK_UNANSWERED) else status

    async def _later(self, post: Post, seconds: float) -> None:
        self.underway += 1
        await pause(self._world, seconds)
        await self._deliver(post)
        self.underway -= 1

    async def _deliver(self, post: Post) -> int | None:
        if self.door is None:
            return None
        status = await self.door.deliver(post)
        self._world.cover("webhook answer", str(status))
        if post.provider == AFRIMONEY and status == _OK:
            self._check_replay(post)
        elif status != _REFUSED:
            # It may be kept although nobody said so: sent again, it is no news.
            self._taken.add(post.raw)
        return status

    def _check_replay(self, post: Post) -> None:
        """See that a signature that does not cover its body was good for one new body only."""
        if post.raw in self._taken:
            return
        self._taken.add(post.raw)
        signature = tuple(value for _, value in sorted(post.headers))
        now, world = self._world.elapsed, self._world
        raw, at = self._signed.setdefault(signature, (post.raw, now))
        # By the clocks of two machines that were set, the first one is long ago or yet to come.
        clocks_set = any(world.faults.struck[kind] for kind in CLOCKS)
        if raw != post.raw and now - at < _ONE_BODY_S and not clocks_set:
            how = f"two bodies under one signature are taken: {raw!r} and {post.raw!r}"
            world.violated(Invariant.STRANGERS_CHANGE_NOTHING, how)

    def _attack(self, post: Post) -> None:
        """Let a stranger who saw this webhook do what he can."""
        faults = self._world.faults
        word = next((each for each in _OTHER if each in post.raw), None)
        if word is None:
            return
        # The space makes it bytes that no provider ever sends.
        other = post.raw.replace(word, _OTHER[word]) + b" "
        if faults.strikes(FaultKind.WEBHOOK_TAMPERED):
            tampered = Post(post.provider, post.headers, other)
            # AfriMoney's signature covers no state: there, this rings and proves nothing.
            self._world.spawn(self._forge(tampered, refused=post.provider != AFRIMONEY))
        if faults.strikes(FaultKind.WEBHOOK_FORGED):
            forged = Post(post.provider, _forged(post), other + b" ")
            self._world.spawn(self._forge(forged, refused=True))

    async def _forge(self, post: Post, *, refused: bool) -> None:
        if refused:
            self.forged.add(hashlib.sha256(post.raw).hexdigest())
        self.underway += 1
        await pause(self._world, self._chance.choice((0.0, 0.5, 30.0)))
        status = await self._deliver(post)
        self.underway -= 1
        if refused and status not in {None, _REFUSED}:
            how = f"a forged webhook was answered {status}: {post.raw!r}"
            self._world.violated(Invariant.STRANGERS_CHANGE_NOTHING, how)


def _forged(post: Post) -> tuple[tuple[str, str], ...]:
    """Return headers with a signature of somebody who does not know the secret."""
    made_up = hashlib.sha256(post.raw).hexdigest()
    return tuple(
        (name, made_up if name.lower() == "x-signature" else value) for name, value in post.headers
    )
