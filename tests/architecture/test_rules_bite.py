"""The rules see what they forbid, and let pass what they allow: each with a piece of code."""

import ast
from collections.abc import Callable, Iterable

import pytest

from tests.architecture.house import ROOT, Module
from tests.architecture.test_house_rules import catch_alls, floats
from tests.architecture.test_layers import impurities

TRY = "try:\n    x()\nexcept {}:\n    {}\n"

FORBIDDEN = [
    (floats, "fee = 0.02"),
    (floats, "fee = float('1')"),
    (catch_alls, TRY.format("Exception", "pass")),
    (catch_alls, TRY.format("BaseException as e", "log(e)")),
    (catch_alls, TRY.format("BaseException", "undo()\n    raise")),
    (catch_alls, TRY.format("(ValueError, Exception)", "pass")),
    (catch_alls, "try:\n    x()\nexcept:\n    pass\n"),
    (catch_alls, "with contextlib.suppress(Exception):\n    x()\n"),
    (impurities, "from uuid import uuid4"),
    (impurities, "uuid.uuid4()"),
    (impurities, "datetime.now(UTC)"),
    (impurities, "datetime.date.today()"),
    (impurities, "make_time = dt.datetime.now"),
]

ALLOWED = [
    (floats, "fee = Decimal('0.02') + 2"),
    (catch_alls, TRY.format("ValueError", "pass")),
    (catch_alls, "with ExitStack() as unless_done:\n    unless_done.callback(undo)\n"),
    (catch_alls, "with contextlib.suppress(KeyError):\n    x()\n"),
    (impurities, "from uuid import UUID, uuid5"),
    (impurities, "clock.now()"),
    (impurities, "due_at = self.now"),
]

Rule = Callable[[Module], Iterable[str]]


def parsed(code: str) -> Module:
    """The code as if it were a file of the domain."""
    return Module(ROOT / "domain" / "example.py", ast.parse(code))


@pytest.mark.parametrize(("rule", "code"), FORBIDDEN)
def test_a_rule_sees_its_breach(rule: Rule, code: str) -> None:
    assert list(rule(parsed(code))) != []


@pytest.mark.parametrize(("rule", "code"), ALLOWED)
def test_a_rule_lets_pass_what_is_allowed(rule: Rule, code: str) -> None:
    assert list(rule(parsed(code))) == []


def test_imports_are_seen_wherever_they_stand() -> None:
    module = parsed("def f():\n    import os.path\n    from json import loads\n")
    assert [name for _, name in module.imports()] == ["os.path", "json"]
