"""Targets: what clients write. Bodies, queries, cursors, amounts, numbers, dates and headers."""

import base64
import json
import re
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, cast
from uuid import UUID

from adapters.phones import PhoneNumbers
from adapters.web.cash_outs import _asked
from adapters.web.cursors import BadCursor, Cursor, _check, read_cursor, write_cursor
from adapters.web.exchange import Exchange, WebRequest, begin, by_name
from adapters.web.headers import (
    LONGEST_WAIT_S,
    idempotency_key,
    language,
    preferred_wait,
    require_json,
)
from adapters.web.new_cash_out import NewCashOut, read_new_cash_out
from adapters.web.openapi import openapi_document
from adapters.web.problems import Detail, Problem
from adapters.web.queries import read_history_query, read_quote_query
from application.ports import Place
from domain.money import CURRENCIES, read_amount
from domain.payee import Msisdn
from domain.refusals import InvalidAmount, Refusal
from domain.request import quote
from entrypoints.configuration import SHIPPED, read_configuration
from tests.fuzz.target import Target, joined, parts, require
from tests.fuzz.webhooks import NOW

USER: Final = "user-1"
_PROVIDERS: Final = frozenset({"afrimoney", "orange_money"})
_SCHEMA: Final[dict[str, Any]] = openapi_document()["components"]["schemas"]["NewCashOut"]
_AMOUNT: Final = re.compile(_SCHEMA["properties"]["amount"]["pattern"])
_NUMBERS: Final = PhoneNumbers()
_CATALOGUE: Final = read_configuration(SHIPPED).catalogue(
    production=False, available=dict.fromkeys(_PROVIDERS, True)
)
_BAD_REQUEST: Final = 400


def published_amount(text: str) -> bool:
    """Tell whether an amount is written as the OpenAPI document says."""
    found = _AMOUNT.fullmatch(text)
    return found is not None and not text.endswith("\n")


def _amount(data: bytes) -> bool:
    """An independent reader: the published pattern, and then Decimals."""
    code, step, raw = parts(data, 3)
    of = CURRENCIES.get(code.decode("latin-1"), CURRENCIES["XOF"])
    text = raw.decode("utf-8", "replace")
    step_minor = 100 if step == b"100" else 1
    payable = False
    if published_amount(text):
        minor = Decimal(text) * 10**of.exponent
        payable = minor > 0 and minor == int(minor) and not int(minor) % step_minor
    try:
        money = read_amount(text, of, step_minor)
    except InvalidAmount:
        require(not payable, "refused, and it can be paid")
        return False
    require(payable, "taken, and it cannot be paid")
    require(money.minor == minor, "another amount than was written")
    require(Decimal(money.plain) == Decimal(text), "written otherwise, it is another amount")
    return True


def _new_cash_out(data: bytes) -> bool:
    faults: list[Detail] = []
    try:
        body = read_new_cash_out(data, faults)
    except Problem as problem:
        require(problem.status == _BAD_REQUEST, f"refused with {problem.status}")
        require(problem.body().isascii() or problem.body().decode(), "an answer that is no text")
        return False
    if body is None:
        require(faults, "refused without a reason")
        _check_details(faults)
        return False
    _check_body(body, data)
    asked = _asked(body, USER, None, _NUMBERS, Exchange("fuzz", {}))
    try:
        priced = quote(
            _CATALOGUE,
            NOW,
            provider=asked.provider,
            code=asked.currency,
            amount=asked.amount,
            msisdn=asked.msisdn,
        )
    except Refusal as refusal:
        require(len(refusal.message) < len(data) + 500, "a refusal that grows")
        return False
    require(priced.total.minor > priced.amount.minor > 0, "a price that is none")
    return True


def _check_details(faults: list[Detail]) -> None:
    for name, message in faults:
        require(name.isprintable() and message.isprintable(), "a detail that cannot be shown")
        require(len(name) + len(message) < len("x") * 500, "a detail that repeats its sender")


