"""Defects that cost money: each test describes one in its docstring and shows what happens now."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from adapters.memory.gateway import Manner
from adapters.memory.manual_time import ManualClock, SeededChance
from adapters.memory.signals import Signals
from adapters.memory.store import MemoryStore
from adapters.memory.units import MemoryUnits
from adapters.system import SystemChance
from application.request_cash_out import RequestCashOut, Taken
from domain.attempts import Capabilities, OutcomeKind
from domain.cash_out import Action
from domain.corridors import Catalogue
from domain.evidence import News, ReviewReason, Source
from domain.money import Money, currency, read_amount
from domain.payee import Msisdn
from domain.record import Report, record
from domain.refusals import DailyLimitExceeded
from domain.states import Status, Verdict
from tests.adapters.providers.given import AFRIMONEY, ORANGE, REFERENCE, answering, order, said
from tests.adapters.web.house import BODY, House, check_problem
from tests.application.wiring import World
from tests.strategies import CAREFUL, NOW, POLICY, PROVES, a_request, being_sent

pytestmark = pytest.mark.anyio

BOTH = [ORANGE, AFRIMONEY]
PROMISES = [PROVES, CAREFUL]
KINSHASA = Msisdn("+243900000789", "CD")


def submits(world: World) -> int:
    """Return how often the provider was asked to pay."""
    return sum(name == "disburse" for name, _ in world.provider.calls)


# --- sending ------------------------------------------------------------------------------------


@pytest.mark.parametrize("promises", PROMISES, ids=["idempotent", "not idempotent"])
async def test_an_answer_lost_and_a_client_that_retries_pay_once(promises: Capabilities) -> None:
    """The provider paid, its answer was lost, the client asked again: it was paid twice."""
    world = World(promises)
    world.provider.manner = lambda _: Manner.TAKEN_IN_SILENCE
    first = await world.sent(key="order-1")
    again = await world.sent(key="order-1")
    assert again.id == first.id
    assert world.now(first).status is Status.PROCESSING
    world.provider.settle_all()
    await world.rest()
    assert len(world.provider.ledger) == 1
    assert world.now(first).status is Status.COMPLETED


async def test_a_time_out_is_followed_by_questions_and_by_no_second_submit() -> None:
    """After a time-out it was sent again blindly, up to four times, then failed although paid."""
    world = World(CAREFUL)
    world.provider.manner = lambda _: Manner.TAKEN_IN_SILENCE
    world.provider.answering = False
    cash_out = await world.sent()
    await world.rest(longest=timedelta(hours=6))
    asked = sum(name == "look_up" for name, _ in world.provider.calls)
    assert (submits(world), world.now(cash_out).status) == (1, Status.PROCESSING)
    assert asked > 3
    world.provider.answering = True
    world.provider.settle_all()
    await world.rest()
    assert world.now(cash_out).status is Status.COMPLETED
    assert len(world.provider.ledger) == 1


@pytest.mark.parametrize("status", [200, 201])
async def test_another_2xx_of_orange_money_is_an_acceptance(status: int) -> None:
    """A 200 or 201 instead of the documented 202 was a failure, after the money had moved."""
    body = {"transactionId": "OM-1", "status": "SUCCESSFUL"}
    async with answering(ORANGE, said(status, body)) as (gateway, _):
        outcome = await gateway.disburse(order())
    assert outcome.kind is OutcomeKind.ACCEPTED


async def test_an_afrimoney_200_of_another_status_is_not_a_failure() -> None:
    """A 200 whose status was not `success` was a failure, whatever had been paid."""
    odd = said(200, {"status": "queued", "data": {"transactionId": "AM-1"}})
    async with answering(AFRIMONEY, odd) as (gateway, _):
        outcome = await gateway.disburse(order())
    assert (outcome.kind, outcome.verify) == (OutcomeKind.UNKNOWN, True)


async def test_a_crash_after_acceptance_does_not_look_never_sent() -> None:
    """A process that died after the provider's answer left a record as if nothing had been sent."""
    world = World(CAREFUL)
    cash_out = await world.taken()
    (begun,) = await world.one.submit.begin(world.one.lane, 1)
    await world.provider.disburse(begun.order)
    # The process dies here: its answer is never recorded.
    stored = world.now(cash_out)
    assert [each.settled for each in stored.attempts] == [OutcomeKind.UNKNOWN]
    world.provider.settle_all()
    await world.rest(world.another().worker)
    assert world.now(cash_out).status is Status.COMPLETED
    assert (submits(world), len(world.provider.ledger)) == (1, 1)


