"""Fault rules: what they match, how often, by what chance, and what they do on a real socket."""

import json
from datetime import timedelta
from random import Random
from typing import Any

import aiohttp
import pytest

from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY
from adapters.sandbox.deliveries import DeliveryState
from adapters.sandbox.engine import Engine
from adapters.sandbox.faults import (
    Act,
    Endpoint,
    FaultRule,
    Faults,
    Happening,
    Mishap,
    TooManyRules,
)
from adapters.sandbox.settings import SandboxSettings
from tests.adapters.sandbox.calls import NOW, Caller, payee
from tests.adapters.sandbox.partner import Partner
from tests.adapters.sandbox.receiver import Receiver

SUBMIT = Happening(ORANGE_MONEY, Endpoint.SUBMIT, "789")
LONG = timedelta(days=30)
REFERENCE = "CASH-1700000000000-0042"
TO = payee(AFRIMONEY, "789")


def befallen(rule: FaultRule, *happenings: Happening) -> list[bool]:
    faults = Faults(Random(0))
    faults.add(rule)
    return [faults.befall(happening, NOW).rule is rule for happening in happenings]


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        ({}, True),
        ({"provider": ORANGE_MONEY}, True),
        ({"provider": AFRIMONEY}, False),
        ({"endpoint": Endpoint.SUBMIT}, True),
        ({"endpoint": Endpoint.STATUS}, False),
        ({"suffix": "789"}, True),
        ({"suffix": "001"}, False),
        ({"starts_at": NOW}, True),
        ({"starts_at": NOW + timedelta(seconds=1)}, False),
        ({"ends_at": NOW}, False),
        ({"ends_at": NOW + timedelta(seconds=1)}, True),
        ({"probability": 0.0}, False),
    ],
)
def test_a_rule_fires_where_all_its_filters_match(filters: dict[str, Any], matches: bool) -> None:
    assert befallen(FaultRule(act=Act.RESET, **filters), SUBMIT) == [matches]


def test_nth_counts_what_matches() -> None:
    other = Happening(AFRIMONEY, Endpoint.SUBMIT, None)
    rule = FaultRule(act=Act.RESET, provider=ORANGE_MONEY, nth=2)
    assert befallen(rule, SUBMIT, other, SUBMIT, SUBMIT) == [False, False, True, False]


def test_times_bounds_how_often_a_rule_fires() -> None:
    rule = FaultRule(act=Act.RESET, times=2)
    assert befallen(rule, SUBMIT, SUBMIT, SUBMIT) == [True, True, False]


def test_chance_is_the_seeds() -> None:
    rule = FaultRule(act=Act.RESET, probability=0.5)
    first, second = befallen(rule, *[SUBMIT] * 64), befallen(rule, *[SUBMIT] * 64)
    assert first == second
    assert 16 < sum(first) < 48


def test_delays_add_up_and_the_first_disruption_wins() -> None:
    faults = Faults(Random(0))
    rules = [
        FaultRule(act=Act.DELAY, seconds=0.5),
        FaultRule(act=Act.STATUS, status=502),
        FaultRule(act=Act.DELAY, seconds=0.25),
        FaultRule(act=Act.RESET),
    ]
    for rule in rules:
        faults.add(rule)
    assert faults.befall(SUBMIT, NOW) == Mishap(0.75, rules[1])


def test_a_rule_for_requests_leaves_webhooks_alone_and_the_other_way_round() -> None:
    webhook = Happening(ORANGE_MONEY, Endpoint.WEBHOOK, "789")
    assert befallen(FaultRule(act=Act.RESET), webhook) == [False]
    assert befallen(FaultRule(act=Act.DROP), SUBMIT) == [False]


def test_rules_are_taken_back_one_by_one_or_all() -> None:
    faults = Faults(Random(0))
    number = faults.add(FaultRule(act=Act.RESET))
    assert faults.remove(number)
    assert not faults.remove(number)
    faults.add(FaultRule(act=Act.RESET))
    faults.clear()
    assert list(faults) == []


def test_rules_are_bounded_in_number() -> None:
    faults = Faults(Random(0))
    for _ in range(1_000):
        faults.add(FaultRule(act=Act.RESET))
    with pytest.raises(TooManyRules):
        faults.add(FaultRule(act=Act.RESET))


