"""The rules of the contract: the gateways that ship keep them, and each of them bites."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import cast

import pytest

from adapters.provider_kit.contract.bench import Bench
from adapters.provider_kit.contract.rules import RULES, Rule
from adapters.provider_kit.vocabulary import Options
from adapters.provider_kit.wiring import ProviderModule, Setting, Wiring, provider_module
from application.ports import Authentic, Order, WebhookReading
from domain.attempts import Capabilities, OutcomeKind
from domain.evidence import News, NoAnswer, NotFound, Outcome
from domain.failures import FailureCode
from domain.states import Status
from tests.adapters.providers import corner_shop
from tests.adapters.providers.corner_shop import CornerShop
from tests.adapters.providers.given import AFRIMONEY, ORANGE, bench_of

pytestmark = pytest.mark.anyio

PROMISES = Capabilities(idempotent_submit=True, lookup_by_reference=True, webhook_proves=False)
BY_SAYING = {rule.says: rule for rule in RULES}


def bench(provider: str) -> Bench:
    if provider == "corner_shop":
        module = provider_module("tests.adapters.providers.corner_shop")
        return Bench(provider, module, PROMISES)
    return bench_of(provider)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says)
@pytest.mark.parametrize("provider", [ORANGE, AFRIMONEY, "corner_shop"])
async def test_a_sound_gateway_keeps_the_rule(provider: str, rule: Rule) -> None:
    assert await rule.trial(bench(provider)) == []


class Sloppy(CornerShop):
    """A gateway with the faults that gateways are known for. Sound but for what is overridden."""


class SendsAgain(Sloppy):
    async def disburse(self, order: Order) -> Outcome:
        await super().disburse(order)
        return await super().disburse(order)


class CallsSilenceRefused(Sloppy):
    async def disburse(self, order: Order) -> Outcome:
        outcome = await super().disburse(order)
        unclear = outcome.kind is OutcomeKind.UNKNOWN
        return replace(outcome, kind=OutcomeKind.REFUSED) if unclear else outcome


class CallsEverythingUnknown(Sloppy):
    async def disburse(self, order: Order) -> Outcome:
        return replace(await super().disburse(order), kind=OutcomeKind.UNKNOWN, trips=False)


class EndsByGuess(Sloppy):
    async def disburse(self, order: Order) -> Outcome:
        outcome = await super().disburse(order)
        return replace(outcome, news=News("?", Status.COMPLETED))

    async def look_up(self, order: Order) -> News | NotFound | NoAnswer:
        await super().look_up(order)
        return News("?", Status.FAILED)


class ForgetsThePause(Sloppy):
    async def disburse(self, order: Order) -> Outcome:
        return replace(await super().disburse(order), retry_after_s=None)


class SendsAnotherOrder(Sloppy):
    async def disburse(self, order: Order) -> Outcome:
        return await super().disburse(replace(order, reference="CASH-ALWAYS-THE-SAME"))


class WalksThePath(Sloppy):
    async def look_up(self, order: Order) -> News | NotFound | NoAnswer:
        return await super().look_up(
            replace(order, reference=order.provider_transaction_id or order.reference)
        )


class BelievesAnything(Sloppy):
    def read_webhook(
        self, headers: Sequence[tuple[str, str]], raw: bytes, now: datetime
    ) -> WebhookReading:
        super().read_webhook(headers, raw, now)
        return Authentic(News("PAID", Status.COMPLETED))


class RaisesOnWebhooks(Sloppy):
    def read_webhook(
        self, headers: Sequence[tuple[str, str]], raw: bytes, now: datetime
    ) -> WebhookReading:
        raw.decode("ascii").index("{")
        return super().read_webhook(headers, raw, now)


class GivesAway(Sloppy):
    async def disburse(self, order: Order) -> Outcome:
        outcome = await super().disburse(order)
        return replace(outcome, detail=f"could not pay {order.payee.name}, {order.account}")

    async def check(self) -> str | None:
        return f"tried with {self._settings.word}"


class WaitsForEver(Sloppy):
    async def disburse(self, order: Order) -> Outcome:
        outcome = await super().disburse(order)
        if outcome.code is None:
            await asyncio.sleep(60)
        return outcome


class RefusesWhatIsStrange(Sloppy):
    async def disburse(self, order: Order) -> Outcome:
        outcome = await super().disburse(order)
        return Outcome(OutcomeKind.REFUSED, FailureCode.UNSPECIFIED, outcome.detail)


BITES: list[tuple[type[CornerShop], str]] = [
    (SendsAgain, "408 and 5xx: unknown, and not sent again"),
    (SendsAgain, "many at once are sent once each"),
    (CallsSilenceRefused, "silence, a reset, half an answer: unknown, and not sent again"),
    (CallsSilenceRefused, "408 and 5xx: unknown, and not sent again"),
    (RefusesWhatIsStrange, "400 and 422 with a code that nobody knows: unknown"),
    (CallsEverythingUnknown, "a refused connection: not sent"),
    (CallsEverythingUnknown, "redirects are not followed; they and 403..415 are our fault"),
    (CallsEverythingUnknown, "401: renewed once, then our fault"),
    (ForgetsThePause, "429: not sent, and the pause is kept"),
    (EndsByGuess, "a body that is not documented ends nothing"),
    (EndsByGuess, "an answer that is not documented ends nothing"),
    (EndsByGuess, "a question without an answer teaches nothing"),
    (SendsAnotherOrder, "the order is sent as it is: reference, amount, account"),
    (WalksThePath, "ids stay in their place of a path"),
    (BelievesAnything, "a webhook that is not signed is not believed"),
    (RaisesOnWebhooks, "no webhook makes it raise"),
    (GivesAway, "what it tells our log has no secret, name or number"),
    (GivesAway, "a check tells and never raises"),
    (WaitsForEver, "silence, a reset, half an answer: unknown, and not sent again"),
]


@pytest.mark.parametrize(
    ("kind", "says"), BITES, ids=[f"{kind.__name__}: {says}" for kind, says in BITES]
)
async def test_a_gateway_with_a_known_fault_breaks_the_rule(
    kind: type[CornerShop], says: str
) -> None:
    def build(wiring: Wiring) -> CornerShop:
        return kind(
            wiring,
            wiring.read_settings(corner_shop.Settings),
            wiring.read_options(Options),
        )

    module = SimpleNamespace(SETTINGS=corner_shop.SETTINGS, build=build)
    faulty = Bench("corner_shop", cast("ProviderModule", module), PROMISES)
    assert await BY_SAYING[says].trial(faulty) != []


async def test_a_gateway_that_is_built_without_its_settings_or_calls_while_built_is_found() -> None:
    def build(wiring: Wiring) -> CornerShop:
        whole = {"WORD": "whatever", "API_URL": "https://nowhere.example", **wiring.settings}
        wired = replace(wiring, settings=whole)
        return CornerShop(wired, wired.read_settings(corner_shop.Settings), Options())

    settings = (*corner_shop.SETTINGS, Setting("REGION"))
    module = SimpleNamespace(SETTINGS=settings, build=build)
    careless = Bench("corner_shop", cast("ProviderModule", module), PROMISES)
    complaints = await BY_SAYING["it is built with all of its settings or not at all"].trial(
        careless
    )
    assert complaints == [f"it is built without {each.suffix}" for each in settings]
