"""AfriMoney's door: disbursements, look-ups, doorbells."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from adapters.provider_kit.client import Answer, Exchange, JsonClient
from adapters.provider_kit.limits import Budget
from adapters.provider_kit.outcomes import SubmitTable, no_answer, of_silence, unreadable
from adapters.provider_kit.retrying import asked, may_pass
from adapters.provider_kit.strict_json import NotReadable
from adapters.provider_kit.vocabulary import ErrorSays, error_in, vocabulary_of
from adapters.provider_kit.wiring import Wiring
from adapters.provider_kit.wording import path_segment
from adapters.providers.afrimoney import webhook, wire
from adapters.providers.afrimoney.settings import AfriMoneyOptions, Settings
from application.ports import Order, WebhookReading
from domain.evidence import News, NoAnswer, NotFound, Outcome
from domain.states import Status

LOOK_UP_ATTEMPTS: Final = 2
PROBE: Final = "CASHOUT-DOCTOR-NO-SUCH-REFERENCE"
_OK: Final = 200
_SUCCESSES: Final = range(200, 300)
_UNAUTHORISED: Final = 401
_NOT_FOUND: Final = 404


class AfriMoneyGateway:
    """A Gateway over signed requests.

    A call that is refused with 401 is signed afresh and sent once more, with the same reference: a
    401 proves that it was not taken.
    """

    def __init__(self, wiring: Wiring, settings: Settings, options: AfriMoneyOptions) -> None:
        self._settings = settings
        self._webhook_key = options.webhook_signing_key(settings)
        self._clock = wiring.clock
        self._advice = (
            f"check {wiring.name_of('API_URL')}, _API_KEY and _API_SECRET, and this machine's clock"
        )
        self._limits = wiring.limits
        self._capabilities = wiring.capabilities
        self._vocabulary = vocabulary_of(wire.WORDS, options, folds_words=True)
        self._table = SubmitTable(wire.ACCEPTED, self._vocabulary)
        self._client = JsonClient(wiring.limits, wiring.tls)

    async def disburse(self, order: Order) -> Outcome:
        """Have the provider pay; see the port and `provider_kit.outcomes`."""
        exchange = await self._signed(
            "POST", wire.SUBMIT_PATH, order.reference, self._budget(), wire.submit_body(order)
        )
        if not isinstance(exchange, Answer):
            return of_silence(exchange)
        if exchange.status not in _SUCCESSES:
            return self._table.of_error(exchange, self._clock.now())
        return self._accepted(exchange)

    async def look_up(self, order: Order) -> News | NotFound | NoAnswer:
        """Ask by the provider's id, else by our reference; see the port."""
        known = order.provider_transaction_id
        if known is None and not self._capabilities.lookup_by_reference:
            return NoAnswer("there is no id to ask by")
        return await self._ask(known or order.reference)

    def read_webhook(
        self, headers: Sequence[tuple[str, str]], raw: bytes, now: datetime
    ) -> WebhookReading:
        """Verify and read a webhook; see the port."""
        return webhook.read(
            headers,
            raw,
            now,
            api_key=self._settings.api_key,
            secret=self._webhook_key,
            vocabulary=self._vocabulary,
        )

    async def check(self) -> str | None:
        """Ask for a reference that cannot exist; return what is wrong, or None."""
        answer = await self._ask(PROBE)
        if isinstance(answer, NotFound):
            return None
        if isinstance(answer, News):
            return "a reference that cannot exist was found: this is not AfriMoney's interface"
        return f"{answer.detail}; {self._advice}"

    async def aclose(self) -> None:
        """Close connections."""
        await self._client.aclose()

    def _budget(self) -> Budget:
        return Budget(self._clock, self._limits.budget)

    async def _ask(self, identifier: str) -> News | NotFound | NoAnswer:
        segment = path_segment(identifier)
        if segment is None:
            return NoAnswer("the id cannot be written into a path")
        budget = self._budget()
        exchange = await asked(
            lambda: self._signed("GET", wire.STATUS_PATH + segment, identifier, budget),
            may_pass,
            attempts=LOOK_UP_ATTEMPTS,
            within=budget.left,
        )
        if isinstance(exchange, Answer) and exchange.status == _NOT_FOUND:
            # A proxy's 404, or one for the path, says nothing about the transaction.
            if self._vocabulary.says_not_found(error_in(exchange.body)):
                return NotFound(exchange.body)
        elif isinstance(exchange, Answer) and exchange.status == _OK:
            return self._told(exchange)
        return no_answer(exchange, self._clock.now())

    async def _signed(
        self, method: str, path: str, signed: str, budget: Budget, body: bytes = b""
    ) -> Exchange:
        """Call with a signature over `signed`; after a 401 sign and send once more."""
        exchange: Exchange = Answer(_UNAUTHORISED)
        for _ in range(2):
            timestamp = str(wire.milliseconds(self._clock.now()))
            api_key = self._settings.api_key
            headers = {
                "Accept": "application/json",
                "Content-Type": "application/json",
                "X-API-Key": api_key,
                "X-Timestamp": timestamp,
                "X-Signature": wire.signature(
                    self._settings.api_secret, api_key, timestamp, signed
                ),
            }
            exchange = await self._client.call(
                method, self._settings.api_url + path, headers, body=body, within=budget.left
            )
            if not isinstance(exchange, Answer) or exchange.status != _UNAUTHORISED:
                return exchange
        return exchange

    def _accepted(self, answer: Answer) -> Outcome:
        """Read a 2xx: an error envelope inside the documented one is decided by its code."""
        documented = answer.status == self._table.accepted
        if not documented and not answer.body:
            return self._table.of_success(answer, news=None)
        try:
            said = wire.read_envelope(answer.body)
            if isinstance(said, ErrorSays):
                return self._table.of_code(answer, said) if documented else unreadable(answer)
            news = wire.news_of(said, self._vocabulary, unless_told=Status.PROCESSING)
        except NotReadable:
            return unreadable(answer)
        return self._table.of_success(answer, news)

    def _told(self, answer: Answer) -> News | NotFound | NoAnswer:
        try:
            said = wire.read_envelope(answer.body)
            if not isinstance(said, ErrorSays):
                return replace(
                    wire.news_of(said, self._vocabulary, unless_told=None), raw=answer.body
                )
        except NotReadable:
            return NoAnswer(f"HTTP {answer.status}, unreadable body", raw=answer.body)
        if self._vocabulary.says_not_found(said):
            return NotFound(answer.body)
        return no_answer(answer, self._clock.now())
