"""Orange's token call, as its public gateway has it: Basic credentials, a form, Accept JSON."""

import base64
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from adapters.provider_kit.client import Answer, Exchange, JsonClient, NotSent, Unclear
from adapters.provider_kit.limits import Budget
from adapters.provider_kit.outcomes import BY_STATUS
from adapters.provider_kit.retry_after import retry_after_s
from adapters.provider_kit.retrying import asked, may_pass
from adapters.provider_kit.signing import sha256_hex
from adapters.provider_kit.strict_json import NotReadable
from adapters.provider_kit.tokens import Grant, TokenFault
from adapters.providers.orange_money.settings import Settings
from adapters.providers.orange_money.wire import TOKEN_FORM, read_grant
from application.ports import Clock
from domain.failures import FailureCode

ATTEMPTS: Final = 3
_GRANTED: Final = 200
_REFUSED: Final = frozenset({400, 401})
_KEY_LENGTH: Final = 32


def cache_key(provider: str, settings: Settings) -> str:
    """Return the name of this credential in a shared store; no secret goes into it."""
    credential = f"{settings.token_url} {settings.client_id}".encode()
    return f"{provider}.{sha256_hex(credential)[:_KEY_LENGTH]}"


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """Asks for a token. Its answers are never logged, whole or in part."""

    client: JsonClient = field(repr=False)
    settings: Settings
    clock: Clock = field(repr=False)

    async def __call__(self, within: timedelta) -> Grant | TokenFault:
        """Return a token, or why there is none; asks a few times while that may help."""
        budget = Budget(self.clock, within)
        exchange = await asked(
            lambda: self._ask(budget), may_pass, attempts=ATTEMPTS, within=budget.left
        )
        match exchange:
            case Answer(status=status) if status == _GRANTED:
                return _read(exchange)
            case Answer():
                return self._refused(exchange)
            case NotSent() | Unclear():
                detail = f"no token: {exchange.reason}"
                return TokenFault(FailureCode.PROVIDER_UNAVAILABLE, detail)

    def _ask(self, budget: Budget) -> Awaitable[Exchange]:
        pair = f"{self.settings.client_id}:{self.settings.client_secret}".encode()
        headers = {
            "Authorization": f"Basic {base64.b64encode(pair).decode()}",
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return self.client.call(
            "POST", self.settings.token_url, headers, body=TOKEN_FORM, within=budget.left
        )

    def _refused(self, answer: Answer) -> TokenFault:
        detail = f"no token: HTTP {answer.status}"
        wait = retry_after_s(answer.retry_after, self.clock.now())
        if answer.status in _REFUSED:
            return TokenFault(FailureCode.PROVIDER_AUTH, detail, trips=True)
        row = BY_STATUS.get(answer.status)
        if row is None or row.code is None:
            return TokenFault(FailureCode.PROVIDER_UNAVAILABLE, detail, retry_after_s=wait)
        return TokenFault(row.code, detail, trips=row.trips, retry_after_s=wait)


def _read(answer: Answer) -> Grant | TokenFault:
    try:
        token, lifetime_s = read_grant(answer.body)
    except NotReadable:
        return TokenFault(FailureCode.PROVIDER_UNAVAILABLE, "no token: unreadable answer")
    return Grant(token, timedelta(seconds=lifetime_s))
