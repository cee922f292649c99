"""Well-formed calls to both providers, as raw requests, and the numbers to pay."""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from adapters.sandbox.afrimoney import sign
from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY, sandbox_msisdn
from adapters.sandbox.engine import Engine
from adapters.sandbox.settings import SandboxSettings
from adapters.sandbox.wire import Reaction, WireRequest

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOME = {ORANGE_MONEY: ("CI", "XOF"), AFRIMONEY: ("SL", "SLE")}


@dataclass(frozen=True, slots=True)
class Payee:
    """Whom a test pays: E.164 digits, and the JSON number and currency."""

    digits: str
    amount: str = "1500"
    currency: str = "XOF"


def payee(provider: str, suffix: str, amount: str = "1500") -> Payee:
    country, currency = HOME[provider]
    return Payee(sandbox_msisdn(provider, country, suffix).removeprefix("+"), amount, currency)


def basic(settings: SandboxSettings) -> str:
    pair = f"{settings.orange_money_client_id}:{settings.orange_money_client_secret}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def token_request(settings: SandboxSettings) -> WireRequest:
    headers = {
        "authorization": basic(settings),
        "accept": "application/json",
        "content-type": "application/x-www-form-urlencoded",
    }
    return WireRequest("POST", "/oauth/v3/token", headers, b"grant_type=client_credentials")


def orange_headers(token: str, reference: str) -> dict[str, str]:
    return {
        "authorization": f"Bearer {token}",
        "accept": "application/json",
        "content-type": "application/json",
        "x-reference-id": reference,
    }


def orange_body(reference: str, to: Payee) -> bytes:
    return (
        f'{{"amount":{{"value":{to.amount},"currency":"{to.currency}"}},'
        f'"payee":{{"partyIdType":"MSISDN","partyId":"{to.digits}"}},'
        f'"payerMessage":"Cash out to Awa Diop","payeeNote":"Digital Money System cash out",'
        f'"externalId":"{reference}"}}'
    ).encode()


def afrimoney_headers(settings: SandboxSettings, reference: str, now: datetime) -> dict[str, str]:
    timestamp = str(int(now.timestamp() * 1000))
    key, secret = settings.afrimoney_api_key, settings.afrimoney_api_secret
    return {
        "x-api-key": key,
        "x-timestamp": timestamp,
        "x-signature": sign(secret, key, timestamp, reference),
        "content-type": "application/json",
    }


def afrimoney_body(reference: str, to: Payee) -> bytes:
    return (
        f'{{"amount":{to.amount},"currency":"{to.currency}",'
        f'"recipient":{{"phoneNumber":"{to.digits}","name":"Awa Diop"}},'
        f'"externalReference":"{reference}","description":"Digital Money System cash out"}}'
    ).encode()


class Caller:
    """A partner of one provider, calling an engine directly."""

    def __init__(self, engine: Engine, provider: str) -> None:
        self.engine = engine
        self.provider = provider
        self.token = ""

    def log_in(self, now: datetime = NOW) -> None:
        """Get a token, where the provider has tokens."""
        if self.provider == ORANGE_MONEY:
            request = token_request(self.engine.settings)
            self.token = answered(self.engine.handle(self.provider, request, now))["access_token"]

    def submit(self, reference: str, to: Payee, now: datetime = NOW) -> Reaction:
        """Order a payout."""
        if self.provider == ORANGE_MONEY:
            headers = orange_headers(self.token, reference)
            request = WireRequest("POST", "/v1/cash-out", headers, orange_body(reference, to))
        else:
            headers = afrimoney_headers(self.engine.settings, reference, now)
            body = afrimoney_body(reference, to)
            request = WireRequest("POST", "/api/v1/disbursements", headers, body)
        return self.engine.handle(self.provider, request, now)

    def status(self, identifier: str, now: datetime = NOW) -> Reaction:
        """Look a payout up."""
        if self.provider == ORANGE_MONEY:
            headers = orange_headers(self.token, identifier)
            request = WireRequest("GET", f"/v1/transactions/{identifier}", headers)
        else:
            headers = afrimoney_headers(self.engine.settings, identifier, now)
            request = WireRequest("GET", f"/api/v1/disbursements/{identifier}", headers)
        return self.engine.handle(self.provider, request, now)


def answered(reaction: Reaction) -> dict[str, Any]:
    """Return the JSON of an answer."""
    assert reaction.reply is not None
    value: dict[str, Any] = json.loads(reaction.reply.body)
    return value
