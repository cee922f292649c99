"""The small parts: strict JSON, Retry-After, wording, signatures, retries, wiring."""

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import example
from hypothesis import given as forall
from hypothesis import strategies as st

from adapters.provider_kit.client import Answer, NotSent, Unclear
from adapters.provider_kit.retry_after import retry_after_s
from adapters.provider_kit.retrying import asked, may_pass
from adapters.provider_kit.signing import hmac_sha256_hex, is_signed, only_header
from adapters.provider_kit.strict_json import NotReadable, read_object
from adapters.provider_kit.vocabulary import (
    FAILURE_CODES,
    ErrorSays,
    Options,
    error_in,
    vocabulary_of,
)
from adapters.provider_kit.wiring import (
    Misconfigured,
    Setting,
    Wiring,
    declared,
    provider_module,
    setting,
)
from adapters.provider_kit.wording import clean, path_segment, told
from domain.failures import FailureCode
from domain.states import Status
from tests.adapters.providers.given import AFRIMONEY, CAPABILITIES, NOW, ORANGE, ShiftedClock, wired

NOT_JSON = {
    "empty": b"",
    "a page": b"<!doctype html>",
    "cut short": b'{"a": 1',
    "a list": b"[1]",
    "a string": b'"a"',
    "a key twice": b'{"a": 1, "a": 1}',
    "a key twice below": b'{"a": {"b": 1, "b": 2}}',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": -Infinity}',
    "no UTF-8": b'{"a": "\xff"}',
    "a byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "half a surrogate pair": b'{"a": "\\ud800"}',
    "a giant number": b'{"a": ' + b"9" * 65 + b"}",
    "a giant exponent": b'{"a": 1e99999999999999999999}',
    "deep nesting": b'{"a": ' * 100_000,
}


@pytest.mark.parametrize("kind", NOT_JSON)
def test_json_is_read_strictly(kind: str) -> None:
    with pytest.raises(NotReadable):
        read_object(NOT_JSON[kind])


def test_numbers_are_read_exactly_as_written() -> None:
    read = read_object(b'{"a": 10.005, "b": 1500, "c": 0.1}')
    assert read == {"a": Decimal("10.005"), "b": Decimal(1500), "c": Decimal("0.1")}


@forall(st.binary(max_size=200))
def test_no_body_makes_the_reader_raise_anything_else(raw: bytes) -> None:
    with contextlib.suppress(NotReadable):
        assert isinstance(read_object(raw), dict)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        (" 7 ", 7),
        ("301", 300),
        ("999999999", 300),
        ("Tue, 03 Nov 2026 12:00:30 GMT", 30),
        ("Tue, 03 Nov 2026 13:00:00 GMT", 300),
        ("Tue, 03 Nov 2026 11:00:00 GMT", 0),
        ("Tue, 03 Nov 2026 12:00:30 -0000", 30),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("\u0667", None),
        ("9999999999", None),
        ("Tue, 99 Nov 2026 12:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_five_minutes(
    value: str, seconds: int | None
) -> None:
    assert retry_after_s(value, NOW) == seconds


@forall(
    st.one_of(
        st.text(),
        st.from_regex(r"[0-9]{1,2} [A-Z][a-z]{2} [0-9]{1,9} [0-9:]{1,8} [+-][0-9]{1,30}"),
    )
)
@example("1 Jan 2026 00:00:00 +99999999999999999999")
def test_no_retry_after_makes_its_reader_raise(value: str) -> None:
    seconds = retry_after_s(value, NOW)
    assert seconds is None or 0 <= seconds <= 300


def test_text_for_a_provider_is_composed_clean_and_short() -> None:
    decomposed, override = "Koné", "\u202e"
    assert clean(f"Cash out to {decomposed}{override}\r\n\x00 B\u0007\u2028C") == (
        "Cash out to Koné B C"
    )
    assert clean("x" * 500) == "x" * 160
    assert clean("a" * 159 + " b") == "a" * 159


@forall(st.text())
def test_cleaned_text_has_no_control_characters_whatever_came(text: str) -> None:
    cleaned = clean(text)
    assert len(cleaned) <= 160
    assert cleaned == clean(cleaned)
    assert cleaned.isprintable()


def test_a_providers_sentence_is_kept_without_account_numbers() -> None:
    assert told("Account +225 07 00 00 07 89 is\nblocked") == "Account +*** is blocked"
    assert told("limit of 5000 reached") == "limit of 5000 reached"
    assert told("\n") is None
    assert told(None) is None


