"""Roles: what each may do is a table, and nothing else decides it."""

import pytest

from application.callers import GRANTS, Caller, Permission, Role
from domain.refusals import Forbidden
from tests.strategies import a_cash_out

_MAY = {
    Role.USER: "",
    Role.VIEWER: "see_all",
    Role.OPERATOR: "see_all see_numbers cancel_any propose replay reconcile",
    Role.APPROVER: "see_all see_numbers cancel_any propose replay reconcile approve",
    Role.ADMIN: "see_all see_numbers cancel_any propose replay reconcile approve manage steer",
}


def test_every_role_has_its_row() -> None:
    assert set(GRANTS) == set(Role)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("permission", Permission)
def test_a_caller_may_what_the_role_grants_and_nothing_else(
    role: Role, permission: Permission
) -> None:
    caller = Caller("ann", role)
    assert caller.may(permission) == (permission in _MAY[role].split())
    if caller.may(permission):
        caller.must(permission)
    else:
        with pytest.raises(Forbidden, match="role"):
            caller.must(permission)


@pytest.mark.parametrize("word", ["", "Admin", "ADMIN", "root", "merchant", "approver "])
def test_an_unknown_role_is_a_plain_user(word: str) -> None:
    assert Role.of(word) is Role.USER


def test_each_role_is_read_by_its_own_word() -> None:
    assert [Role.of(role.value) for role in Role] == list(Role)


def test_a_viewer_reads_what_is_somebody_elses_and_cancels_nothing() -> None:
    cash_out = a_cash_out()
    viewer = Caller("vera", Role.VIEWER)
    viewer.must_own(cash_out)
    with pytest.raises(Forbidden, match="another user"):
        viewer.must_own(cash_out, unless=Permission.CANCEL_ANY)
    Caller("olga", Role.OPERATOR).must_own(cash_out, unless=Permission.CANCEL_ANY)


def test_a_user_needs_no_permission_for_what_is_the_users_own() -> None:
    cash_out = a_cash_out()
    owner = Caller(cash_out.user_id)
    owner.must_own(cash_out)
    owner.must_own(cash_out, unless=Permission.CANCEL_ANY)
    with pytest.raises(Forbidden, match="another user"):
        Caller("somebody else").must_own(cash_out)
