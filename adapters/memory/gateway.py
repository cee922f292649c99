"""A provider in memory: a ledger of what it really paid, and as many ways to say so as there are.

It is asked in meanings, not on a wire. Whatever it answers, tells late or keeps to itself, the
ledger is the truth that a test compares with.
"""

import hashlib
import hmac
import json
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from application.ports import Authentic, Order, Unauthentic, Unreadable, WebhookReading
from domain.attempts import OutcomeKind
from domain.evidence import Doorbell, News, NoAnswer, NotFound, Outcome
from domain.failures import FailureCode
from domain.money import Money
from domain.states import ENDINGS, Status

SIGNATURE = "x-signature"


class Manner(StrEnum):
    """How a submit is treated."""

    ACCEPTS = "accepts"
    """Taken, with an id; settles later."""
    ACCEPTS_BLANK = "accepts_blank"
    """Taken, and nothing is said about it."""
    PAYS_AT_ONCE = "pays_at_once"
    REFUSES = "refuses"
    """Definitively; nothing is created."""
    DECLINES = "declines"
    """Not taken: slow down."""
    UNREACHABLE = "unreachable"
    """Nothing left our process."""
    TAKEN_IN_SILENCE = "taken_in_silence"
    """Taken, and the answer is lost."""
    LOST = "lost"
    """Never received, and the answer is lost: the same to the caller."""
    HIDDEN = "hidden"
    """Taken, the answer lost, and look-ups do not find it before it is settled."""


_TAKES = frozenset(Manner) - {Manner.REFUSES, Manner.DECLINES, Manner.UNREACHABLE, Manner.LOST}
_SILENT = frozenset({Manner.TAKEN_IN_SILENCE, Manner.LOST, Manner.HIDDEN})


@dataclass(frozen=True, slots=True)
class Payout:
    """Money that the payee has."""

    reference: str
    transaction_id: str
    amount: Money
    msisdn: str


@dataclass(slots=True)
class Transaction:
    """An order that the provider took. visible: look-ups find it."""

    id: str
    order: Order
    status: Status = Status.PROCESSING
    visible: bool = True

    @property
    def news(self) -> News:
        """What the provider says of it, echoing all it knows."""
        return News(
            word=self.status.upper(),
            status=self.status,
            provider_transaction_id=self.id,
            reference=self.order.reference,
            amount=self.order.amount.decimal,
            currency=self.order.amount.currency.code,
            payee=self.order.account,
            code=FailureCode.EXPIRED if self.status is Status.FAILED else None,
        )


