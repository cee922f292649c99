"""Bad input, and what it gets: a 4xx with the right code, what to do, and nothing written."""

import json
from typing import Any

import pytest

from tests.adapters.web.house import BODY, CASH_OUTS, House, check_problem, fields, signed_in

pytestmark = pytest.mark.anyio


def with_amount(written: str, **changes: Any) -> bytes:  # noqa: ANN401 -- JSON
    """Return the usual body with an amount exactly as written."""
    body = json.dumps({**BODY, **changes, "amount": 0})
    return body.replace('"amount": 0', f'"amount": {written}').encode()


AMOUNTS = [
    "0",
    "-1",
    "0.0",
    "-0",
    "1e400",
    "1e3",
    "1E+3",
    "1e-7",
    "1e9",
    "NaN",
    "Infinity",
    "-Infinity",
    '"NaN"',
    '"sNaN"',
    '"Infinity"',
    '"12,5"',
    '"1_0"',
    '" 1 "',
    '"1\\n"',
    '"+5"',
    '"0x10"',
    '""',
    '"abc"',
    '"١٢٣"',
    "9" * 30,
    f'"{"9" * 30}"',
    f"1.{'0' * 30}1",
    '".5"',
    '"5."',
    '"\\u0000"',
]


@pytest.mark.parametrize("written", AMOUNTS)
async def test_an_amount_that_is_no_plain_positive_number_is_invalid(
    api: House, written: str
) -> None:
    error = check_problem(await api.post_raw(with_amount(written)), 400, "INVALID_AMOUNT")
    assert fields(error) == ["amount"]
    assert not any(api.written)


@pytest.mark.parametrize(
    ("written", "currency", "says"),
    [("10.005", "USD", "at most 2 decimals"), ("1.5", "XOF", "at most 0 decimals")],
)
async def test_an_amount_finer_than_its_currency_is_refused_and_never_rounded(
    api: House, written: str, currency: str, says: str
) -> None:
    answer = await api.post_raw(with_amount(written, currency=currency))
    assert says in check_problem(answer, 400, "INVALID_AMOUNT")["message"]
    assert not any(api.written)


@pytest.mark.parametrize("written", ["null", "true", "[1]", "{}", '{"$gt":0}'])
async def test_an_amount_of_another_type_is_a_bad_request(api: House, written: str) -> None:
    error = check_problem(await api.post_raw(with_amount(written)), 400, "BAD_REQUEST")
    assert fields(error) == ["amount"]


async def test_a_very_long_amount_is_a_bad_request(api: House) -> None:
    answer = await api.post_raw(with_amount("9" * 5000))
    assert fields(check_problem(answer, 400, "BAD_REQUEST")) == ["amount"]


@pytest.mark.parametrize("currency", ["usd", "ZZZ", "ZZZ!!", "SLL", "EUR", "GNF ", "SLE", "X"])
async def test_a_currency_that_is_not_paid_is_refused(api: House, currency: str) -> None:
    answer = await api.post({**BODY, "currency": currency})
    error = check_problem(answer, 422, "CURRENCY_NOT_SUPPORTED")
    assert fields(error) == ["currency"]
    assert not any(api.written)


async def test_a_withdrawn_currency_is_told_its_successor(api: House) -> None:
    answer = await api.post({**BODY, "currency": "SLL", "provider": "afrimoney"})
    assert "SLE replaced it" in check_problem(answer, 422, "CURRENCY_NOT_SUPPORTED")["message"]


@pytest.mark.parametrize(
    "account",
    [
        "not a phone",
        "+33612345678",  # another country's
        "+23277000789",  # the other provider's country
        "+22507",  # too short
        "+22507000007890000000",  # too long
        "+225070000078A",
        "+2250700000789;ext=5",
        "+٢٢٥٠٧٠٠٠٠٠٧٨٩",
        "../token",
        "0700000789",
    ],
)
async def test_an_account_that_is_no_mobile_number_paid_here_is_refused(
    api: House, account: str
) -> None:
    answer = await api.post({**BODY, "providerAccountId": account})
    error = check_problem(answer, 422, "INVALID_ACCOUNT")
    assert fields(error) == ["providerAccountId"]
    assert not any(api.written)


@pytest.mark.parametrize("provider", ["mpesa", "ORANGE_MONEY", "orange_money ", "__proto__", "../"])
async def test_an_unknown_provider_is_told_the_available_ones(api: House, provider: str) -> None:
    error = check_problem(await api.post({**BODY, "provider": provider}), 400, "INVALID_PROVIDER")
    assert "afrimoney, orange_money" in error["message"] or "orange_money" in error["message"]
    assert not any(api.written)


