"""Both gateways against every scenario of the sandbox, over real sockets, by the domain's rules."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.provider_kit.contract.bench import MachineClock
from adapters.provider_kit.limits import CallLimits
from adapters.provider_kit.wiring import Wiring
from adapters.sandbox.corridors import BASES, Corridor, sandbox_msisdn
from adapters.sandbox.scenarios import SCENARIOS, Ending
from adapters.sandbox.server import Sandbox
from adapters.sandbox.settings import Fidelity, SandboxSettings
from domain.attempts import OutcomeKind
from domain.evidence import News, NotFound
from domain.failures import FailureCode
from domain.money import Money, currency
from domain.payee import Msisdn, NumberFormat, Payee
from domain.states import Status
from entrypoints.provider_trial import STUCK, Paying, cash_out_to, order_of, paying, until_rest
from tests.adapters.providers.given import (
    AFRIMONEY,
    CAPABILITIES,
    ORANGE,
    REFERENCE,
    bench_of,
    opened,
)

pytestmark = pytest.mark.anyio

CASES = [(row.suffix, name) for row in SCENARIOS.values() for name in row.providers]
SETTINGS = SandboxSettings(seed=7, hang_s=1.5)
FOR_EVER = {"129"}
SILENT = {"201", "202"}
NO_PROMISES = replace(CAPABILITIES[AFRIMONEY], idempotent_submit=False, lookup_by_reference=False)

A, R = (OutcomeKind.ACCEPTED, None), OutcomeKind.REFUSED
UNSENT, UNKNOWN = OutcomeKind.UNSENT, (OutcomeKind.UNKNOWN, None)
FIRST_OUTCOME: dict[str, tuple[OutcomeKind, FailureCode | None]] = {
    "011": (R, FailureCode.RECIPIENT_INVALID),
    "019": (R, FailureCode.RECIPIENT_LIMIT_REACHED),
    "029": (R, FailureCode.NAME_MISMATCH),
    "049": (UNSENT, FailureCode.FLOAT_INSUFFICIENT),
    "089": (R, FailureCode.RECIPIENT_NOT_FOUND),
    "091": (R, FailureCode.RECIPIENT_BLOCKED),
    "201": UNKNOWN,
    "202": UNKNOWN,
    "203": UNKNOWN,
    "204": UNKNOWN,
    "205": UNKNOWN,
    "206": UNKNOWN,
    "208": UNKNOWN,
    "209": (UNSENT, FailureCode.RATE_LIMITED),
    "210": (OutcomeKind.UNKNOWN, FailureCode.REFERENCE_CONFLICT),
    "212": UNKNOWN,
}
"""How the first submit ends; every other scenario accepts it."""


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
async def shared_sandbox() -> AsyncIterator[Sandbox]:
    """One for the tests that look at single calls, each with a reference of its own."""
    async with Sandbox(SETTINGS) as running:
        yield running


def wiring_to(sandbox: Sandbox, provider: str, patience_s: int = 10) -> Wiring:
    prefix = f"{provider.upper()}_"
    named = sandbox.environment().items()
    return Wiring(
        provider=provider,
        settings={key.removeprefix(prefix): value for key, value in named if prefix in key},
        capabilities=CAPABILITIES[provider],
        clock=MachineClock(),
        limits=CallLimits.of(timedelta(seconds=patience_s)),
    )


def agrees(way: Paying, sandbox: Sandbox) -> bool:
    paid = sandbox.ledger.count(REFERENCE) == 1
    return paid is (way.cash_out.status is Status.COMPLETED)


@pytest.mark.parametrize(("suffix", "provider"), CASES)
async def test_a_scenario_ends_as_it_should_and_the_ledger_agrees(
    suffix: str, provider: str, sandbox: Sandbox
) -> None:
    async with paying(bench_of(provider), sandbox, suffix) as way:
        if suffix in FOR_EVER:
            await until_rest(way, sandbox, STUCK)
        else:
            await until_rest(way, sandbox)
    allowed = SCENARIOS[suffix].ends
    assert way.ending in allowed, [each.detail or each.word for each in way.evidence]
    assert sandbox.ledger.count(REFERENCE) == SCENARIOS[suffix].pays
    assert agrees(way, sandbox) or way.ending.ending in {Ending.REVIEW, Ending.OPEN}


@pytest.mark.parametrize(("suffix", "provider"), CASES)
async def test_the_first_submit_ends_as_the_outcome_table_says(
    suffix: str, provider: str, shared_sandbox: Sandbox
) -> None:
    patience_s = 1 if suffix in SILENT else 10
    async with opened(wiring_to(shared_sandbox, provider, patience_s)) as gateway:
        order = order_of(cash_out_to(provider, suffix))
        outcome = await gateway.disburse(replace(order, reference=f"CASH-00000{suffix}"))
    assert (outcome.kind, outcome.code) == FIRST_OUTCOME.get(suffix, A), outcome.detail
    assert outcome.verify is (suffix == "207" or outcome.kind is OutcomeKind.UNKNOWN)
    assert outcome.retry_after_s == (1 if suffix in {"208", "209"} else None)
    assert not outcome.trips


@pytest.mark.parametrize("provider", [ORANGE, AFRIMONEY])
async def test_a_bad_signature_is_refused_and_the_good_one_taken(
    provider: str, sandbox: Sandbox
) -> None:
    async with paying(bench_of(provider), sandbox, "306") as way:
        await until_rest(way, sandbox)
    assert way.refused == 1
    assert way.cash_out.status is Status.COMPLETED


@pytest.mark.parametrize("suffix", ["201", "202", "203", "205", "206", "212"])
async def test_without_promises_nothing_is_sent_again_after_an_unknown_outcome(
    suffix: str,
) -> None:
    faithless = {AFRIMONEY: Fidelity(idempotent=False, lookup_by_reference=False)}
    settings = replace(SETTINGS, fidelity={**SETTINGS.fidelity, **faithless})
    async with Sandbox(settings) as sandbox:
        async with paying(bench_of(AFRIMONEY, NO_PROMISES), sandbox, suffix) as way:
            await until_rest(way, sandbox, timedelta(seconds=1))
        assert len(way.cash_out.attempts) == 1
        assert way.cash_out.status is not Status.FAILED
        assert sandbox.ledger.count(REFERENCE) <= 1


@pytest.mark.parametrize("base", BASES, ids=lambda base: f"{base.provider}-{base.country}")
async def test_every_corridor_and_currency_is_paid(base: Corridor, shared_sandbox: Sandbox) -> None:
    number = sandbox_msisdn(base.provider, base.country, "001")
    msisdn = Msisdn(number, base.country)
    async with opened(wiring_to(shared_sandbox, base.provider)) as gateway:
        for count, code in enumerate(base.currencies):
            money = Money(700_000, currency(code))
            order = replace(
                order_of(cash_out_to(base.provider, "001")),
                reference=f"CASH-{base.country}-{count:08d}",
                amount=money,
                payee=Payee(msisdn, "Awa Koné"),
                account=msisdn.written(NumberFormat.E164_DIGITS),
            )
            outcome = await gateway.disburse(order)
            news = await gateway.look_up(order)
            assert outcome.kind is OutcomeKind.ACCEPTED, outcome.detail
            assert isinstance(news, News)
            assert (news.status, news.amount) == (Status.COMPLETED, money.decimal)
            assert (news.currency, news.reference) == (code, order.reference)
            assert msisdn.is_same_as(news.payee or "")


@pytest.mark.parametrize("provider", [ORANGE, AFRIMONEY])
async def test_their_id_and_our_reference_find_the_same(provider: str, sandbox: Sandbox) -> None:
    order = order_of(cash_out_to(provider, "129"))
    async with opened(wiring_to(sandbox, provider)) as gateway:
        assert await gateway.look_up(order) == NotFound()
        outcome = await gateway.disburse(order)
        assert outcome.news is not None
        their_id = outcome.news.provider_transaction_id
        assert their_id is not None
        by_id = await gateway.look_up(replace(order, provider_transaction_id=their_id))
        assert by_id == await gateway.look_up(order)
        stranger = replace(order, provider_transaction_id="NOBODYS-ID")
        assert await gateway.look_up(stranger) == NotFound()


@pytest.mark.parametrize("provider", [ORANGE, AFRIMONEY])
async def test_check_is_content_with_the_sandbox(provider: str, shared_sandbox: Sandbox) -> None:
    async with opened(wiring_to(shared_sandbox, provider)) as gateway:
        assert await gateway.check() is None


@pytest.mark.parametrize(
    ("provider", "wrong"),
    [(ORANGE, "CLIENT_SECRET"), (AFRIMONEY, "API_SECRET"), (AFRIMONEY, "API_KEY")],
)
async def test_wrong_credentials_are_our_fault_and_pay_nobody(
    provider: str, wrong: str, sandbox: Sandbox
) -> None:
    right = wiring_to(sandbox, provider)
    wiring = replace(right, settings={**right.settings, wrong: "wrong-one"})
    async with opened(wiring) as gateway:
        complaint = await gateway.check()
        outcome = await gateway.disburse(order_of(cash_out_to(provider, "789")))
    assert complaint is not None
    assert "wrong-one" not in complaint
    assert (outcome.kind, outcome.code) == (UNSENT, FailureCode.PROVIDER_AUTH)
    assert outcome.trips
    assert len(sandbox.ledger) == 0
