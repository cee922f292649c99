"""Receive a webhook: verify, keep and apply it, then answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from application.lanes import Lanes
from application.ports import (
    Chance,
    Clock,
    Delivery,
    Lookup,
    Unauthentic,
    Unreadable,
)
from application.ports.observing import UNWATCHED, Step, Tracing
from application.record_news import Arrival, Record, Recorded, digest_of
from domain.evidence import Doorbell, News, Source
from domain.record import Report
from domain.refusals import InvalidProvider, InvalidSignature, InvalidWebhook


@dataclass(frozen=True, slots=True)
class ReceiveWebhook:
    """Takes one delivery of a provider; what it says is judged by the one door for news."""

    lanes: Lanes
    record: Record
    clock: Clock
    chance: Chance
    tracing: Tracing = UNWATCHED

    async def __call__(
        self,
        provider: str,
        headers: Sequence[tuple[str, str]],
        raw: bytes,
        cause: str = "",
    ) -> Recorded:
        """Return what became of it; `cash_out` is None when it speaks of nobody's (it is parked).

        cause: see Change.

        Raises InvalidProvider, InvalidSignature (nothing is kept then), InvalidWebhook (its raw
        bytes are kept) or StorageUnavailable: the provider has to send it again.
        """
        lane = self.lanes.get(provider)
        if lane is None:
            raise InvalidProvider(provider, sorted(self.lanes))
        now = self.clock.now()
        reading = lane.gateway.read_webhook(headers, raw, now)
        if isinstance(reading, Unauthentic):
            raise InvalidSignature
        if isinstance(reading, Unreadable):
            delivery = self._delivery(provider, raw)
            await self.record(Arrival(provider, None, delivery=delivery, cause=cause))
            raise InvalidWebhook(reading.missing)
        arrival = self._arrival(provider, raw, reading.news, reading.replay_key)
        recorded = await self.record(replace(arrival, cause=cause) if cause else arrival)
        if recorded.cash_out is not None:
            self.tracing.happened(Step.WEBHOOK, recorded.cash_out.trace, now)
        if recorded.receipt is not None and recorded.receipt.replayed:
            raise InvalidSignature
        return recorded

    def _arrival(
        self, provider: str, raw: bytes, news: News | Doorbell, replay_key: str | None
    ) -> Arrival:
        lookup = Lookup(provider, news.reference or "", news.provider_transaction_id)
        delivery = self._delivery(provider, raw, news, lookup, replay_key)
        report = Report(
            source=Source.WEBHOOK,
            finding=news,
            digest=delivery.digest,
            raw=raw,
            permille=self.chance.permille(),
        )
        return Arrival(provider, report, lookup=lookup, delivery=delivery)

    def _delivery(
        self,
        provider: str,
        raw: bytes,
        finding: News | Doorbell | None = None,
        lookup: Lookup | None = None,
        replay_key: str | None = None,
    ) -> Delivery:
        return Delivery(
            id=self.chance.token(),
            provider=provider,
            digest=digest_of(raw),
            received_at=self.clock.now(),
            raw=raw,
            replay_key=replay_key,
            finding=finding,
            lookup=lookup,
        )
