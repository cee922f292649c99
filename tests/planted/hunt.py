"""Look for a bug in the tree that this is run in, and print the first thing that is broken.

    python -m tests.planted.hunt seeds FIRST NUMBER
    python -m tests.planted.hunt crashes EVERY
    python -m tests.planted.hunt tests NODE...

The last line is a JSON object: `where`, `kind` (an invariant, or the type of a failing test's
exception) and `how`; all are empty when everything holds.
"""

import importlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from entrypoints.simulation.campaign import Failure
from entrypoints.simulation.crashes import single_crashes, stories
from entrypoints.simulation.plan import Plan, drawn
from entrypoints.simulation.run import Run
from entrypoints.simulation.world import Broken

PLUGINS = ("anyio.pytest_plugin", "_hypothesis_pytestplugin")
"""Those that our tests need."""
PACKAGES = ("domain", "application", "adapters", "entrypoints")


@dataclass(frozen=True, slots=True)
class Catch:
    """The first thing that is broken."""

    where: str = ""
    kind: str = ""
    how: str = ""


def foreign_packages(tree: Path) -> list[str]:
    """Return which of our packages were not imported from this tree."""
    origins = {name: importlib.import_module(name).__file__ for name in PACKAGES}
    return [
        name
        for name, origin in origins.items()
        if origin is None or not Path(origin).resolve().is_relative_to(tree)
    ]


def first_broken(plans: Iterable[Plan]) -> Catch:
    """Run the plans up to the first in which an invariant does not hold."""
    for plan in plans:
        broken = Run(plan).go().broken
        if broken is not None:
            return Catch(_where(plan, broken), broken.invariant, _first_line(broken.how))
    return Catch()


def _where(plan: Plan, broken: Broken) -> str:
    if plan.scenarios and not plan.fuses:
        return f"{' '.join(plan.scenarios[0])}, undisturbed"
    return Failure(plan, broken).where


def crash_plans(every: int) -> Iterator[Plan]:
    """Yield each scenario undisturbed, then its crashes: a bug may not need one."""
    told = stories()
    for story in told:
        yield story.plan()
    yield from single_crashes(told, every=every)


class Watcher:
    """A pytest plugin that keeps the first exception that failed anything."""

    def __init__(self) -> None:
        self.catch = Catch()

    def pytest_exception_interact(
        self,
        node: pytest.Item | pytest.Collector,
        call: pytest.CallInfo[object],
        report: pytest.TestReport | pytest.CollectReport,
    ) -> None:
        """Note what failed; a tree that cannot be collected or set up has found nothing."""
        if self.catch.kind or call.excinfo is None:
            return
        fault = call.excinfo.value
        while isinstance(fault, BaseExceptionGroup):
            fault = fault.exceptions[0]
        step = getattr(report, "when", "collect")
        kind = type(fault).__name__
        self.catch = Catch(node.nodeid, kind if step == "call" else f"{step}: {kind}", _said(fault))


def failing_test(nodes: list[str]) -> Catch:
    """Run tests up to the first that fails, always with the same examples."""
    watcher = Watcher()
    # Other plugins take two seconds to load, for each bug anew.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    plugins = [part for name in PLUGINS for part in ("-p", name)]
    quiet = ["-x", "-q", "--no-header", "--no-summary", "-p", "no:cacheprovider"]
    options = [*plugins, *quiet, "--hypothesis-profile=mutants"]
    code = pytest.main([*options, *nodes], plugins=[watcher])
    if code == pytest.ExitCode.OK or watcher.catch.kind:
        return watcher.catch
    return Catch(" ".join(nodes), f"pytest ended with {int(code)}", "nothing was run")


def _said(fault: BaseException) -> str:
    return _first_line(f"{type(fault).__name__}: {fault}")


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:300] if text.strip() else ""


def main(order: list[str]) -> int:
    """Follow one order; return 2 when the code that would be tried is not this tree's."""
    tree = Path.cwd().resolve()
    foreign = foreign_packages(tree)
    if foreign:
        sys.stderr.write(f"not imported from {tree}: {', '.join(foreign)}\n")
        return 2
    match order:
        case ["seeds", first, number]:
            plans = range(int(first), int(first) + int(number))
            catch = first_broken(drawn(seed) for seed in plans)
        case ["crashes", every]:
            catch = first_broken(crash_plans(int(every)))
        case ["tests", *nodes]:
            catch = failing_test(nodes)
        case _:
            sys.stderr.write(__doc__ or "")
            return 2
    sys.stdout.write(f"\n{json.dumps(asdict(catch))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
