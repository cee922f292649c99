"""Documents that are run: their shell blocks in one shell, and what they show held against it.

A block of `sh` is run. A block of `json` right behind one shows its answer: the same names, the
same kinds of values, and the same words where a word is a code or a state. A block of `text` behind
one shows lines of it; `…` stands for anything.
"""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.architecture.house import ROOT
from tests.entrypoints.console import PROGRAM

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SAID = frozenset({"success", "code", "status", "outcome", "role"})
"""Fields whose words are compared, and not only their kind."""
LONGEST_S = 240
"""For a whole document on a busy machine; the whole test ends at 300."""


@dataclass(slots=True)
class Step:
    """A block that is run, with what is shown behind it."""

    number: int
    script: str
    shown: list[tuple[str, str]] = field(default_factory=list)


def steps_of(document: Path) -> list[Step]:
    """Return the blocks of a document that are run, in order."""
    found: list[Step] = []
    text = document.read_text(encoding="utf-8")
    last_end = 0
    for number, block in enumerate(_FENCE.finditer(text)):
        kind, content = block.group(1), block.group(2)
        if kind == "sh":
            found.append(Step(number, content))
        elif kind in {"json", "text"} and found and not text[last_end : block.start()].strip():
            found[-1].shown.append((kind, content))
        last_end = block.end()
    return found


async def run(
    steps: Sequence[Step], folder: Path, environment: Mapping[str, str], instead: Mapping[str, str]
) -> list[str]:
    """Run the blocks in one shell; return what each wrote. instead: texts that stand for others."""
    lines = ["set -eu -o pipefail"]
    for step in steps:
        script = step.script
        for old, new in {".venv/bin/cashout": str(PROGRAM), **instead}.items():
            script = script.replace(old, new)
        # Not in a subshell: what a block sets is there for the next one.
        lines.append(f"{{\n{script}\n}} > {folder}/{step.number}.out")
    script_file = folder / "document.sh"
    script_file.write_text("\n".join(lines), encoding="utf-8")
    shell = await asyncio.create_subprocess_exec(
        "bash",
        str(script_file),
        cwd=folder,
        env=dict(environment),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    errors = b""
    try:
        async with asyncio.timeout(LONGEST_S):
            _, errors = await shell.communicate()
    except TimeoutError:
        shell.kill()
        await shell.wait()
    said, told = _told(steps, folder)
    assert shell.returncode == 0, f"ended with {shell.returncode}: {told}\n{errors.decode()}"
    return said


def _told(steps: Sequence[Step], folder: Path) -> tuple[list[str], str]:
    """Return what each block wrote, and the last block with what there was then."""
    done = [step for step in steps if (folder / f"{step.number}.out").exists()]
    said = [(folder / f"{step.number}.out").read_text(encoding="utf-8") for step in done]
    kept = {file.name: file.read_text(encoding="utf-8")[:500] for file in folder.glob("*.json")}
    return said, f"{done[-1].script if done else 'nothing'}\n{said[-1:]}\n{kept}"


def check(step: Step, said: str) -> None:
    """Hold what is shown against what was said."""
    for kind, shown in step.shown:
        if kind == "json":
            found = [line for line in said.splitlines() if line.startswith(("{", "["))]
            assert found, f"no JSON in {said!r}, after:\n{step.script}"
            differing = list(differences(json.loads(shown), json.loads(found[-1])))
            assert differing == [], f"{differing}\nafter:\n{step.script}\nit said:\n{found[-1]}"
        else:
            pattern = ".*".join(re.escape(part) for part in shown.strip().split("…"))
            assert re.search(pattern, said, re.DOTALL), f"{said}\nis not shown by\n{shown}"


def differences(shown: Any, found: Any, at: str = "") -> list[str]:  # noqa: ANN401 -- JSON
    """Return where an answer has another shape than is shown."""
    if shown == "…":
        return []
    if isinstance(shown, dict) and isinstance(found, dict):
        # A `…` among the names stands for more of them.
        names = set(shown) - {"…"}
        missing, new = names - set(found), set() if "…" in shown else set(found) - names
        told = [f"{at}.{name} is shown and not there" for name in sorted(missing)]
        told += [f"{at}.{name} is there and not shown" for name in sorted(new)]
        for name in sorted(names & set(found)):
            told += differences(shown[name], found[name], f"{at}.{name}")
            if name in _SAID and isinstance(shown[name], str) and shown[name] != found[name]:
                told.append(f"{at}.{name} is {found[name]}, and {shown[name]} is shown")
        return told
    if isinstance(shown, list) and isinstance(found, list):
        if bool(shown) != bool(found):
            return [f"{at} has {len(found)} items, {len(shown)} are shown"]
        return differences(shown[0], found[0], f"{at}[0]") if shown else []
    numbers = isinstance(shown, int | float) and isinstance(found, int | float)
    alike = numbers or isinstance(shown, type(found))
    return [] if alike else [f"{at} is {found!r}, and {shown!r} is shown"]


def document(name: str) -> Path:
    """Return a page of the documentation."""
    return ROOT / "docs" / name
