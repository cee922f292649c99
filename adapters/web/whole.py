"""A whole answer in one write: what uvicorn does for the two messages of one, in a tenth of it.

uvicorn looks through each name and each value on its own, and our answers have fifteen headers. The
server offers this as an extension of ASGI; where it is missing the two messages do the same.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from adapters.web.exchange import Header
from adapters.web.streams import PATIENCE

WHOLE: Final = "cashout.whole_answer"
"""The name of the extension: an async function of status, headers and body."""

_PLAIN: Final = bytes(set(range(256)) - set(range(32)) - {127} | {9})
_LINE_END: Final = b"\r\n"
_CLOSE: Final = (b"connection", b"close")


def offer_whole(cycle: RequestResponseCycle, patience: Callable[[float], None]) -> None:
    """Offer it to the application that answers this request, beside the clock for its parts."""
    scope: Any = cycle.scope
    scope["extensions"] = {WHOLE: partial(_say, cycle), PATIENCE: patience}


async def _say(
    cycle: RequestResponseCycle, status: int, headers: Sequence[Header], body: bytes
) -> None:
    """Send an answer whose headers tell the length of its body; nothing to who has gone.

    Raises ValueError for a header that would break its line.
    """
    # The scope held this, and this the scope: garbage that only a collector would find.
    scope: Any = cycle.scope
    scope["extensions"] = None
    if cycle.flow.write_paused and not cycle.disconnected:
        await cycle.flow.drain()
    if cycle.disconnected:
        return
    if _CLOSE in headers:
        cycle.keep_alive = False
    elif not cycle.keep_alive:
        headers = [*headers, _CLOSE]
    head = _head([*cycle.default_headers, *headers])
    cycle.response_started = cycle.response_complete = True
    cycle.transport.write(b"".join((STATUS_LINE[status], head, _LINE_END, _LINE_END, body)))
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()


def _head(headers: Sequence[Header]) -> bytes:
    head = _LINE_END.join(map(b": ".join, headers))
    # What is left without all that a line may have: the ends of the lines, and no more.
    if head.translate(None, _PLAIN) != _LINE_END * (len(headers) - 1):
        raise ValueError("a header has a character that no header may have")
    return head
