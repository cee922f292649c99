"""Defects of running it: each test describes one in its docstring and shows what happens now."""

import ast
import asyncio
import contextlib
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.memory.reader import MemoryReader
from adapters.memory.store import MemoryStore
from adapters.sandbox.corridors import ORANGE_MONEY
from adapters.sandbox.faults import Act, Endpoint, FaultRule
from adapters.sandbox.server import Sandbox
from adapters.sql.schema import migrate
from application.ports import StoreHealth
from entrypoints.configuration import SHIPPED, read_configuration
from tests.adapters.web.house import check_problem, house
from tests.architecture.house import PACKAGES, Module, modules
from tests.entrypoints.orders import a_client, in_a_hurry, order, taken, until
from tests.processes import api_process

pytestmark = pytest.mark.anyio


class Away(MemoryReader):
    """A store that cannot be reached."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())

    async def health(self) -> StoreHealth:
        return StoreHealth(reachable=False, schema="unknown")


async def test_health_is_not_ok_when_nothing_can_be_taken() -> None:
    """Health was always ok, also while the database was away."""
    async with house(reader=Away()) as api:
        answer = await api.client.get("/health/ready")
        check_problem(answer, 503, "NOT_READY")
        assert answer.json()["data"]["database"] == "down"


async def test_sigterm_closes_the_database_behind_the_work_in_flight(tmp_path: Path) -> None:
    """SIGTERM closed the database under calls in flight, whose answers were lost."""
    database = f"sqlite+aiosqlite:///{tmp_path / 'cashout.db'}"
    await migrate(database)
    slow = FaultRule(act=Act.DELAY, endpoint=Endpoint.SUBMIT, seconds=0.6)
    async with Sandbox() as sandbox:
        named = {"DATABASE_URL": database, "PROVIDER_TIMEOUT_SECONDS": "5"}
        process, url = api_process(tmp_path, in_a_hurry(**sandbox.environment(), **named))
        await asyncio.to_thread(process.start)
        try:
            sandbox.engine.faults.add(slow)
            async with a_client(url) as client:
                await taken(client, "user-1", order(ORANGE_MONEY, "001"))
                await until(lambda: any(posted.matched for posted in sandbox.engine.faults))
        finally:
            await asyncio.to_thread(process.stop)
    with contextlib.closing(sqlite3.connect(tmp_path / "cashout.db")) as stored:
        assert stored.execute("SELECT outcome FROM attempts").fetchall() == [("accepted",)]


# --- the shape of the code ------------------------------------------------------------------------

AT_HOME = ("adapters/providers/", "adapters/sandbox/", "entrypoints/simulation/")


def test_nothing_is_decided_by_a_provider_s_name() -> None:
    """The names of the providers stood in nine switches, and a new one had to find them all."""
    names = frozenset(read_configuration(SHIPPED).providers)
    offenders = [
        module.at(node)
        for module in modules(*PACKAGES)
        if not module.place.startswith(AT_HOME)
        for node in ast.walk(module.tree)
        if any(decided in names for decided in deciding_texts(node))
    ]
    assert offenders == []
    assert "orange_money" in names


def deciding_texts(node: ast.AST) -> Iterator[object]:
    """Return the texts by which a node decides: what it compares with, matches or looks up."""
    parts: list[ast.expr | None] = []
    if isinstance(node, ast.Compare):
        parts = [node.left, *node.comparators]
    elif isinstance(node, ast.MatchValue):
        parts = [node.value]
    elif isinstance(node, ast.Dict):
        parts = list(node.keys)
    elif isinstance(node, ast.Subscript):
        parts = [node.slice]
    for part in parts:
        written = part.elts if isinstance(part, ast.Tuple | ast.List | ast.Set) else [part]
        yield from (each.value for each in written if isinstance(each, ast.Constant))


@pytest.mark.parametrize(
    "code",
    [
        "x = provider == 'orange_money'",
        "x = provider in ('a', 'orange_money')",
        "x = {'orange_money': 1}[provider]",
        "x = table['orange_money']",
        "match p:\n    case 'orange_money': pass",
    ],
)
def test_a_switch_would_be_seen(code: str) -> None:
    """The rule above sees each way of writing a switch."""
    found = [text for node in ast.walk(ast.parse(code)) for text in deciding_texts(node)]
    assert "orange_money" in found


A_FEW_LINES = 60
"""Nodes of a syntax tree: below it, two functions may be alike without being copies."""


def test_no_function_exists_twice() -> None:
    """The same function existed in two copies, which had become different."""
    homes: defaultdict[str, list[str]] = defaultdict(list)
    for module in modules(*PACKAGES):
        for place, body in bodies(module):
            homes[body].append(place)
    assert [places for places in homes.values() if len(places) > 1] == []
    assert len(homes) > 100, "it looked at them"


def bodies(module: Module) -> Iterator[tuple[str, str]]:
    """Return where each function of more than a few lines is, and what it does."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if sum(1 for statement in body for _ in ast.walk(statement)) > A_FEW_LINES:
                yield module.at(node), ";".join(ast.dump(statement) for statement in body)


def test_news_have_one_door_and_one_judge() -> None:
    """What a webhook did with a status and what a query did with it were two copies."""
    users: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for module in modules(*PACKAGES):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom):
                for each in node.names:
                    users[node.module or "", each.name].add(module.place)
    assert users["domain.states", "judge"] == {"domain/cash_out.py"}
    # Whoever tries a provider of his own is told what the judge would make of its answers.
    trial = "entrypoints/provider_trial.py"
    assert users["domain.record", "record"] == {"application/record_news.py", trial}
