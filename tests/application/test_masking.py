"""Masking: numbers, names, tokens and secrets are thrown at it through every kind of value."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import pytest
from asyncpg.pgproto import pgproto
from hypothesis import given
from hypothesis import strategies as st

from application.masking import (
    DEEPEST,
    LONGEST,
    LONGEST_MESSAGE,
    MOST_ITEMS,
    Plain,
    message,
    scrubbed,
    shown,
    unnumbered,
)
from domain.money import CURRENCIES, Money
from domain.payee import COUNTRIES, Msisdn, Payee
from tests.strategies import a_cash_out

NAME = "Canarie Name-Diallo"


@dataclass(frozen=True, slots=True)
class Holder:
    value: object


class Pair(NamedTuple):
    name: str
    value: object


class Struct(msgspec.Struct):
    value: Any


class Odd(Exception):
    """An exception with more in it than its message."""


def an_enum(value: str) -> object:
    return Enum("Canary", {"MEMBER": value}).MEMBER  # type: ignore[attr-defined]


def noted(secret: str) -> Exception:
    fault = Odd("plain")
    fault.add_note(secret)
    return fault


WRAPPINGS: dict[str, Callable[[str], object]] = {
    "text": lambda secret: secret,
    "sentence": lambda secret: f"it was {secret}, they said",
    "bytes": lambda secret: secret.encode(),
    "bytearray": lambda secret: bytearray(secret.encode()),
    "list": lambda secret: [secret],
    "set": lambda secret: {secret},
    "nested": lambda secret: [({"deep": [secret]},)],
    "key": lambda secret: {secret: 1},
    "field": lambda secret: {"anything": secret},
    "dataclass": Holder,
    "named tuple": lambda secret: Pair("x", secret),
    "struct": Struct,
    "exception": Odd,
    "notes": noted,
    "enum": an_enum,
    "path": lambda secret: Path("/tmp") / secret,  # noqa: S108 -- a value, no file
    "memory": lambda secret: memoryview(secret.encode()),
    "object": lambda secret: type(secret, (), {})(),
    "function": lambda secret: lambda: secret,
}


msisdns = st.sampled_from(sorted(COUNTRIES.values(), key=lambda each: each.iso)).flatmap(
    lambda country: st.text("0123456789", min_size=8, max_size=10).map(
        lambda digits: Msisdn(f"+{country.calling_code}{digits}", country.iso)
    )
)
SPACING: dict[str, Callable[[str], str]] = {
    "e164": lambda number: number,
    "digits": lambda number: number[1:],
    "00": lambda number: f"00{number[1:]}",
    "pairs": lambda number: " ".join(number[at : at + 2] for at in range(0, len(number), 2)),
    "dots": lambda number: ".".join(number[at : at + 3] for at in range(1, len(number), 3)),
    "dashes": lambda number: "-".join(number[at : at + 2] for at in range(4, len(number), 2)),
    "brackets": lambda number: f"({number[:4]}) {number[4:]}",
}
token_texts = st.one_of(
    st.text("ABCDEFabcdef0123456789_-", min_size=20, max_size=40).map(
        lambda text: f"eyJhbGciOiJIUzI1NiJ9.{text}.{text}x1"
    ),
    st.binary(min_size=20, max_size=64).map(lambda raw: f"Bearer {raw.hex()}"),
    st.binary(min_size=20, max_size=64).map(lambda raw: f"Ab1{raw.hex()}"),
    st.binary(min_size=8, max_size=20).map(lambda raw: f"amqp://user:p{raw.hex()}@broker:4222"),
)


def written(value: object) -> str:
    """Return how a line of the log writes it."""
    return msgspec.json.encode({"value": shown(value)}, enc_hook=repr).decode()


def digits_of(text: str) -> str:
    return "".join(filter(str.isdigit, text))


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@given(number=msisdns, spacing=st.sampled_from(sorted(SPACING)))
def test_no_number_comes_through_whatever_it_is_in(
    wrapping: str, number: Msisdn, spacing: str
) -> None:
    text = SPACING[spacing](number.e164)
    assert text not in written(WRAPPINGS[wrapping](text))
    assert number.e164[4:] not in digits_of(written(WRAPPINGS[wrapping](text)))


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@given(token=token_texts)
def test_no_token_comes_through_whatever_it_is_in(wrapping: str, token: str) -> None:
    shows = written(WRAPPINGS[wrapping](token))
    last = token.rpartition(".")[2].rpartition(" ")[2].rpartition("@")[0] or token
    secret = last.rpartition(":")[2]
    assert token not in shows
    assert secret not in shows


@given(number=msisdns, key=st.text(min_size=1, max_size=8))
def test_a_payee_is_a_masked_number_under_any_name(number: Msisdn, key: str) -> None:
    for value in (number, Payee(number, NAME), [Payee(number, NAME)], {key: number}):
        shows = written({key: value})
        assert number.e164[4:-3] not in shows or number.e164[4:-3] in key
        assert "Diallo" not in shows


@given(number=msisdns)
def test_numbers_as_numbers_are_hidden_too(number: Msisdn) -> None:
    whole = int(number.e164)
    values: tuple[object, ...] = (
        whole,
        -whole,
        float(whole),
        Decimal(whole),
        [whole],
        {"x": whole},
    )
    for value in values:
        assert str(whole) not in digits_of(written(value))


NAMED: dict[str, object] = {
    "cash-out": a_cash_out(payee=Payee(Msisdn("+2250700000789", "CI"), NAME)),
    "key error": KeyError(NAME),
    "quoted": ValueError(f"invalid literal for int(): '{NAME}'"),
    "detail": ValueError(f"no such thing\nDETAIL: Failing row contains ({NAME})"),
    "field of the API": {"providerAccountName": NAME},
    "column": {"payee_name": [NAME]},
    "pair": [("account-name", NAME)],
    "dataclass": Holder(NAME),
    "struct": Struct(NAME),
}


@pytest.mark.parametrize("named", NAMED)
def test_no_name_comes_through_structures_and_messages(named: str) -> None:
    shows = written([NAMED[named]])
    assert "Diallo" not in shows
    assert "Canarie" not in shows


HEADERS: dict[str, object] = {
    "as they come": [(b"authorization", b"Basic c2VjcmV0"), (b"cookie", b"session=short")],
    "by name": {"Authorization": "short", "Cookie": "short", "X-Api-Key": "short"},
    "by name in bytes": {b"Set-Cookie": b"short", b"X-Signature": b"short"},
    "in tuples": (("proxy-authorization", "short"),),
    "fields": {"client_secret": "short", "password": "short", "access_token": "short"},
}


@pytest.mark.parametrize("headers", HEADERS)
def test_what_a_header_says_of_who_asks_is_hidden_whatever_it_looks_like(headers: str) -> None:
    shows = written(HEADERS[headers])
    assert "short" not in shows
    assert "c2VjcmV0" not in shows


@pytest.mark.parametrize(
    ("value", "shows"),
    [
        (None, None),
        (True, True),
        (202, 202),
        (1.5, 1.5),
        (UUID(int=12345678901234567890), UUID(int=12345678901234567890)),
        # As PostgreSQL's driver gives them: logs without ids could not be searched.
        (pgproto.UUID(str(UUID(int=7))), UUID(int=7)),
        (Money(15_000_000, CURRENCIES["XOF"]), "15000000 XOF"),
        (
            datetime(2026, 11, 23, 10, 15, 30, 123456, tzinfo=UTC),
            "2026-11-23T10:15:30.123456+00:00",
        ),
        (date(2026, 11, 23), "2026-11-23"),
        (timedelta(seconds=90), "0:01:30"),
        (Plain("0123456789abcdef0123456789abcdef"), "0123456789abcdef0123456789abcdef"),
        ("at 2026-11-23T10:15:30.123456Z it ended", "at 2026-11-23T10:15:30.123456Z it ended"),
        (f"cash-out {UUID(int=2**127 + 1)} is odd", f"cash-out {UUID(int=2**127 + 1)} is odd"),
        ("/api/payments/cash-out/{cash_out_id:str}", "/api/payments/cash-out/{cash_out_id:str}"),
        ("the provider cannot be reached", "the provider cannot be reached"),
        ("HTTP 503", "HTTP 503"),
    ],
    ids=repr,
)
def test_what_is_harmless_stays_as_it_is(value: object, shows: object) -> None:
    assert shown(value) == shows


@pytest.mark.parametrize(
    ("name", "shows"),
    [
        ("0700000789", "***789"),
        ("225.07.00.00.07.89", "***789"),
        ("tel-0700000789", "tel-***789"),
        ("INV_2250700000789_2", "INV_***892"),
        ("payees +225 07 00 00 07 89.csv", "payees ***789.csv"),
        ("CASH-AGNQ2345672345672ZSKTHBYNW", "CASH-AGNQ2345672345672ZSKTHBYNW"),
        ("REF-000001", "REF-000001"),
        ("orange_statement_2026-05-01.csv", "orange_statement_2026-05-01.csv"),
        (str(UUID(int=2**127 + 1)), str(UUID(int=2**127 + 1))),
    ],
)
def test_a_chosen_name_loses_what_may_be_a_number_and_no_more(name: str, shows: str) -> None:
    assert unnumbered(name) == shows


def test_the_last_digits_of_a_number_stay_to_compare_it_by() -> None:
    assert scrubbed("payee +225 07 00 00 07 89 unknown") == "payee ***789 unknown"


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_whatever_is_shown_can_be_written(value: object) -> None:
    msgspec.json.decode(msgspec.json.encode(shown(value)))


def test_everything_is_bounded() -> None:
    deep: object = "leaf"
    for _ in range(100):
        deep = [deep]
    assert written(deep).count("[") <= DEEPEST + 1
    assert len(scrubbed("word " * LONGEST)) <= LONGEST
    assert len(message("word " * 1_000)) == 200
    assert len(written(list(range(1_000))).split(",")) == MOST_ITEMS


SEEN: list[tuple[object, object]] = [
    ("word", "word"),
    ("123456", "123456"),
    ("1234567", "***567"),
    ("a1b2c3d4e5f6", "a1b2c3d4e5f6"),
    ("Bearer x", "***"),
    ("amqp://x@h", "amqp:/***@h"),
    ("eyJ.x", "***"),
    ("é eyJ.x", "é ***"),
    ("x" * 19, "x" * 19),
    ("ab12" * 5, "***"),
    ("a" * 30, "a" * 30),
    ("a/1b2c3d4e5f6g7-x", "a/1b2c3d4e5f6g7-x"),
    (b"1234567", "***567"),
    (1_234_567.0, "***"),
    (-1_234_567.5, "***"),
    (999_999.0, 999_999.0),
    (1e18, 1e18),
    (1e17, 1e17),
    (True, True),
    (ValueError("no"), "ValueError: no"),
    (ValueError(), "ValueError"),
    (object(), "<object>"),
    (("X-Name", "x"), ["X-Name", "x"]),
    (("Authorization", "x"), ["Authorization", "***"]),
    ((b"cookie", b"x"), ["cookie", "***"]),
    (("a", 1, 2), ["a", 1, 2]),
    (("a", {"b": (1, 2)}), ["a", {"b": [1, 2]}]),
    ([(1, 2), {3}], [[1, 2], [3]]),
    ({"a": "1234567", 5: None, "token": "x"}, {"a": "***567", "5": None, "token": "***"}),
]


@pytest.mark.parametrize(("value", "seen"), SEEN, ids=map(str, range(len(SEEN))))
def test_a_value_is_seen_as(value: object, seen: object) -> None:
    assert shown(value) == seen
    assert type(shown(value)) is type(seen)


def test_nothing_is_shown_deeper_than_its_bound() -> None:
    def nested(levels: int) -> object:
        value: object = "x"
        for number in range(levels):
            value = {"k": value} if number % 2 else [value]
        return value

    assert shown(nested(DEEPEST)) == nested(DEEPEST)
    assert "'x'" not in repr(shown(nested(DEEPEST + 1)))
    assert "<list>" in repr(shown(nested(DEEPEST + 1)))
    assert shown({("a", "b"): 1}) == {"<tuple>": 1}


def test_a_message_is_cut_where_it_says() -> None:
    assert message("y " * 1_000) == ("y " * 1_000)[:LONGEST_MESSAGE]
    quoted = "'" + "q" * 799 + "' seen"
    assert "seen" not in message(quoted)
