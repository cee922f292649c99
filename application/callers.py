"""Callers: on whose behalf something is asked, in which role, and what the role may do."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from application.masking import scrubbed, unnumbered
from domain.cash_out import CashOut
from domain.refusals import Forbidden


class Permission(StrEnum):
    """What a role may do beyond a user's own cash-outs."""

    SEE_ALL = "see_all"
    """Read everybody's cash-outs, the review queue, reconciliation, the operators' log."""
    SEE_NUMBERS = "see_numbers"
    """Read payees' numbers and names in full."""
    CANCEL_ANY = "cancel_any"
    PROPOSE = "propose"
    """Propose how a review is settled, and withdraw one's own proposal."""
    APPROVE = "approve"
    """Approve or reject what somebody else proposed."""
    REPLAY = "replay"
    """Have a stored webhook judged again, or put an orphaned one aside."""
    RECONCILE = "reconcile"
    """Bring in a provider's statement."""
    STEER = "steer"
    """Close a provider or corridor by hand, and open it again."""
    MANAGE = "manage"
    """Make and change operators' accounts."""


class Role(StrEnum):
    """What somebody is here; see GRANTS for what that allows."""

    USER = "user"
    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"

    @classmethod
    def of(cls, word: str) -> "Role":
        """Return the role of this name; any other word means a plain user here."""
        return _BY_WORD.get(word, cls.USER)


_BY_WORD = {role.value: role for role in Role}
_VIEWS = frozenset({Permission.SEE_ALL})
_OPERATES = _VIEWS | {
    Permission.SEE_NUMBERS,
    Permission.CANCEL_ANY,
    Permission.PROPOSE,
    Permission.REPLAY,
    Permission.RECONCILE,
}
GRANTS: Mapping[Role, frozenset[Permission]] = {
    Role.USER: frozenset(),
    Role.VIEWER: _VIEWS,
    Role.OPERATOR: _OPERATES,
    Role.APPROVER: _OPERATES | {Permission.APPROVE},
    Role.ADMIN: frozenset(Permission),
}
"""What each role may do."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who is signed in: a user of the API, or an operator by token or by console.

    typed_by: who acts in the user's name without having signed in as the user, as somebody does at
    the service's own machine; empty when it is the user.
    """

    user_id: str
    role: Role = Role.USER
    typed_by: str = ""

    @property
    def name(self) -> str:
        """By what the operators' log and evidence name them: never by a name that was typed."""
        return self.typed_by or self.user_id

    def acts_as(self, user_id: str) -> bool:
        """Tell whether it is this user who acts, and nobody in the user's name."""
        return self.user_id == user_id and not self.typed_by

    def may(self, permission: Permission) -> bool:
        """Tell whether the caller's role has this permission."""
        return permission in GRANTS[self.role]

    def must(self, permission: Permission) -> None:
        """Raise Forbidden without this permission."""
        if not self.may(permission):
            message = "Your role does not allow this."
            raise Forbidden(message)

    def sees_payee(self, cash_out: CashOut) -> bool:
        """Tell whether the caller may see its payee's number and name in full: its owner may."""
        return cash_out.user_id == self.user_id or self.may(Permission.SEE_NUMBERS)

    def reads(self, text: str) -> str:
        """Return what somebody wrote, or goes by: for who may not see numbers, without any."""
        return text if self.may(Permission.SEE_NUMBERS) else scrubbed(text)

    def reads_name(self, name: str) -> str:
        """Return a reference or a file's name, which others chose: as above, but for its words."""
        return name if self.may(Permission.SEE_NUMBERS) else unnumbered(name)

    def must_own(self, cash_out: CashOut, unless: Permission = Permission.SEE_ALL) -> None:
        """Raise Forbidden when it is somebody else's, unless the caller has this permission."""
        if cash_out.user_id != self.user_id and not self.may(unless):
            raise Forbidden