@pytest.mark.parametrize(
    ("identifier", "segment"),
    [
        ("OM-7F3A", "OM-7F3A"),
        ("../token", "..%2Ftoken"),
        ("a?b#c", "a%3Fb%23c"),
        ("a%2Fb", "a%252Fb"),
        ("é", "%C3%A9"),
        ("..", None),
        (".", None),
        ("", None),
    ],
)
def test_an_id_is_one_segment_of_a_path_or_none(identifier: str, segment: str | None) -> None:
    assert path_segment(identifier) == segment


def test_a_signature_is_exactly_the_lower_case_hex_of_its_key_and_message() -> None:
    good = hmac_sha256_hex("key", b"message")
    assert is_signed(good, "key", b"message")
    for bad in (good.upper(), good[:-1], good + "0", f" {good}", good[:-1] + "é", "", f"{good}\n"):
        assert not is_signed(bad, "key", b"message")
    assert not is_signed(good, "key", b"message ")
    assert not is_signed(good, "Key", b"message")


def test_a_header_counts_only_when_it_came_once() -> None:
    assert only_header([("x-SIGNATURE", "a"), ("Other", "b")], "X-Signature") == "a"
    assert only_header([("X-Signature", "a"), ("x-signature", "a")], "X-Signature") is None
    assert only_header([], "X-Signature") is None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"code": "A", "message": "b"}', ErrorSays("A", ("b",))),
        (b'{"code": 42, "message": "b"}', ErrorSays("42", ("b",))),
        (b'{"error": {"code": "A", "message": "b"}}', ErrorSays("A", ("b",))),
        (b'{"error": "invalid", "message": "b"}', ErrorSays("", ("b",))),
        (b'{"code": null, "message": ["b"]}', ErrorSays()),
        (b"<html>", ErrorSays()),
    ],
)
def test_an_error_says_its_code_at_the_top_or_inside(body: bytes, said: ErrorSays) -> None:
    assert error_in(body) == said


@pytest.mark.parametrize("text", FAILURE_CODES)
def test_every_listed_code_is_known_in_any_case(text: str) -> None:
    words = vocabulary_of({}, Options(), folds_words=True)
    assert words.code_of(f" {text.upper()}.") is FAILURE_CODES[text]
    assert words.code_of(text.lower()) is FAILURE_CODES[text]


def test_words_and_codes_come_from_configuration_as_well() -> None:
    options = Options(
        status_words={"PAID": Status.COMPLETED, "DONE": Status.PROCESSING},
        failure_codes={"E17": FailureCode.NAME_MISMATCH, "NOT_ENOUGH_FUNDS": FailureCode.EXPIRED},
        not_found_codes=("E404",),
        not_executed_codes=("E503",),
    )
    words = vocabulary_of({"DONE": Status.COMPLETED}, options, folds_words=False)
    assert words.status_of("PAID") is Status.COMPLETED
    assert words.status_of("paid") is None
    assert words.status_of("DONE") is Status.PROCESSING
    assert words.code_of("e17") is FailureCode.NAME_MISMATCH
    assert words.code_of("NOT_ENOUGH_FUNDS") is FailureCode.EXPIRED
    assert words.code_of("PAYEE_NOT_FOUND") is FailureCode.RECIPIENT_NOT_FOUND
    assert words.says_not_found(ErrorSays("E404"))
    assert not words.says_not_found(ErrorSays("NOT_FOUND"))
    assert words.says_not_executed(ErrorSays("e503"))
    assert not words.says_not_executed(ErrorSays(""))


def test_a_provider_cannot_put_a_cash_out_back_to_pending() -> None:
    with pytest.raises(Misconfigured):
        vocabulary_of({}, Options(status_words={"NEW": Status.PENDING}), folds_words=False)


@pytest.mark.anyio
async def test_a_question_is_repeated_while_that_may_help_and_no_longer() -> None:
    waiting: list[Answer | NotSent] = [Answer(503), NotSent("away"), Answer(200), Answer(503)]

    async def ask() -> Answer | NotSent:
        return waiting.pop(0)

    found = await asked(ask, may_pass, attempts=5, within=timedelta(seconds=5))
    assert found == Answer(200)
    assert waiting == [Answer(503)]


