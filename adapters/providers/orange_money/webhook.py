"""Orange Money's webhooks: `X-Signature` is the lower-case hex HMAC-SHA256 of the raw body."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from adapters.provider_kit.signing import is_signed, only_header
from adapters.provider_kit.strict_json import NotReadable, read_object, require, shaped
from adapters.provider_kit.vocabulary import Vocabulary
from adapters.providers.orange_money.wire import Transaction, news_of
from application.ports import Authentic, Unauthentic, Unreadable, WebhookReading
from domain.evidence import Doorbell, News


def read(
    headers: Sequence[tuple[str, str]],
    raw: bytes,
    *,
    secret: str,
    vocabulary: Vocabulary,
    proves: bool,
) -> WebhookReading:
    """Verify over the raw bytes, then read: news, or a doorbell where webhooks prove nothing."""
    signature = only_header(headers, "X-Signature")
    if signature is None:
        return Unauthentic("not exactly one X-Signature")
    if not is_signed(signature, secret, raw):
        return Unauthentic("X-Signature is not of this body")
    try:
        body = read_object(raw)
        require(body, ("transactionId", "externalId"), ("status",))
        news = _news(body, vocabulary)
    except NotReadable as problem:
        return Unreadable(problem.fields)
    return Authentic(news if proves else _doorbell(news))


def _news(body: dict[str, object], vocabulary: Vocabulary) -> News:
    """Return what it says; senders that add the amount write it as a bare number, without form."""
    amount = body.get("amount")
    if not isinstance(amount, Decimal):
        return news_of(shaped(body, Transaction), vocabulary, unless_told=None)
    rest = {name: value for name, value in body.items() if name != "amount"}
    return replace(_news(rest, vocabulary), amount=amount)


def _doorbell(news: News) -> Doorbell:
    return Doorbell(news.reference or "", news.word, news.status, news.provider_transaction_id)
