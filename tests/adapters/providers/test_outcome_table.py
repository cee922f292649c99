"""The outcome table, row by row, for both providers over real sockets."""

from dataclasses import dataclass

import pytest

from adapters.provider_kit.contract.partner import Partner, Reply
from domain.attempts import OutcomeKind
from domain.evidence import NoAnswer, Outcome
from domain.failures import FailureCode
from tests.adapters.providers.given import (
    AFRIMONEY,
    ORANGE,
    SUBMIT_PATH,
    answering,
    opened,
    order,
    said,
    wired,
)

pytestmark = pytest.mark.anyio

UNSENT, ACCEPTED = OutcomeKind.UNSENT, OutcomeKind.ACCEPTED
REFUSED, UNKNOWN = OutcomeKind.REFUSED, OutcomeKind.UNKNOWN
PAGE = Reply(200, b"<!doctype html><h1>Sign in</h1>", {"Content-Type": "text/html"})
MISCONFIGURED = Outcome(UNSENT, FailureCode.PROVIDER_MISCONFIGURED, trips=True)
VERIFY = Outcome(UNKNOWN, verify=True)


def error(status: int, code: str, message: str = "a sentence", **headers: str) -> Reply:
    return said(status, {"status": "error", "code": code, "message": message}, **headers)


@dataclass(frozen=True, slots=True)
class Row:
    """An answer and what it means; `raw` and `detail` are compared apart."""

    reply: Reply | None
    outcome: Outcome


ROWS = {
    "reset": Row(None, VERIFY),
    "300": Row(Reply(300), MISCONFIGURED),
    "301": Row(Reply(301, b"", {"Location": "/elsewhere"}), MISCONFIGURED),
    "302": Row(Reply(302, b"", {"Location": "/elsewhere"}), MISCONFIGURED),
    "307": Row(Reply(307, b"", {"Location": "/elsewhere"}), MISCONFIGURED),
    "403": Row(error(403, "FORBIDDEN"), MISCONFIGURED),
    "403 with a refusal": Row(error(403, "ACCOUNT_SUSPENDED"), MISCONFIGURED),
    "404": Row(Reply(404, b"<html>"), MISCONFIGURED),
    "404 that is no look-up": Row(error(404, "NOT_FOUND"), MISCONFIGURED),
    "405": Row(error(405, "METHOD_NOT_ALLOWED"), MISCONFIGURED),
    "406": Row(error(406, "NOT_ACCEPTABLE"), MISCONFIGURED),
    "415": Row(error(415, "UNSUPPORTED_MEDIA_TYPE"), MISCONFIGURED),
    "400 definitive": Row(
        error(400, "PAYEE_NOT_FOUND"), Outcome(REFUSED, FailureCode.RECIPIENT_NOT_FOUND)
    ),
    "400 nested code": Row(
        said(400, {"error": {"code": "NAME_MISMATCH"}}),
        Outcome(REFUSED, FailureCode.NAME_MISMATCH),
    ),
    "400 known sentence": Row(
        error(400, "27", "Invalid account."), Outcome(REFUSED, FailureCode.RECIPIENT_INVALID)
    ),
    "400 sentence that only contains one": Row(
        error(400, "27", "No invalid account was found"), VERIFY
    ),
    "400 syntax": Row(error(400, "INVALID_REQUEST"), Outcome(REFUSED, FailureCode.INVALID_REQUEST)),
    "400 unknown code": Row(error(400, "E_1234"), VERIFY),
    "400 unspecified": Row(error(400, "UNSPECIFIED"), VERIFY),
    "400 page": Row(Reply(400, b"<html>Bad request</html>"), VERIFY),
    "400 empty": Row(Reply(400), VERIFY),
    "400 float": Row(
        error(400, "NOT_ENOUGH_FUNDS"), Outcome(UNSENT, FailureCode.FLOAT_INSUFFICIENT)
    ),
    "422 definitive": Row(
        error(422, "MaxBalanceExceeded"), Outcome(REFUSED, FailureCode.RECIPIENT_LIMIT_REACHED)
    ),
    "422 amount": Row(
        error(422, "AMOUNT_OUT_OF_BOUNDS"), Outcome(REFUSED, FailureCode.AMOUNT_OUT_OF_BOUNDS)
    ),
    "422 float": Row(
        error(422, "INSUFFICIENT_FLOAT"), Outcome(UNSENT, FailureCode.FLOAT_INSUFFICIENT)
    ),
    "422 partner limit": Row(
        error(422, "PARTNER_LIMIT_REACHED"), Outcome(UNSENT, FailureCode.PARTNER_LIMIT_REACHED)
    ),
    "422 credentials": Row(
        error(422, "PROVIDER_AUTH"), Outcome(UNSENT, FailureCode.PROVIDER_AUTH, trips=True)
    ),
    "422 duplicate": Row(
        error(422, "DUPLICATE_REFERENCE"),
        Outcome(UNKNOWN, FailureCode.REFERENCE_CONFLICT, verify=True),
    ),
    "401 twice": Row(error(401, "41"), Outcome(UNSENT, FailureCode.PROVIDER_AUTH, trips=True)),
    "409": Row(
        error(409, "DUPLICATE_REFERENCE"),
        Outcome(UNKNOWN, FailureCode.REFERENCE_CONFLICT, verify=True),
    ),
    "409 page": Row(
        Reply(409, b"<html>"), Outcome(UNKNOWN, FailureCode.REFERENCE_CONFLICT, verify=True)
    ),
    "429": Row(error(429, "SLOW_DOWN"), Outcome(UNSENT, FailureCode.RATE_LIMITED)),
    "429 with seconds": Row(
        error(429, "SLOW_DOWN", Retry_After="17"),
        Outcome(UNSENT, FailureCode.RATE_LIMITED, retry_after_s=17),
    ),
    "429 with a day": Row(
        error(429, "SLOW_DOWN", Retry_After="86400"),
        Outcome(UNSENT, FailureCode.RATE_LIMITED, retry_after_s=300),
    ),
    "408": Row(error(408, "TIMEOUT"), VERIFY),
    "410": Row(error(410, "GONE"), VERIFY),
    "500": Row(error(500, "INTERNAL"), VERIFY),
    "500 with a refusal": Row(error(500, "PAYEE_NOT_FOUND"), VERIFY),
    "502 page": Row(Reply(502, b"<html>Bad gateway</html>"), VERIFY),
    "503": Row(error(503, "BUSY", Retry_After="9"), Outcome(UNKNOWN, verify=True, retry_after_s=9)),
    "503 not executed": Row(
        error(503, "NOTHING_DONE", Retry_After="9"),
        Outcome(UNSENT, FailureCode.PROVIDER_UNAVAILABLE, retry_after_s=9),
    ),
    "504": Row(Reply(504), VERIFY),
    "599": Row(Reply(599), VERIFY),
    "a page with 200": Row(PAGE, VERIFY),
    "a page with 202": Row(Reply(202, PAGE.body), VERIFY),
    "garbage with 200": Row(Reply(200, b'{"transactionId": "\xff\xfe", '), VERIFY),
    "garbage with 202": Row(Reply(202, b'{"transactionId": "\xff\xfe", '), VERIFY),
    "a list with 202": Row(said(202, [1]), VERIFY),
    "an empty 204": Row(Reply(204), Outcome(ACCEPTED, verify=True)),
    "an empty 201": Row(Reply(201), Outcome(ACCEPTED, verify=True)),
}