@pytest.mark.anyio
async def test_a_question_is_given_up_after_its_attempts() -> None:
    calls = []

    async def ask() -> NotSent:
        calls.append(1)
        return NotSent("away")

    assert await asked(ask, may_pass, attempts=2, within=timedelta(seconds=5)) == NotSent("away")
    assert len(calls) == 2


def test_a_time_out_or_a_request_to_wait_is_not_answered_by_asking_again() -> None:
    assert not may_pass(Unclear("no answer in time"))
    assert not may_pass(Answer(503, retry_after="7"))
    assert not may_pass(Answer(404))
    assert may_pass(Answer(500))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    api_url: str = setting(url=True)
    api_key: str = setting(secret=True)
    region: str = setting(required=False)
    token_url: str = setting(url=True, default="https://tokens.example/")


def shop(**values: str) -> Wiring:
    return Wiring(
        provider="corner_shop",
        settings=values,
        capabilities=CAPABILITIES[ORANGE],
        clock=ShiftedClock(),
    )


def test_a_provider_declares_its_settings_once() -> None:
    assert declared(Shop) == (
        Setting("API_URL", url=True),
        Setting("API_KEY", secret=True),
        Setting("REGION", required=False),
        Setting("TOKEN_URL", url=True, default="https://tokens.example/"),
    )


def test_settings_are_read_by_suffix() -> None:
    read = shop(API_URL="https://api.example/v2/", API_KEY="k1").read_settings(Shop)
    assert read == Shop(
        api_url="https://api.example/v2",
        api_key="k1",
        region="",
        token_url="https://tokens.example",
    )
    assert "k1" not in repr(read)


def test_every_missing_setting_is_named() -> None:
    with pytest.raises(Misconfigured) as refused:
        shop(API_KEY="").read_settings(Shop)
    assert refused.value.faults == (
        "CORNER_SHOP_API_URL is not set",
        "CORNER_SHOP_API_KEY is not set",
    )


@pytest.mark.parametrize(
    "url",
    [
        "api.example",
        "ftp://api.example",
        "https://",
        "https://user:secret@api.example",
        "https://api.example/?a=secret",
        "https://api.example/#secret",
        "https://api.example:port",
        "https://[secret",
        "https://api.example/a secret",
        "https://api.example/sécret",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_its_value(url: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        shop(API_URL=url, API_KEY="k1").read_settings(Shop)
    assert "CORNER_SHOP_API_URL" in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("secret", ["two words", "line\nbreak", "clé"])
def test_a_secret_that_cannot_be_sent_is_refused_without_its_value(secret: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        shop(API_URL="https://api.example", API_KEY=secret).read_settings(Shop)
    assert "CORNER_SHOP_API_KEY" in str(refused.value)
    assert secret not in str(refused.value)


BUILDERS: dict[str, Callable[[], Wiring]] = {
    "an unknown option": lambda: wired("http://h", ORANGE, options={"colour": "orange"}),
    "an unknown status": lambda: wired("http://h", ORANGE, options={"status_words": {"A": "paid"}}),
    "an unknown code": lambda: wired("http://h", AFRIMONEY, options={"failure_codes": {"A": "B"}}),
    "an unknown key": lambda: wired("http://h", AFRIMONEY, options={"webhook_key": "api_key"}),
    "a key that is not set": lambda: wired(
        "http://h",
        AFRIMONEY,
        options={"webhook_key": "webhook_secret"},
        settings={"WEBHOOK_SECRET": ""},
    ),
    "no webhook secret": lambda: wired("http://h", ORANGE, settings={"WEBHOOK_SECRET": ""}),
}


@pytest.mark.parametrize("mistake", BUILDERS)
def test_a_provider_that_is_told_nonsense_is_not_built(mistake: str) -> None:
    wiring = BUILDERS[mistake]()
    with pytest.raises(Misconfigured):
        provider_module(f"adapters.providers.{wiring.provider}").build(wiring)


def test_a_provider_module_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "empty_module", ModuleType("empty_module"))
    for path in ("adapters.providers.nobody", "empty_module"):
        with pytest.raises(Misconfigured, match=path):
            provider_module(path)


def test_a_fault_inside_a_provider_module_is_not_taken_for_its_absence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_shop.py").write_text("import a_module_that_nobody_has\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="a_module_that_nobody_has"):
        provider_module("broken_shop")
