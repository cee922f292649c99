"""From domain values to answers."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, TypedDict

import msgspec
from msgspec import UNSET, UnsetType

from adapters.web.outlook import Outlook
from adapters.web.schemas import (
    AllowanceView,
    AvailabilityView,
    CashOutView,
    CorridorAvailabilityView,
    CorridorView,
    FeeView,
    LimitLineView,
    LimitsView,
    ProviderView,
    QuoteView,
    TariffView,
    amount,
)
from adapters.web.wording import Parked, availability, failure_reason, status_detail
from application.board import Board
from application.masking import HIDDEN, scrubbed, unnumbered
from application.queries import Allowance, LimitLine, PricedFor
from domain.cash_out import CashOut
from domain.corridors import Corridor, Provider, TariffRow
from domain.standings import Standing, State


class _State(TypedDict):
    """How a provider or corridor is, as both views of that have it."""

    state: State
    since: str | UnsetType


USUAL_CURRENCY: Final = "USD"
"""What `limits` of a provider are told in, as clients know it."""


_OFFSET: Final = len("+00:00")


def moment(at: datetime) -> str:
    """Return a moment as ISO 8601 in UTC, with milliseconds."""
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return f"{at.isoformat(timespec='milliseconds')[:-_OFFSET]}Z"


def cash_out_view(
    cash_out: CashOut,
    now: datetime,
    language: str,
    warnings: Sequence[str] = (),
    outlook: Outlook | None = None,
    *,
    in_full: bool = True,
) -> CashOutView:
    """Return a cash-out as its user sees it. outlook: how its provider is, where that is known.

    in_full: with the payee's number and name; otherwise the number is masked and the name hidden,
    and so is what may be a number of the user's own.
    """
    parked = outlook.parked(cash_out, now) if outlook is not None else None
    number, created_at = cash_out.payee.msisdn, moment(cash_out.created_at)
    unchanged = cash_out.updated_at is cash_out.created_at
    return CashOutView(
        cash_out_id=str(cash_out.id),
        user_id=cash_out.user_id if in_full else scrubbed(cash_out.user_id),
        wallet_id=cash_out.wallet_id if in_full else scrubbed(cash_out.wallet_id),
        amount=amount(cash_out.amount),
        currency=cash_out.amount.currency.code,
        fee=amount(cash_out.fee),
        total_amount=amount(cash_out.total),
        provider=cash_out.provider,
        provider_account_id=number.e164 if in_full else number.masked,
        provider_account_name=cash_out.payee.name if in_full else HIDDEN,
        provider_transaction_id=cash_out.provider_transaction_id or UNSET,
        reference=cash_out.reference if in_full else unnumbered(cash_out.reference),
        status=cash_out.status,
        status_detail=status_detail(cash_out, now, language, parked),
        failure_reason=failure_reason(cash_out, language) or UNSET,
        failure_code=cash_out.failure_code or UNSET,
        attempts=len(cash_out.attempts),
        needs_review=cash_out.needs_review,
        created_at=created_at,
        updated_at=created_at if unchanged else moment(cash_out.updated_at),
        completed_at=moment(cash_out.completed_at) if cash_out.completed_at else UNSET,
        warnings=list(warnings) or UNSET,
    )


def provider_view(
    provider: Provider, now: datetime, board: Board | None = None, language: str = "en"
) -> ProviderView:
    """Return a provider with where, in what, for how much and at what price it pays, and how.

    board: what is known of how providers are; without one, nothing speaks against them.
    """
    board = board or Board()
    rows = provider.tariff_at(now).rows
    usual = rows.get(USUAL_CURRENCY) or next(iter(rows.values()))
    corridors = list(provider.corridors.values())
    return ProviderView(
        id=provider.id,
        name=provider.name,
        supported_countries=[each.country.name for each in provider.open_corridors()],
        limits=_limits(usual),
        corridors=[_corridor(provider, each, rows, board, language) for each in corridors],
        available=provider.available,
        availability=AvailabilityView(**_state(board.of_provider(provider))),
    )


def quote_view(priced: PricedFor) -> QuoteView:
    """Return a price, and what is left of the limits."""
    quote = priced.quote
    return QuoteView(
        provider=quote.provider.id,
        country=quote.corridor.country.iso if quote.corridor else UNSET,
        amount=amount(quote.amount),
        fee=amount(quote.fee),
        total_amount=amount(quote.total),
        currency=quote.amount.currency.code,
        tariff_version=quote.tariff_version,
        availability=priced.standing.state,
        daily=_allowance(priced.day),
        monthly=_allowance(priced.month),
        warnings=list(quote.warnings) or UNSET,
    )


def limit_line_view(line: LimitLine) -> LimitLineView:
    """Return a line of somebody's limits."""
    row = line.row
    return LimitLineView(
        provider=line.provider.id,
        currency=row.currency.code,
        available=line.provider.available,
        min_amount=amount(row.money(row.minimum)),
        max_amount=amount(row.money(row.maximum)),
        daily=_allowance(line.day),
        monthly=_allowance(line.month),
    )


def _limits(row: TariffRow) -> LimitsView:
    return LimitsView(
        min_amount=amount(row.money(row.minimum)),
        max_amount=amount(row.money(row.maximum)),
        daily_limit=amount(row.money(row.daily)),
        monthly_limit=amount(row.money(row.monthly)),
        currency=row.currency.code,
    )


def _state(standing: Standing) -> _State:
    return {
        "state": standing.state,
        "since": moment(standing.since) if standing.since else UNSET,
    }


def _availability(
    provider: Provider, corridor: Corridor, code: str, board: Board, language: str
) -> CorridorAvailabilityView:
    standing = board.of_corridor(provider, corridor, code)
    told = Parked(provider.name, corridor.country.iso, standing.state)
    return CorridorAvailabilityView(
        currency=code, detail=availability(told, language), **_state(standing)
    )


def _corridor(
    provider: Provider,
    corridor: Corridor,
    rows: Mapping[str, TariffRow],
    board: Board,
    language: str,
) -> CorridorView:
    return CorridorView(
        country=corridor.country.iso,
        name=corridor.country.name,
        currencies=list(corridor.currencies),
        tariffs=[_tariff(rows[code]) for code in corridor.currencies if code in rows],
        available=provider.available and corridor.enabled,
        availability=[
            _availability(provider, corridor, code, board, language) for code in corridor.currencies
        ],
    )


def _tariff(row: TariffRow) -> TariffView:
    return TariffView(
        currency=row.currency.code,
        limits=_limits(row),
        fee=FeeView(percent=_percent(row.fee_bps), minimum=amount(row.money(row.fee_minimum))),
        step=amount(row.money(row.step)),
    )


def _percent(basis_points: int) -> msgspec.Raw:
    text = format((Decimal(basis_points) / 100).normalize(), "f")
    return msgspec.Raw(text.encode("ascii"))


def _allowance(allowance: Allowance) -> AllowanceView:
    return AllowanceView(
        limit=amount(allowance.limit),
        used=amount(allowance.used),
        remaining=amount(allowance.left),
        resets_at=moment(allowance.resets_at),
    )
