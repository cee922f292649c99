"""A client that does everything right, in virtual time: the yardstick for a scenario's ending."""

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

from adapters.sandbox.afrimoney import sign
from adapters.sandbox.corridors import ORANGE_MONEY
from adapters.sandbox.deliveries import Dispatch
from adapters.sandbox.engine import Engine
from adapters.sandbox.scenarios import Ending, Expected
from adapters.sandbox.wire import Reaction
from tests.adapters.sandbox.calls import NOW, Caller, Payee

MOST_SUBMITS = 5
REST = timedelta(seconds=2)

ENDINGS = {
    "successful": Ending.COMPLETED,
    "completed": Ending.COMPLETED,
    "failed": Ending.FAILED,
    "cancelled": Ending.CANCELLED,
}
NOT_ENDED = {"pending", "processing"}
OURS = {
    "INVALID_PHONE_NUMBER": "RECIPIENT_INVALID",
    "WALLET_LIMIT_REACHED": "RECIPIENT_LIMIT_REACHED",
    "NAME_MISMATCH": "NAME_MISMATCH",
    "PAYEE_NOT_FOUND": "RECIPIENT_NOT_FOUND",
    "RECIPIENT_NOT_FOUND": "RECIPIENT_NOT_FOUND",
    "PAYEE_NOT_ALLOWED_TO_RECEIVE": "RECIPIENT_BLOCKED",
    "ACCOUNT_SUSPENDED": "RECIPIENT_BLOCKED",
    "UNSPECIFIED_FAILURE": "UNSPECIFIED",
}
FLOAT_EMPTY = {"NOT_ENOUGH_FUNDS", "INSUFFICIENT_FLOAT"}


class CarefulClient:
    """Pays one cash-out and says how it ended. Whatever it does not understand, it asks about."""

    def __init__(self, engine: Engine, provider: str, reference: str, to: Payee) -> None:
        self.engine, self.provider = engine, provider
        self.reference, self.to = reference, to
        self.caller = Caller(engine, provider)
        self.now = NOW
        self.ended: Expected | None = None
        self.review: str | None = None
        self.needs_review = False
        self.webhooks: list[int] = []

    def run(self) -> Expected:
        """Submit until it is taken or refused, then listen and ask until all is at rest."""
        self.caller.log_in(self.now)
        for _ in range(MOST_SUBMITS):
            if self._submitted():
                break
            self.now += REST
            self.caller.log_in(self.now)
        self._rest()
        if self.ended is None or self.needs_review:
            self._ask()
        if self.needs_review:
            return Expected(Ending.REVIEW, self.review)
        return self.ended or Expected(Ending.OPEN)

    def _submitted(self) -> bool:
        """Submit once; True when there is nothing left to submit."""
        reaction = self.caller.submit(self.reference, self.to, self.now)
        if reaction.wire.after_webhooks:
            self._hear()
        read = _read(reaction)
        if read is None or reaction.reply is None:
            return self._ask()
        status, code = reaction.reply.status, read.get("code")
        if status in {401, 429} or code in FLOAT_EMPTY:
            return False
        if status >= 500 or status == 409:
            return self._ask(conflict=status == 409)
        if code is not None:
            self._end(Ending.FAILED, OURS[code])
        else:
            self._judge(read.get("data", read))
        return True

    def _rest(self) -> None:
        for _ in range(100):
            due = self.engine.next_due()
            if due is None:
                return
            self.now = max(self.now, due)
            self._hear()

    def _hear(self) -> None:
        for dispatch in self.engine.due(self.now):
            statuses = tuple(self._webhook(dispatch) for _ in range(dispatch.copies))
            self.engine.delivered(dispatch.number, statuses, self.now)

    def _webhook(self, dispatch: Dispatch) -> int:
        body = json.loads(dispatch.body)
        status = 200 if self._is_signed(dispatch, body) else 401
        self.webhooks.append(status)
        if status == 200 and self._reference(body) == self.reference:
            if self.provider == ORANGE_MONEY:
                self._judge(body)
            else:
                self._ask()
        return status

    def _is_signed(self, dispatch: Dispatch, body: dict[str, Any]) -> bool:
        headers, settings = dict(dispatch.headers), self.engine.settings
        if self.provider == ORANGE_MONEY:
            secret = settings.orange_money_webhook_secret.encode()
            expected = hmac.new(secret, dispatch.body, hashlib.sha256).hexdigest()
        else:
            expected = sign(
                settings.afrimoney_api_secret,
                settings.afrimoney_api_key,
                headers["X-Timestamp"],
                body["externalReference"],
            )
        return headers["X-Signature"] == expected

    def _ask(self, *, conflict: bool = False) -> bool:
        """Look the reference up; False when the provider does not know it."""
        reaction = self.caller.status(self.reference, self.now)
        assert reaction.reply is not None
        if reaction.reply.status == 404:
            return False
        body = json.loads(reaction.reply.body)
        self._judge(body.get("data", body), conflict=conflict)
        return True

    def _judge(self, told: dict[str, Any], *, conflict: bool = False) -> None:
        if not self._is_ours(told):
            self.needs_review = True
            self.review = "REFERENCE_CONFLICT" if conflict else self.review
            return
        word = told.get("status", "pending").lower()
        if word in ENDINGS:
            reason = told.get("reason", told.get("failureReason"))
            self._end(ENDINGS[word], None if reason is None else OURS[reason])
        elif self.ended is not None and word not in NOT_ENDED:
            self.needs_review = True

    def _is_ours(self, told: dict[str, Any]) -> bool:
        amount, payee = told.get("amount"), told.get("payee", told.get("recipient"))
        value = amount["value"] if isinstance(amount, dict) else amount
        digits = None if payee is None else payee.get("partyId", payee.get("phoneNumber"))
        return value in {None, int(self.to.amount)} and digits in {None, self.to.digits}

    def _end(self, ending: Ending, code: str | None) -> None:
        if self.ended is None:
            self.ended = Expected(ending, code)
        elif self.ended.ending is not ending:
            self.needs_review = True

    @staticmethod
    def _reference(body: dict[str, Any]) -> str:
        reference: str = body.get("externalId", body.get("externalReference", ""))
        return reference


def _read(reaction: Reaction) -> dict[str, Any] | None:
    """Return the answer's JSON; an empty body is {}; None: nobody can tell what happened."""
    unheard = reaction.wire.hang_s > 0 or reaction.wire.reset
    if unheard or reaction.reply is None or reaction.wire.truncate_at is not None:
        return None
    if not reaction.reply.body:
        return {}
    try:
        value = json.loads(reaction.reply.body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
