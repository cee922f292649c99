"""What the providers have really paid, and the floats that they pay from."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Final

DEFAULT_FLOAT: Final = Decimal(1_000_000_000_000)
"""What every float account holds until somebody sets it, in major units."""


@dataclass(frozen=True, slots=True)
class Payout:
    """Money that left a float for a wallet. `msisdn` is E.164 digits, `amount` in major units."""

    provider: str
    reference: str
    transaction_id: str
    msisdn: str
    amount: Decimal
    currency: str
    executed_at: datetime
    reversed_at: datetime | None = None


class Ledger:
    """The payouts executed, in order.

    The judge of every test: it is written by the provider's side only.
    """

    def __init__(self) -> None:
        """Start with nothing paid."""
        self._payouts: dict[tuple[str, str], Payout] = {}
        self._by_reference: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)

    def execute(self, payout: Payout) -> None:
        """Write a payout; its transaction has not been paid before."""
        key = (payout.provider, payout.transaction_id)
        self._payouts[key] = payout
        self._by_reference[payout.reference].append(key)

    def reverse(self, provider: str, transaction_id: str, at: datetime) -> None:
        """Mark a payout as taken back. It stays in the ledger: it was executed."""
        key = (provider, transaction_id)
        self._payouts[key] = replace(self._payouts[key], reversed_at=at)

    def payouts_of(self, reference: str) -> tuple[Payout, ...]:
        """Return every payout executed for that reference, at any provider, oldest first."""
        return tuple(self._payouts[key] for key in self._by_reference.get(reference, ()))

    def count(self, reference: str) -> int:
        """Return how many times that reference was paid."""
        return len(self._by_reference.get(reference, ()))

    def paid_more_than_once(self) -> tuple[str, ...]:
        """Return the references that were paid twice or more: the list that must stay empty."""
        return tuple(reference for reference, keys in self._by_reference.items() if len(keys) > 1)

    def latest(self, count: int) -> tuple[Payout, ...]:
        """Return the latest payouts, at most that many, the newest first."""
        return tuple(islice(reversed(self._payouts.values()), count))

    def __iter__(self) -> Iterator[Payout]:
        """Go through the payouts, oldest first."""
        return iter(tuple(self._payouts.values()))

    def __len__(self) -> int:
        """Return how many payouts were executed."""
        return len(self._payouts)


@dataclass(frozen=True, slots=True, order=True)
class FloatAccount:
    """Our money at a provider, in one country and currency."""

    provider: str
    country: str
    currency: str


class Floats:
    """The float balances. An account that nobody has set holds `DEFAULT_FLOAT`."""

    def __init__(self) -> None:
        """Start with every account at its default."""
        self._balances: dict[FloatAccount, Decimal] = {}
        self._set_at: dict[FloatAccount, datetime] = {}

    def balance(self, account: FloatAccount) -> Decimal:
        """Return what the account holds, in major units."""
        return self._balances.get(account, DEFAULT_FLOAT)

    def put(self, account: FloatAccount, balance: Decimal, at: datetime) -> None:
        """Set a balance, as a top-up (or a withdrawal) does."""
        self._balances[account] = balance
        self._set_at[account] = at

    def change(self, account: FloatAccount, amount: Decimal) -> None:
        """Add to the account, or take from it when the amount is negative."""
        self._balances[account] = self.balance(account) + amount

    def set_since(self, account: FloatAccount, at: datetime) -> bool:
        """Tell whether somebody has set the account at that instant or later."""
        changed = self._set_at.get(account)
        return changed is not None and changed >= at

    def __iter__(self) -> Iterator[tuple[FloatAccount, Decimal]]:
        """Go through the accounts in use, in order."""
        return iter(sorted(self._balances.items()))
