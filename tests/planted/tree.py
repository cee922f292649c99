"""A copy of this repository to plant bugs in; the checkout itself is never touched."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.planted.bug import Bug
from tests.planted.hunt import Catch

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("domain", "application", "adapters", "entrypoints", "tests", "docs")
FILES = ("pyproject.toml", "README.md", "CHANGELOG.md")


class Misplanted(Exception):
    """A change that does not apply exactly once, or leaves a file that does not compile."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a hunt brought: the catch, or why there is none. seconds: how long it took."""

    catch: Catch
    trouble: str
    seconds: float


def patched(bug: Bug, root: Path = ROOT) -> dict[str, str]:
    """Return the text of each file that the bug changes, with the bug in it; raise Misplanted."""
    texts: dict[str, str] = {}
    for edit in bug.edits:
        text = texts.get(edit.file) or (root / edit.file).read_text("utf-8")
        times = text.count(edit.old)
        if times != 1:
            raise Misplanted(f"{bug.name}: its text is {times} times in {edit.file}")
        if edit.new == edit.old:
            raise Misplanted(f"{bug.name}: nothing is changed in {edit.file}")
        texts[edit.file] = text.replace(edit.old, edit.new)
    for file, wrong in texts.items():
        try:
            compile(wrong, file, "exec")
        except SyntaxError as fault:
            raise Misplanted(f"{bug.name}: {file} does not compile: {fault}") from fault
    return texts


def copy_into(folder: Path) -> Path:
    """Copy what a hunt needs into a new folder and return it."""
    tree = folder / "tree"
    unwanted = shutil.ignore_patterns("__pycache__", ".hypothesis", "*.tmp")
    for name in COPIED:
        shutil.copytree(ROOT / name, tree / name, ignore=unwanted)
    for name in FILES:
        shutil.copy2(ROOT / name, tree / name)
    return tree


@contextmanager
def planted(tree: Path, bug: Bug) -> Iterator[None]:
    """Have the bug in the copy while the body runs; raise Misplanted."""
    wrong = patched(bug, tree)
    right = {file: (tree / file).read_text("utf-8") for file in wrong}
    try:
        for file, text in wrong.items():
            _write(tree / file, text)
        yield
    finally:
        for file, text in right.items():
            _write(tree / file, text)


def _write(target: Path, text: str) -> None:
    target.write_text(text, "utf-8")
    # Two versions of one size within one second look the same to whoever compiled the first.
    Path(importlib.util.cache_from_source(str(target))).unlink(missing_ok=True)


def hunt(tree: Path, order: Sequence[str], longest_s: float) -> Report:
    """Run one hunt in a process of its own, by the code of the copy and for so long at most."""
    began = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.planted.hunt", *order],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = child.communicate(timeout=longest_s)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        return Report(Catch(), f"nothing within {longest_s:.0f} s", time.monotonic() - began)
    lines = said.strip().splitlines() or [""]
    if child.returncode:
        return Report(Catch(), f"the hunt failed: {lines[-1]}", time.monotonic() - began)
    return Report(Catch(**json.loads(lines[-1])), "", time.monotonic() - began)