@dataclass(slots=True)
class MemoryProvider:
    """Implements `Gateway`, and is the provider behind it.

    idempotent: a reference that it has taken is not taken again. finds_references: look-ups by our
    reference work. webhook_proves: as in Capabilities. manners: how the next submits of a reference
    go; when none is left, `manner` decides. answering: look-ups are answered. before, after:
    awaited with the name and order of each call before it acts, and before it answers, so that a
    test can look on or get in between.
    """

    idempotent: bool = True
    finds_references: bool = True
    webhook_proves: bool = True
    secret: str = "a secret of the memory provider"  # noqa: S105 -- guards nothing
    manner: Callable[[Order], Manner] = lambda _: Manner.ACCEPTS
    manners: defaultdict[str, deque[Manner]] = field(default_factory=lambda: defaultdict(deque))
    answering: bool = True
    retry_after_s: int | None = None
    ledger: list[Payout] = field(default_factory=list)
    transactions: dict[str, Transaction] = field(default_factory=dict)
    calls: list[tuple[str, Order]] = field(default_factory=list)
    before: Callable[[str, Order], Awaitable[None]] | None = None
    after: Callable[[str, Order], Awaitable[None]] | None = None

    async def disburse(self, order: Order) -> Outcome:
        """Treat an order as its manner says."""
        await self._called("disburse", order)
        outcome = self._treated(order)
        await self._answers("disburse", order)
        return outcome

    async def look_up(self, order: Order) -> News | NotFound | NoAnswer:
        """Say what became of an order, by id when the caller knows it, else by reference."""
        await self._called("look_up", order)
        finding = self._found(order)
        await self._answers("look_up", order)
        return finding

    def read_webhook(
        self, headers: Sequence[tuple[str, str]], raw: bytes, now: datetime
    ) -> WebhookReading:
        """Verify a webhook made by `webhook`, then read it."""
        del now
        signatures = [value for name, value in headers if name.lower() == SIGNATURE]
        body = _object(raw)
        covered = raw if self.webhook_proves else str(body.get("reference", "")).encode()
        if len(signatures) != 1 or not hmac.compare_digest(signatures[0], self._sign(covered)):
            return Unauthentic("not signed by us")
        missing = tuple(name for name in ("reference", "id", "word") if not body.get(name))
        if missing:
            return Unreadable(missing)
        reference, word, its_id = body["reference"], body["word"], body["id"]
        status = Status(word.lower()) if word.lower() in set(Status) else None
        if self.webhook_proves:
            return Authentic(News(word, status, its_id, reference))
        return Authentic(Doorbell(reference, word, status, its_id), replay_key=body.get("stamp"))

    async def check(self) -> str | None:
        """Return what is wrong, as long as it does not answer."""
        return None if self.answering else "it does not answer"

    def webhook(self, news: News, stamp: str = "") -> tuple[list[tuple[str, str]], bytes]:
        """Return a signed delivery of news: its headers and raw body."""
        said = {
            "id": news.provider_transaction_id,
            "reference": news.reference,
            "word": news.word,
            "stamp": stamp,
        }
        raw = json.dumps(said).encode()
        covered = raw if self.webhook_proves else str(news.reference).encode()
        return [("X-Signature", self._sign(covered))], raw

    def settle(self, transaction: Transaction, ending: Status) -> None:
        """End a transaction, once; a completed one is paid."""
        if transaction.status in ENDINGS:
            return
        transaction.status, transaction.visible = ending, True
        if ending is Status.COMPLETED:
            self.ledger.append(_payout(transaction))

    def settle_all(self, ending: Status = Status.COMPLETED) -> None:
        """End everything that is open."""
        for transaction in self.transactions.values():
            self.settle(transaction, ending)

    def of(self, reference: str) -> list[Transaction]:
        """Return what was taken under a reference: several, if it is not idempotent."""
        return [each for each in self.transactions.values() if each.order.reference == reference]

    def paid(self, reference: str) -> list[Payout]:
        """Return what was really paid under a reference."""
        return [each for each in self.ledger if each.reference == reference]

    def _treated(self, order: Order) -> Outcome:
        waiting = self.manners[order.reference]
        manner = waiting.popleft() if waiting else self.manner(order)
        if manner in _TAKES and self.idempotent and self.of(order.reference):
            known = FailureCode.REFERENCE_CONFLICT
            return Outcome(OutcomeKind.UNKNOWN, known, "known already", verify=True)
        if manner in _TAKES:
            taken = self._take(order, manner)
            if manner is Manner.ACCEPTS_BLANK:
                return Outcome(OutcomeKind.ACCEPTED, news=News("", Status.PROCESSING))
            if manner not in _SILENT:
                return Outcome(OutcomeKind.ACCEPTED, news=taken.news, raw=b"{}")
        return self._untaken(manner)

    def _found(self, order: Order) -> News | NotFound | NoAnswer:
        if not self.answering:
            return NoAnswer("no answer", self.retry_after_s)
        if order.provider_transaction_id is not None:
            known = self.transactions.get(order.provider_transaction_id)
            return known.news if known else NotFound()
        if not self.finds_references:
            return NoAnswer("there is no id to ask by")
        found = [each for each in self.of(order.reference) if each.visible]
        return found[-1].news if found else NotFound()

    async def _called(self, name: str, order: Order) -> None:
        self.calls.append((name, order))
        if self.before is not None:
            await self.before(name, order)

    async def _answers(self, name: str, order: Order) -> None:
        if self.after is not None:
            await self.after(name, order)

    def _take(self, order: Order, manner: Manner) -> Transaction:
        taken = Transaction(f"MP-{len(self.transactions) + 1}", order)
        taken.visible = manner is not Manner.HIDDEN
        self.transactions[taken.id] = taken
        if manner is Manner.PAYS_AT_ONCE:
            self.settle(taken, Status.COMPLETED)
        return taken

    def _untaken(self, manner: Manner) -> Outcome:
        outcome = {
            Manner.REFUSES: Outcome(OutcomeKind.REFUSED, FailureCode.RECIPIENT_NOT_FOUND),
            Manner.DECLINES: Outcome(OutcomeKind.UNSENT, FailureCode.RATE_LIMITED),
            Manner.UNREACHABLE: Outcome(OutcomeKind.UNSENT, FailureCode.PROVIDER_UNAVAILABLE),
        }.get(manner, Outcome(OutcomeKind.UNKNOWN, detail="no answer"))
        return replace(outcome, retry_after_s=self.retry_after_s)

    def _sign(self, covered: bytes) -> str:
        return hmac.new(self.secret.encode(), covered, hashlib.sha256).hexdigest()


def _payout(transaction: Transaction) -> Payout:
    order = transaction.order
    return Payout(order.reference, transaction.id, order.amount, order.payee.msisdn.e164)


def _object(raw: bytes) -> dict[str, str]:
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
