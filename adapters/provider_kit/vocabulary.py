"""What a provider's words and codes mean, as data. A word that is not listed means nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Final

import msgspec

from adapters.provider_kit.strict_json import NotReadable, read_object
from adapters.provider_kit.wiring import Misconfigured
from domain.failures import FAILURES, FailureCode
from domain.states import Status

FAILURE_CODES: Final[Mapping[str, FailureCode]] = MappingProxyType(
    {
        **{code.value: code for code in FailureCode},
        "PAYEE_NOT_FOUND": FailureCode.RECIPIENT_NOT_FOUND,
        "ACCOUNT_NOT_FOUND": FailureCode.RECIPIENT_NOT_FOUND,
        "account not found": FailureCode.RECIPIENT_NOT_FOUND,
        "invalid account": FailureCode.RECIPIENT_INVALID,
        "INVALID_PHONE_NUMBER": FailureCode.RECIPIENT_INVALID,
        "PAYEE_NOT_ALLOWED_TO_RECEIVE": FailureCode.RECIPIENT_BLOCKED,
        "ACCOUNT_SUSPENDED": FailureCode.RECIPIENT_BLOCKED,
        "WALLET_LIMIT_REACHED": FailureCode.RECIPIENT_LIMIT_REACHED,
        "MaxBalanceExceeded": FailureCode.RECIPIENT_LIMIT_REACHED,
        "NOT_ENOUGH_FUNDS": FailureCode.FLOAT_INSUFFICIENT,
        "INSUFFICIENT_FLOAT": FailureCode.FLOAT_INSUFFICIENT,
        "insufficient funds": FailureCode.FLOAT_INSUFFICIENT,
        "DUPLICATE_REFERENCE": FailureCode.REFERENCE_CONFLICT,
    }
)
"""The failure codes that providers write, and ours. Three are sentences that they are known for."""

_SENTENCES: Final = ("reason", "failureReason", "message")


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a configuration entry may add to a provider's vocabulary, or change in it.

    status_words: word to our status. failure_codes: the provider's code to ours. not_found_codes:
    beside a 404, they say that the provider knows no such transaction. not_executed_codes: beside
    a 5xx, they are documented to mean that nothing was done.
    """

    status_words: dict[str, Status] = msgspec.field(default_factory=dict)
    failure_codes: dict[str, FailureCode] = msgspec.field(default_factory=dict)
    not_found_codes: tuple[str, ...] | None = None
    not_executed_codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ErrorSays:
    """What an error object says: its code, and its sentences, which may name people."""

    code: str = ""
    sentences: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """One provider's language; every key is folded. Made by `vocabulary_of`."""

    words: Mapping[str, Status]
    folds_words: bool
    codes: Mapping[str, FailureCode]
    not_found_codes: frozenset[str]
    not_executed_codes: frozenset[str]

    def status_of(self, word: str) -> Status | None:
        """Return what a status word means, None when it is unknown."""
        return self.words.get(_folded_word(word, self.folds_words))

    def code_of(self, *texts: str | None) -> FailureCode | None:
        """Return our code for the first of these texts that is a known code, else None."""
        known = (self.codes.get(_fold(text)) for text in texts if text)
        return next((code for code in known if code is not None), None)

    def code_in(self, said: ErrorSays) -> FailureCode | None:
        """Return our code for what an error says, None when it is unknown."""
        return self.code_of(said.code, *said.sentences)

    def says_not_found(self, said: ErrorSays) -> bool:
        """Tell whether an error says that the provider knows no such transaction."""
        return _fold(said.code) in self.not_found_codes

    def says_not_executed(self, said: ErrorSays) -> bool:
        """Tell whether an error is documented to mean that nothing was done."""
        return _fold(said.code) in self.not_executed_codes


def vocabulary_of(
    words: Mapping[str, Status],
    options: Options,
    *,
    folds_words: bool,
    not_found_codes: tuple[str, ...] = ("NOT_FOUND",),
) -> Vocabulary:
    """Return a provider's documented words and codes as its configuration entry changes them.

    folds_words: its words are the same in any case. Raises Misconfigured.
    """
    if Status.PENDING in options.status_words.values():
        raise Misconfigured(["status_words: what a provider has is processing, never pending"])
    not_found = options.not_found_codes
    return Vocabulary(
        words={
            _folded_word(word, folds_words): status
            for word, status in (*words.items(), *options.status_words.items())
        },
        folds_words=folds_words,
        codes={
            _fold(code): ours
            for code, ours in (*FAILURE_CODES.items(), *options.failure_codes.items())
        },
        not_found_codes=frozenset(
            map(_fold, not_found_codes if not_found is None else not_found),
        ),
        not_executed_codes=frozenset(map(_fold, options.not_executed_codes)),
    )


def is_definitive(code: FailureCode | None) -> bool:
    """Tell whether this code, as a refusal, ends a cash-out."""
    return code is not None and FAILURES[code].definitive


def error_in(body: bytes) -> ErrorSays:
    """Return what an error body says; nothing when it is no JSON object, as a proxy's page."""
    try:
        return said_by(read_object(body))
    except NotReadable:
        return ErrorSays()


def said_by(body: Mapping[str, object]) -> ErrorSays:
    """Return what an error object says, at its top or inside `error`."""
    inner = body.get("error")
    sources = [body, inner] if isinstance(inner, Mapping) else [body]
    codes = [str(each["code"]) for each in sources if isinstance(each.get("code"), str | Decimal)]
    sentences = [each[key] for each in sources for key in _SENTENCES if key in each]
    return ErrorSays(
        next(iter(codes), ""),
        tuple(sentence for sentence in sentences if isinstance(sentence, str)),
    )


def _folded_word(word: str, folds: bool) -> str:  # noqa: FBT001 -- a property of the vocabulary
    return word.strip().casefold() if folds else word.strip()


def _fold(text: str) -> str:
    return text.strip().rstrip(".").casefold()
