"""AfriMoney's protocol over a real socket: every departure is refused as documented."""

import time

import pytest

from adapters.sandbox.afrimoney import sign
from adapters.sandbox.corridors import AFRIMONEY
from adapters.sandbox.engine import Engine
from adapters.sandbox.settings import SandboxSettings
from tests.adapters.sandbox.calls import NOW, Payee, afrimoney_body, payee, token_request
from tests.adapters.sandbox.partner import Partner

pytestmark = pytest.mark.anyio

TO = payee(AFRIMONEY, "789")
REFERENCE = "CASH-1700000000000-0042"


@pytest.fixture
def partner(shared_partner: Partner) -> Partner:
    return shared_partner


def test_a_request_is_signed_as_in_the_golden_vector() -> None:
    signature = sign("as_test_456", "ak_test_123", "1700000000000", REFERENCE)
    assert signature == "488d3360468a52025a212a51113faf08e5bfffbfa13fd7246fab11818dfad977"


async def test_an_order_is_accepted_in_the_envelope(partner: Partner) -> None:
    answered = await partner.disburse(REFERENCE, TO)
    assert answered.status == 200
    assert answered.json["status"] == "success"
    assert answered.json["data"]["status"] == "processing"


@pytest.mark.parametrize("key", [None, "", "another-key"])
async def test_an_unknown_api_key_is_401(partner: Partner, key: str | None) -> None:
    for answered in (
        await partner.disburse(REFERENCE, TO, x_api_key=key),
        await partner.disbursement(REFERENCE, x_api_key=key),
    ):
        assert (answered.status, answered.code) == (401, "UNKNOWN_API_KEY")


@pytest.mark.parametrize("age_s", [-301, 301])
async def test_a_timestamp_outside_the_window_is_401(partner: Partner, age_s: int) -> None:
    timestamp = str(int((time.time() - age_s) * 1000))
    for answered in (
        await partner.disburse(REFERENCE, TO, x_timestamp=timestamp),
        await partner.disbursement(REFERENCE, x_timestamp=timestamp),
    ):
        assert (answered.status, answered.code) == (401, "TIMESTAMP_EXPIRED")


@pytest.mark.parametrize("timestamp", [None, "", "now", "1700000000", "17000000000000", "-1"])
async def test_a_timestamp_that_is_not_thirteen_digits_is_401(
    partner: Partner, timestamp: str | None
) -> None:
    answered = await partner.disburse(REFERENCE, TO, x_timestamp=timestamp)
    assert (answered.status, answered.code) == (401, "TIMESTAMP_EXPIRED")


@pytest.mark.parametrize("signature", [None, "", "00" * 32])
async def test_a_wrong_signature_is_401(partner: Partner, signature: str | None) -> None:
    for answered in (
        await partner.disburse(REFERENCE, TO, x_signature=signature),
        await partner.disbursement(REFERENCE, x_signature=signature),
    ):
        assert (answered.status, answered.code) == (401, "INVALID_SIGNATURE")


async def test_a_signature_in_upper_case_is_401(partner: Partner) -> None:
    settings = partner.sandbox.settings
    timestamp = str(int(time.time() * 1000))
    key, secret = settings.afrimoney_api_key, settings.afrimoney_api_secret
    signature = sign(secret, key, timestamp, REFERENCE).upper()
    answered = await partner.disburse(REFERENCE, TO, x_timestamp=timestamp, x_signature=signature)
    assert (answered.status, answered.code) == (401, "INVALID_SIGNATURE")


async def test_the_signature_covers_the_reference_of_the_body(partner: Partner) -> None:
    answered = await partner.disburse(REFERENCE, TO, afrimoney_body("CASH-OTHER", TO))
    assert (answered.status, answered.code) == (401, "INVALID_SIGNATURE")