@pytest.mark.parametrize("provider", [ORANGE, AFRIMONEY])
@pytest.mark.parametrize("row", ROWS)
async def test_an_answer_to_a_submit_means_what_the_table_says(row: str, provider: str) -> None:
    reply, expected = ROWS[row].reply, ROWS[row].outcome
    options = {"not_executed_codes": ["NOTHING_DONE"]}
    async with answering(provider, reply, options=options) as (gateway, partner):
        outcome = await gateway.disburse(order())
    assert facts(outcome) == facts(expected)
    assert outcome.raw == (reply.body if reply else b"")
    sent = partner.asked(SUBMIT_PATH[provider])
    assert len(sent) == (2 if row.startswith("401") else 1)
    assert len({seen.body for seen in sent}) == 1


def facts(outcome: Outcome) -> tuple[object, ...]:
    return (
        outcome.kind,
        outcome.code,
        outcome.retry_after_s,
        outcome.trips,
        outcome.verify,
    )


@pytest.mark.parametrize("provider", [ORANGE, AFRIMONEY])
async def test_the_detail_is_a_status_and_a_code_and_nothing_personal(provider: str) -> None:
    async with answering(
        provider,
        error(400, "E_1234", "Awa Koné, 2250700000789"),
        error(400, "2250700000789", "Awa Koné"),
        error(400, "Awa Koné", "Awa Koné"),
    ) as (gateway, _):
        details = [(await gateway.disburse(order())).detail for _ in range(3)]
    assert details == ["HTTP 400 E_1234", "HTTP 400", "HTTP 400"]


@pytest.mark.parametrize("provider", [ORANGE, AFRIMONEY])
async def test_a_provider_that_is_away_was_sent_nothing(provider: str) -> None:
    async with Partner() as partner:
        nobody = partner.url
    async with opened(wired(nobody, provider)) as gateway:
        outcome = await gateway.disburse(order())
        answer = await gateway.look_up(order())
    assert (outcome.kind, outcome.code) == (UNSENT, FailureCode.PROVIDER_UNAVAILABLE)
    assert not outcome.trips
    assert isinstance(answer, NoAnswer)