async def test_what_has_no_provider_id_is_asked_about_by_our_reference(world: World) -> None:
    """The poll needed the provider's id, so exactly the lost ones were never asked about."""
    world.provider.manner = lambda _: Manner.TAKEN_IN_SILENCE
    cash_out = await world.sent()
    assert cash_out.provider_transaction_id is None
    world.provider.settle_all()
    await world.rest()
    questions = [order for name, order in world.provider.calls if name == "look_up"]
    assert questions[0].provider_transaction_id is None
    assert world.now(cash_out).status is Status.COMPLETED


@pytest.mark.parametrize("provider", BOTH)
async def test_both_gateways_ask_by_our_reference(provider: str) -> None:
    """As above, on the wire."""
    async with answering(provider, said(404, {"code": "NOT_FOUND"})) as (gateway, partner):
        await gateway.look_up(order())
    assert partner.seen[-1].target.endswith(f"/{REFERENCE}")


async def test_the_scheduled_check_is_made_without_any_reader_or_webhook(world: World) -> None:
    """The "scheduled check" of what was accepted existed in prose only."""
    cash_out = await world.sent()
    assert cash_out.plan is not None
    assert cash_out.plan.action is Action.ASK
    await world.rest(longest=timedelta(seconds=7))
    assert [name for name, _ in world.provider.calls] == ["disburse", "look_up"]
    world.provider.settle_all()
    await world.rest()
    assert world.now(cash_out).status is Status.COMPLETED


async def test_a_retry_runs_and_keeps_its_answer(world: World) -> None:
    """The retry code could never run; where it did, the answer of the retry was lost."""
    cash_out = await world.taken(reference="ORDER-0001")
    world.provider.manners["ORDER-0001"].extend([Manner.UNREACHABLE, Manner.ACCEPTS])
    await world.rest(longest=timedelta(minutes=5))
    stored = world.now(cash_out)
    kinds = [each.outcome for each in stored.attempts]
    assert kinds == [OutcomeKind.UNSENT, OutcomeKind.ACCEPTED]
    assert {each.reference for each in stored.attempts} == {"ORDER-0001"}
    assert stored.provider_transaction_id == "MP-1"


async def test_a_restart_forgets_no_timer(world: World) -> None:
    """Retries were timers in memory: a restart lost them all."""
    cash_out = await world.taken(reference="ORDER-0001")
    world.provider.manners["ORDER-0001"].append(Manner.UNREACHABLE)
    await world.one.worker.step()
    waiting = world.now(cash_out)
    assert waiting.plan is not None
    assert waiting.plan.action is Action.SUBMIT
    assert waiting.plan.due_at > world.clock.now()
    await world.rest(world.another().worker, longest=timedelta(minutes=5))
    assert submits(world) == 2
    assert world.now(cash_out).provider_transaction_id == "MP-1"


@pytest.mark.parametrize("provider", BOTH)
@pytest.mark.parametrize(
    "words", ["Request timeout, please retry", "network error", "ECONNREFUSED", "temporarily"]
)
@pytest.mark.parametrize(
    ("code", "kind"),
    [("PAYEE_NOT_FOUND", OutcomeKind.REFUSED), ("E_7311", OutcomeKind.UNKNOWN)],
)
async def test_english_words_in_a_message_decide_nothing(
    provider: str, code: str, kind: OutcomeKind, words: str
) -> None:
    """Whether to send again was decided by words like "timeout" in an error message."""
    reply = said(400, {"status": "error", "code": code, "message": words})
    async with answering(provider, reply) as (gateway, _):
        outcome = await gateway.disburse(order())
    assert outcome.kind is kind


