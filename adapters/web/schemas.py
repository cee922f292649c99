"""What answers look like: camelCase, amounts as JSON numbers written out exactly."""

from typing import Annotated, Final, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from adapters.web.problems import ErrorBody
from domain.failures import FailureCode
from domain.money import Money
from domain.standings import State
from domain.states import Status

Data = TypeVar("Data")

Amount = Annotated[
    msgspec.Raw,
    Meta(
        description="Major units, exact: 1500 or 10.5, never 1E+3.",
        extra_json_schema={"type": "number", "examples": [1500]},
    ),
]
Moment = Annotated[
    str,
    Meta(
        description="ISO 8601 in UTC, with milliseconds.",
        extra_json_schema={"format": "date-time", "examples": ["2026-11-23T10:15:30.000Z"]},
    ),
]


def amount(money: Money) -> msgspec.Raw:
    """Return money as the JSON number it is; there is no float on the way."""
    return msgspec.Raw(money.plain.encode("ascii"))


class _Answer(msgspec.Struct, rename="camel", frozen=True):
    """Names in camelCase; what is UNSET is left out."""


class Success(msgspec.Struct, Generic[Data], frozen=True, kw_only=True):
    """The envelope of every success."""

    success: bool = True
    message: str | UnsetType = UNSET
    data: Data


class CashOutView(_Answer, frozen=True, kw_only=True):
    """A cash-out as its user sees it."""

    cash_out_id: Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
    user_id: str
    wallet_id: str
    amount: Amount
    currency: str
    fee: Amount
    total_amount: Amount
    provider: str
    provider_account_id: str
    provider_account_name: str
    provider_transaction_id: str | UnsetType = UNSET
    reference: str
    status: Status
    status_detail: Annotated[
        str,
        Meta(description="Safe to show the payee: what we wait for, and when we look again."),
    ]
    failure_reason: str | UnsetType = UNSET
    failure_code: FailureCode | UnsetType = UNSET
    attempts: Annotated[int, Meta(description="How often the provider was tried.")]
    needs_review: bool
    created_at: Moment
    updated_at: Moment
    completed_at: Moment | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET


class Pagination(_Answer, frozen=True, kw_only=True):
    """Where this page is, and what leads to the next."""

    total_items: int
    total_pages: int
    current_page: int
    items_per_page: int
    next_cursor: str | UnsetType = UNSET


class HistoryView(_Answer, frozen=True, kw_only=True):
    """A page of cash-outs, newest first."""

    cash_outs: list[CashOutView]
    pagination: Pagination


class LimitsView(_Answer, frozen=True, kw_only=True):
    """What one cash-out, a UTC day and a UTC month may come to, in `currency`."""

    min_amount: Amount
    max_amount: Amount
    daily_limit: Amount
    monthly_limit: Amount
    currency: str


class FeeView(_Answer, frozen=True, kw_only=True):
    """`percent` of the amount, at least `minimum`, on top of the amount."""

    percent: Amount
    minimum: Amount


class TariffView(_Answer, frozen=True, kw_only=True):
    """Price and limits in one currency. step: amounts are multiples of it."""

    currency: str
    limits: LimitsView
    fee: FeeView
    step: Amount


class AvailabilityView(_Answer, frozen=True, kw_only=True):
    """How it is at present. since: when it came to be so, where that is known."""

    state: Annotated[
        State,
        Meta(
            description="OPERATIONAL; DELAYED: cash-outs are taken and wait, a few are sent to see"
            " whether it answers; CLOSED: cash-outs are taken and wait."
        ),
    ]
    since: Moment | UnsetType = UNSET


class CorridorAvailabilityView(AvailabilityView, frozen=True, kw_only=True):
    """How a country and currency is at present, and a sentence that is safe to show."""

    currency: str
    detail: str


