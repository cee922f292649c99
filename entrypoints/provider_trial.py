"""A trial of a gateway on the sandbox: pays one cash-out by the domain's rules, in a hurry.

No database and no worker take part, so what comes of it is the gateway's doing alone.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from adapters.provider_kit.contract.bench import Bench, MachineClock
from adapters.provider_kit.contract.partner import Partner, Reply, Seen
from adapters.provider_kit.limits import CallLimits
from adapters.provider_kit.wiring import ProviderGateway
from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY, sandbox_msisdn
from adapters.sandbox.scenarios import SCENARIOS, Ending, Expected, Scenario
from adapters.sandbox.server import Sandbox
from adapters.sandbox.settings import SandboxSettings
from application.ports import Authentic, Order, Unauthentic, Unreadable
from domain.attempts import Capabilities, NextStep
from domain.cash_out import Action, CashOut, Change, Lease, accept, ask_instead, begin_attempt, hold
from domain.corridors import Policy
from domain.evidence import Evidence, Source
from domain.money import Money, currency
from domain.payee import Msisdn, NumberFormat, Payee
from domain.record import Report, next_step, record
from domain.states import Status

REFERENCE = "CASH-1700000000000-0042"
HOME = {ORANGE_MONEY: ("CI", "XOF"), AFRIMONEY: ("SL", "SLE")}
LIMITS = CallLimits.of(timedelta(milliseconds=700))
HURRIED = Policy(
    retry_base=timedelta(milliseconds=20),
    retry_max_attempts=6,
    first_poll=timedelta(milliseconds=40),
    poll_later=8,
    not_found_grace=timedelta(milliseconds=60),
    jitter_permille=0,
)
PATIENCE = timedelta(seconds=8)
STUCK = timedelta(milliseconds=700)
OPEN = (Expected(Ending.OPEN),)
"""How a scenario ends that nobody ever hears the end of."""
_TICK_S = 0.005


def cash_out_to(provider: str, suffix: str) -> CashOut:
    """Return a new cash-out to the sandbox number of a scenario."""
    country, code = HOME[provider]
    now = datetime.now(UTC)
    return CashOut(
        id=UUID(int=1),
        user_id="user",
        wallet_id="wallet",
        provider=provider,
        amount=Money(150_000, currency(code)) if code == "SLE" else Money(1500, currency(code)),
        fee=Money(0, currency(code)),
        tariff_version="1",
        payee=Payee(Msisdn(sandbox_msisdn(provider, country, suffix), country), "Awa Koné"),
        reference=REFERENCE,
        reference_given=False,
        created_at=now,
        updated_at=now,
    )


def order_of(cash_out: CashOut) -> Order:
    """Return what its gateway is handed."""
    return Order(
        cash_out.id,
        cash_out.reference,
        cash_out.amount,
        cash_out.payee,
        cash_out.payee.msisdn.written(NumberFormat.E164_DIGITS),
        len(cash_out.attempts),
        cash_out.provider_transaction_id,
    )


@dataclass(slots=True)
class Paying:
    """One cash-out on its way. `refused` counts webhooks that were not taken."""

    gateway: ProviderGateway
    cash_out: CashOut
    capabilities: Capabilities
    policy: Policy = HURRIED
    evidence: list[Evidence] = field(default_factory=list)
    refused: int = 0

    def begin(self) -> None:
        """Accept the cash-out: from now on it is due."""
        self._keep(accept(self.cash_out))

    async def step(self) -> None:
        """Do what is due, or wait a moment."""
        plan, now = self.cash_out.plan, datetime.now(UTC)
        if plan is None or plan.due_at > now:
            await asyncio.sleep(_TICK_S)
        elif plan.action is Action.SUBMIT:
            await self._submit(now)
        else:
            await self._ask(now)

    def receive(self, seen: Seen) -> Reply:
        """Take a webhook as the service does, and answer it."""
        reading = self.gateway.read_webhook(seen.headers, seen.body, datetime.now(UTC))
        if not isinstance(reading, Authentic):
            self.refused += 1
            return Reply({Unauthentic: 401, Unreadable: 400}[type(reading)])
        if reading.news.reference == REFERENCE:
            self._record(Report(Source.WEBHOOK, reading.news))
        return Reply(200)

    @property
    def ending(self) -> Expected:
        """Where it came to rest, in the words of the scenarios."""
        after = self.cash_out
        if after.needs_review:
            first = after.attempts[0].code
            return Expected(Ending.REVIEW, first if first == "REFERENCE_CONFLICT" else None)
        if not after.ended:
            return Expected(Ending.OPEN)
        code = after.failure_code if after.status is Status.FAILED else None
        return Expected(Ending(after.status), code)

    async def _submit(self, now: datetime) -> None:
        decision = next_step(self.cash_out, self.capabilities, self.policy, now)
        if decision.step is not NextStep.SEND:
            self._keep(ask_instead(self.cash_out, now))
            return
        lease = Lease(uuid4(), now + self.policy.lease)
        self._keep(begin_attempt(self.cash_out, now, lease))
        number = len(self.cash_out.attempts)
        outcome = await self.gateway.disburse(order_of(self.cash_out))
        self._record(Report(Source.SUBMIT, outcome, attempt=number, lease=lease.token))

    async def _ask(self, now: datetime) -> None:
        lease = Lease(uuid4(), now + self.policy.lease)
        self._keep(hold(self.cash_out, lease))
        said = await self.gateway.look_up(order_of(self.cash_out))
        self._record(Report(Source.STATUS_QUERY, said, lease=lease.token))

    def _record(self, report: Report) -> None:
        now = datetime.now(UTC)
        self._keep(record(self.cash_out, report, self.capabilities, self.policy, now))

    def _keep(self, change: Change) -> None:
        self.cash_out = change.after
        self.evidence += change.evidence


@asynccontextmanager
async def paying(bench: Bench, sandbox: Sandbox, suffix: str) -> AsyncIterator[Paying]:
    """Accept a cash-out to a scenario's number, with webhooks coming in; nothing is sent yet."""
    prefix = f"{bench.provider.upper()}_"
    named = sandbox.environment().items()
    settings = {name.removeprefix(prefix): v for name, v in named if name.startswith(prefix)}
    wiring = replace(bench.wiring(settings), limits=LIMITS)
    gateway = bench.module.build(wiring)
    try:
        way = Paying(gateway, cash_out_to(bench.provider, suffix), bench.capabilities)
        async with Partner(way.receive) as receiver:
            sandbox.webhook_base_url = receiver.url
            way.begin()
            yield way
            sandbox.webhook_base_url = None
    finally:
        await gateway.aclose()


