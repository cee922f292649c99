"""A third provider, as small as one can be: one module, nothing else touched.

It pays whoever asks, in one plain call, and its webhooks carry a shared word.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from adapters.provider_kit.client import Answer, JsonClient
from adapters.provider_kit.outcomes import SubmitTable, no_answer, of_silence
from adapters.provider_kit.signing import only_header
from adapters.provider_kit.strict_json import NotReadable, read_object
from adapters.provider_kit.vocabulary import Options, vocabulary_of
from adapters.provider_kit.wiring import Wiring, declared, setting
from application.ports import Authentic, Order, Unauthentic, Unreadable, WebhookReading
from domain.evidence import Doorbell, News, NoAnswer, NotFound, Outcome
from domain.states import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    api_url: str = setting(url=True)
    word: str = setting(secret=True)


SETTINGS = declared(Settings)


def build(wiring: Wiring) -> "CornerShop":
    return CornerShop(wiring, wiring.read_settings(Settings), wiring.read_options(Options))


class CornerShop:
    def __init__(self, wiring: Wiring, settings: Settings, options: Options) -> None:
        self._settings = settings
        self._clock = wiring.clock
        self._words = vocabulary_of({"paid": Status.COMPLETED}, options, folds_words=True)
        self._table = SubmitTable(200, self._words)
        self._client = JsonClient(wiring.limits)

    async def disburse(self, order: Order) -> Outcome:
        url = f"{self._settings.api_url}/pay/{order.reference}"
        exchange = await self._client.call(
            "POST", url, {}, body=f"{order.amount.plain} to {order.account}".encode()
        )
        if not isinstance(exchange, Answer):
            return of_silence(exchange)
        if exchange.status not in range(200, 300):
            return self._table.of_error(exchange, self._clock.now())
        return self._table.of_success(
            exchange, self._news(exchange.body.decode("utf-8", "replace"))
        )

    async def look_up(self, order: Order) -> News | NotFound | NoAnswer:
        url = f"{self._settings.api_url}/pay/{order.reference}"
        exchange = await self._client.call("GET", url, {})
        if isinstance(exchange, Answer) and exchange.status == 200:
            return self._news(exchange.body.decode("utf-8", "replace"))
        return no_answer(exchange, self._clock.now())

    def read_webhook(
        self, headers: Sequence[tuple[str, str]], raw: bytes, _now: datetime
    ) -> WebhookReading:
        if only_header(headers, "X-Word") != self._settings.word:
            return Unauthentic("not the word")
        try:
            body = read_object(raw)
        except NotReadable:
            return Unreadable()
        return Authentic(Doorbell(str(body.get("reference")), "", None))

    async def check(self) -> str | None:
        exchange = await self._client.call("GET", self._settings.api_url, {})
        return None if isinstance(exchange, Answer) else exchange.reason

    async def aclose(self) -> None:
        await self._client.aclose()

    def _news(self, word: str) -> News:
        return News(word, self._words.status_of(word))
