"""Targets: what gateways answer. Whatever it is, it becomes an outcome, and never a guess."""

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from adapters.nats.messages import read as read_message
from adapters.nats.tokens import NatsTokens
from adapters.provider_kit.client import Answer
from adapters.provider_kit.outcomes import no_answer
from adapters.provider_kit.retry_after import LONGEST_S, retry_after_s
from adapters.provider_kit.tokens import Grant, Token, TokenFault
from adapters.provider_kit.vocabulary import FAILURE_CODES
from adapters.providers import afrimoney, orange_money
from adapters.providers.afrimoney import wire as afrimoney_wire
from adapters.providers.orange_money import wire as orange_wire
from adapters.providers.orange_money.tokens import _read as read_token
from adapters.providers.orange_money.wire import LONGEST_TOKEN_LIFETIME_S
from domain.attempts import OutcomeKind
from domain.events import EventType
from domain.evidence import News, NoAnswer, NotFound, Outcome
from domain.states import Status
from tests.adapters.providers.given import AFRIMONEY, ORANGE, wired
from tests.fuzz.target import Broken, Target, joined, parts, require
from tests.fuzz.webhooks import NOW

_NOWHERE: Final = "http://127.0.0.1:1"
_orange = orange_money.build(wired(_NOWHERE, ORANGE))
_afrimoney = afrimoney.build(wired(_NOWHERE, AFRIMONEY))
_ENDINGS: Final = {Status.COMPLETED, Status.FAILED, Status.CANCELLED}
_TEXT: Final = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_LONGEST_TEXT: Final = 160


def _submit(gateway: Any, data: bytes) -> bool:  # noqa: ANN401 -- either gateway, from the inside
    status, retry_after, body = parts(data, 3)
    code = int(status) if status.isdigit() and len(status) == len("200") else 200
    answer = Answer(code, body, retry_after=retry_after.decode("latin-1"))
    success = code // 100 == len("ok")
    outcome = gateway._accepted(answer) if success else gateway._table.of_error(answer, NOW)
    require(isinstance(outcome, Outcome), "no outcome")
    _check_outcome(outcome, body)
    _check_silence(outcome.retry_after_s)
    _check_silence(no_answer(answer, NOW).retry_after_s)
    return outcome.kind is not OutcomeKind.UNKNOWN


def _check_outcome(outcome: Outcome, body: bytes) -> None:
    """Refused: the money cannot have moved. So a code that is known must be in the body."""
    require(outcome.detail.isprintable() and len(outcome.detail) <= _LONGEST_TEXT, "detail")
    if outcome.kind is OutcomeKind.REFUSED:
        require(_known_codes_in(body), "refused, and no known code is in the answer")
    if outcome.news is not None:
        _check_news(outcome.news, body)


def _known_codes_in(body: bytes) -> set[str]:
    known = {each.casefold() for each in FAILURE_CODES}
    texts = (json.loads(b'"%s"' % found) for found in _TEXT.findall(body))
    return {text.strip().rstrip(".").casefold() for text in texts} & known


def _check_news(news: News, body: bytes) -> None:
    """An ending needs its word: one of the documented ones, as the value of `status`."""
    require(news.word.isprintable(), "a word that cannot be shown")
    require(news.reason is None or news.reason.isprintable(), "a reason that cannot be shown")
    require(news.amount is None or news.amount.is_finite(), "an amount that is no number")
    if news.status in _ENDINGS:
        said = json.loads(body)
        inner = said.get("data") if isinstance(said.get("data"), Mapping) else said
        word = _visible(inner["status"])
        require(word in _words(), f"{news.status} by the word {word!r}")
        require(word.casefold() == news.word.casefold(), "another word than the one that was said")


def _words() -> set[str]:
    folded = {every for word in afrimoney_wire.WORDS for every in (word, word.upper())}
    return folded | set(orange_wire.WORDS) | {word.title() for word in afrimoney_wire.WORDS}


def _visible(text: str) -> str:
    composed = unicodedata.normalize("NFC", text)
    shown = (each for each in composed if not unicodedata.category(each).startswith("C"))
    word = " ".join("".join(shown).split())
    return next((known for known in _words() if known.casefold() == word.casefold()), word)


def _status(gateway: Any, data: bytes) -> bool:  # noqa: ANN401 -- either gateway
    told = gateway._told(Answer(200, data))
    match told:
        case News():
            _check_news(told, data)
            require(told.raw == data, "the evidence is not what was said")
            return True
        case NotFound() | NoAnswer():
            return False
        case _:
            raise Broken("an answer of another kind")


def _token(data: bytes) -> bool:
    match read_token(Answer(200, data)):
        case Grant(value, expires_in):
            require(value.isascii() and value.isprintable() and " " not in value, "its characters")
            longest = timedelta(seconds=LONGEST_TOKEN_LIFETIME_S)
            require(timedelta(0) < expires_in <= longest, "its lifetime")
            # The same sum as the cache makes; beyond every date it would not end well.
            require(NOW + expires_in > NOW, "its end")
            return True
        case TokenFault():
            return False
        case _:
            raise Broken("neither a token nor a fault")


