"""The requests of a load, ready as bytes: what is measured is the server, not their making."""

import hashlib
import hmac
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from adapters.web.auth import issue_token

CASH_OUT: Final = "/api/payments/cash-out"
ORANGE_WEBHOOK: Final = "/api/payments/webhook/orange_money"
_LIFETIME: Final = timedelta(hours=8)


class Requests(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a load is made of.

    kind: `take` (POST a cash-out), `read` (GET one of `paths`) or `webhook` (each of `references`
    once). users: among how many it is spread. secret: signs their tokens. amount: in XOF.
    """

    kind: str
    secret: str
    users: int = 10_000
    first_user: int = 0
    amount: int = 600
    path: str = CASH_OUT
    paths: list[str] = []
    webhook_secret: str = ""
    references: list[str] = []

    def supply(self, chance: random.Random) -> Callable[[], bytes | None]:
        """Return what gives the next request."""
        return {"take": self._takes, "read": self._reads, "webhook": self._webhooks}[self.kind](
            chance
        )

    def _takes(self, chance: random.Random) -> Callable[[], bytes | None]:
        ready = [
            take(f"user-{number}", self.secret, amount=self.amount, path=self.path)
            for number in range(self.first_user, self.first_user + self.users)
        ]
        return lambda: chance.choice(ready)

    def _reads(self, chance: random.Random) -> Callable[[], bytes | None]:
        bearer = token(f"user-{self.first_user}", self.secret)
        ready = [
            f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {bearer}\r\n\r\n".encode()
            for path in self.paths
        ]
        return lambda: chance.choice(ready)

    def _webhooks(self, _chance: random.Random) -> Callable[[], bytes | None]:
        ready = iter([webhook(each, self.webhook_secret) for each in self.references])
        return lambda: next(ready, None)


def take(user_id: str, secret: str, *, amount: int, path: str = CASH_OUT) -> bytes:
    """Return the request of one user for a cash-out; each time it is sent it asks for a new one."""
    body = msgspec.json.encode(
        {
            "walletId": "wallet-1",
            "amount": amount,
            "currency": "XOF",
            "provider": "orange_money",
            "providerAccountId": "+2250700000789",
            "providerAccountName": "Awa Diallo",
        }
    )
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token(user_id, secret)}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def token(user_id: str, secret: str) -> str:
    """Return a bearer token."""
    return issue_token(secret.encode(), user_id, "user", _LIFETIME, now=datetime.now(UTC))


def webhook(reference: str, secret: str, path: str = ORANGE_WEBHOOK) -> bytes:
    """Return Orange Money's signed word that a cash-out was paid."""
    body = msgspec.json.encode(
        {"transactionId": f"OM-{reference}", "status": "SUCCESSFUL", "externalId": reference}
    )
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nX-Signature: {signature}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
