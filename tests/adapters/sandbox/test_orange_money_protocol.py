"""Orange Money's protocol over a real socket: every departure is refused as documented."""

import pytest

from adapters.sandbox.corridors import ORANGE_MONEY
from adapters.sandbox.faults import Endpoint
from tests.adapters.sandbox.calls import Payee, orange_body, payee
from tests.adapters.sandbox.partner import Partner

pytestmark = pytest.mark.anyio

TO = payee(ORANGE_MONEY, "789")
REFERENCE = "CASH-1700000000000-0042"


@pytest.fixture
def partner(shared_partner: Partner) -> Partner:
    return shared_partner


async def test_a_token_is_given_for_client_credentials(partner: Partner) -> None:
    answered = await partner.token()
    assert answered.status == 200
    assert answered.json["token_type"] == "Bearer"
    assert answered.json["expires_in"] == 3600


@pytest.mark.parametrize("accept", [None, "*/*", "text/html"])
async def test_every_call_without_accept_json_is_406(partner: Partner, accept: str | None) -> None:
    answers = [
        await partner.token(accept=accept),
        await partner.cash_out(REFERENCE, TO, accept=accept),
        await partner.transaction(REFERENCE, accept=accept),
    ]
    assert [answered.status for answered in answers] == [406, 406, 406]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b'{"grant_type":"client_credentials"}', "application/json", 400),
        (b"grant_type=client_credentials", "text/plain", 415),
        (b"grant_type=password", "application/x-www-form-urlencoded", 400),
        (b"grant_type=client_credentials&grant_type=x", "application/x-www-form-urlencoded", 400),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 400),
    ],
)
async def test_a_token_needs_the_documented_form(
    partner: Partner, body: bytes, content_type: str, status: int
) -> None:
    answered = await partner.token(body, content_type=content_type)
    assert answered.status == status


@pytest.mark.parametrize("credentials", [None, "Basic eDp5", "Basic !!!", "Bearer abc", "Basic"])
async def test_a_token_needs_our_credentials(partner: Partner, credentials: str | None) -> None:
    answered = await partner.token(authorization=credentials)
    assert (answered.status, answered.json["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("authorization", "code"), [(None, 40), ("Basic eDp5", 40), ("Bearer made-up", 41)]
)
async def test_missing_and_invalid_credentials_have_their_own_codes(
    partner: Partner, authorization: str | None, code: int
) -> None:
    for answered in (
        await partner.cash_out(REFERENCE, TO, authorization=authorization),
        await partner.transaction(REFERENCE, authorization=authorization),
    ):
        assert (answered.status, answered.code) == (401, code)


async def test_an_expired_token_is_code_42(partner: Partner) -> None:
    partner.sandbox.clock.advance(3601)
    answered = await partner.cash_out(REFERENCE, TO)
    assert (answered.status, answered.code) == (401, 42)


async def test_the_expired_credentials_scenario_revokes_the_token_once(partner: Partner) -> None:
    to = payee(ORANGE_MONEY, "211")
    first = await partner.cash_out(REFERENCE, to)
    stale = await partner.cash_out(REFERENCE, to)
    await partner.logged_in()
    fresh = await partner.cash_out(REFERENCE, to)
    assert (first.code, stale.code, fresh.status) == (42, 42, 202)


async def test_another_content_type_is_415(partner: Partner) -> None:
    answered = await partner.cash_out(REFERENCE, TO, content_type="text/plain")
    assert answered.status == 415


@pytest.mark.parametrize("reference", [None, "", "CASH-OTHER"])
async def test_a_missing_or_different_reference_id_is_400(
    partner: Partner, reference: str | None
) -> None:
    answered = await partner.cash_out(REFERENCE, TO, x_reference_id=reference)
    assert (answered.status, answered.code) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize(
    "amount", ["1500.00", "1E+3", "1e3", '"1500"', "01500", "-5", "0", "NaN", "1.50", "null", "[]"]
)
async def test_an_amount_that_is_not_a_normalised_positive_number_is_400(
    partner: Partner, amount: str
) -> None:
    to = Payee(TO.digits, amount)
    answered = await partner.cash_out(REFERENCE, to)
    assert answered.status == 400
    assert len(partner.sandbox.ledger) == 0


@pytest.mark.parametrize("amount", ["10.5", "0.01"])
async def test_more_decimals_than_the_currency_has_are_refused(
    partner: Partner, amount: str
) -> None:
    answered = await partner.cash_out(REFERENCE, Payee(TO.digits, amount))
    assert (answered.status, answered.code) == (400, "AMOUNT_OUT_OF_BOUNDS")


@pytest.mark.parametrize("currency", ["XAF", "SLL", "ZZZ", "xof"])
async def test_a_currency_that_is_not_paid_there_is_refused(
    partner: Partner, currency: str
) -> None:
    answered = await partner.cash_out(REFERENCE, Payee(TO.digits, "1500", currency))
    assert (answered.status, answered.code) == (400, "CURRENCY_NOT_SUPPORTED")


@pytest.mark.parametrize("digits", ["+2250700000789", "0700000789", "225 07", "", "x"])
async def test_a_payee_not_in_the_agreed_format_is_refused(partner: Partner, digits: str) -> None:
    answered = await partner.cash_out(REFERENCE, Payee(digits))
    assert (answered.status, answered.code) == (400, "INVALID_PHONE_NUMBER")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"a":1,"a":2}',
        b"\xff",
        b"[" * 10_000,
        orange_body(REFERENCE, TO).replace(b'"amount":{', b'"amount":{"x":1,'),
        orange_body(REFERENCE, TO).replace(b"MSISDN", b"EMAIL"),
        orange_body(REFERENCE, TO).replace(b'"partyIdType":"MSISDN",', b""),
        orange_body(REFERENCE, TO).replace(b'{"amount"', b'{"extra":1,"amount"'),
        orange_body(REFERENCE, TO).replace(b"Awa", b"A\\nwa"),
        orange_body(REFERENCE, TO).replace(b"Awa", b"A" * 161),
        orange_body(REFERENCE, TO).replace(b"Awa", "e\u0301".encode()),
    ],
)
async def test_a_malformed_body_is_400_and_pays_nothing(partner: Partner, body: bytes) -> None:
    answered = await partner.cash_out(REFERENCE, TO, body)
    assert (answered.status, answered.code) == (400, "INVALID_REQUEST")
    assert len(partner.sandbox.ledger) == 0


