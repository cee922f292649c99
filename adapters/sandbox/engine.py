"""The provider simulator's brain: requests in, reactions out; no clock or socket of its own.

Whoever drives it hands in the instant and acts out what comes back: a server on a real socket, a
test's gateway in memory, a simulator with a virtual clock. Two doors lead to the same transactions:
the wire (`handle`, `token`, `submit`, `status`) and the meaning (`transactions.submit`,
`transactions.look_up`).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import Final, Protocol

from adapters.sandbox.afrimoney import AfriMoney
from adapters.sandbox.behaviour import Manner
from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY, suffix_of
from adapters.sandbox.deliveries import Deliveries, Delivery, DeliveryState, Dispatch
from adapters.sandbox.faults import Act, Endpoint, FaultRule, Faults, Happening, Mishap
from adapters.sandbox.ledger import Floats, Ledger
from adapters.sandbox.ledger_file import Book, NoBook
from adapters.sandbox.orange_money import OrangeMoney
from adapters.sandbox.settings import SandboxSettings
from adapters.sandbox.transactions import (
    Announcement,
    Answer,
    Order,
    Report,
    SandboxFull,
    Transactions,
)
from adapters.sandbox.wire import Reaction, Rejected, Reply, WireFault, WireRequest

GARBAGE: Final = b'{"transactionId": "OM-\xff\xfe", "status": '
HTML_PAGE: Final = b"<!doctype html><html><body><h1>Please sign in</h1></body></html>"
_HTML_HEADERS: Final = (("content-type", "text/html; charset=utf-8"),)
_NO_DISRUPTION: Final = FaultRule(act=Act.DELAY)


class Dialect(Protocol):
    """A provider's protocol: how meaning is read from and written to the wire."""

    def route(self, request: WireRequest) -> tuple[Endpoint, str]:
        """Return the endpoint and, for a look-up, the id; raises `Rejected`."""
        ...

    def token(self, request: WireRequest, now: datetime, /) -> Reply:
        """Give a token; raises `Rejected`."""
        ...

    def read_order(self, request: WireRequest, now: datetime) -> Order:
        """Read a submit; raises `Rejected`."""
        ...

    def check_status(self, request: WireRequest, identifier: str, now: datetime, /) -> None:
        """Raise `Rejected` unless the look-up is as documented."""
        ...

    def answer(self, answer: Answer, request: WireRequest, /) -> Reply:
        """Write the answer to a submit."""
        ...

    def status(self, report: Report | None) -> Reply:
        """Write the answer to a look-up; None is not found."""
        ...

    def error(self, status: int, code: str, message: str) -> Reply:
        """Write any other error."""
        ...

    def webhook(self, announcement: Announcement) -> bytes:
        """Write a webhook's body."""
        ...

    def signature(
        self, body: bytes, reference: str, now: datetime, /, *, forged: bool
    ) -> tuple[tuple[str, str], ...]:
        """Return the headers that sign a webhook."""
        ...