def _shared_token(data: bytes) -> bool:
    store: NatsTokens[Token] = NatsTokens.__new__(NatsTokens)
    store._make = Token
    token = store._read(data)
    if token is None:
        return False
    require(isinstance(token.expires_at - NOW, timedelta), "an end that cannot be compared")
    value = token.value
    require(value.isascii() and value.isprintable() and " " not in value, "no header can carry it")
    return True


def _retry_after(data: bytes) -> bool:
    wait = retry_after_s(data.decode("latin-1"), NOW)
    _check_silence(wait)
    return wait is not None


def _check_silence(wait_s: int | None) -> None:
    require(wait_s is None or 0 <= wait_s <= LONGEST_S, f"{wait_s} s of silence")


def _event_message(data: bytes) -> bool:
    head, body = parts(data, 2)
    lines = (line.partition(": ") for line in head.decode("utf-8", "replace").split("\n"))
    event = read_message({name: value for name, _, value in lines}, body)
    if event is None:
        return False
    require(event.type in EventType and event.body.encode() == body, "another event than was sent")
    require(event.at.tzinfo is not None, "an event at no moment")
    require(event.sequence > 0, "an event that is in no order")
    return True


def _json(body: Mapping[str, object]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


_ORANGE_SAYS: Final = (
    {"status": "SUCCESSFUL", "transactionId": "OM-1", "externalId": "CASH-0042"},
    {"status": "FAILED", "reason": "PAYEE_NOT_FOUND", "payee": {"partyId": "2250700000789"}},
    {"status": "PENDING", "amount": {"value": "1500.00", "currency": "XOF"}},
)
_AFRIMONEY_SAYS: Final = (
    {"status": "success", "data": {"transactionId": "AM-1", "status": "completed"}},
    {"status": "success", "data": {"status": "error", "failureReason": "invalid account"}},
    {"status": "success", "data": {"status": "Pending", "amount": 1500, "currency": "SLE"}},
)
_ERRORS: Final = (
    {"code": "PAYEE_NOT_FOUND", "message": "nobody"},
    {"error": {"code": 4041, "message": "Account not found."}},
    {"status": "error", "error": {"code": "WALLET_LIMIT_REACHED"}},
)
_NO_JSON: Final = (b"<html>502</html>", b'{"status":', b"\xff\xfe{\x00}\x00", b"[" * 3_000)
_TOKENS: Final = (
    b'{"access_token":"at-1","token_type":"Bearer","expires_in":3600}',
    b'{"access_token":"at-1","expires_in":"3600"}',
    b'{"access_token":"at-1"}',
)
_EVENT_HEAD: Final = (
    b"ce-id: 019ab000-0000-7000-8000-000000000042\nce-type: cash_out.initiated\n"
    b"ce-subject: 019ab000-0000-7000-8000-000000000043\nsequence: 1\nce-time: 2026-11-23T10:00:00Z"
)


def _submits(says: tuple[Mapping[str, object], ...], status: bytes) -> list[bytes]:
    taken = [joined(status, b"", _json(each)) for each in says]
    refused = [joined(b"400", b"", _json(each)) for each in _ERRORS if "code" in each]
    return [*taken, *refused, joined(b"429", b"Mon, 23 Nov 2026 10:05:00 GMT", b"{}")]


_UNCLEAR: Final = [joined(b"200", b"", each) for each in _NO_JSON]
_UNCLEAR_ERRORS: Final = [joined(b"500", b"7", _json(each)) for each in _ERRORS]

TARGETS: Final = (
    Target(
        "orange_submit",
        lambda data: _submit(_orange, data),
        _submits(_ORANGE_SAYS, b"202"),
        [*_UNCLEAR, *_UNCLEAR_ERRORS],
    ),
    Target(
        "afrimoney_submit",
        lambda data: _submit(_afrimoney, data),
        _submits(_AFRIMONEY_SAYS, b"200"),
        [*_UNCLEAR, *_UNCLEAR_ERRORS],
    ),
    Target(
        "orange_status",
        lambda data: _status(_orange, data),
        [_json(each) for each in _ORANGE_SAYS],
        _NO_JSON,
    ),
    Target(
        "afrimoney_status",
        lambda data: _status(_afrimoney, data),
        [_json(each) for each in _AFRIMONEY_SAYS],
        _NO_JSON,
    ),
    Target("orange_token", _token, _TOKENS, [*_NO_JSON, b'{"access_token":"a b"}']),
    Target(
        "shared_token",
        _shared_token,
        [b'{"value":"at-1","expiresAt":"2026-11-23T11:00:00+00:00"}'],
        [*_NO_JSON, b'{"value":"at-1","expiresAt":"2026-11-23T11:00:00"}', b'{"value":"a\\n"}'],
    ),
    Target(
        "retry_after",
        _retry_after,
        [
            b"120",
            b"\x1d120\x1c",
            b"Mon, 23 Nov 2026 10:05:00 GMT",
            b"Mon, 23 Nov 2026 10:05:00 +0100",
        ],
        [b"", b"soon", b"-1", b"\xb2"],
    ),
    Target(
        "event_message",
        _event_message,
        [joined(_EVENT_HEAD, b'{"cashOutId":"x"}')],
        [joined(_EVENT_HEAD.replace(b"Z", b""), b"{}"), joined(_EVENT_HEAD, b"\xff"), b""],
    ),
)
