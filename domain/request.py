"""Requests: what a caller asks for, and the decision about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.cash_out import CashOut
from domain.corridors import Catalogue, Corridor, Provider, TariffRow
from domain.limits import Counted, Slot, Windows, reserve
from domain.money import Money, read_amount
from domain.payee import Msisdn, Payee
from domain.refusals import DuplicateReference, IdempotencyKeyReused, InvalidAccount


@dataclass(frozen=True, slots=True)
class CashOutRequest:
    """What a caller sent, shape already checked.

    amount and account are as written; msisdn is what the numbering plan makes of the account (None:
    not a mobile number anywhere). trace and cause: see CashOut and Change; they make no difference.
    """

    user_id: str
    wallet_id: str
    amount: str
    currency: str
    provider: str
    account: str = field(repr=False)
    name: str = field(repr=False)
    msisdn: Msisdn | None = field(default=None, repr=False)
    reference: str | None = None
    key: str | None = None
    trace: str | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Quote:
    """What a request would cost and where it would go."""

    provider: Provider
    corridor: Corridor | None
    row: TariffRow
    tariff_version: str
    amount: Money
    fee: Money
    warnings: tuple[str, ...] = ()

    @property
    def total(self) -> Money:
        """What the user would pay."""
        return self.amount + self.fee


def quote(
    catalogue: Catalogue,
    now: datetime,
    *,
    provider: str,
    code: str,
    amount: str,
    msisdn: Msisdn | None,
    account_given: bool = True,
) -> Quote:
    """Decide provider, corridor, then amount, in that order; raise the refusal of the first fault.

    Without an account (account_given=False) the corridor is left open: a price can still be told.
    """
    at = catalogue.provider(provider)
    row = at.row_for(code, now)
    corridor = None
    warnings: tuple[str, ...] = ()
    if account_given:
        if msisdn is None:
            raise InvalidAccount("Give a mobile number in international form, like +2250700000789.")
        corridor = at.corridor_for(msisdn.country, code)
        warnings = _operator_hint(at, msisdn)
    money = read_amount(amount, row.currency, row.step)
    row.check_size(money)
    version = at.tariff_at(now).version
    return Quote(at, corridor, row, version, money, row.fee_for(money), warnings)


def _operator_hint(provider: Provider, msisdn: Msisdn) -> tuple[str, ...]:
    operator = msisdn.operator.casefold()
    if not operator or any(own.casefold() in operator for own in provider.operators):
        return ()
    hint = f"This number was issued by another operator than {provider.name}'s; check it."
    return (hint,)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A new cash-out, and what the limit counters are to say."""

    cash_out: CashOut
    counted: Mapping[Slot, Counted]
    warnings: tuple[str, ...]


def take(
    request: CashOutRequest,
    priced: Quote,
    used: Mapping[Slot, int],
    *,
    cash_out_id: UUID,
    reference: str,
    now: datetime,
) -> Accepted:
    """Return the new cash-out with its reservation; raise the refusal of the limit it breaks."""
    code = priced.amount.currency.code
    windows = Windows.of(request.user_id, request.provider, code, now)
    held = reserve(
        priced.amount,
        priced.row,
        day_used=used[windows.day],
        month_used=used[windows.month],
        now=now,
    )
    if request.msisdn is None:
        message = "a request without a number was priced"
        raise ValueError(message)
    cash_out = CashOut(
        id=cash_out_id,
        user_id=request.user_id,
        wallet_id=request.wallet_id,
        provider=request.provider,
        amount=priced.amount,
        fee=priced.fee,
        tariff_version=priced.tariff_version,
        payee=Payee(request.msisdn, request.name),
        reference=reference,
        reference_given=request.reference is not None,
        created_at=now,
        updated_at=now,
        trace=request.trace,
    )
    return Accepted(cash_out, {windows.day: held.day, windows.month: held.month}, priced.warnings)


def differing(request: CashOutRequest, cash_out: CashOut) -> tuple[str, ...]:
    """Return the names of the fields in which a request differs from what made a cash-out."""
    money, given = cash_out.amount, cash_out.reference if cash_out.reference_given else None
    number = request.msisdn.e164 if request.msisdn else None
    same = {
        "walletId": request.wallet_id == cash_out.wallet_id,
        "amount": _same_amount(request.amount, money),
        "currency": request.currency == money.currency.code,
        "provider": request.provider == cash_out.provider,
        "providerAccountId": number == cash_out.payee.msisdn.e164,
        "providerAccountName": request.name == cash_out.payee.name,
        "reference": request.reference == given,
    }
    return tuple(name for name, is_same in same.items() if not is_same)


def _same_amount(text: str, money: Money) -> bool:
    whole, _, cents = text.partition(".")
    cents = cents.rstrip("0")
    normal = f"{whole.lstrip('0') or '0'}.{cents}" if cents else (whole.lstrip("0") or "0")
    return normal == money.plain


def replayed(
    request: CashOutRequest, by_key: CashOut | None, by_reference: CashOut | None
) -> CashOut | None:
    """Return the cash-out that this request already made, or None when it is new.

    Raises IdempotencyKeyReused when its key belongs to another request, DuplicateReference when
    its reference does, or belongs to another user.
    """
    if by_key is not None:
        fields = differing(request, by_key)
        if fields:
            raise IdempotencyKeyReused(fields)
        return by_key
    if by_reference is None:
        return None
    if by_reference.user_id != request.user_id or differing(request, by_reference):
        raise DuplicateReference
    return by_reference
