"""Follow: cash-outs as they change, for as many readers as there is room for, by one look for all.

What a follower is given is the cash-out as it is, and never a list of what happened: so nothing has
to be kept for it. Who reads slowly is given the newest state and skips the ones between; the
ending is never skipped, because it is the last.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from application.callers import Caller
from application.ports import (
    SILENCE,
    Clock,
    Conflict,
    Hearing,
    Journal,
    Overloaded,
    Reader,
    StorageUnavailable,
)
from application.queries import GetCashOut
from domain.cash_out import CashOut

LOOK_AGAIN: Final = timedelta(milliseconds=500)
"""How often all cash-outs that are followed are looked at, for changes by other processes."""
_STORE_AWAY: Final = timedelta(seconds=2)
_AT_ONCE: Final = timedelta(milliseconds=20)
"""The pause between two looks, however many hints there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How many followers one process has at once, in all and of one user.

    retry_after_s: when to try again where there is no room, in seconds.
    """

    most: int = 500
    most_per_user: int = 10
    retry_after_s: int = 5


class TooManyFollowed(Exception):
    """A user follows as many cash-outs as one may. retry_after_s: when there may be room."""

    def __init__(self, retry_after_s: int) -> None:
        """Take the seconds after which trying again makes sense."""
        super().__init__("this user follows too many cash-outs at once")
        self.retry_after_s = retry_after_s


class Follower:
    """Somebody's place at one cash-out. Keeps one state at most: the newest that was not taken."""

    def __init__(
        self, first: CashOut, seen: int | None, clock: Clock, left: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._left = left
        self._version = first.version
        self._untaken = None if seen == first.version else first
        self._ended = first.ended
        self._changed = asyncio.Event()
        self._gone = False

    @property
    def version(self) -> int:
        """The newest version that it was given."""
        return self._version

    @property
    def over(self) -> bool:
        """Tell whether nothing will come any more: the ending was taken, or it was let go."""
        return self._gone or (self._ended and self._untaken is None)

    async def next(self, longest: timedelta) -> CashOut | None:
        """Return the newest state that was not taken yet; None when there was none for so long.

        Returns None at once when it is over.
        """
        if self._untaken is None and not self.over:
            self._changed.clear()
            await _happened(self._changed, self._clock, longest)
        taken, self._untaken = self._untaken, None
        return taken

    def tell(self, cash_out: CashOut) -> None:
        """Take note of a state, unless it is no news."""
        if cash_out.version > self._version:
            self._version = cash_out.version
            self._untaken, self._ended = cash_out, cash_out.ended
            self._changed.set()

    def leave(self) -> None:
        """Give up the place. Nothing comes any more; who waits is woken. May be said twice."""
        if not self._gone:
            self._gone, self._untaken = True, None
            self._changed.set()
            self._left()


class FollowCashOuts:
    """Lets callers follow cash-outs. One task looks for all of them while there are any."""

    def __init__(
        self,
        get: GetCashOut,
        reader: Reader,
        clock: Clock,
        hearing: Hearing,
        room: Room | None = None,
        journal: Journal = SILENCE,
    ) -> None:
        self._get = get
        self._reader = reader
        self._clock = clock
        self._hearing = hearing
        self._room = room or Room()
        self._journal = journal
        self._followers: dict[UUID, list[Follower]] = {}
        self._of_user: Counter[str] = Counter()
        self._hinted: set[UUID] = set()
        self._hint = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def followers(self) -> int:
        """How many there are now, those included that are just being let in."""
        return self._of_user.total()

    async def __call__(
        self, caller: Caller, cash_out_id: UUID, seen: int | None = None
    ) -> Follower:
        """Return a place at a cash-out; seen: the version that is known already.

        The first state is the present one, unless it is known. Who has a place must `leave` it.
        Raises NotFound, Forbidden, TooManyFollowed, and Overloaded when the process has no room.
        """
        with contextlib.ExitStack() as undoing:
            self._enter(caller.user_id)
            undoing.callback(self._leave, caller.user_id)
            first = await self._get(caller, cash_out_id)
            undoing.pop_all()
        return self._place(caller.user_id, first, seen)

    def stop(self) -> None:
        """Let everybody go, and nobody in any more."""
        self._stopping = True
        for each in [each for placed in self._followers.values() for each in placed]:
            each.leave()

    async def finish(self) -> None:
        """Stop, and wait until nothing is looked at any more."""
        self.stop()
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking

    def _enter(self, user_id: str) -> None:
        room = self._room
        if self._stopping or self.followers >= room.most:
            raise Overloaded(room.retry_after_s)
        if self._of_user[user_id] >= room.most_per_user:
            raise TooManyFollowed(room.retry_after_s)
        self._of_user[user_id] += 1

    def _leave(self, user_id: str) -> None:
        self._of_user[user_id] -= 1
        if not self._of_user[user_id]:
            del self._of_user[user_id]

    def _place(self, user_id: str, first: CashOut, seen: int | None) -> Follower:
        cash_out_id = first.id

        def hinted() -> None:
            self._hinted.add(cash_out_id)
            self._hint.set()

        def left() -> None:
            deaf()
            placed = self._followers[cash_out_id]
            placed.remove(follower)
            if not placed:
                del self._followers[cash_out_id]
            self._leave(user_id)

        deaf = self._hearing.hear(cash_out_id, hinted)
        follower = Follower(first, seen, self._clock, left)
        self._followers.setdefault(cash_out_id, []).append(follower)
        # What changed since it was read is found by the first look.
        hinted()
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_on(), name="followed cash-outs")
        if self._stopping:
            follower.leave()
        return follower

    async def _look_on(self) -> None:
        """Look for changes of all that is followed: at what was hinted at once, at all in turns."""
        look_at_all = self._clock.elapsed()
        try:
            while self._followers:
                left = look_at_all - self._clock.elapsed()
                await _happened(self._hint, self._clock, left)
                if self._clock.elapsed() >= look_at_all:
                    which = set(self._followers)
                    look_at_all = self._clock.elapsed() + LOOK_AGAIN
                else:
                    which = self._hinted & self._followers.keys()
                self._hinted.clear()
                self._hint.clear()
                await self._look(self._open(which))
        finally:
            # Whatever ended the looking: nobody is left waiting for what nobody looks for.
            for each in [each for placed in self._followers.values() for each in placed]:
                each.leave()

    def _open(self, which: set[UUID]) -> Mapping[UUID, int]:
        """Return what is worth a look, with the version that all its followers have."""
        return {
            each: min(follower.version for follower in self._followers[each])
            for each in which
            if not all(follower.over for follower in self._followers[each])
        }

    async def _look(self, seen: Mapping[UUID, int]) -> None:
        if not seen:
            return
        try:
            found = await self._reader.newer(seen)
        except (StorageUnavailable, Overloaded, Conflict) as fault:
            self._journal.fault("follow", fault)
            await self._clock.sleep(_STORE_AWAY)
            return
        for cash_out in found:
            for follower in self._followers.get(cash_out.id, ()):
                follower.tell(cash_out)
        await self._clock.sleep(_AT_ONCE)


async def _happened(event: asyncio.Event, clock: Clock, longest: timedelta) -> None:
    """Return when it was set, or after the longest wait."""
    if event.is_set() or longest <= timedelta(0):
        return
    waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(clock.sleep(longest))]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waits:
            each.cancel()
