"""Every scenario at every provider, against a client that does everything right."""

import json
from datetime import timedelta

import pytest

from adapters.sandbox.corridors import (
    AFRIMONEY,
    BASES,
    ORANGE_MONEY,
    PROVIDERS,
    Corridor,
    sandbox_msisdn,
)
from adapters.sandbox.engine import Engine
from adapters.sandbox.scenarios import SCENARIOS, SUCCESS, Ending, Scenario, scenario_for
from adapters.sandbox.settings import SandboxSettings
from tests.adapters.sandbox.calls import NOW, Caller, Payee, answered, payee
from tests.adapters.sandbox.careful_client import CarefulClient

CASES = [(row.suffix, name) for row in SCENARIOS.values() for name in row.providers]
REFERENCE = "CASH-1700000000000-0042"
LONG = timedelta(days=30)

DOCUMENTED = """
    789 001 002 003 011 019 029 049 089 091 119 129 139 149 159
    201 202 203 204 205 206 207 208 209 210 211 212
    301 302 303 304 305 306 307 308 309 310
"""


def client_of(suffix: str, provider: str) -> CarefulClient:
    engine = Engine(SandboxSettings(seed=7))
    return CarefulClient(engine, provider, REFERENCE, payee(provider, suffix))


def ended(suffix: str, provider: str) -> CarefulClient:
    client = client_of(suffix, provider)
    client.run()
    return client


def test_the_table_has_exactly_the_documented_scenarios() -> None:
    assert sorted(SCENARIOS) == sorted(DOCUMENTED.split())


@pytest.mark.parametrize(("suffix", "provider"), CASES)
def test_a_correct_client_ends_as_the_table_says(suffix: str, provider: str) -> None:
    assert client_of(suffix, provider).run() in SCENARIOS[suffix].ends


@pytest.mark.parametrize(("suffix", "provider"), CASES)
def test_the_ledger_holds_what_the_table_says_and_never_two(suffix: str, provider: str) -> None:
    client = ended(suffix, provider)
    assert client.engine.ledger.count(REFERENCE) == SCENARIOS[suffix].pays


@pytest.mark.parametrize(("suffix", "provider"), CASES)
def test_ledger_and_client_agree_or_a_review_is_open(suffix: str, provider: str) -> None:
    client = client_of(suffix, provider)
    ending = client.run().ending
    paid = client.engine.ledger.count(REFERENCE) == 1
    agrees = paid is (ending is Ending.COMPLETED)
    assert agrees or ending is Ending.REVIEW


@pytest.mark.parametrize(("suffix", "provider"), CASES)
def test_one_seed_tells_one_story(suffix: str, provider: str) -> None:
    first, second = ended(suffix, provider), ended(suffix, provider)
    assert tuple(first.engine.ledger) == tuple(second.engine.ledger)
    assert [d.body for d in first.engine.deliveries] == [d.body for d in second.engine.deliveries]


@pytest.mark.parametrize("base", BASES, ids=lambda c: f"{c.provider}-{c.country}")
def test_every_corridor_has_numbers_that_pay(base: Corridor) -> None:
    engine = Engine(SandboxSettings())
    number = sandbox_msisdn(base.provider, base.country, "789")
    assert number == f"+{base.base}789"
    for n, currency in enumerate(base.currencies):
        to = Payee(number.removeprefix("+"), "20", currency)
        caller = Caller(engine, base.provider)
        caller.log_in()
        reaction = caller.submit(f"CASH-{n}", to)
        assert reaction.reply is not None
        assert reaction.reply.status in {200, 202}
        assert "code" not in answered(reaction)
    engine.settle(NOW + LONG)
    assert len(engine.ledger) == len(base.currencies)


def test_a_scenario_number_must_be_three_digits_of_a_country_that_is_paid() -> None:
    for suffix in ("78", "7890", "7x9", "١٢٣", ""):
        with pytest.raises(ValueError, match="three digits"):
            sandbox_msisdn(ORANGE_MONEY, "CI", suffix)
    with pytest.raises(KeyError):
        sandbox_msisdn(AFRIMONEY, "CI", "789")


@pytest.mark.parametrize("row", SCENARIOS.values(), ids=lambda row: row.suffix)
def test_every_row_can_be_read_by_a_person(row: Scenario) -> None:
    assert row.expected is row.ends[0]
    assert row.title
    assert row.story.endswith(".")
    assert set(row.notes) <= set(row.providers)


def test_numbers_without_a_scenario_simply_succeed() -> None:
    assert scenario_for(ORANGE_MONEY, None) is SUCCESS
    assert scenario_for(ORANGE_MONEY, "777") is SUCCESS
    assert scenario_for(ORANGE_MONEY, "307") is SUCCESS


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("suffix", "delivered"), [("302", 5), ("308", 2), ("139", 0), ("129", 0)])
def test_as_many_webhooks_come_as_the_scenario_says(
    provider: str, suffix: str, delivered: int
) -> None:
    assert ended(suffix, provider).webhooks == [200] * delivered


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_forged_webhook_is_followed_by_a_good_one(provider: str) -> None:
    assert ended("306", provider).webhooks == [401, 200]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_five_webhooks_at_once_are_the_same_bytes(provider: str) -> None:
    engine = Engine(SandboxSettings())
    caller = Caller(engine, provider)
    caller.log_in()
    caller.submit(REFERENCE, payee(provider, "302"))
    (dispatch,) = engine.due(NOW + LONG)
    assert dispatch.copies == 5


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_pretty_printed_webhook_is_indented_and_still_json(provider: str) -> None:
    engine = Engine(SandboxSettings())
    caller = Caller(engine, provider)
    caller.log_in()
    caller.submit(REFERENCE, payee(provider, "309"))
    (dispatch,) = engine.due(NOW + LONG)
    assert dispatch.body.startswith(b'{\n  "')
    assert dispatch.body.decode() == json.dumps(json.loads(dispatch.body), indent=2)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_answer_without_id_keeps_the_id_for_the_look_up(provider: str) -> None:
    engine = Engine(SandboxSettings())
    caller = Caller(engine, provider)
    caller.log_in()
    reaction = caller.submit(REFERENCE, payee(provider, "003"))
    assert reaction.reply is not None
    assert reaction.reply.body in {b"", b'{"status":"success","data":{}}'}
    told = answered(caller.status(REFERENCE, NOW + timedelta(seconds=1)))
    assert told.get("data", told)["transactionId"].startswith(("OM-", "AFM-"))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_early_webhook_says_paid_while_the_answer_says_pending(provider: str) -> None:
    engine = Engine(SandboxSettings())
    caller = Caller(engine, provider)
    caller.log_in()
    reaction = caller.submit(REFERENCE, payee(provider, "301"))
    told = answered(reaction)
    assert told.get("data", told)["status"].lower() in {"pending", "processing"}
    assert reaction.wire.after_webhooks
    (number,) = reaction.webhooks
    (dispatch,) = engine.due(NOW)
    assert dispatch.number == number
    assert json.loads(dispatch.body)["status"].lower() in {"successful", "completed"}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_slow_payout_is_pending_until_its_time(provider: str) -> None:
    engine = Engine(SandboxSettings())
    caller = Caller(engine, provider)
    caller.log_in()
    caller.submit(REFERENCE, payee(provider, "002"))
    slow = timedelta(seconds=engine.settings.pace.slow_s)
    assert engine.next_due() == NOW + slow
    engine.settle(NOW + slow / 2)
    assert engine.ledger.count(REFERENCE) == 0
    engine.settle(NOW + slow)
    assert engine.ledger.count(REFERENCE) == 1