class CorridorView(_Answer, frozen=True, kw_only=True):
    """A country that a provider pays in; available: it is asked to pay, at once or in time."""

    country: Annotated[str, Meta(description="ISO 3166, two letters.")]
    name: str
    currencies: list[str]
    tariffs: list[TariffView]
    available: bool
    availability: list[CorridorAvailabilityView]


class ProviderView(_Answer, frozen=True, kw_only=True):
    """A provider. limits: the USD ones, or of its first currency where it has none in USD."""

    id: str
    name: str
    supported_countries: list[str]
    limits: LimitsView
    corridors: list[CorridorView]
    available: bool
    availability: Annotated[
        AvailabilityView,
        Meta(description="Of its corridors that are in use, the one that is best off."),
    ]


class ProvidersView(_Answer, frozen=True, kw_only=True):
    """All providers, the ones that are switched off included."""

    providers: list[ProviderView]


class SteeredView(_Answer, frozen=True, kw_only=True):
    """A provider, country or corridor after a person closed or opened it; changed: by this."""

    provider: str
    country: str | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    state: State
    since: Moment | UnsetType = UNSET
    changed: bool


class AllowanceView(_Answer, frozen=True, kw_only=True):
    """A limit, what is used and what is left of it, and when it starts anew."""

    limit: Amount
    used: Amount
    remaining: Amount
    resets_at: Moment


class QuoteView(_Answer, frozen=True, kw_only=True):
    """What a cash-out would cost now, and what is left of the limits. Nothing is reserved."""

    provider: str
    country: str | UnsetType = UNSET
    amount: Amount
    fee: Amount
    total_amount: Amount
    currency: str
    tariff_version: str
    availability: Annotated[
        State,
        Meta(description="OPERATIONAL, or a cash-out that is taken now waits before it is sent."),
    ]
    daily: AllowanceView
    monthly: AllowanceView
    warnings: list[str] | UnsetType = UNSET


class LimitLineView(_Answer, frozen=True, kw_only=True):
    """One's limits at a provider in a currency: for one cash-out, in a UTC day, in a UTC month."""

    provider: str
    currency: str
    available: bool
    min_amount: Amount
    max_amount: Amount
    daily: AllowanceView
    monthly: AllowanceView


class OwnLimitsView(_Answer, frozen=True, kw_only=True):
    """One's own limits, a line for each currency of each provider."""

    limits: list[LimitLineView]


class WebhookView(_Answer, frozen=True, kw_only=True):
    """What became of a webhook: kept, in any case."""

    success: bool = True
    cash_out_id: str | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    message: str | UnsetType = UNSET


class Liveness(_Answer, frozen=True, kw_only=True):
    """The process lives; it says nothing about anything else."""

    status: str
    service: str
    timestamp: Moment


class ProviderReadiness(_Answer, frozen=True, kw_only=True):
    """How a provider is, and which of its corridors are worse: COUNTRY/CURRENCY and state."""

    state: State
    parked: dict[str, State] = {}


class ReadinessView(_Answer, frozen=True, kw_only=True):
    """Each dependency's state. backlog: seconds that the oldest event has been waiting."""

    status: Annotated[str, Meta(description="ready, degraded or unavailable")]
    database: Annotated[str, Meta(description="up or down")]
    schema: Annotated[str, Meta(description="current, old, new, missing or unknown")]
    broker: Annotated[str, Meta(description="up, down or none")]
    outbox_backlog_seconds: int
    providers: Annotated[
        dict[str, ProviderReadiness],
        Meta(description="How providers are. It never makes an instance unready."),
    ] = {}


class NotReady(msgspec.Struct, frozen=True, kw_only=True):
    """The error envelope of an instance that cannot work, with each dependency's state."""

    success: bool = False
    error: ErrorBody
    data: ReadinessView


JSON_BYTES: Final = msgspec.json.Encoder(decimal_format="number")
"""Writes answers. Amounts are written by `amount`; a stray Decimal would be a number as well."""
