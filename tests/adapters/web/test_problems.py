"""Every fault has its answer: no code without a status, nothing of ours in a message."""

import msgspec
import pytest
from litestar.exceptions import (
    ClientException,
    InternalServerException,
    MethodNotAllowedException,
    NotFoundException,
    TooManyRequestsException,
)

from adapters.memory.manual_time import ManualClock
from adapters.web import auth, jwks, new_cash_out, schemas
from adapters.web.openapi.examples import problems
from adapters.web.problems import REFUSAL_STATUS, Problem, bad_request, refused, tell
from adapters.web.rate_limit import RateLimit
from application.ports import Conflict, Overloaded, StorageUnavailable
from domain.refusals import Refusal, every_refusal


def test_every_refusal_has_a_status_and_no_status_is_left_over() -> None:
    assert set(REFUSAL_STATUS) == set(every_refusal())


def test_every_refusal_has_an_example() -> None:
    assert set(every_refusal()) <= set(problems())


@pytest.mark.parametrize("code", sorted(problems()))
def test_every_problem_is_a_sentence_in_the_envelope(code: str) -> None:
    problem = problems()[code]
    told = msgspec.json.decode(problem.body())
    assert list(told) == ["success", "error"]
    assert told["error"]["code"] == code
    assert told["error"]["message"].endswith((".", ">`."))
    assert 400 <= problem.status < 600
    assert (problem.status in {429, 503}) <= ("retry-after" in problem.headers)


@pytest.mark.parametrize(
    ("fault", "status", "code", "is_bug"),
    [
        (NotFoundException(), 404, "NOT_FOUND", False),
        (MethodNotAllowedException(headers={"allow": "GET"}), 405, "METHOD_NOT_ALLOWED", False),
        (MethodNotAllowedException(), 405, "METHOD_NOT_ALLOWED", False),
        (ClientException("secret detail"), 400, "BAD_REQUEST", False),
        (InternalServerException("secret detail"), 500, "INTERNAL_ERROR", True),
        (TooManyRequestsException("secret detail"), 500, "INTERNAL_ERROR", True),
        (StorageUnavailable("secret detail"), 503, "SERVICE_UNAVAILABLE", False),
        (Conflict("secret detail"), 503, "SERVICE_UNAVAILABLE", False),
        (Overloaded(9), 503, "OVERLOADED", False),
        (ValueError("secret detail"), 500, "INTERNAL_ERROR", True),
        (bad_request([("a", "b")]), 400, "BAD_REQUEST", False),
    ],
)
def test_every_fault_is_told_safely(fault: Exception, status: int, code: str, is_bug: bool) -> None:
    told = tell(fault)
    assert (told.problem.status, told.problem.code, told.is_bug) == (status, code, is_bug)
    assert b"secret" not in told.problem.body()


def test_a_refusal_s_own_words_and_fields_are_passed_on() -> None:
    class Odd(Refusal):
        code = "NOT_FOUND"

    assert tell(Odd("Words.", [("field", "why")])).problem.details == (("field", "why"),)
    assert refused(Odd("Words.")).message == "Words."


def test_an_answer_lists_a_bounded_number_of_faults() -> None:
    assert len(Problem(400, "X", "y", [("a", "b")] * 500).details) == 30


def test_every_decoder_and_encoder_can_be_built() -> None:
    for kind in (
        new_cash_out.NewCashOut,
        schemas.Success[schemas.CashOutView],
        schemas.Success[schemas.HistoryView],
        schemas.Success[schemas.ProvidersView],
        schemas.Success[schemas.QuoteView],
        schemas.Success[schemas.WebhookView],
        schemas.Success[schemas.ReadinessView],
        schemas.NotReady,
        schemas.Liveness,
    ):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.Decoder(kind).decode(b"[]")
    for decoder in (auth._OBJECT, jwks._KEY_SET):
        with pytest.raises(msgspec.ValidationError):
            decoder.decode(b"[]")


def test_the_rate_limit_forgets_the_quietest_user_first() -> None:
    limit = RateLimit(1, ManualClock(), most_users=2)
    limit.take("a")
    limit.take("b")
    for user in ("a", "b"):
        with pytest.raises(Problem):
            limit.take(user)
    limit.take("c")
    with pytest.raises(Problem):
        limit.take("b")
    limit.take("a")
