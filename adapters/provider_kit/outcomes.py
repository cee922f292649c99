"""What an answer to a submit means for the attempt: one table, as data.

The rule behind it: only what is proven not to have been taken is `unsent`; only a code that is
known to be definitive is `refused`; everything else may have been paid.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from adapters.provider_kit.client import Answer, NotSent, Unclear
from adapters.provider_kit.retry_after import retry_after_s
from adapters.provider_kit.tokens import TokenFault
from adapters.provider_kit.vocabulary import ErrorSays, Vocabulary, error_in, is_definitive
from domain.attempts import OutcomeKind
from domain.evidence import News, NoAnswer, Outcome
from domain.failures import FailureCode

_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{1,47}|[0-9]{1,4}", re.ASCII)
_SERVER_ERRORS: Final = range(500, 600)

UNKNOWN: Final = Outcome(OutcomeKind.UNKNOWN, verify=True)
_MISCONFIGURED: Final = Outcome(OutcomeKind.UNSENT, FailureCode.PROVIDER_MISCONFIGURED, trips=True)
CONFLICT: Final = Outcome(OutcomeKind.UNKNOWN, FailureCode.REFERENCE_CONFLICT, verify=True)

BY_STATUS: Final[Mapping[int, Outcome]] = MappingProxyType(
    {
        **dict.fromkeys(range(300, 400), _MISCONFIGURED),
        401: Outcome(OutcomeKind.UNSENT, FailureCode.PROVIDER_AUTH, trips=True),
        403: _MISCONFIGURED,
        404: _MISCONFIGURED,
        405: _MISCONFIGURED,
        406: _MISCONFIGURED,
        409: CONFLICT,
        415: _MISCONFIGURED,
        429: Outcome(OutcomeKind.UNSENT, FailureCode.RATE_LIMITED),
    }
)
"""Answers that the status alone decides. 401: after one replay with fresh credentials."""

DECIDED_BY_CODE: Final = frozenset({400, 422})
"""Answers that the code in the body decides."""

BY_CODE: Final[Mapping[FailureCode, Outcome]] = MappingProxyType(
    {
        **{code: Outcome(OutcomeKind.REFUSED, code) for code in FailureCode if is_definitive(code)},
        **{
            code: Outcome(OutcomeKind.UNSENT, code)
            for code in (
                FailureCode.FLOAT_INSUFFICIENT,
                FailureCode.PARTNER_LIMIT_REACHED,
                FailureCode.PROVIDER_UNAVAILABLE,
                FailureCode.RATE_LIMITED,
            )
        },
        **{
            code: Outcome(OutcomeKind.UNSENT, code, trips=True)
            for code in (FailureCode.PROVIDER_AUTH, FailureCode.PROVIDER_MISCONFIGURED)
        },
        FailureCode.REFERENCE_CONFLICT: CONFLICT,
    }
)
"""What a known code means as an answer to a submit. UNSPECIFIED, as no code at all: unknown."""


@dataclass(frozen=True, slots=True)
class SubmitTable:
    """The outcome table in one provider's language. accepted: its documented success status."""

    accepted: int
    vocabulary: Vocabulary

    def of_success(self, answer: Answer, news: News | None) -> Outcome:
        """Return the outcome of a readable 2xx; another than the documented one is verified."""
        documented = answer.status == self.accepted
        return Outcome(
            OutcomeKind.ACCEPTED,
            detail="" if documented else f"HTTP {answer.status}",
            news=news,
            verify=not documented,
            raw=answer.body,
        )

    def of_error(self, answer: Answer, now: datetime) -> Outcome:
        """Return the outcome of an answer that is not a 2xx."""
        said = error_in(answer.body)
        code = self.vocabulary.code_in(said)
        outcome = UNKNOWN
        if answer.status in DECIDED_BY_CODE and code is not None:
            outcome = BY_CODE.get(code, UNKNOWN)
        elif answer.status in _SERVER_ERRORS and self.vocabulary.says_not_executed(said):
            outcome = Outcome(OutcomeKind.UNSENT, FailureCode.PROVIDER_UNAVAILABLE)
        return replace(
            BY_STATUS.get(answer.status, outcome),
            detail=described(answer, said),
            retry_after_s=retry_after_s(answer.retry_after, now),
            raw=answer.body,
        )

    def of_code(self, answer: Answer, said: ErrorSays) -> Outcome:
        """Return the outcome of an error inside a success status, which its code decides."""
        code = self.vocabulary.code_in(said)
        outcome = UNKNOWN if code is None else BY_CODE.get(code, UNKNOWN)
        return replace(outcome, detail=described(answer, said), raw=answer.body)


def of_silence(exchange: NotSent | Unclear | TokenFault) -> Outcome:
    """Return the outcome of a submit that has no answer."""
    match exchange:
        case NotSent():
            kind, code = OutcomeKind.UNSENT, FailureCode.PROVIDER_UNAVAILABLE
            return Outcome(kind, code, detail=exchange.reason)
        case TokenFault():
            return Outcome(
                OutcomeKind.UNSENT,
                exchange.code,
                detail=exchange.detail,
                trips=exchange.trips,
                retry_after_s=exchange.retry_after_s,
            )
        case Unclear():
            return replace(UNKNOWN, detail=exchange.reason)


def unreadable(answer: Answer) -> Outcome:
    """Return the outcome of a 2xx whose body is not what is documented."""
    return replace(UNKNOWN, detail=f"HTTP {answer.status}, unreadable body", raw=answer.body)


def no_answer(exchange: Answer | NotSent | Unclear | TokenFault, now: datetime) -> NoAnswer:
    """Return what a question taught that was not answered as documented: nothing."""
    match exchange:
        case Answer():
            wait = retry_after_s(exchange.retry_after, now)
            return NoAnswer(described(exchange, error_in(exchange.body)), wait, exchange.body)
        case TokenFault():
            return NoAnswer(exchange.detail, exchange.retry_after_s)
        case _:
            return NoAnswer(exchange.reason)


def described(answer: Answer, said: ErrorSays) -> str:
    """Return an answer for the log: its status and, where it looks like one, its code."""
    code = said.code if _CODE.fullmatch(said.code) else ""
    return f"HTTP {answer.status} {code}".rstrip()