async def test_a_body_over_the_limit_is_413(partner: Partner) -> None:
    answered = await partner.cash_out(REFERENCE, TO, b" " * 65_537)
    assert answered.status == 413


async def test_a_look_up_finds_their_id_and_our_reference(partner: Partner) -> None:
    accepted = await partner.cash_out(REFERENCE, TO)
    by_reference = await partner.transaction(REFERENCE)
    by_id = await partner.transaction(accepted.json["transactionId"])
    assert by_reference.json["transactionId"] == by_id.json["transactionId"]
    assert by_id.json["externalId"] == REFERENCE
    assert by_id.json["amount"] == {"value": 1500, "currency": "XOF"}
    assert by_id.json["payee"] == {"partyIdType": "MSISDN", "partyId": TO.digits}


async def test_an_unknown_transaction_is_404_with_a_documented_code(partner: Partner) -> None:
    answered = await partner.transaction("CASH-UNKNOWN")
    assert (answered.status, answered.code) == (404, "NOT_FOUND")


@pytest.mark.parametrize("path", ["/v1/transactions/", "/v1/nothing", "/", "/v1/transactions/a/b"])
async def test_an_unknown_address_is_404_with_another_code(partner: Partner, path: str) -> None:
    url = partner.sandbox.orange_money_url + path
    answered = await partner.call("GET", url, {"accept": "application/json"}, {})
    assert (answered.status, answered.code) == (404, 60)


async def test_an_encoded_id_stays_one_id(partner: Partner) -> None:
    answered = await partner.transaction("..%2F..%2Foauth%2Fv3%2Ftoken")
    assert (answered.status, answered.code) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/cash-out"), ("PUT", "/oauth/v3/token"), ("DELETE", "/v1/x")]
)
async def test_another_method_is_405_where_the_address_exists(
    partner: Partner, method: str, path: str
) -> None:
    url = partner.sandbox.orange_money_url + path
    answered = await partner.call(method, url, {"accept": "application/json"}, {})
    assert answered.status == (404 if path == "/v1/x" else 405)


async def test_calls_are_counted(partner: Partner) -> None:
    await partner.cash_out(REFERENCE, TO)
    await partner.transaction(REFERENCE)
    calls = partner.sandbox.engine.calls
    assert calls[ORANGE_MONEY, Endpoint.TOKEN] == 1
    assert calls[ORANGE_MONEY, Endpoint.SUBMIT] == 1
    assert calls[ORANGE_MONEY, Endpoint.STATUS] == 1