@pytest.mark.parametrize(
    "wrong",
    [
        {"act": Act.DROP, "endpoint": Endpoint.SUBMIT},
        {"act": Act.RESET, "endpoint": Endpoint.WEBHOOK},
        {"act": Act.RESET, "probability": 1.5},
        {"act": Act.DELAY, "seconds": -1.0},
        {"act": Act.STATUS, "status": 99},
        {"act": Act.TRUNCATE, "at_byte": -1},
        {"act": Act.DUPLICATE, "copies": 0},
        {"act": Act.RESET, "nth": 0},
        {"act": Act.RESET, "times": 0},
        {"act": Act.RESET, "starts_at": NOW.replace(tzinfo=None)},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        FaultRule(**wrong)


@pytest.mark.parametrize("executed", [False, True])
@pytest.mark.parametrize("act", [Act.STATUS, Act.RESET, Act.HANG])
def test_a_fault_hides_an_answer_after_or_before_the_provider_acts(
    act: Act, executed: bool
) -> None:
    engine = Engine(SandboxSettings())
    engine.faults.add(FaultRule(act=act, endpoint=Endpoint.SUBMIT, executed=executed, times=1))
    caller = Caller(engine, AFRIMONEY)
    caller.submit(REFERENCE, TO)
    engine.settle(NOW + LONG)
    assert engine.ledger.count(REFERENCE) == int(executed)


def test_an_outage_has_a_window() -> None:
    engine = Engine(SandboxSettings())
    ends_at = NOW + timedelta(minutes=1)
    engine.faults.add(FaultRule(act=Act.STATUS, status=503, ends_at=ends_at, retry_after_s=7))
    caller = Caller(engine, AFRIMONEY)
    during, after = caller.submit(REFERENCE, TO), caller.submit(REFERENCE, TO, ends_at)
    assert during.reply is not None
    assert after.reply is not None
    assert (during.reply.status, after.reply.status) == (503, 200)
    assert ("retry-after", "7") in during.reply.headers


@pytest.mark.parametrize("endpoint", [Endpoint.TOKEN, Endpoint.SUBMIT, Endpoint.STATUS])
def test_each_endpoint_can_be_made_to_fail(endpoint: Endpoint) -> None:
    engine = Engine(SandboxSettings())
    caller = Caller(engine, ORANGE_MONEY)
    caller.log_in()
    rule = FaultRule(act=Act.STATUS, status=418, body="<html>", endpoint=endpoint)
    engine.faults.add(rule)
    statuses = {
        Endpoint.SUBMIT: caller.submit(REFERENCE, payee(ORANGE_MONEY, "789")),
        Endpoint.STATUS: caller.status(REFERENCE),
    }
    if endpoint is Endpoint.TOKEN:
        with pytest.raises(json.JSONDecodeError):
            caller.log_in()
        return
    reply = statuses[endpoint].reply
    assert reply is not None
    assert (reply.status, reply.body) == (418, b"<html>")


def test_a_malformed_call_meets_faults_too() -> None:
    engine = Engine(SandboxSettings())
    engine.faults.add(FaultRule(act=Act.DELAY, seconds=3.0))
    caller = Caller(engine, ORANGE_MONEY)
    caller.token = "unknown"
    for reaction in (caller.submit(REFERENCE, TO), caller.status(REFERENCE)):
        assert reaction.reply is not None
        assert (reaction.reply.status, reaction.wire.delay_s) == (401, 3.0)


def webhooks_under(rule: FaultRule) -> Engine:
    engine = Engine(SandboxSettings())
    engine.faults.add(rule)
    Caller(engine, AFRIMONEY).submit(REFERENCE, TO)
    return engine


def test_a_dropped_webhook_is_logged_and_can_be_sent_after_all() -> None:
    engine = webhooks_under(FaultRule(act=Act.DROP, endpoint=Endpoint.WEBHOOK))
    assert engine.due(NOW + LONG) == []
    (delivery,) = engine.deliveries
    assert delivery.state is DeliveryState.DROPPED
    assert engine.redeliver(delivery.number, NOW + LONG)
    assert len(engine.due(NOW + LONG)) == 1


def test_a_duplicated_webhook_goes_out_as_often_as_ordered() -> None:
    engine = webhooks_under(FaultRule(act=Act.DUPLICATE, copies=4))
    (dispatch,) = engine.due(NOW + LONG)
    assert dispatch.copies == 4


def test_a_corrupted_webhook_comes_whole_the_second_time() -> None:
    engine = webhooks_under(FaultRule(act=Act.CORRUPT))
    (broken,) = engine.due(NOW + timedelta(seconds=1))
    engine.delivered(broken.number, (401,), NOW + timedelta(seconds=1))
    (whole,) = engine.due(NOW + LONG)
    with pytest.raises(json.JSONDecodeError):
        json.loads(broken.body)
    assert whole.body.startswith(broken.body)
    assert json.loads(whole.body)["externalReference"] == REFERENCE


def test_a_delayed_webhook_is_due_later() -> None:
    engine = webhooks_under(FaultRule(act=Act.DELAY, endpoint=Endpoint.WEBHOOK, seconds=60.0))
    assert engine.due(NOW + timedelta(seconds=59)) == []
    assert len(engine.due(NOW + timedelta(seconds=61))) == 1


@pytest.mark.anyio
@pytest.mark.parametrize("suffix", ["205", "789"])
async def test_a_reset_reaches_the_client_as_one(partner: Partner, suffix: str) -> None:
    if suffix == "789":
        partner.sandbox.engine.faults.add(FaultRule(act=Act.RESET, executed=True))
    with pytest.raises(aiohttp.ClientOSError) as caught:
        await partner.disburse(REFERENCE, payee(AFRIMONEY, suffix))
    assert "reset" in str(caught.value).lower()
    partner.sandbox.clock.advance(1)
    assert partner.sandbox.ledger.count(REFERENCE) == 1


@pytest.mark.anyio
async def test_a_truncated_answer_breaks_off_under_its_full_length(partner: Partner) -> None:
    partner.sandbox.engine.faults.add(FaultRule(act=Act.TRUNCATE, at_byte=10))
    with pytest.raises(aiohttp.ClientPayloadError):
        await partner.disburse(REFERENCE, TO)


@pytest.mark.anyio
@pytest.mark.parametrize(("suffix", "paid"), [("201", 1), ("202", 0)])
async def test_a_hanging_submit_outlasts_the_clients_patience(
    partner: Partner, suffix: str, paid: int
) -> None:
    patience = aiohttp.ClientTimeout(total=0.2)
    async with aiohttp.ClientSession(timeout=patience) as impatient:
        hasty = Partner(partner.sandbox, impatient)
        with pytest.raises(TimeoutError):
            await hasty.disburse(REFERENCE, payee(AFRIMONEY, suffix))
    partner.sandbox.clock.advance(1)
    assert partner.sandbox.ledger.count(REFERENCE) == paid
    assert (await partner.disbursement(REFERENCE)).status == (200 if paid else 404)


@pytest.mark.anyio
async def test_a_hang_that_ends_answers_what_was_taken_and_drops_what_was_lost(
    partner: Partner,
) -> None:
    partner.sandbox.engine.faults.add(
        FaultRule(act=Act.HANG, seconds=0.6, executed=True, endpoint=Endpoint.SUBMIT, times=1)
    )
    assert (await partner.disburse(REFERENCE, TO)).status == 200
    partner.sandbox.engine.faults.add(
        FaultRule(act=Act.HANG, seconds=0.1, endpoint=Endpoint.SUBMIT, times=1)
    )
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await partner.disburse("CASH-2", TO)


@pytest.mark.anyio
async def test_a_dropped_webhook_does_not_arrive(partner: Partner, receiver: Receiver) -> None:
    partner.sandbox.engine.faults.add(FaultRule(act=Act.DROP, suffix="789"))
    await partner.disburse(REFERENCE, TO)
    await partner.disburse("CASH-2", payee(AFRIMONEY, "301"))
    assert [json.loads(h.body)["externalReference"] for h in receiver.heard] == ["CASH-2"]