@pytest.mark.parametrize(
    ("amount", "code", "facts"),
    [
        (599, "AMOUNT_BELOW_MINIMUM", {"amount", "limit"}),
        (3_000_001, "AMOUNT_ABOVE_MAXIMUM", {"amount", "limit"}),
    ],
)
async def test_an_amount_outside_the_tariff_is_told_the_limit(
    api: House, amount: int, code: str, facts: set[str]
) -> None:
    error = check_problem(await api.post({**BODY, "amount": amount}), 422, code)
    assert set(fields(error)) == facts
    assert not any(api.written)


async def test_a_day_s_limit_tells_what_is_left_and_when_it_resets(api: House) -> None:
    for _ in range(2):
        await api.made(amount=2_900_000)
    written = api.written
    error = check_problem(await api.post({**BODY, "amount": 200_001}), 422, "DAILY_LIMIT_EXCEEDED")
    told = {each["field"]: each["message"] for each in error["details"]}
    assert told["limit"] == "6000000"
    assert told["remaining"] == "200000"
    assert told["resetsAt"] == "2026-11-24T00:00:00Z"
    assert api.written == written


BAD_FIELDS: list[tuple[str, Any]] = [
    ("walletId", ""),
    ("walletId", "a b"),
    ("walletId", "w" * 65),
    ("walletId", "a\u0000b"),
    ("walletId", "a\r\nX-Evil: 1"),
    ("walletId", "a\u200bb"),
    ("walletId", 7),
    ("walletId", None),
    ("walletId", ["w"]),
    ("walletId", {"$ne": None}),
    ("currency", ""),
    ("currency", "XO\u0000"),
    ("currency", 952),
    ("currency", "X" * 65),
    ("provider", ""),
    ("provider", None),
    ("provider", {"$ne": 1}),
    ("provider", "orange\nmoney"),
    ("providerAccountId", 2250700000789),
    ("providerAccountId", ""),
    ("providerAccountId", "+225\u00000700000789"),
    ("providerAccountId", "9" * 65),
    ("providerAccountName", ""),
    ("providerAccountName", "   "),
    ("providerAccountName", "x" * 5000),
    ("providerAccountName", "x" * 101),
    ("providerAccountName", "Awa\u0007"),
    ("providerAccountName", "Awa\u0000"),
    ("providerAccountName", "Awa\r\nX-Evil: 1"),
    ("providerAccountName", "Awa\u2028Koné"),
    ("providerAccountName", "Awa \u202eénoK"),
    ("providerAccountName", "Awa\u200fKoné"),
    ("providerAccountName", "Awa\u200bKoné"),
    ("providerAccountName", "\ufeffAwa"),
    ("providerAccountName", "Awa\ue000"),
    ("providerAccountName", True),
    ("reference", "short"),
    ("reference", "../../../../etc"),
    ("reference", "ORDER-0001\r\nX-Evil: 1"),
    ("reference", "ORDER-0001\n"),
    ("reference", "COMMANDE-é001"),
    ("reference", "-ORDER-0001"),
    ("reference", "R" * 65),
    ("reference", ""),
    ("reference", None),
    ("reference", {"$ne": None}),
    ("color", "red"),
    ("$where", "1"),
    ("amount\u0000", 1),
]


@pytest.mark.parametrize(("field", "value"), BAD_FIELDS)
async def test_a_field_of_the_wrong_shape_is_named(api: House, field: str, value: object) -> None:
    error = check_problem(await api.post({**BODY, field: value}), 400, "BAD_REQUEST")
    (detail,) = error["details"]
    assert detail["field"] in {field, "(unreadable)"}
    assert len(detail["message"]) > 5
    assert not any(api.written)


async def test_a_lone_surrogate_is_refused_everywhere(api: House) -> None:
    for field in ("walletId", "provider", "currency", "providerAccountId", "providerAccountName"):
        raw = json.dumps({**BODY, field: "SURROGATE"}).replace("SURROGATE", "\\ud800")
        error = check_problem(await api.post_raw(raw.encode()), 400, "BAD_REQUEST")
        assert fields(error) == [field]


async def test_every_fault_is_told_at_once(api: House) -> None:
    body = {"walletId": "", "amount": None, "color": 1, "reference": "x"}
    error = check_problem(await api.post(body), 400, "BAD_REQUEST")
    assert sorted(fields(error)) == sorted(
        [
            "walletId",
            "currency",
            "provider",
            "providerAccountId",
            "providerAccountName",
            "reference",
            "amount",
            "color",
        ]
    )


