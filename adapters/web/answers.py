"""Answers: the success envelope as bytes."""

from collections.abc import Sequence

import msgspec

from adapters.web.exchange import Answer, Header
from adapters.web.problems import Problem
from adapters.web.schemas import JSON_BYTES, Success


def success(
    data: object,
    *,
    message: str | None = None,
    status: int = 200,
    headers: Sequence[Header] = (),
) -> Answer:
    """Return data in its envelope."""
    envelope = Success(message=message or msgspec.UNSET, data=data)
    return Answer(JSON_BYTES.encode(envelope), status, headers)


def refusal(problem: Problem) -> Answer:
    """Return a problem in its envelope."""
    headers = [(name.encode(), value.encode()) for name, value in problem.headers.items()]
    return Answer(problem.body(), problem.status, headers)
