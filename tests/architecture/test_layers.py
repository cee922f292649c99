"""Who may import whom: the contracts of pyproject.toml, and the allow-lists of the core."""

import ast
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.house import CORE, PACKAGES, ROOT, Module, modules

# Pure values and pure functions: no clock, chance, logging, files, network or event loop.
DOMAIN_MAY_IMPORT = {
    "__future__",
    "abc",
    "bisect",
    "collections",
    "collections.abc",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "functools",
    "hashlib",
    "itertools",
    "json",
    "operator",
    "re",
    "string",
    "types",
    "typing",
    "unicodedata",
    "uuid",
}

# What happens outside the process comes in through a port.
APPLICATION_MAY_NOT_IMPORT = {
    "http",
    "multiprocessing",
    "os",
    "pathlib",
    "random",
    "secrets",
    "select",
    "shutil",
    "signal",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
}

# Time and identity are handed in as values; these would fetch them.
READS_THE_CLOCK = {"now", "utcnow", "today"}
DRAWS_LOTS = {"uuid1", "uuid4", "uuid6", "uuid7"}

# One breach for each contract: if the contracts do not see these, they see nothing.
BREACHES = {
    "layers": ("domain/breach_a.py", "import adapters\n"),
    "adapters": ("adapters/breach_b.py", "X = 1\n"),
    "provider-kit": ("adapters/breach_c.py", "import adapters.provider_kit\n"),
    "providers": ("adapters/providers/breach_d.py", "import adapters.providers.breach_e\n"),
    "one-home-litestar": ("application/breach_f.py", "import litestar\n"),
    "one-home-sql": ("application/breach_g.py", "import sqlalchemy\n"),
    "one-home-nats": ("application/breach_h.py", "import nats\n"),
    "one-home-http-client": ("application/breach_i.py", "import httpx\n"),
    "one-home-pages": ("application/breach_l.py", "import jinja2\n"),
    "one-home-measurements": ("application/breach_m.py", "import prometheus_client\n"),
    "one-home-container": ("application/breach_j.py", "import dependency_injector\n"),
    "one-home-terminal": ("application/breach_k.py", "import rich\n"),
}


def lint_imports(folder: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    """Run import-linter over the packages in `folder`."""
    program = Path(sysconfig.get_path("scripts")) / "lint-imports"
    limits = [part for contract in contracts for part in ("--contract", contract)]
    return subprocess.run(
        [sys.executable, str(program), "--no-logo", "--no-cache", *limits],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PYTHONPATH": str(folder), "COLUMNS": "200"},
    )


def test_every_import_contract_is_kept() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def broken_house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the packages with one breach for every contract."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for place, text in BREACHES.values():
        (folder / place).write_text(text)
    (folder / "adapters/providers/breach_e.py").write_text("X = 1\n")
    return folder


def test_every_import_contract_sees_a_breach_of_it(broken_house: Path) -> None:
    answers = {name: lint_imports(broken_house, name).stdout for name in BREACHES}
    assert {name: text for name, text in answers.items() if "1 broken" not in text} == {}


def test_every_import_contract_has_a_breach_to_see() -> None:
    settings = (ROOT / "pyproject.toml").read_text()
    declared = {line.split('"')[1] for line in settings.splitlines() if line.startswith('id = "')}
    assert declared == set(BREACHES)


def test_the_domain_imports_only_what_is_pure() -> None:
    offenders = [
        f"{module.at(node)} imports {name}"
        for module in modules("domain")
        for node, name in module.imports()
        if name not in DOMAIN_MAY_IMPORT and not is_within(name, "domain")
    ]
    assert offenders == []


def test_the_core_reads_no_clock_and_draws_no_lots() -> None:
    assert [at for module in modules(*CORE) for at in impurities(module)] == []


def test_the_application_imports_no_third_party_and_nothing_that_does_io() -> None:
    offenders = [
        f"{module.at(node)} imports {name}"
        for module in modules("application")
        for node, name in module.imports()
        if not is_within(name, "domain", "application")
        and (
            name.partition(".")[0] not in sys.stdlib_module_names
            or name.partition(".")[0] in APPLICATION_MAY_NOT_IMPORT
        )
    ]
    assert offenders == []


def test_every_adapter_folder_is_declared_in_the_contracts() -> None:
    """The contract is exhaustive by itself; this says which line of pyproject.toml to add."""
    settings = (ROOT / "pyproject.toml").read_text()
    found = {path for path in (ROOT / "adapters").iterdir() if is_module(path)}
    assert [path.stem for path in found if f"({path.stem})" not in settings] == []


def is_module(path: Path) -> bool:
    """Whether a path below a package is a module of it: a file, or a folder with Python in it."""
    if path.is_dir():
        return any(path.rglob("*.py"))
    return path.suffix == ".py" and path.stem != "__init__"


def is_within(name: str, *packages: str) -> bool:
    """Whether a module name is one of the packages or below."""
    return name.partition(".")[0] in packages


def impurities(module: Module) -> Iterator[str]:
    """Places that name a function of the clock on its class, or one that makes an id by chance."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute):
            on_a_class = ast.unparse(node.value).rpartition(".")[2] in {"date", "datetime"}
            if node.attr in DRAWS_LOTS or (on_a_class and node.attr in READS_THE_CLOCK):
                yield module.at(node)
        elif isinstance(node, ast.alias) and node.name in DRAWS_LOTS:
            yield module.at(node)
