"""A provider is one module and one configuration entry: a third one, from somewhere else."""

import pytest

from adapters.provider_kit.contract.partner import Partner, Reply
from adapters.provider_kit.wiring import Setting, Wiring, provider_module
from domain.attempts import Capabilities, OutcomeKind
from domain.evidence import News, NoAnswer
from domain.states import Status
from tests.adapters.providers.given import QUICK, ShiftedClock, order

pytestmark = pytest.mark.anyio


async def test_a_third_provider_is_plugged_in_like_the_first_two() -> None:
    module = provider_module("tests.adapters.providers.corner_shop")
    assert list(module.SETTINGS) == [Setting("API_URL", url=True), Setting("WORD", secret=True)]
    replies = [Reply(200, b"PAID"), Reply(200, b"handed over"), Reply(500)]
    async with Partner(lambda _seen: replies.pop(0)) as partner:
        gateway = module.build(
            Wiring(
                provider="corner_shop",
                settings={"API_URL": partner.url, "WORD": "open-sesame"},
                options={"status_words": {"handed over": "completed"}},
                capabilities=Capabilities(
                    idempotent_submit=True, lookup_by_reference=True, webhook_proves=False
                ),
                clock=ShiftedClock(),
                limits=QUICK,
            )
        )
        try:
            outcome = await gateway.disburse(order())
            assert (outcome.kind, outcome.news) == (
                OutcomeKind.ACCEPTED,
                News("PAID", Status.COMPLETED),
            )
            assert await gateway.look_up(order()) == News("handed over", Status.COMPLETED)
            assert await gateway.look_up(order()) == NoAnswer("HTTP 500")
        finally:
            await gateway.aclose()