def _check_body(body: NewCashOut, raw: bytes) -> None:
    """What is kept is what was written, and can be stored and sent on."""
    said = json.loads(raw)
    kept = {
        "walletId": body.wallet_id,
        "currency": body.currency,
        "provider": body.provider,
        "providerAccountId": body.provider_account_id,
    }
    require(all(said[name] == value for name, value in kept.items()), "not what was written")
    name = unicodedata.normalize("NFC", said["providerAccountName"])
    require(body.provider_account_name == name, "another name than was written")
    texts = [*kept.values(), name]
    if isinstance(body.reference, str):
        require(said["reference"] == body.reference, "another reference than was written")
        pattern = _SCHEMA["properties"]["reference"]["pattern"]
        require(re.fullmatch(pattern, body.reference, re.ASCII), "a reference beside the pattern")
    for text in texts:
        require("\x00" not in text and text.isprintable() and text.encode(), "cannot be stored")
    known = set(_SCHEMA["properties"])
    require(set(said) <= known, "a field that nobody knows")


def _history_query(data: bytes) -> bool:
    return _query(lambda: read_history_query(data, USER, _PROVIDERS))


def _quote_query(data: bytes) -> bool:
    return _query(lambda: read_quote_query(data))


def _query(read: Any) -> bool:  # noqa: ANN401 -- any reader
    try:
        asked = read()
    except Problem as problem:
        require(problem.status == _BAD_REQUEST, f"refused with {problem.status}")
        _check_details(list(problem.details))
        return False
    which = getattr(asked, "which", None)
    for moment in (which.start, which.end) if which else ():
        require(moment is None or moment.tzinfo is UTC, "a moment in no zone")
    return True


def _cursor(data: bytes) -> bool:
    """Any text; or, behind `checked`, any place with the check that belongs to it."""
    kind, place = parts(data, 2)
    text = data.decode("utf-8", "replace")
    if kind == b"checked":
        text = base64.urlsafe_b64encode(place + _check(place, USER)).decode()
    try:
        cursor = read_cursor(text, USER)
    except BadCursor:
        return False
    require(write_cursor(cursor, USER) == text, "two cursors for one place")
    # As the answer to it does, when there is a page behind it.
    write_cursor(Cursor(cursor.place, cursor.page + 1), USER)
    require(cursor.place.created_at.tzinfo is UTC, "a place at no moment")
    return True


def _number(data: bytes) -> bool:
    found = _NUMBERS.read(data.decode("utf-8", "replace"))
    if found is None:
        return False
    require(found == Msisdn(found.e164, found.country), "a number that is none")
    digits = "".join(each for each in data.decode() if each.isdigit())
    require(found.e164[1:] in digits, "digits that nobody wrote")
    return True


def _headers(data: bytes) -> bool:
    """Four headers that mean something; each of them may be there several times."""
    names = (b"idempotency-key", b"prefer", b"accept-language", b"content-type")
    given = zip(names, parts(data, len(names)), strict=True)
    pairs = [(name, value) for name, values in given for value in values.split(b"\n")]
    scope = cast("Any", {"type": "http", "headers": pairs})
    begin(scope, Exchange("a-request", by_name(pairs)))
    request: WebRequest = WebRequest(scope)
    faults: list[Detail] = []
    key = idempotency_key(request, faults)
    require((key is None) == bool(faults), "a key without a fault, or a fault without a key")
    require(key is None or (key.isascii() and key.isprintable() and " " not in key), "its form")
    wait_s = preferred_wait(request)
    require(wait_s is None or 0 <= wait_s <= LONGEST_WAIT_S, f"a wait of {wait_s} s")
    require(language(request) in {"en", "fr"}, "a language that is not ours")
    try:
        require_json(request)
    except Problem:
        return False
    return key is not None


_BODY: Final = {
    "walletId": "wallet-1",
    "amount": 1500,
    "currency": "XOF",
    "provider": "orange_money",
    "providerAccountId": "+2250700000789",
    "providerAccountName": "Awa Koné",
}
_PLACE: Final = Place(datetime(2026, 11, 23, 10, 15, tzinfo=UTC), UUID(int=7))
_CURSOR: Final = write_cursor(Cursor(_PLACE, 2), USER).encode()
_OTHER_ALPHABET: Final = bytes.maketrans(b"-_", b"+/")
_RAW_PLACE: Final = base64.urlsafe_b64decode(_CURSOR)[:-8]
_JSON: Final = json.dumps(_BODY, ensure_ascii=False).encode()


