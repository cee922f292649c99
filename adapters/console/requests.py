"""How a request to the console ended: the line and the figure that requests to the API have."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog

from adapters.console.visits import Visit
from application.masking import Plain
from application.ports import Clock
from application.ports.observing import Answering, RequestSpan, RequestWatch

REQUEST_ID: Final = b"x-request-id"
_WELL_FORMED: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """A request under way. began: on the process's clock. span: None where it is not traced."""

    method: str
    request_id: str
    began: timedelta
    span: RequestSpan | None


class Requests:
    """Tells of each request when it has ended, whatever it was and whoever made it."""

    def __init__(self, clock: Clock, watch: RequestWatch) -> None:
        self._clock = clock
        self._watch = watch
        self._log = structlog.get_logger("cashout.console")

    def begin(self, scope: Mapping[str, Any]) -> Asked:
        """Note a request that begins."""
        method = str(scope.get("method", ""))
        # A browser is in no trace of ours: each request is one of its own.
        span = self._watch.begin(method, None)
        return Asked(method, _id_of(scope.get("headers", ())), self._clock.elapsed(), span)

    def end(self, asked: Asked, told: Mapping[str, Any], status: int) -> None:
        """Write its line and count it. status: 0 where nothing was answered."""
        took = self._clock.elapsed() - asked.began
        # The pattern, never the path: ids and whatever was searched for stay out.
        route: str = told.get("path_template") or "none"
        visit = told["state"].get("visit")
        signed_in = visit.signed_in if isinstance(visit, Visit) else None
        self._log.info(
            "request",
            request_id=asked.request_id,
            method=asked.method,
            route=route,
            status=status,
            took_ms=round(took.total_seconds() * 1000, 1),
            **({"user": signed_in.account.name} if signed_in is not None else {}),
        )
        answering = Answering(asked.method, route, status, code="", took=took)
        self._watch.answered(answering)
        if asked.span is not None:
            asked.span.end(answering)


def _id_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the id that the request came with when it is well formed, else a new one."""
    given = [value for name, value in headers if name.lower() == REQUEST_ID]
    text = given[-1].decode("latin-1") if given else ""
    return text if _WELL_FORMED.fullmatch(text) else Plain(os.urandom(_ID_BYTES).hex())