async def test_another_content_type_is_415(partner: Partner) -> None:
    answered = await partner.disburse(REFERENCE, TO, content_type="text/plain")
    assert answered.status == 415


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        afrimoney_body(REFERENCE, TO).replace(b'{"amount"', b'{"extra":1,"amount"'),
        afrimoney_body(REFERENCE, TO).replace(b'"name":"Awa Diop"', b'"name":""'),
        afrimoney_body(REFERENCE, TO).replace(b'"name":"Awa Diop"', b'"nom":"Awa"'),
        afrimoney_body(REFERENCE, TO).replace(b"Digital", b"D\\u0000"),
        afrimoney_body(REFERENCE, TO).replace(b"1500", b"1500.00"),
        afrimoney_body(REFERENCE, TO).replace(b"1500", b"1.5e3"),
        afrimoney_body(REFERENCE, TO).replace(b"1500", b'"1500"'),
    ],
)
async def test_a_malformed_body_is_400_and_pays_nothing(partner: Partner, body: bytes) -> None:
    answered = await partner.disburse(REFERENCE, TO, body)
    assert (answered.status, answered.code) == (400, "INVALID_REQUEST")
    assert len(partner.sandbox.ledger) == 0


async def test_a_reference_with_spaces_is_400(partner: Partner) -> None:
    answered = await partner.disburse("CASH 1", TO)
    assert (answered.status, answered.code) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize(
    ("to", "code"),
    [
        (Payee("+23277000789", "1500", "SLE"), "INVALID_PHONE_NUMBER"),
        (Payee(TO.digits, "1500", "SLL"), "CURRENCY_NOT_SUPPORTED"),
        (Payee(TO.digits, "10.005", "SLE"), "AMOUNT_OUT_OF_BOUNDS"),
        (Payee(TO.digits, "0", "SLE"), "AMOUNT_OUT_OF_BOUNDS"),
    ],
)
async def test_what_cannot_be_paid_is_422_with_its_code(
    partner: Partner, to: Payee, code: str
) -> None:
    answered = await partner.disburse(REFERENCE, to)
    assert (answered.status, answered.code) == (422, code)


async def test_a_look_up_finds_their_id_and_our_reference(partner: Partner) -> None:
    accepted = await partner.disburse(REFERENCE, Payee(TO.digits, "10.5", "SLE"))
    by_reference = (await partner.disbursement(REFERENCE)).json["data"]
    by_id = (await partner.disbursement(accepted.json["data"]["transactionId"])).json["data"]
    assert by_reference["transactionId"] == by_id["transactionId"]
    assert by_id["externalReference"] == REFERENCE
    assert (by_id["amount"], by_id["currency"]) == (10.5, "SLE")
    assert by_id["recipient"] == {"phoneNumber": TO.digits}


async def test_an_unknown_disbursement_is_404_with_a_documented_code(partner: Partner) -> None:
    answered = await partner.disbursement("CASH-UNKNOWN")
    assert (answered.status, answered.code) == (404, "NOT_FOUND")


async def test_an_encoded_id_is_signed_decoded_and_stays_one_id(partner: Partner) -> None:
    answered = await partner.disbursement("..%2Fdisbursements", signed="../disbursements")
    assert (answered.status, answered.code) == (404, "NOT_FOUND")


async def test_unknown_addresses_and_methods_are_refused(partner: Partner) -> None:
    url = partner.sandbox.afrimoney_url
    nowhere = await partner.call("POST", f"{url}/oauth/v3/token", {}, {})
    wrong = await partner.call("GET", f"{url}/api/v1/disbursements", {}, {})
    assert (nowhere.status, nowhere.code) == (404, "ROUTE_NOT_FOUND")
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")


def test_there_are_no_tokens_to_ask_for() -> None:
    settings = SandboxSettings()
    reply = Engine(settings).token(AFRIMONEY, token_request(settings), NOW).reply
    assert reply is not None
    assert reply.status == 404


async def test_the_expired_credentials_scenario_answers_once(partner: Partner) -> None:
    to = payee(AFRIMONEY, "211")
    first = await partner.disburse(REFERENCE, to)
    second = await partner.disburse(REFERENCE, to)
    assert (first.status, first.code, second.status) == (401, "TIMESTAMP_EXPIRED", 200)
