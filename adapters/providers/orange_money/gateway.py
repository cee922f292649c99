"""Orange Money's door: cash-outs, look-ups, webhooks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from adapters.provider_kit.client import Answer, Exchange, JsonClient
from adapters.provider_kit.limits import Budget
from adapters.provider_kit.outcomes import SubmitTable, no_answer, of_silence, unreadable
from adapters.provider_kit.retrying import asked, may_pass
from adapters.provider_kit.strict_json import NotReadable
from adapters.provider_kit.tokens import TokenCache, TokenFault
from adapters.provider_kit.vocabulary import Options, error_in, vocabulary_of
from adapters.provider_kit.wiring import Wiring
from adapters.provider_kit.wording import path_segment
from adapters.providers.orange_money import webhook, wire
from adapters.providers.orange_money.settings import Settings
from adapters.providers.orange_money.tokens import TokenEndpoint, cache_key
from application.ports import Order, WebhookReading
from domain.evidence import News, NoAnswer, NotFound, Outcome
from domain.states import Status

LOOK_UP_ATTEMPTS: Final = 2
_OK: Final = 200
_SUCCESSES: Final = range(200, 300)
_UNAUTHORISED: Final = 401
_NOT_FOUND: Final = 404


class OrangeMoneyGateway:
    """A Gateway over tokens.

    A token that is refused is replaced and the call replayed once, with the same reference: a 401
    proves that the call was not taken.
    """

    def __init__(self, wiring: Wiring, settings: Settings, options: Options) -> None:
        self._settings = settings
        self._clock = wiring.clock
        self._advice = f"check {wiring.name_of('TOKEN_URL')}, _CLIENT_ID and _CLIENT_SECRET"
        self._limits = wiring.limits
        self._capabilities = wiring.capabilities
        self._vocabulary = vocabulary_of(wire.WORDS, options, folds_words=False)
        self._table = SubmitTable(wire.ACCEPTED, self._vocabulary)
        self._client = JsonClient(wiring.limits, wiring.tls)
        self._endpoint = TokenEndpoint(self._client, settings, wiring.clock)
        self._tokens = TokenCache(
            cache_key(wiring.provider, settings),
            self._endpoint,
            wiring.clock,
            longest=wiring.limits.total,
            store=wiring.tokens,
        )

    async def disburse(self, order: Order) -> Outcome:
        """Have the provider pay; see the port and `provider_kit.outcomes`."""
        headers = {"Content-Type": "application/json", "X-Reference-Id": order.reference}
        exchange = await self._authorised(
            "POST", wire.SUBMIT_PATH, headers, self._budget(), wire.submit_body(order)
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
        segment = path_segment(known or order.reference)
        if segment is None:
            return NoAnswer("the id cannot be written into a path")
        budget = self._budget()
        exchange = await asked(
            lambda: self._authorised("GET", wire.STATUS_PATH + segment, {}, budget),
            lambda said: not isinstance(said, TokenFault) and may_pass(said),
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

    def read_webhook(
        self, headers: Sequence[tuple[str, str]], raw: bytes, _now: datetime
    ) -> WebhookReading:
        """Verify and read a webhook; see the port."""
        return webhook.read(
            headers,
            raw,
            secret=self._settings.webhook_secret,
            vocabulary=self._vocabulary,
            proves=self._capabilities.webhook_proves,
        )

    async def check(self) -> str | None:
        """Fetch a fresh token; return what is wrong, or None."""
        grant = await self._endpoint(self._limits.total)
        if not isinstance(grant, TokenFault):
            return None
        return f"{grant.detail}; {self._advice}" if grant.trips else grant.detail

    async def aclose(self) -> None:
        """Close connections, stop renewing the token."""
        await self._tokens.aclose()
        await self._client.aclose()

    def _budget(self) -> Budget:
        return Budget(self._clock, self._limits.budget)

    async def _authorised(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        budget: Budget,
        body: bytes = b"",
    ) -> Exchange | TokenFault:
        """Call with a token; after a 401 drop that very token and replay once with another."""
        exchange: Exchange | TokenFault = Answer(_UNAUTHORISED)
        for _ in range(2):
            token = await self._tokens.get(budget.left)
            if isinstance(token, TokenFault):
                return token
            exchange = await self._client.call(
                method,
                self._settings.api_url + path,
                {
                    **headers,
                    "Accept": "application/json",
                    "Authorization": f"Bearer {token.value}",
                },
                body=body,
                within=budget.left,
            )
            if not isinstance(exchange, Answer) or exchange.status != _UNAUTHORISED:
                return exchange
            await self._tokens.discard(token)
        return exchange

    def _accepted(self, answer: Answer) -> Outcome:
        """Read a 2xx; the body may be empty, and without a status it is pending."""
        if not answer.body:
            return self._table.of_success(answer, News("", Status.PROCESSING))
        try:
            told = wire.read_transaction(answer.body)
            news = wire.news_of(told, self._vocabulary, unless_told=Status.PROCESSING)
        except NotReadable:
            return unreadable(answer)
        return self._table.of_success(answer, news)

    def _told(self, answer: Answer) -> News | NoAnswer:
        try:
            told = wire.read_transaction(answer.body)
            return replace(wire.news_of(told, self._vocabulary, unless_told=None), raw=answer.body)
        except NotReadable:
            return NoAnswer(f"HTTP {answer.status}, unreadable body", raw=answer.body)
