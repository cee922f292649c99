"""A provider of the tests: it pays as it is told to, and signs its webhooks over the raw body."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from application.ports import (
    Authentic,
    Order,
    Unauthentic,
    Unreadable,
    WebhookReading,
)
from domain.attempts import OutcomeKind
from domain.evidence import News, NoAnswer, NotFound, Outcome
from domain.states import Status

SECRET = b"a-webhook-secret-of-the-tests"
WORDS = {
    "PENDING": Status.PROCESSING,
    "DONE": Status.COMPLETED,
    "FAILED": Status.FAILED,
}


def signature(raw: bytes) -> str:
    """Return what makes a body this partner's own."""
    return hmac.new(SECRET, raw, hashlib.sha256).hexdigest()


@dataclass
class Partner:
    """Implements application.ports.Gateway."""

    outcome: Outcome = field(default_factory=lambda: Outcome(OutcomeKind.ACCEPTED))
    orders: list[Order] = field(default_factory=list)
    asked: int = 0
    seen: list[tuple[str, str]] = field(default_factory=list)

    async def disburse(self, order: Order) -> Outcome:
        self.orders.append(order)
        return self.outcome

    async def look_up(self, order: Order) -> News | NotFound | NoAnswer:
        self.asked += 1
        return NoAnswer(f"attempt {order.attempt} is under way")

    def read_webhook(
        self, headers: Sequence[tuple[str, str]], raw: bytes, now: datetime
    ) -> WebhookReading:
        self.seen = list(headers)
        given = [value for name, value in headers if name.lower() == "x-signature"]
        if given != [signature(raw)]:
            return Unauthentic(f"at {now}: signed {len(given)} times")
        try:
            told = json.loads(raw)
        except ValueError:
            return Unreadable()
        missing = [each for each in ("reference", "status") if not told.get(each)]
        if missing:
            return Unreadable(tuple(missing))
        word = told["status"]
        return Authentic(
            News(word, WORDS.get(word), told.get("transactionId"), reference=told["reference"])
        )

    async def check(self) -> str | None:
        return None
