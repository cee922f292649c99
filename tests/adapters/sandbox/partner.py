"""A partner over a real socket: well-formed calls, each header to be spoilt at will."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import aiohttp

from adapters.sandbox.server import Sandbox
from tests.adapters.sandbox.calls import (
    Payee,
    afrimoney_body,
    afrimoney_headers,
    orange_body,
    orange_headers,
    token_request,
)


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, read to its end."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the provider says
        """Return the body, decoded."""
        return json.loads(self.body)

    @property
    def code(self) -> object:
        """Return the provider's error code."""
        return self.json["code"]


Headers = dict[str, str | None]


class Partner:
    """Calls both providers. `headers` replace the right ones; None leaves one out."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.session = session
        self.bearer = ""

    async def logged_in(self) -> Self:
        """Get a token and return self."""
        self.bearer = (await self.token()).json["access_token"]
        return self

    async def call(
        self, method: str, url: str, right: dict[str, str], wrong: Headers, body: bytes = b""
    ) -> Answered:
        """Make one call with the right headers, but for the wrong ones."""
        merged: Headers = {**right, **wrong}
        headers = {name: value for name, value in merged.items() if value is not None}
        without = ("Accept", "Content-Type", "User-Agent")
        async with self.session.request(
            method, url, data=body, headers=headers, skip_auto_headers=without
        ) as response:
            names = {name.lower(): value for name, value in response.headers.items()}
            return Answered(response.status, await response.read(), names)

    async def token(self, body: bytes | None = None, **headers: str | None) -> Answered:
        """Ask for a token."""
        request = token_request(self.sandbox.settings)
        url = self.sandbox.orange_money_token_url
        right = dict(request.headers)
        return await self.call("POST", url, right, _dashed(headers), body or request.body)

    async def cash_out(
        self, reference: str, to: Payee, body: bytes | None = None, **headers: str | None
    ) -> Answered:
        """Order a payout at Orange Money."""
        url = f"{self.sandbox.orange_money_url}/v1/cash-out"
        right = orange_headers(self.bearer, reference)
        body = orange_body(reference, to) if body is None else body
        return await self.call("POST", url, right, _dashed(headers), body)

    async def transaction(self, identifier: str, **headers: str | None) -> Answered:
        """Look a payout up at Orange Money; the id is percent-encoded already."""
        url = f"{self.sandbox.orange_money_url}/v1/transactions/{identifier}"
        right = orange_headers(self.bearer, "")
        del right["content-type"], right["x-reference-id"]
        return await self.call("GET", url, right, _dashed(headers))

    async def disburse(
        self, reference: str, to: Payee, body: bytes | None = None, **headers: str | None
    ) -> Answered:
        """Order a payout at AfriMoney."""
        url = f"{self.sandbox.afrimoney_url}/api/v1/disbursements"
        right = afrimoney_headers(self.sandbox.settings, reference, datetime.now(UTC))
        body = afrimoney_body(reference, to) if body is None else body
        return await self.call("POST", url, right, _dashed(headers), body)

    async def disbursement(
        self, identifier: str, signed: str | None = None, **headers: str | None
    ) -> Answered:
        """Look a payout up at AfriMoney; `signed` is the id as signed, when it was encoded."""
        url = f"{self.sandbox.afrimoney_url}/api/v1/disbursements/{identifier}"
        right = afrimoney_headers(self.sandbox.settings, signed or identifier, datetime.now(UTC))
        return await self.call("GET", url, right, _dashed(headers))


def _dashed(headers: dict[str, str | None]) -> Headers:
    return {name.replace("_", "-"): value for name, value in headers.items()}
