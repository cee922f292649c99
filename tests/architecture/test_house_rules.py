"""Rules of the code that no linter has: about money, errors, names and sizes."""

import ast
import re
import sys
from collections.abc import Iterator

from tests.architecture.house import (
    CORE,
    PACKAGES,
    ROOT,
    Module,
    modules,
    repository_files,
    text_of,
)

LONGEST_FILE_LINES = 400
LONGEST_TEST_FILE_LINES = 500
"""A table of cases may be longer than the code that it tries."""
LONGEST_FUNCTION_LINES = 60

# What has no better name has no subject.
SUBJECTLESS = {
    "base",
    "bases",
    "common",
    "dto",
    "dtos",
    "helper",
    "helpers",
    "impl",
    "interfaces",
    "managers",
    "misc",
    "services",
    "shared",
    "util",
    "utils",
}

# Put together here, so that this file does not hold what it looks for.
UNFINISHED = re.compile(
    r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b"
)
NOT_RUN = re.compile(r"\b(pytest\.(mark\.)?(skip|skipif|xfail|importorskip)|unittest\.mock)\b")

# Where there is no browser to be had there is no page to be looked at, and a line that says so.
MAY_SKIP = {"tests/console/conftest.py"}

# A process must outlive the failure of one request, one job or one command, and log it once.
MAINS = ("entrypoints/cli/program.py",)


def test_money_never_meets_a_float() -> None:
    offenders = [at for module in modules(*CORE) for at in floats(module)]
    assert offenders == []


def test_no_error_is_swallowed_outside_the_mains() -> None:
    """What is to be undone after any fault is said by an ExitStack, which catches nothing."""
    offenders = [
        at
        for module in modules(*PACKAGES)
        if not module.place.startswith(MAINS)
        for at in catch_alls(module)
    ]
    assert offenders == []


def test_no_bare_except_anywhere() -> None:
    offenders = [
        module.at(node)
        for module in modules(*PACKAGES, "tests")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert offenders == []


def test_nothing_is_left_for_later() -> None:
    offenders = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in repository_files()
        # A picture's bytes are no words, whatever they spell.
        if path.suffix != ".png"
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if UNFINISHED.search(line)
    ]
    assert offenders == []


def test_no_function_is_a_stub() -> None:
    offenders = [
        module.at(node)
        for module in modules(*PACKAGES)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Name) and node.id == "NotImplementedError"
    ]
    assert offenders == []


def test_every_test_is_run_and_none_mocks_our_own_code() -> None:
    offenders = [
        f"{module.place}:{number}"
        for module in modules("tests")
        if module.path.name != "test_house_rules.py" and module.place not in MAY_SKIP
        for number, line in enumerate(text_of(module.path).splitlines(), start=1)
        if NOT_RUN.search(line)
    ]
    assert offenders == []


def test_no_file_is_too_long_to_read_at_once() -> None:
    lengths = {m.place: len(text_of(m.path).splitlines()) for m in modules(*PACKAGES, "tests")}
    too_long = {place: lines for place, lines in lengths.items() if lines > _longest(place)}
    assert too_long == {}


def _longest(place: str) -> int:
    return LONGEST_TEST_FILE_LINES if place.startswith("tests/") else LONGEST_FILE_LINES


def test_no_function_is_too_long_to_read_at_once() -> None:
    """A migration is the exception: it is one list of columns, written once and never edited."""
    offenders = [
        f"{module.at(node)} {node.name}: {length}"
        for module in modules(*PACKAGES)
        if "/migrations/versions/" not in module.place
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > LONGEST_FUNCTION_LINES
    ]
    assert offenders == []


def test_every_name_has_a_subject() -> None:
    offenders = [
        module.place
        for module in modules(*PACKAGES, "tests")
        if SUBJECTLESS & set(module.dotted.split("."))
    ]
    assert offenders == []


def test_no_module_is_named_like_one_of_the_standard_library() -> None:
    offenders = [
        module.place
        for module in modules(*PACKAGES)
        if module.dotted.rpartition(".")[2] in sys.stdlib_module_names
    ]
    assert offenders == []


def test_every_module_says_what_it_is() -> None:
    undocumented = [m.place for m in modules(*PACKAGES) if not ast.get_docstring(m.tree)]
    assert undocumented == []


def floats(module: Module) -> Iterator[str]:
    """Float literals and calls of float()."""
    for node in ast.walk(module.tree):
        literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
        call = isinstance(node, ast.Call) and is_named(node.func, "float")
        if literal or call:
            yield module.at(node)


def catch_alls(module: Module) -> Iterator[str]:
    """Handlers of everything, also those that raise it on, and suppress() of everything."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler):
            swallows = catches_everything(node.type)
        else:
            swallows = (
                isinstance(node, ast.Call)
                and is_named(node.func, "suppress")
                and any(catches_everything(argument) for argument in node.args)
            )
        if swallows:
            yield module.at(node)


def catches_everything(caught: ast.expr | None) -> bool:
    """Whether an except clause or an argument of suppress() names every exception."""
    if isinstance(caught, ast.Tuple):
        return any(catches_everything(one) for one in caught.elts)
    return caught is None or is_named(caught, "Exception") or is_named(caught, "BaseException")


def is_named(node: ast.expr, name: str) -> bool:
    """Whether an expression is that name, bare or as an attribute."""
    return (isinstance(node, ast.Name) and node.id == name) or (
        isinstance(node, ast.Attribute) and node.attr == name
    )
