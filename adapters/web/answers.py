"""Answers: the success envelope as bytes."""

from collections.abc import Mapping

import msgspec

from adapters.web.exchange import Answer
from adapters.web.problems import Problem
from adapters.web.schemas import JSON_BYTES, Success


def success(
    data: object,
    *,
    message: str | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Return data in its envelope."""
    envelope = Success(message=message or msgspec.UNSET, data=data)
    return Answer(JSON_BYTES.encode(envelope), status, headers)


def refusal(problem: Problem) -> Answer:
    """Return a problem in its envelope."""
    return Answer(problem.body(), problem.status, problem.headers)