# --- whose money ---------------------------------------------------------------------------------


async def test_the_provider_s_own_id_is_learnt_and_never_ours_in_its_place(world: World) -> None:
    """Our reference was stored as the provider's id, whose real one was never learnt."""
    world.provider.manner = lambda _: Manner.ACCEPTS_BLANK
    cash_out = await world.sent()
    assert cash_out.provider_transaction_id is None
    await world.rest(longest=timedelta(minutes=1))
    assert world.now(cash_out).provider_transaction_id == "MP-1"


@pytest.mark.parametrize(
    "echo",
    [
        {"amount": Decimal(15000)},
        {"currency": "XAF"},
        {"payee": "2250700000111"},
        {"reference": "CASH-SOMEBODY-ELSE"},
    ],
    ids=str,
)
def test_news_of_another_amount_currency_or_payee_is_not_taken(echo: dict[str, object]) -> None:
    """What a provider repeated of amount, currency and payee was never compared with the order."""
    told: dict[str, object] = {"word": "SUCCESSFUL", "status": Status.COMPLETED, **echo}
    report = Report(Source.STATUS_QUERY, News(**told))  # type: ignore[arg-type]  # a table's row
    change = record(being_sent(), report, PROVES, POLICY, NOW)
    assert change.verdict is Verdict.MISMATCH
    assert change.after.status is Status.PROCESSING
    assert change.after.review is ReviewReason.ECHO_MISMATCH


OURS = {"partyIdType": "MSISDN", "partyId": "2250700000789"}
ANOTHERS = [
    {"amount": {"value": 15000, "currency": "XOF"}, "payee": OURS},
    {"amount": {"value": 1500, "currency": "XAF"}, "payee": OURS},
    {"amount": {"value": 1500, "currency": "XOF"}, "payee": {**OURS, "partyId": "2250700000111"}},
]


@pytest.mark.parametrize("echo", ANOTHERS, ids=["amount", "currency", "payee"])
async def test_what_a_gateway_reads_of_another_s_money_is_not_taken(
    world: World, echo: dict[str, object]
) -> None:
    """As above, from the wire to the record."""
    found = said(200, {"transactionId": "OM-1", "status": "SUCCESSFUL", **echo})
    async with answering(ORANGE, said(202, {}), found) as (gateway, _):
        world.one.lane.gateway = gateway
        cash_out = await world.sent()
        world.clock.advance(timedelta(seconds=10))
        (question,) = await world.one.check.begin(world.one.lane, 1)
        await world.one.check.ask(world.one.lane, question)
    stored = world.now(cash_out)
    assert (stored.status, stored.review) == (Status.PROCESSING, ReviewReason.ECHO_MISMATCH)


async def test_one_provider_id_belongs_to_one_cash_out(world: World) -> None:
    """Two cash-outs could claim one transaction of the provider, and both counted as paid."""
    first = await world.sent()
    world.provider.manner = lambda _: Manner.ACCEPTS_BLANK
    second = await world.sent(amount="1600")
    assert second.provider_transaction_id is None
    stolen = News("COMPLETED", None, first.provider_transaction_id, second.reference)
    await world.tell(stolen)
    assert world.now(second).status is Status.PROCESSING
    assert world.now(second).review is ReviewReason.PROVIDER_ID_CONFLICT
    assert world.now(second).provider_transaction_id is None


# --- how much ------------------------------------------------------------------------------------


def test_fees_are_exact(shipped: Catalogue) -> None:
    """A fee of 1.5 % of 333.33 was 4.999949999999999."""
    row = shipped.provider("afrimoney").row_for("USD", NOW)
    fee = row.fee_for(read_amount("333.33", row.currency))
    assert (fee.plain, type(fee.minor)) == ("5", int)


