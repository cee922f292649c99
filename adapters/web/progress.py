"""The progress route: one cash-out as server-sent events, from where it is to its ending.

Every message is the cash-out as `GET` shows it. Its id is `<events>-<version>`: how many events
there were of it, and the version that is shown. A client that comes back with the id as
Last-Event-ID is told nothing that it knows, and misses nothing: what it does not know yet is in the
present state. So a stream needs no history, and no pruning can hurt it.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from adapters.web.exchange import Answer, WebRequest, caller_of
from adapters.web.headers import SPOKEN, all_of, language, preferred_wait
from adapters.web.ids import read_id
from adapters.web.outlook import Outlook
from adapters.web.parts import BASE, WebParts, WebSettings
from adapters.web.problems import too_many_followed
from adapters.web.schemas import JSON_BYTES
from adapters.web.streams import Stream, comment, message, reconnect_after
from adapters.web.views import cash_out_view
from application.callers import Caller
from application.follow_cash_outs import Follower, TooManyFollowed
from application.ports import Clock
from domain.cash_out import CashOut
from domain.events import ANNOUNCES, EventType

PROGRESS: Final = f"{BASE}/cash-out/{{cash_out_id:str}}/events"
STATE: Final = "status"
"""The name of a message that tells of no new state: the first one, and news on the way."""
_ID = re.compile(r"(\d{1,9})-(\d{1,9})", re.ASCII)
_COME_BACK_MS: Final = 2_000


def progress_routes(parts: WebParts) -> list[HTTPRouteHandler]:
    """Return the routes over these parts."""
    outlook = parts.outlook

    @get(PROGRESS)
    async def follow_cash_out(request: WebRequest, cash_out_id: FromPath[str]) -> Answer:
        caller, this, seen = caller_of(request), read_id(cash_out_id), _last_seen(request)
        try:
            follower = await parts.follow(caller, this, seen)
        except TooManyFollowed as crowd:
            raise too_many_followed(crowd.retry_after_s) from None
        if follower.over:
            # Nothing will ever come: to a browser this says that it must not come back.
            follower.leave()
            return Answer(b"", 204)
        liked, wait_s = language(request), preferred_wait(request)
        headers, settings = [*SPOKEN[liked]], parts.settings
        if wait_s is not None:
            longest = min(settings.stream_longest, timedelta(seconds=wait_s))
            settings = replace(settings, stream_longest=longest)
            headers.append((b"preference-applied", b"wait=%d" % wait_s))
        told = _Progress(follower, caller, parts.clock, liked, settings, outlook)
        return Stream(told, settings.stream_stall.total_seconds(), headers)

    return [follow_cash_out]


def _last_seen(request: WebRequest) -> int | None:
    """Return the version that the client knows; None where it says nothing that we can read."""
    given = all_of(request, b"last-event-id")
    found = _ID.fullmatch(given[-1]) if given else None
    return int(found[2]) if found else None


@dataclass(slots=True)
class _Progress:
    """A cash-out's messages to one reader."""

    follower: Follower
    caller: Caller
    clock: Clock
    language: str
    settings: WebSettings
    outlook: Outlook
    told: CashOut | None = field(default=None, init=False)

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield the present state, every change of it, and a comment where nothing changes."""
        ends_at = self.clock.elapsed() + self.settings.stream_longest
        yield reconnect_after(_COME_BACK_MS)
        while not self.follower.over:
            left = max(timedelta(0), ends_at - self.clock.elapsed())
            news = await self.follower.next(min(left, self.settings.stream_heartbeat))
            if news is not None:
                yield self._message(news)
            if self.clock.elapsed() >= ends_at:
                break
            if news is None:
                yield comment()
        yield comment("the end")

    def leave(self) -> None:
        """Give up the place."""
        self.follower.leave()

    def _message(self, cash_out: CashOut) -> bytes:
        before, self.told = self.told, cash_out
        now, in_full = self.clock.now(), self.caller.sees_payee(cash_out)
        view = cash_out_view(cash_out, now, self.language, outlook=self.outlook, in_full=in_full)
        number = f"{cash_out.events}-{cash_out.version}"
        return message(_name(before, cash_out), number, JSON_BYTES.encode(view))


def _name(before: CashOut | None, cash_out: CashOut) -> str:
    """Return what a message is called: an ending always by its event, so that nobody misses it."""
    if cash_out.ended:
        return ANNOUNCES[cash_out.status]
    if before is None:
        return STATE
    if before.status is not cash_out.status:
        return ANNOUNCES[cash_out.status]
    if cash_out.needs_review and not before.needs_review:
        return EventType.NEEDS_REVIEW
    return STATE