async def test_a_thousand_unknown_fields_get_a_short_answer(api: House) -> None:
    answer = await api.post({**BODY, **{f"field{n}": n for n in range(1000)}})
    assert len(check_problem(answer, 400, "BAD_REQUEST")["details"]) <= 30


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"1",
        b"{",
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":01}',
        b"\xff\xfe",
        b'{"walletId":"\xff"}',
        b'{"walletId":"\xed\xa0\x80"}',
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b'{"walletId":"a","walletId":"b"}',
        b'{"x":{"a":1,"a":2}}',
        b"[" * 60000,
        b'{"walletId":"line\nbreak"}',
        b"walletId=a&amount=1",
    ],
    ids=repr,
)
async def test_a_body_that_is_no_json_object_is_refused(api: House, raw: bytes) -> None:
    error = check_problem(await api.post_raw(raw), 400, "BAD_REQUEST")
    assert fields(error) == ["body"]
    assert not any(api.written)


async def test_a_body_that_is_nested_without_end_is_refused(api: House) -> None:
    """By its depth or, where this Python reads as deep as that, by what is missing."""
    raw = b'{"a":' * 9_000 + b"1" + b"}" * 9_000
    check_problem(await api.post_raw(raw), 400, "BAD_REQUEST")
    assert not any(api.written)


async def test_a_field_named_twice_is_named(api: House) -> None:
    raw = json.dumps(BODY)[:-1] + ', "amount": 9}'
    error = check_problem(await api.post_raw(raw.encode()), 400, "BAD_REQUEST")
    assert "amount" in error["message"]


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/json; charset=latin-1",
        "application/jsonp",
        "",
    ],
)
async def test_another_content_type_is_415(api: House, content_type: str) -> None:
    answer = await api.post_raw(json.dumps(BODY).encode(), content_type=content_type)
    check_problem(answer, 415, "UNSUPPORTED_MEDIA_TYPE")
    assert not any(api.written)


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"']
)
async def test_json_may_say_that_it_is_utf8(api: House, content_type: str) -> None:
    answer = await api.post_raw(json.dumps(BODY).encode(), content_type=content_type)
    assert answer.status_code == 202


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, identity"])
async def test_a_compressed_body_is_415_and_never_inflated(api: House, encoding: str) -> None:
    answer = await api.post_raw(b"\x1f\x8b" * 100, content_encoding=encoding)
    check_problem(answer, 415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_body_of_64_kib_is_read_and_a_byte_more_is_413(api: House) -> None:
    padding = 65_536 - len(json.dumps(BODY))
    fits = json.dumps(BODY).encode() + b" " * padding
    assert (await api.post_raw(fits)).status_code == 202
    check_problem(await api.post_raw(fits + b" "), 413, "PAYLOAD_TOO_LARGE")


async def test_a_name_is_kept_in_composed_form(api: House) -> None:
    answer = await api.post({**BODY, "providerAccountName": "Kone\u0301 ولد"})
    assert answer.json()["data"]["providerAccountName"] == "Kon\u00e9 ولد"


@pytest.mark.parametrize("text", ["O'Brien-Smith", "Nguyễn Thị", "محمد", "ǅemal", "A"])
async def test_names_of_people_are_taken(api: House, text: str) -> None:
    assert (await api.post({**BODY, "providerAccountName": text})).status_code == 202


@pytest.mark.parametrize(
    "identity",
    [
        "1",
        "not-a-uuid",
        "019ab0c4-7a1e-7c3f-9d52-6f0f4f1f2a3b",
        "{019ab0c4-7a1e-7c3f-9d52-6f0f4f1f2a3b}",
        "019ab0c47a1e7c3f9d526f0f4f1f2a3b",
        "urn:uuid:019ab0c4-7a1e-7c3f-9d52-6f0f4f1f2a3b",
        "null",
        "%00",
        "%0d%0aX-Evil:1",
        "..%2f..%2fetc",
        "a" * 5000,
        "019ab0c4-7a1e-7c3f-9d52-6f0f4f1f2a3%EF%BC%A2",
    ],
)
async def test_an_id_that_is_nobody_s_is_404(api: House, identity: str) -> None:
    for path in (f"{CASH_OUTS}/{identity}", f"{CASH_OUTS}/{identity}/cancel"):
        method = "POST" if path.endswith("cancel") else "GET"
        answer = await api.client.request(method, path, headers=signed_in())
        check_problem(answer, 404, "NOT_FOUND")