class Engine:
    """Both providers, with their ledger, floats, faults, webhooks and a count of the calls made."""

    def __init__(
        self, settings: SandboxSettings, chance: Random | None = None, book: Book | None = None
    ) -> None:
        self.settings = settings
        self._book = book or NoBook()
        # Seeded chance decides what is tried, not who may enter.
        self._source = chance or Random(settings.seed)  # noqa: S311 -- repeatable on purpose
        self._latency = self._branch()
        self.dialects: Mapping[str, Dialect] = MappingProxyType(
            {
                ORANGE_MONEY: OrangeMoney(settings, self._branch()),
                AFRIMONEY: AfriMoney(settings),
            }
        )
        self._begin()

    def _begin(self) -> None:
        self.transactions = Transactions(self.settings, self._branch(), self._book)
        self.faults = Faults(self._branch())
        self.deliveries = Deliveries(self.settings)
        self.calls: Counter[tuple[str, Endpoint]] = Counter()

    def _branch(self) -> Random:
        # One source each: what is drawn for one purpose does not shift what another gets.
        return Random(self._source.getrandbits(64))  # noqa: S311 -- repeatable on purpose

    @property
    def ledger(self) -> Ledger:
        """Return the payouts executed."""
        return self.transactions.ledger

    @property
    def floats(self) -> Floats:
        """Return the float balances."""
        return self.transactions.floats

    def reset(self) -> None:
        """Forget every transaction, fault, delivery and count. Tokens given out stay good."""
        self._book.clear()
        self._begin()

    def handle(self, provider: str, request: WireRequest, now: datetime) -> Reaction:
        """React to a request at that provider, whatever it asks for."""
        try:
            endpoint, identifier = self.dialects[provider].route(request)
        except Rejected as rejected:
            return Reaction(reply=rejected.reply)
        if endpoint is Endpoint.TOKEN:
            return self.token(provider, request, now)
        if endpoint is Endpoint.SUBMIT:
            return self.submit(provider, request, now)
        return self.status(provider, identifier, request, now)

    def token(self, provider: str, request: WireRequest, now: datetime) -> Reaction:
        """React to a request for a token."""
        mishap = self._begun(provider, Endpoint.TOKEN, None, now)
        if _hides_everything(mishap):
            return self._spoilt(provider, Reaction(reply=None), mishap)
        try:
            reply = self.dialects[provider].token(request, now)
        except Rejected as rejected:
            reply = rejected.reply
        return self._spoilt(provider, self._delayed(reply), mishap)

    def submit(self, provider: str, request: WireRequest, now: datetime) -> Reaction:
        """React to an order: refuse what is malformed, then do as its number's scenario says."""
        dialect = self.dialects[provider]
        try:
            order = dialect.read_order(request, now)
        except Rejected as rejected:
            mishap = self._begun(provider, Endpoint.SUBMIT, None, now)
            return self._spoilt(provider, self._delayed(rejected.reply), mishap)
        suffix = suffix_of(provider, order.msisdn)
        mishap = self._begun(provider, Endpoint.SUBMIT, suffix, now)
        if _hides_everything(mishap):
            return self._spoilt(provider, Reaction(reply=None), mishap)
        self.settle(now)
        try:
            answer = self.transactions.submit(provider, order, now)
        except SandboxFull:
            full = dialect.error(503, "SANDBOX_FULL", "Reset the sandbox: it keeps no more")
            return Reaction(reply=full)
        reaction = self._acted(dialect, answer, request)
        reaction = replace(reaction, payouts=answer.payouts, webhooks=self._announce())
        return self._spoilt(provider, reaction, mishap)

    def status(
        self, provider: str, identifier: str, request: WireRequest, now: datetime
    ) -> Reaction:
        """React to a look-up by their id or our reference."""
        dialect = self.dialects[provider]
        try:
            dialect.check_status(request, identifier, now)
        except Rejected as rejected:
            mishap = self._begun(provider, Endpoint.STATUS, None, now)
            return self._spoilt(provider, self._delayed(rejected.reply), mishap)
        self.settle(now)
        report = self.transactions.look_up(provider, identifier, now)
        suffix = None if report is None else suffix_of(provider, report.order.msisdn)
        mishap = self._begun(provider, Endpoint.STATUS, suffix, now)
        return self._spoilt(provider, self._delayed(dialect.status(report)), mishap)

    def settle(self, now: datetime) -> None:
        """Let everything happen that is due by then, and schedule the webhooks that tell of it."""
        self.transactions.settle(now)
        self._announce()

    def due(self, now: datetime) -> list[Dispatch]:
        """Return the webhooks to put on the wire now, signed; report each back with `delivered`."""
        self.settle(now)
        return [self._dispatched(delivery, now) for delivery in self.deliveries.due(now)]

    def delivered(self, number: int, statuses: tuple[int | None, ...], now: datetime) -> None:
        """Note the answers to a dispatch, one status for each copy, None where there was none."""
        self.deliveries.report(number, statuses, now)

    def redeliver(self, number: int, now: datetime) -> bool:
        """Send a webhook of the log again; False when it is not kept or is on its way."""
        return self.deliveries.redeliver(number, now)

    def next_due(self) -> datetime | None:
        """Return when something happens next by itself, or None when all is at rest."""
        instants = [self.transactions.next_due(), self.deliveries.next_due()]
        return min((instant for instant in instants if instant is not None), default=None)

    def _begun(
        self, provider: str, endpoint: Endpoint, suffix: str | None, now: datetime
    ) -> Mishap:
        self.calls[provider, endpoint] += 1
        return self.faults.befall(Happening(provider, endpoint, suffix), now)

    def _delayed(self, reply: Reply) -> Reaction:
        return Reaction(reply=reply, wire=WireFault(delay_s=self._answer_s()))

    def _answer_s(self) -> float:
        low, high = self.settings.pace.answer_s
        # Most answers come early, a few late: the mode is a quarter of the way.
        return self._latency.triangular(low, high, low + (high - low) / 4) if high > 0 else 0.0

    def _acted(self, dialect: Dialect, answer: Answer, request: WireRequest) -> Reaction:
        wire = WireFault(delay_s=self._answer_s(), after_webhooks=answer.after_webhooks)
        manner = answer.manner
        if manner is Manner.SILENCE:
            reply = dialect.answer(answer, request) if answer.recorded else None
            return Reaction(reply=reply, wire=replace(wire, hang_s=self.settings.hang_s))
        if manner is Manner.RESET:
            return Reaction(reply=None, wire=replace(wire, reset=True))
        return Reaction(reply=_written(dialect, answer, request), wire=wire)

    def _spoilt(self, provider: str, reaction: Reaction, mishap: Mishap) -> Reaction:
        wire = replace(reaction.wire, delay_s=reaction.wire.delay_s + mishap.delay_s)
        rule = mishap.rule or _NO_DISRUPTION
        if rule.act is Act.STATUS:
            return replace(reaction, reply=self._by_rule(provider, rule), wire=wire)
        if rule.act is Act.RESET:
            return replace(reaction, reply=None, wire=replace(wire, reset=True))
        if rule.act is Act.HANG:
            hang_s = rule.seconds or self.settings.hang_s
            return replace(reaction, wire=replace(wire, hang_s=hang_s))
        if rule.act is Act.TRUNCATE:
            return replace(reaction, wire=replace(wire, truncate_at=rule.at_byte))
        return replace(reaction, wire=wire)

    def _by_rule(self, provider: str, rule: FaultRule) -> Reply:
        message = "A fault rule of the sandbox answers"
        reply = self.dialects[provider].error(rule.status, "SANDBOX_FAULT", message)
        if rule.body is not None:
            reply = replace(reply, body=rule.body.encode())
        if rule.retry_after_s is not None:
            reply = reply.with_header("retry-after", str(rule.retry_after_s))
        return reply

    def _announce(self) -> tuple[int, ...]:
        announcements, self.transactions.announcements = self.transactions.announcements, []
        return tuple(self._scheduled(announcement) for announcement in announcements)

    def _scheduled(self, announcement: Announcement) -> int:
        if announcement.hook.stranger:
            announcement = self._about_a_stranger(announcement)
        report, hook = announcement.report, announcement.hook
        suffix = suffix_of(report.provider, report.order.msisdn)
        happening = Happening(report.provider, Endpoint.WEBHOOK, suffix)
        mishap = self.faults.befall(happening, announcement.at)
        rule = mishap.rule or _NO_DISRUPTION
        delivery = Delivery(
            number=0,
            provider=report.provider,
            reference=report.order.reference,
            transaction_id=report.transaction_id,
            body=self.dialects[report.provider].webhook(announcement),
            due_at=announcement.at + timedelta(seconds=mishap.delay_s),
            copies=rule.copies if rule.act is Act.DUPLICATE else hook.copies,
            forged=hook.bad_signatures,
            corrupted=int(rule.act is Act.CORRUPT),
        )
        if rule.act is Act.DROP:
            delivery.state = DeliveryState.DROPPED
        return self.deliveries.schedule(delivery)

    def _about_a_stranger(self, announcement: Announcement) -> Announcement:
        report = announcement.report
        transaction_id = self.transactions.new_id(report.provider)
        order = replace(report.order, reference=f"NOBODYS-{transaction_id}")
        stranger = replace(report, transaction_id=transaction_id, order=order)
        return replace(announcement, report=stranger)

    def _dispatched(self, delivery: Delivery, now: datetime) -> Dispatch:
        tried = len(delivery.sendings)
        dialect = self.dialects[delivery.provider]
        body, reference = delivery.body, delivery.reference
        headers = dialect.signature(body, reference, now, forged=tried < delivery.forged)
        if tried < delivery.corrupted:
            # Corrupted on the way: the signature is still that of the good bytes.
            body = body[: len(body) // 2]
        copies = delivery.copies if tried == 0 else 1
        return Dispatch(delivery.number, delivery.provider, body, headers, copies)


def _hides_everything(mishap: Mishap) -> bool:
    """Tell whether the request is lost before the provider acts on it."""
    rule = mishap.rule
    return rule is not None and rule.act is not Act.TRUNCATE and not rule.executed


def _written(dialect: Dialect, answer: Answer, request: WireRequest) -> Reply:
    manner = answer.manner
    if manner is Manner.HTML:
        return Reply(200, HTML_PAGE, _HTML_HEADERS)
    reply = dialect.answer(answer, request)
    if manner is Manner.GARBAGE:
        return replace(reply, body=GARBAGE)
    errors = {
        Manner.SERVER_ERROR: (500, "INTERNAL_ERROR", "Something broke"),
        Manner.UNAVAILABLE: (503, "SERVICE_UNAVAILABLE", "Come back later"),
        Manner.TOO_MANY: (429, "TOO_MANY_REQUESTS", "Slow down"),
    }
    if manner in errors:
        reply = dialect.error(*errors[manner])
    if answer.retry_after_s is not None:
        reply = reply.with_header("retry-after", str(answer.retry_after_s))
    return reply
