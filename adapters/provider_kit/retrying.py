"""Asking again at once, for questions only: a submit is repeated by its row and never here."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import stamina

from adapters.provider_kit.client import Answer, Exchange, NotSent

_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 1
_SERVER_ERRORS = range(500, 600)
_Result = TypeVar("_Result")


class _AskAgain(Exception):
    """It has no message: the retry library logs it."""


def may_pass(exchange: Exchange) -> bool:
    """Tell whether asking again in a moment may help: not after a time-out or when told to wait."""
    if isinstance(exchange, Answer):
        return exchange.status in _SERVER_ERRORS and not exchange.retry_after
    return isinstance(exchange, NotSent)


async def asked(
    ask: Callable[[], Awaitable[_Result]],
    again: Callable[[_Result], bool],
    *,
    attempts: int,
    within: timedelta,
) -> _Result:
    """Ask up to `attempts` times while `again` says so; return the last result.

    No further attempt begins after `within`.
    """
    last: list[_Result] = []
    try:
        async for attempt in stamina.retry_context(
            on=_AskAgain,
            attempts=attempts,
            timeout=max(within, timedelta(milliseconds=1)),
            wait_initial=_FIRST_WAIT_S,
            wait_max=_LONGEST_WAIT_S,
            wait_jitter=_FIRST_WAIT_S,
        ):
            with attempt:
                last = [await ask()]
                _insist_if(again(last[0]))
    except _AskAgain:
        pass
    return last[0]


def _insist_if(unanswered: bool) -> None:  # noqa: FBT001 -- a condition, not an option
    if unanswered:
        raise _AskAgain