@dataclass(frozen=True, slots=True)
class Played:
    """A scenario, and how it went. complaint: empty when it went as it should."""

    scenario: Scenario
    ending: Expected
    complaint: str


async def play(bench: Bench, suffix: str) -> Played:
    """Play a scenario on a sandbox of its own, and hold its ending and the ledger against it."""
    row = SCENARIOS[suffix]
    async with Sandbox(SandboxSettings(seed=7, hang_s=1.5)) as sandbox:
        async with paying(bench, sandbox, suffix) as way:
            await until_rest(way, sandbox, STUCK if row.ends == OPEN else PATIENCE)
        paid = sandbox.ledger.count(REFERENCE)
    expected = " or ".join(_words(each) for each in row.ends)
    found = [] if way.ending in row.ends else [f"{_words(way.ending)} instead of {expected}"]
    found += [] if paid == row.pays else [f"paid {paid} times instead of {row.pays}"]
    return Played(row, way.ending, "; ".join(found))


def _words(end: Expected) -> str:
    return end.ending if end.code is None else f"{end.ending} {end.code}"


async def until_rest(way: Paying, sandbox: Sandbox, patience: timedelta = PATIENCE) -> None:
    """Go on until nothing is due on either side, or a human is called, or patience ends."""
    clock = MachineClock()
    ends = clock.elapsed() + patience
    while clock.elapsed() < ends:
        await way.step()
        quiet = sandbox.engine.next_due() is None and way.evidence
        settled = way.cash_out.ended or way.cash_out.needs_review
        delivering = any(each.state == "sending" for each in sandbox.engine.deliveries)
        asking = way.cash_out.ended and way.cash_out.plan is not None
        if quiet and settled and not delivering and not asking:
            return
