"""Canaries: no secret, token, name or number comes out of a gateway, whatever it meets."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from adapters.provider_kit.contract.partner import Partner, Reply, Seen
from adapters.provider_kit.signing import hmac_sha256_hex
from adapters.provider_kit.wiring import ProviderGateway
from tests.adapters.providers.given import (
    AFRIMONEY,
    NOW,
    ORANGE,
    SECRETS,
    TOKEN_PATH,
    granted,
    opened,
    order,
    said,
    wired,
)

pytestmark = pytest.mark.anyio

PERSONAL = ("canary-name", "2250700000789")
LEAK = {"code": "E_1", "message": "canary-name 2250700000789", "token": SECRETS["token"]}
REPLIES: dict[str, Reply | None] = {
    "accepted": said(202, {"transactionId": "T-1", "status": "PENDING"}),
    "envelope": said(200, {"status": "success", "data": {"status": "failed"}}),
    "refused": said(400, {**LEAK, "code": "PAYEE_NOT_FOUND"}),
    "unknown": said(400, LEAK),
    "unauthorised": said(401, LEAK),
    "forbidden": said(403, LEAK),
    "broken": said(500, LEAK),
    "busy": said(503, LEAK, Retry_After="1"),
    "garbage": Reply(202, b"canary-name"),
    "reset": None,
}


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that any logger writes at any level, as text."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


async def used(gateway: ProviderGateway, provider: str) -> str:
    """Use every method, and return all that can be printed of what they return."""
    to_pay = order(name="canary-name")
    body = json.dumps({"externalId": "R", "canary-name": SECRETS["webhook_secret"]}).encode()
    headers = [("X-Signature", hmac_sha256_hex(SECRETS["webhook_secret"], body))]
    results = [
        await gateway.disburse(to_pay),
        await gateway.look_up(to_pay),
        gateway.read_webhook(headers, body, NOW),
        gateway.read_webhook([], body, NOW),
        await gateway.check(),
    ]
    attributes = vars(gateway) if provider == ORANGE else {**vars(gateway), "_webhook_key": ""}
    return f"{results!r} {gateway!r} {attributes!r}"


@pytest.mark.parametrize("provider", [ORANGE, AFRIMONEY])
@pytest.mark.parametrize("reply", REPLIES)
async def test_no_secret_comes_out_whatever_the_provider_answers(
    reply: str, provider: str, logged: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    def answer(seen: Seen) -> Reply | None:
        return granted() if seen.target == TOKEN_PATH else REPLIES[reply]

    async with Partner(answer) as partner:
        wiring = wired(partner.url, provider)
        async with opened(wiring) as gateway:
            shown = await used(gateway, provider)
    printed = "".join(capfd.readouterr())
    output = f"{shown} {wiring!r} {logged.getvalue()} {printed}"
    found = [canary for canary in (*SECRETS.values(), *PERSONAL) if canary in output]
    assert found == []


async def test_no_token_comes_out_when_the_token_endpoint_fails(logged: io.StringIO) -> None:
    replies = [said(500, LEAK), granted(expires_in="never"), said(401, LEAK)]
    async with (
        Partner(lambda _seen: replies.pop(0) if len(replies) > 1 else replies[0]) as partner,
        opened(wired(partner.url, ORANGE)) as gateway,
    ):
        shown = await used(gateway, ORANGE)
    output = f"{shown} {logged.getvalue()}"
    assert [canary for canary in (*SECRETS.values(), *PERSONAL) if canary in output] == []
