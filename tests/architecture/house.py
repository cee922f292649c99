"""The repository as the house rules see it: its tracked files, its modules, their syntax trees."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("domain", "application", "adapters", "entrypoints")
CORE = ("domain", "application")


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file, parsed."""

    path: Path
    tree: ast.Module

    @property
    def place(self) -> str:
        """The path from the root, with forward slashes."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def dotted(self) -> str:
        """The name it is imported by."""
        return ".".join(self.path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")

    def at(self, node: ast.AST) -> str:
        """Where in the file a node is, for a message."""
        return f"{self.place}:{getattr(node, 'lineno', 1)}"

    def imports(self) -> Iterator[tuple[ast.stmt, str]]:
        """Every imported module by its full name, with the statement that imports it."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield node, node.module or ""


def modules(*packages: str) -> list[Module]:
    """All Python files below the named top-level folders, in a stable order."""
    return [
        _parsed(path)
        for package in packages
        for path in sorted((ROOT / package).rglob("*.py"))
        if "__pycache__" not in path.parts
    ]


@cache
def repository_files() -> tuple[Path, ...]:
    """Every file that is, or is about to be, part of the repository.

    What is ignored is left out; in a tree without version control, the well-known leftovers are.
    """
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    if listing.returncode == 0:
        found = (ROOT / line for line in listing.stdout.splitlines())
    else:
        found = (path for path in ROOT.rglob("*") if not _is_left_over(path))
    return tuple(sorted(path for path in found if path.is_file()))


def text_of(path: Path) -> str:
    """The file's text; bytes that are not UTF-8 are replaced."""
    return path.read_text(encoding="utf-8", errors="replace")


def _is_left_over(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return any(part in {".venv", "__pycache__", "build", "dist"} for part in parts) or (
        parts[0].startswith(".") and parts[0] not in {".ci", ".gitignore", ".dockerignore"}
    )


@cache
def _parsed(path: Path) -> Module:
    return Module(path, ast.parse(text_of(path), str(path)))
