"""What the tests of the core are made of: a small tariff, one of everything, and strategies."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from hypothesis import strategies as st

from domain.attempts import Attempt, Capabilities, OutcomeKind
from domain.cash_out import Action, CashOut, Lease, Plan, accept, begin_attempt
from domain.corridors import Catalogue, Corridor, Policy, Provider, Tariff, TariffRow
from domain.evidence import News, Outcome, Source
from domain.failures import FailureCode
from domain.money import CURRENCIES, Currency, Money
from domain.payee import COUNTRIES, Msisdn, Payee
from domain.record import Report
from domain.request import CashOutRequest
from domain.states import Status

NOW: Final = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
XOF: Final = CURRENCIES["XOF"]
USD: Final = CURRENCIES["USD"]
MGA: Final = CURRENCIES["MGA"]
REFERENCE: Final = "CASH-0000-TEST-0042"
AN_ID: Final = UUID("019ab000-0000-7000-8000-000000000042")
TOKEN: Final = UUID("00000000-0000-4000-8000-000000000001")
OTHER_TOKEN: Final = UUID("00000000-0000-4000-8000-000000000002")
ORANGE: Final = "orange_money"
AFRI: Final = "afrimoney"
ABIDJAN: Final = Msisdn("+2250700000789", "CI")
FREETOWN: Final = Msisdn("+23277000789", "SL")
POLICY: Final = Policy()

PROVES: Final = Capabilities(idempotent_submit=True, lookup_by_reference=True, webhook_proves=True)
DOORBELLS: Final = replace(PROVES, webhook_proves=False)
CAREFUL: Final = Capabilities(
    idempotent_submit=False, lookup_by_reference=True, webhook_proves=True
)
BLIND: Final = Capabilities(idempotent_submit=False, lookup_by_reference=False, webhook_proves=True)

ROWS: Final[Mapping[str, TariffRow]] = MappingProxyType(
    {
        "XOF": TariffRow(
            XOF,
            fee_bps=200,
            fee_minimum=600,
            minimum=600,
            maximum=3_000_000,
            daily=6_000_000,
            monthly=30_000_000,
        ),
        "USD": TariffRow(
            USD,
            fee_bps=200,
            fee_minimum=100,
            minimum=100,
            maximum=500_000,
            daily=1_000_000,
            monthly=5_000_000,
        ),
        "MGA": TariffRow(
            MGA,
            fee_bps=200,
            fee_minimum=450_000,
            minimum=450_000,
            maximum=2_250_000_000,
            daily=4_500_000_000,
            monthly=22_500_000_000,
            step=100,
        ),
        "SLE": TariffRow(
            CURRENCIES["SLE"],
            fee_bps=150,
            fee_minimum=1_150,
            minimum=1_150,
            maximum=6_900_000,
            daily=11_500_000,
            monthly=69_000_000,
        ),
    }
)


def a_tariff(version: str = "t-1", effective_from: datetime | None = None) -> Tariff:
    """Return the test tariff under a version."""
    return Tariff(version, effective_from or datetime(2020, 1, 1, tzinfo=UTC), ROWS)


def a_provider(
    provider_id: str = ORANGE,
    capabilities: Capabilities = PROVES,
    *,
    available: bool = True,
    countries: tuple[str, ...] = ("CI", "SN", "MG", "CD"),
) -> Provider:
    """Return a provider that pays XOF, MGA and USD in a few countries."""
    local = {"CI": "XOF", "SN": "XOF", "MG": "MGA", "SL": "SLE", "CD": "USD"}
    corridors = {
        iso: Corridor(COUNTRIES[iso], tuple(sorted({local[iso], "USD"}))) for iso in countries
    }
    names = {ORANGE: "Orange Money", AFRI: "AfriMoney"}
    return Provider(
        provider_id,
        names.get(provider_id, provider_id.title()),
        corridors,
        (a_tariff(),),
        capabilities,
        available=available,
    )


def a_catalogue(*providers: Provider) -> Catalogue:
    """Return a catalogue of these, or of one like Orange Money and one like AfriMoney."""
    both = (a_provider(), a_provider(AFRI, DOORBELLS, countries=("SL", "CD")))
    return Catalogue({each.id: each for each in providers or both})


def a_request(**fields: Any) -> CashOutRequest:  # noqa: ANN401 -- handed on to a dataclass
    """Return a good request, with these fields instead."""
    good = CashOutRequest(
        user_id="user-1",
        wallet_id="wallet-1",
        amount="1500",
        currency="XOF",
        provider=ORANGE,
        account=ABIDJAN.e164,
        name="Awa Koné",
        msisdn=ABIDJAN,
    )
    return replace(good, **fields)


def a_cash_out(**fields: Any) -> CashOut:  # noqa: ANN401 -- handed on to a dataclass
    """Return a cash-out that was just taken, with these fields instead."""
    new = CashOut(
        id=AN_ID,
        user_id="user-1",
        wallet_id="wallet-1",
        provider=ORANGE,
        amount=Money(1_500, XOF),
        fee=Money(600, XOF),
        tariff_version="t-1",
        payee=Payee(ABIDJAN, "Awa Koné"),
        reference=REFERENCE,
        reference_given=False,
        created_at=NOW,
        updated_at=NOW,
        plan=Plan(Action.SUBMIT, NOW),
        events=1,
    )
    return replace(new, **fields)


def a_lease(token: UUID = TOKEN, at: datetime = NOW) -> Lease:
    """Return a lease that was taken at a moment."""
    return Lease(token, at + POLICY.lease)


def being_sent(cash_out: CashOut | None = None, at: datetime = NOW) -> CashOut:
    """Return a cash-out whose next attempt is on the wire."""
    return begin_attempt(cash_out or a_cash_out(), at, a_lease(at=at)).after


def answered(
    kind: OutcomeKind = OutcomeKind.ACCEPTED,
    code: FailureCode | None = None,
    *,
    attempt: int = 1,
    lease: UUID | None = TOKEN,
    **fields: Any,  # noqa: ANN401 -- handed on to a dataclass, which names its fields
) -> Report:
    """Return the report of a submit that ended like this."""
    outcome = replace(Outcome(kind, code), **fields)
    return Report(Source.SUBMIT, outcome, attempt=attempt, lease=lease)


def an_attempt(
    outcome: OutcomeKind | None,
    code: FailureCode | None = None,
    number: int = 1,
    at: datetime = NOW,
) -> Attempt:
    """Return an attempt that began, and perhaps ended, at a moment."""
    return Attempt(number, REFERENCE, at, outcome, code, ended_at=at if outcome else None)


def fresh() -> CashOut:
    """Return what the first change of a cash-out leaves."""
    return accept(a_cash_out(plan=None, events=0)).after


# --- strategies -----------------------------------------------------------------------------------

currencies: Final = st.sampled_from(sorted(CURRENCIES.values(), key=lambda each: each.code))
minor_units: Final = st.integers(1, 10**12)
statuses: Final = st.sampled_from(Status)
codes: Final = st.sampled_from(FailureCode)
outcomes: Final = st.one_of(st.none(), st.sampled_from(OutcomeKind))
spans: Final = st.timedeltas(timedelta(0), timedelta(days=40))
moments: Final = st.datetimes(
    datetime(2020, 1, 1), datetime(2035, 12, 31), timezones=st.just(UTC)  # noqa: DTZ001 -- zone given
)  # fmt: skip


def written(money: Money) -> st.SearchStrategy[str]:
    """Return ways of writing an amount that all mean the same."""
    plain = money.plain
    point = "." in plain
    room = money.currency.exponent - (len(plain.partition(".")[2]) if point else 0)
    tails = st.integers(0, room).map(lambda n: ("." if n and not point else "") + "0" * n)
    return st.tuples(st.sampled_from(["", "0", "00"]), tails).map(lambda p: p[0] + plain + p[1])


@st.composite
def echoes(draw: st.DrawFn, status: Status | None) -> News:
    """Return news of the test cash-out that repeats any part of it, truly."""
    told = draw(st.sets(st.sampled_from(["reference", "amount", "currency", "payee", "id"])))
    return News(
        word=str(status or "SOMETHING"),
        status=status,
        provider_transaction_id="OM-1" if "id" in told else None,
        reference=REFERENCE if "reference" in told else None,
        amount=Decimal("1500.00") if "amount" in told else None,
        currency="XOF" if "currency" in told else None,
        payee=draw(st.sampled_from(["+2250700000789", "2250700000789", "0700000789"]))
        if "payee" in told
        else None,
    )


def rows(of: Currency) -> st.SearchStrategy[TariffRow]:
    """Return tariff rows that do not contradict themselves."""
    sorted_amounts = st.lists(st.integers(1, 10**9), min_size=4, max_size=4).map(sorted)

    def row(four: list[int], bps: int, least: int, step: int) -> TariffRow:
        minimum, maximum, daily, monthly = (amount * step for amount in four)
        return TariffRow(of, bps, least * step, minimum, maximum, daily, monthly, step)

    return st.builds(
        row,
        sorted_amounts,
        st.integers(0, 10_000),
        st.integers(0, 10**6),
        st.sampled_from([1, 5, 100]),
    )