@pytest.mark.parametrize("code", ["XOF", "XAF", "GNF", "MGA", "CDF"])
def test_the_minimum_fee_is_in_local_money(shipped: Catalogue, code: str) -> None:
    """A minimum of one dollar was charged as one franc."""
    row = shipped.provider("orange_money").row_for(code, NOW)
    in_dollars = shipped.provider("orange_money").row_for("USD", NOW)
    assert in_dollars.money(in_dollars.fee_minimum).plain == "1"
    least = row.fee_for(row.money(row.minimum))
    assert least.decimal >= 600


def taking(of: Catalogue) -> RequestCashOut:
    """Return the use case over an empty store and this catalogue."""
    clock = ManualClock(NOW)
    return RequestCashOut(MemoryUnits(MemoryStore()), of, clock, SeededChance(1), Signals(clock))


@pytest.mark.parametrize(
    ("asked", "fee", "total"),
    [
        ({"provider": "afrimoney", "amount": "333.33", "currency": "USD"}, "5", "338.33"),
        ({"provider": "orange_money", "amount": "600", "currency": "XOF"}, "600", "1200"),
    ],
    ids=["no float", "no franc"],
)
async def test_the_fee_of_what_is_taken_is_exact_and_in_local_money(
    shipped: Catalogue, asked: dict[str, str], fee: str, total: str
) -> None:
    """As the two above, in what is taken and told."""
    payee = {"msisdn": KINSHASA} if asked["provider"] == "afrimoney" else {}
    (taken,) = await taking(shipped)([a_request(**asked, **payee)])
    assert isinstance(taken, Taken)
    assert (taken.cash_out.fee.plain, taken.cash_out.total.plain) == (fee, total)


async def test_limits_are_enforced(shipped: Catalogue) -> None:
    """Limits were shown and never enforced: 50,000 were paid of a daily 10,000."""
    take = taking(shipped)
    asked = [a_request(amount="5000", currency="USD", key=f"key-{n}") for n in range(10)]
    answers = [each for one in asked for each in await take([one])]
    taken = [each for each in answers if isinstance(each, Taken)]
    paid = sum(each.cash_out.amount.minor for each in taken)
    assert paid == Money(1_000_000, currency("USD")).minor
    assert all(isinstance(each, DailyLimitExceeded) for each in answers[2:])


@pytest.mark.parametrize("amount", ["1e-7", "1e9", "1E9", "1e400"])
async def test_amounts_with_exponents_are_refused(api: House, amount: str) -> None:
    """1e-7 and 1e9 were accepted as amounts."""
    raw = b'{"walletId":"w","amount":%s,"currency":"XOF","provider":"orange_money",' % (
        amount.encode()
    )
    raw += b'"providerAccountId":"+2250700000789","providerAccountName":"Awa"}'
    check_problem(await api.post_raw(raw), 400, "INVALID_AMOUNT")
    assert not any(api.written)


@pytest.mark.parametrize(
    ("field", "value", "status", "code"),
    [
        ("currency", "ZZZ!!", 422, "CURRENCY_NOT_SUPPORTED"),
        ("currency", "ZZZ", 422, "CURRENCY_NOT_SUPPORTED"),
        ("providerAccountId", "not a phone", 422, "INVALID_ACCOUNT"),
        ("providerAccountId", "ZZZ!!", 422, "INVALID_ACCOUNT"),
    ],
)
async def test_a_currency_that_is_none_and_a_number_that_is_none_are_refused(
    api: House, field: str, value: str, status: int, code: str
) -> None:
    """`ZZZ!!` was accepted as a currency and `not a phone` as an account."""
    check_problem(await api.post({**BODY, field: value}), status, code)
    assert not any(api.written)


def test_references_do_not_collide() -> None:
    """Of 20,000 references drawn, 882 had been drawn before."""
    chance = SystemChance()
    assert len({chance.reference() for _ in range(20_000)}) == 20_000


async def test_of_many_requests_at_once_none_shares_a_reference(world: World) -> None:
    """As above, for requests in one instant."""
    asked = (world.one.request(a_request(user_id=f"user-{n}")) for n in range(200))
    answers = await asyncio.gather(*asked)
    references = {each.cash_out.reference for each in answers if isinstance(each, Taken)}
    assert len(references) == 200