def _with(**fields: object) -> bytes:
    return json.dumps({**_BODY, **fields}).encode()


TARGETS: Final = (
    Target(
        "amount",
        _amount,
        [
            joined(b"XOF", b"1", b"1500"),
            joined(b"USD", b"1", b"10.50"),
            joined(b"MGA", b"100", b"0300.00"),
        ],
        [
            joined(b"XOF", b"1", text.encode())
            for text in ("", "-0", "0", "1.5", "1e3", "NaN", "1_0", " 1", "٣", "1500\n", "9" * 400)
        ],
    ),
    Target(
        "new_cash_out",
        _new_cash_out,
        [_JSON, _with(amount="1500.00", reference="ORDER-2026-000123")],
        [
            b"",
            b"\xef\xbb\xbf" + _JSON,
            _JSON.decode().encode("utf-16"),
            _with(walletId="\ud800"),
            _with(walletId="a\x00b"),
            _with(**{"\ud800": 1}),
            _with(amount=[1]),
            _with(reference="ORDER-1\r\nX-Evil: 1"),
            _JSON[:-1] + b',"amount":1}',
            _JSON.replace(b"1500", b"1e400"),
            _JSON.replace(b"1500", b"NaN"),
            b"[" * 5_000,
        ],
    ),
    Target(
        "history_query",
        _history_query,
        [
            b"",
            b"status=pending&provider=orange_money&walletId=wallet-1&page=2&limit=100",
            b"startDate=2026-11-23&endDate=2026-11-23T10:15:00+01:00",
            b"limit=1&cursor=" + _CURSOR,
        ],
        [
            b"status[$ne]=pending",
            b"page=%D9%A3",
            b"startDate=9999-12-31",
            b"endDate=9999-12-31T23:59:59-23:59",
            b"startDate=0001-01-01T00:00:00%2B23:59",
            b"walletId=%00",
            b"&&",
            b"page=1&page=1",
        ],
    ),
    Target(
        "quote_query",
        _quote_query,
        [b"provider=orange_money&currency=XOF&amount=1500&providerAccountId=+2250700000789"],
        [b"", b"provider=%FF&currency=XOF&amount=1", b"provider=a&currency=b&amount=%0a"],
    ),
    Target(
        "cursor",
        _cursor,
        [_CURSOR, joined(b"checked", _RAW_PLACE), joined(b"checked", b"\x00" * 24 + b"\0\0\0\1")],
        [
            b"",
            b"A" * 48,
            _CURSOR + b"====",
            _CURSOR.translate(_OTHER_ALPHABET),
            joined(b"checked", _RAW_PLACE[:-1]),
            joined(b"checked", b"\x00" * 24 + b"\xff" * 4),
            joined(b"checked", b"\x7f" + b"\xff" * 27),
        ],
    ),
    Target(
        "number",
        _number,
        [b"+2250700000789", b"00225 07 00 00 07 89", b"23277000789", b"+1 (202) 555.0123"],
        [b"", b"+", "+٢٢٥٠٧٠٠٠٠٠٧٨٩".encode(), b"+2250700000789\x00", b"+2250700000789 ext. 5"],
    ),
    Target(
        "headers",
        _headers,
        [
            joined(b"key-1", b"wait=10", b"fr;q=0.9, en", b"application/json"),
            joined(
                b"key-1", b"respond-async, wait = 5;x", b"fr-CI", b"APPLICATION/JSON; charset=UTF-8"
            ),
        ],
        [
            joined(b"", b"", b"", b""),
            joined(b"a\nb", b"wait=99999999999", b"fr;q=2", b"application/json"),
            joined(b"k" * 256, b"wait=\xb2", b"*", b"application/json\napplication/json"),
        ],
    ),
)
