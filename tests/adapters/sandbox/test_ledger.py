"""The ledger: a reference is paid once, however often asked, unless the provider is forgetful."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY, PROVIDERS
from adapters.sandbox.engine import Engine
from adapters.sandbox.ledger import FloatAccount
from adapters.sandbox.scenarios import SCENARIOS
from adapters.sandbox.settings import Fidelity, SandboxSettings
from tests.adapters.sandbox.calls import HOME, NOW, Caller, Payee, answered, payee

FORGETFUL = {name: Fidelity(idempotent=False, lookup_by_reference=False) for name in PROVIDERS}
LONG = timedelta(days=30)

submits = st.lists(
    st.tuples(
        st.sampled_from(PROVIDERS),
        st.sampled_from(["CASH-A", "CASH-B", "CASH-C"]),
        st.sampled_from(sorted(SCENARIOS)),
        st.sampled_from(["20", "1500"]),
        st.integers(min_value=0, max_value=5_000),
    ),
    max_size=40,
)


@given(submits)
def test_no_sequence_of_submits_pays_a_reference_twice(
    sequence: list[tuple[str, str, str, str, int]],
) -> None:
    engine = Engine(SandboxSettings())
    now = NOW
    for provider, reference, suffix, amount, wait_ms in sequence:
        now += timedelta(milliseconds=wait_ms)
        caller = Caller(engine, provider)
        caller.log_in(now)
        # One reference belongs to one provider, as it does in the service.
        caller.submit(f"{reference}-{provider}", payee(provider, suffix, amount), now)
    engine.settle(now + LONG)
    assert engine.ledger.paid_more_than_once() == ()
    assert engine.next_due() is None or engine.deliveries.next_due() is not None


@given(submits)
def test_money_is_in_a_float_or_in_a_payout_and_nowhere_else(
    sequence: list[tuple[str, str, str, str, int]],
) -> None:
    engine = Engine(SandboxSettings())
    accounts = {name: FloatAccount(name, *HOME[name]) for name in PROVIDERS}
    for account in accounts.values():
        engine.floats.put(account, Decimal(10_000), NOW)
    for number, (provider, _, suffix, amount, _) in enumerate(sequence):
        if suffix == "129":
            continue  # stuck for ever: its money stays held
        caller = Caller(engine, provider)
        caller.log_in()
        caller.submit(f"CASH-{number}", payee(provider, suffix, amount))
    engine.settle(NOW + LONG)
    for name, account in accounts.items():
        paid = sum(p.amount for p in engine.ledger if p.provider == name and p.reversed_at is None)
        assert engine.floats.balance(account) == 10_000 - paid


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_told_to_forget_pays_a_repeated_reference_again(provider: str) -> None:
    engine = Engine(SandboxSettings(fidelity=FORGETFUL))
    caller = Caller(engine, provider)
    caller.log_in()
    for _ in range(2):
        reaction = caller.submit("CASH-1", payee(provider, "203"))
        assert reaction.reply is not None
    engine.settle(NOW + LONG)
    assert engine.ledger.count("CASH-1") == 2
    assert engine.ledger.paid_more_than_once() == ("CASH-1",)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_without_look_up_by_reference_only_their_id_is_found(provider: str) -> None:
    engine = Engine(SandboxSettings(fidelity=FORGETFUL))
    caller = Caller(engine, provider)
    caller.log_in()
    told = answered(caller.submit("CASH-1", payee(provider, "789")))
    by_reference = caller.status("CASH-1").reply
    by_id = caller.status(told.get("data", told)["transactionId"]).reply
    assert by_reference is not None
    assert by_id is not None
    assert (by_reference.status, by_id.status) == (404, 200)


def test_orange_money_answers_a_repeated_reference_with_409() -> None:
    caller = Caller(Engine(SandboxSettings()), ORANGE_MONEY)
    caller.log_in()
    caller.submit("CASH-1", payee(ORANGE_MONEY, "789"))
    reply = caller.submit("CASH-1", payee(ORANGE_MONEY, "789")).reply
    assert reply is not None
    assert reply.status == 409


def test_afrimoney_answers_the_same_body_with_the_original_data() -> None:
    caller = Caller(Engine(SandboxSettings()), AFRIMONEY)
    first = answered(caller.submit("CASH-1", payee(AFRIMONEY, "789")))
    again = answered(caller.submit("CASH-1", payee(AFRIMONEY, "789"), NOW + LONG))
    assert again["data"]["transactionId"] == first["data"]["transactionId"]
    assert again["data"]["status"] == "completed"


def test_afrimoney_answers_another_body_with_409() -> None:
    caller = Caller(Engine(SandboxSettings()), AFRIMONEY)
    caller.submit("CASH-1", payee(AFRIMONEY, "789"))
    reaction = caller.submit("CASH-1", payee(AFRIMONEY, "789", "20"))
    assert reaction.reply is not None
    assert (reaction.reply.status, answered(reaction)["code"]) == (409, "DUPLICATE_REFERENCE")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_empty_float_refuses_and_creates_nothing(provider: str) -> None:
    engine = Engine(SandboxSettings())
    caller = Caller(engine, provider)
    caller.log_in()
    engine.floats.put(FloatAccount(provider, *HOME[provider]), Decimal(1499), NOW)
    code = answered(caller.submit("CASH-1", payee(provider, "789")))["code"]
    assert code in {"NOT_ENOUGH_FUNDS", "INSUFFICIENT_FLOAT"}
    assert caller.status("CASH-1").reply == caller.status("CASH-NEVER-SENT").reply
    engine.floats.put(FloatAccount(provider, *HOME[provider]), Decimal(1500), NOW)
    assert "code" not in answered(caller.submit("CASH-1", payee(provider, "789")))


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("topped_up", [True, False])
def test_an_order_that_waits_for_float_is_taken_after_a_top_up_or_a_while(
    provider: str, topped_up: bool
) -> None:
    engine = Engine(SandboxSettings())
    caller = Caller(engine, provider)
    caller.log_in()
    to = payee(provider, "049")
    assert "code" in answered(caller.submit("CASH-1", to))
    assert "code" in answered(caller.submit("CASH-1", to))
    later = NOW + timedelta(seconds=engine.settings.pace.refill_s)
    if topped_up:
        later = NOW + timedelta(milliseconds=1)
        engine.floats.put(FloatAccount(provider, *HOME[provider]), Decimal(10**9), later)
    assert "code" not in answered(caller.submit("CASH-1", to, later))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_full_sandbox_says_so_and_pays_nothing_more(provider: str) -> None:
    engine = Engine(SandboxSettings(max_transactions=1))
    caller = Caller(engine, provider)
    caller.log_in()
    caller.submit("CASH-1", payee(provider, "789"))
    reaction = caller.submit("CASH-2", payee(provider, "789"))
    assert reaction.reply is not None
    assert (reaction.reply.status, answered(reaction)["code"]) == (503, "SANDBOX_FULL")
    engine.reset()
    assert len(engine.ledger) == 0
    assert "code" not in answered(caller.submit("CASH-2", payee(provider, "789")))


def test_a_number_of_no_corridor_simply_succeeds() -> None:
    engine = Engine(SandboxSettings())
    caller = Caller(engine, ORANGE_MONEY)
    caller.log_in()
    caller.submit("CASH-1", Payee("33612345011", "10.5", "USD"))
    engine.settle(NOW + LONG)
    (payout,) = engine.ledger.payouts_of("CASH-1")
    assert (payout.msisdn, payout.amount, payout.currency) == (
        "33612345011",
        Decimal("10.5"),
        "USD",
    )
    assert engine.transactions.tries(ORANGE_MONEY, "CASH-1") == 1
